//! The table of metrics: tag, header, unit, and which way is better. Names and units are AIPerf's where it has the
//! metric.
//!
//! "AIPerf's" means its files: the tags, headers and display units of `aiperf` 0.13 as published, so that scripts that
//! read its JSON keep working. Where the same tag could mean two things, the definition here is the one of
//! `docs/MEASUREMENT.md`.
//!
//! To add a metric: a row of the table here, which gives it its place in every table, its unit and its definition, and
//! lets objectives and conditions name it. Then its value, once: of each request a row of `METRICS` in
//! `measure/request.rs`, made from what `measure/basis.rs` keeps of a request; of a run a value in
//! `measure/population/of_run.rs`. Where the client's lateness can move it, a row of `MOVABLE` in
//! `measure/client_share/movers.rs`; where it is a latency whose distribution the reports draw, one of `LATENCIES` in
//! `measure/summarizer.rs`; where AIPerf's files have it among their first, one of `FIRST` in `cli/src/export/json.rs`.
//! Last a row in `docs/MEASUREMENT.md`, a known answer in `engine/tests/it/known_answers/`, and the goldens
//! (`UPDATE_GOLDENS=1`).

/// What is known of a metric beside its values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MetricInfo {
    /// Tag in files, objectives and conditions.
    pub tag: &'static str,
    /// Title in tables and in the CSV.
    pub header: &'static str,
    /// Display unit, as in the JSON (`ms`, `tokens`, `requests/sec` …).
    pub unit: &'static str,
    /// Whether each request has its own value (else one value a run).
    pub per_request: bool,
    /// Whether more is better.
    pub larger_is_better: bool,
    /// Whether only requests that asked for a stream have it.
    pub streaming_only: bool,
    /// How it is computed, in words and instants.
    pub definition: &'static str,
}

/// A metric in files: its tag.
pub(crate) mod by_tag {
    use super::{MetricInfo, find};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(info: &&'static MetricInfo, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(info.tag)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<&'static MetricInfo, D::Error> {
        let tag = String::deserialize(d)?;
        find(&tag).ok_or_else(|| D::Error::custom(format!("no metric has the tag `{tag}`")))
    }
}

/// The metric with this tag.
#[must_use]
pub fn find(tag: &str) -> Option<&'static MetricInfo> {
    TABLE.iter().copied().find(|info| info.tag == tag)
}

/// The place of a metric in the table; after the last for one that is not in it.
pub(crate) fn place(info: &MetricInfo) -> usize {
    let place = TABLE.iter().position(|other| std::ptr::eq(*other, info));
    place.unwrap_or(TABLE.len())
}

/// Tags that an SLO may name: metrics of which each successful request has its own value, in table order.
pub fn slo_tags() -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter(|info| is_slo(info)).map(|info| info.tag)
}

/// Whether an SLO may name this metric.
#[must_use]
pub fn is_slo(info: &MetricInfo) -> bool {
    info.per_request && info.tag != ERROR_ISL.tag
}

/// Whether only answers of tokens have it.
#[must_use]
pub fn needs_output_tokens(info: &MetricInfo) -> bool {
    const OF_TOKENS: [&MetricInfo; 18] = [
        &ARRIVED_OUTPUT_TOKENS,
        &ARRIVED_OUTPUT_TOKEN_THROUGHPUT,
        &E2E_OUTPUT_TOKEN_THROUGHPUT,
        &OUTPUT_SEQUENCE_LENGTH,
        &OUTPUT_TOKEN_COUNT,
        &REASONING_TOKEN_COUNT,
        &OSL_MISMATCH_DIFF_PCT,
        &USAGE_COMPLETION_TOKENS,
        &USAGE_REASONING_TOKENS,
        &USAGE_COMPLETION_TOKENS_DIFF_PCT,
        &OUTPUT_TOKEN_THROUGHPUT,
        &TOTAL_TOKEN_THROUGHPUT,
        &TOTAL_OSL,
        &TOTAL_OUTPUT_TOKENS,
        &TOTAL_REASONING_TOKENS,
        &OSL_MISMATCH_COUNT,
        &TOTAL_USAGE_COMPLETION_TOKENS,
        &TOTAL_USAGE_REASONING_TOKENS,
    ];
    info.streaming_only || OF_TOKENS.iter().any(|other| other.tag == info.tag)
}

const MS: &str = "ms";
const SEC: &str = "sec";
const TOKENS: &str = "tokens";
const REQUESTS: &str = "requests";
const PERCENT: &str = "%";
const RATIO: &str = "ratio";
const COUNT: &str = "count";
/// 1 024 bytes, as AIPerf counts.
const KB: &str = "KB";
const TOKENS_PER_SEC: &str = "tokens/sec";
const TOKENS_PER_SEC_PER_USER: &str = "tokens/sec/user";
const REQUESTS_PER_SEC: &str = "requests/sec";

/// One row: `NAME = tag, header, unit, kind, better, streams, definition`.
macro_rules! table {
    ($($name:ident = $tag:literal, $header:literal, $unit:ident, $kind:ident, $better:ident, $streams:ident, $definition:literal;)*) => {
        $(
            #[doc = concat!("`", $tag, "`: ", $definition, ".")]
            pub static $name: MetricInfo = MetricInfo {
                tag: $tag,
                header: $header,
                unit: $unit,
                per_request: table!(@ $kind),
                larger_is_better: table!(@ $better),
                streaming_only: table!(@ $streams),
                definition: $definition,
            };
        )*
        /// Every metric, in the order of reports: requests' own first, then one-value-a-run.
        pub static TABLE: &[&MetricInfo] = &[$(&$name),*];
    };
    (@ request) => { true };
    (@ run) => { false };
    (@ more) => { true };
    (@ less) => { false };
    (@ stream) => { true };
    (@ any) => { false };
}

table! {
    TIME_TO_FIRST_TOKEN = "time_to_first_token", "Time to First Token", MS, request, less, stream,
        "first output event - issued";
    TIME_TO_SECOND_TOKEN = "time_to_second_token", "Time to Second Token", MS, request, less, stream,
        "second output event - first output event";
    TIME_TO_FIRST_OUTPUT_TOKEN = "time_to_first_output_token", "Time to First Output Token", MS, request, less, stream,
        "first output event that is not reasoning - issued";
    TIME_TO_FIRST_TOKEN_FROM_SEND = "time_to_first_token_from_send", "Time to First Token from Send", MS, request, less, stream,
        "first output event - last byte of the request accepted by the kernel";
    SCHEDULED_TIME_TO_FIRST_TOKEN = "scheduled_time_to_first_token", "Scheduled Time to First Token", MS, request, less, stream,
        "first output event - scheduled";
    REQUEST_LATENCY = "request_latency", "Request Latency", MS, request, less, any,
        "last output event (without a stream: end of the body) - issued";
    RESPONSE_TIME = "response_time", "Response Time", MS, request, less, any,
        "end - scheduled: latency as felt by a user who wanted service at the scheduled instant";
    INTER_TOKEN_LATENCY = "inter_token_latency", "Inter Token Latency", MS, request, less, stream,
        "(request_latency - time_to_first_token) / (output_sequence_length - 1), absent under 2 tokens";
    INTER_CHUNK_LATENCY = "inter_chunk_latency", "Inter Chunk Latency", MS, request, less, stream,
        "every gap between consecutive output events, pooled; an SLO on it holds when it holds for every gap";
    DECODE_DURATION = "decode_duration", "Decode Duration", MS, request, less, stream,
        "last output event - first output event";
    OUTPUT_TOKEN_THROUGHPUT_PER_USER = "output_token_throughput_per_user", "Output Token Throughput Per User",
        TOKENS_PER_SEC_PER_USER, request, more, stream, "1 / inter_token_latency";
    E2E_OUTPUT_TOKEN_THROUGHPUT = "e2e_output_token_throughput", "E2E Output Token Throughput",
        TOKENS_PER_SEC_PER_USER, request, more, any, "output_sequence_length / request_latency";
    PREFILL_THROUGHPUT_PER_USER = "prefill_throughput_per_user", "Prefill Throughput Per User",
        TOKENS_PER_SEC_PER_USER, request, more, stream, "input_sequence_length / time_to_first_token";
    STREAM_SETUP_LATENCY = "stream_setup_latency", "Stream Setup Latency", MS, request, less, stream,
        "response head complete - issued";
    STREAM_PREFILL_LATENCY = "stream_prefill_latency", "Stream Prefill Latency", MS, request, less, stream,
        "time_to_first_token - stream_setup_latency";
    INPUT_SEQUENCE_LENGTH = "input_sequence_length", "Input Sequence Length", TOKENS, request, more, any,
        "tokens of the prompt by the client's tokenizer";
    OUTPUT_SEQUENCE_LENGTH = "output_sequence_length", "Output Sequence Length", TOKENS, request, more, any,
        "output and reasoning tokens: the server's usage, else the client's tokenizer, else absent";
    OUTPUT_TOKEN_COUNT = "output_token_count", "Output Token Count", TOKENS, request, more, any,
        "output tokens without reasoning";
    REASONING_TOKEN_COUNT = "reasoning_token_count", "Reasoning Token Count", TOKENS, request, more, any,
        "reasoning tokens";
    OSL_MISMATCH_DIFF_PCT = "osl_mismatch_diff_pct", "OSL Mismatch Diff %", PERCENT, request, less, any,
        "(output_sequence_length - requested) / requested, signed";
    USAGE_PROMPT_TOKENS = "usage_prompt_tokens", "Usage Prompt Tokens", TOKENS, request, more, any,
        "the server's count of the prompt, cached tokens included in every API";
    USAGE_COMPLETION_TOKENS = "usage_completion_tokens", "Usage Completion Tokens", TOKENS, request, more, any,
        "the server's completion_tokens";
    USAGE_TOTAL_TOKENS = "usage_total_tokens", "Usage Total Tokens", TOKENS, request, more, any,
        "the server's total_tokens";
    USAGE_REASONING_TOKENS = "usage_reasoning_tokens", "Usage Reasoning Tokens", TOKENS, request, more, any,
        "the server's reasoning_tokens";
    USAGE_PROMPT_CACHE_READ_TOKENS = "usage_prompt_cache_read_tokens", "Usage Prompt Cache Read Tokens", TOKENS, request, more, any,
        "tokens of the prompt that the server read from a cache";
    USAGE_PROMPT_CACHE_WRITE_TOKENS = "usage_prompt_cache_write_tokens", "Usage Prompt Cache Write Tokens", TOKENS, request, less, any,
        "tokens of the prompt that the server wrote to a cache";
    USAGE_PROMPT_TOKENS_DIFF_PCT = "usage_prompt_tokens_diff_pct", "Usage Prompt Diff %", PERCENT, request, less, any,
        "|usage_prompt_tokens - client's count| / client's count";
    USAGE_COMPLETION_TOKENS_DIFF_PCT = "usage_completion_tokens_diff_pct", "Usage Completion Diff %", PERCENT, request, less, any,
        "|usage_completion_tokens - client's count| / client's count";
    QUEUE_TIME = "queue_time", "Queue Time", MS, request, less, any,
        "issued to connect begun, and connection ready to first byte sent: the `queue` phase";
    HTTP_REQ_BLOCKED = "http_req_blocked", "HTTP Blocked", MS, request, less, any,
        "the `queue` phase, as queue_time";
    HTTP_REQ_DNS_LOOKUP = "http_req_dns_lookup", "HTTP DNS Lookup", MS, request, less, any,
        "the `dns` phase; 0 where the name was known";
    HTTP_REQ_CONNECTING = "http_req_connecting", "HTTP Connecting", MS, request, less, any,
        "the `tcp` phase; 0 on a reused connection";
    HTTP_REQ_TLS = "http_req_tls", "HTTP TLS Handshake", MS, request, less, any,
        "the `tls` phase; 0 on a reused connection";
    HTTP_REQ_SENDING = "http_req_sending", "HTTP Sending", MS, request, less, any,
        "the `send` phase: first byte handed to the kernel to last byte accepted";
    HTTP_REQ_WAITING = "http_req_waiting", "HTTP Waiting (TTFB)", MS, request, less, any,
        "the `wait` phase: last byte accepted to first response byte";
    HTTP_REQ_RECEIVING = "http_req_receiving", "HTTP Receiving", MS, request, less, any,
        "the `receive` phase: first response byte to end";
    HTTP_REQ_DURATION = "http_req_duration", "HTTP Duration (excl. conn)", MS, request, less, any,
        "send + wait + receive";
    HTTP_REQ_CONNECTION_OVERHEAD = "http_req_connection_overhead", "HTTP Connection Overhead", MS, request, less, any,
        "queue + dns + tcp + tls";
    HTTP_REQ_TOTAL = "http_req_total", "HTTP Total Time", MS, request, less, any,
        "queue + dns + tcp + tls + send + wait + receive = end - issued, each counted once";
    HTTP_REQ_CONNECTION_REUSED = "http_req_connection_reused", "HTTP Connection Reused", RATIO, request, less, any,
        "1 when the connection had served an earlier request, else 0";
    HTTP_REQ_DATA_SENT = "http_req_data_sent", "HTTP Data Sent", KB, request, less, any,
        "bytes of the request, head included, / 1024";
    HTTP_REQ_DATA_RECEIVED = "http_req_data_received", "HTTP Data Received", KB, request, less, any,
        "bytes of the response, head and framing included, / 1024";
    HTTP_REQ_CHUNKS_RECEIVED = "http_req_chunks_received", "HTTP Chunks Received", COUNT, request, less, any,
        "reads that carried bytes of the response";
    CREDIT_TO_START_LATENCY = "credit_to_start_latency", "Credit-to-Start Latency", MS, request, less, any,
        "issued - scheduled";
    EFFECTIVE_LATENCY = "effective_latency", "Effective Latency (CO-aware)", MS, request, less, any,
        "end - scheduled, as response_time";
    ERROR_ISL = "error_isl", "Error Input Sequence Length", TOKENS, request, more, any,
        "input_sequence_length of failed requests";
    SERVER_QUEUE_TIME = "server_queue_time", "Server Queue Time", MS, request, less, any,
        "time before work on the request began, as the server says in its answer";
    SERVER_FRONT_END_TIME = "server_front_end_time", "Server Front End Time", MS, request, less, any,
        "time for validation and tokenising, as the server says";
    SERVER_PREFILL_TIME = "server_prefill_time", "Server Prefill Time", MS, request, less, any,
        "work on the prompt, to the first token, as the server says";
    SERVER_DECODE_TIME = "server_decode_time", "Server Decode Time", MS, request, less, any,
        "first token to last token, as the server says";
    SERVER_INFERENCE_TIME = "server_inference_time", "Server Inference Time", MS, request, less, any,
        "prefill and decode together, where the server tells them as one";
    SERVER_TIME_TO_FIRST_TOKEN = "server_time_to_first_token", "Server Time to First Token", MS, request, less, any,
        "request received to first token, as the server says";
    SERVER_TOTAL_TIME = "server_total_time", "Server Total Time", MS, request, less, any,
        "request received to answer complete, as the server says";
    SERVER_UPSTREAM_TIME = "server_upstream_time", "Server Upstream Time", MS, request, less, any,
        "what a gateway waited for the head of its own server's response (x-envoy-upstream-service-time)";
    FIRST_TOKEN_REMAINDER = "first_token_remainder", "First Token Remainder", MS, request, less, stream,
        "time_to_first_token - queue, dns, tcp, tls and send phases - round trip - what the server says it took until then; negative where the two are at odds";
    BENCHMARK_DURATION = "benchmark_duration", "Benchmark Duration", SEC, run, less, any,
        "first issue to last output event of a successful request, or to the end of a later request that failed or was cut off while the load was on";
    REQUEST_THROUGHPUT = "request_throughput", "Request Throughput", REQUESTS_PER_SEC, run, more, any,
        "request_count / benchmark_duration";
    REQUEST_COUNT = "request_count", "Request Count", REQUESTS, run, more, any,
        "successful requests";
    ERROR_REQUEST_COUNT = "error_request_count", "Error Request Count", REQUESTS, run, less, any,
        "failed requests; absent without any";
    COMPLETED_REQUEST_COUNT = "completed_request_count", "Completed Requests (Success + Error)", REQUESTS, run, less, any,
        "successful and failed requests";
    REQUEST_ERROR_RATE = "request_error_rate", "Request Error Rate", PERCENT, run, less, any,
        "failed / (successful + failed)";
    GOODPUT = "goodput", "Goodput", REQUESTS_PER_SEC, run, more, any,
        "good_request_count / benchmark_duration";
    GOOD_REQUEST_COUNT = "good_request_count", "Good Request Count", REQUESTS, run, more, any,
        "requests for which every SLO held";
    GOOD_REQUEST_FRACTION = "good_request_fraction", "GoodRequestFraction", RATIO, run, more, any,
        "good_request_count / (successful + failed)";
    OUTPUT_TOKEN_THROUGHPUT = "output_token_throughput", "Output Token Throughput", TOKENS_PER_SEC, run, more, any,
        "total_osl / benchmark_duration";
    INPUT_TOKEN_THROUGHPUT = "input_token_throughput", "Input Token Throughput", TOKENS_PER_SEC, run, more, any,
        "total_isl / benchmark_duration";
    USAGE_INPUT_TOKEN_THROUGHPUT = "usage_input_token_throughput", "Usage Input Token Throughput", TOKENS_PER_SEC, run, more, any,
        "total_usage_prompt_tokens / benchmark_duration; absent where not every successful request has a usage of its prompt";
    TOTAL_TOKEN_THROUGHPUT = "total_token_throughput", "Total Token Throughput", TOKENS_PER_SEC, run, more, any,
        "(total_isl + total_osl) / benchmark_duration";
    ARRIVED_OUTPUT_TOKENS = "arrived_output_tokens", "Arrived Output Tokens", TOKENS, run, more, any,
        "output tokens of every request, also of those that failed, were cancelled or were cut off, of which each output event stands for total_osl / output events of the successful ones; absent where no such request had output";
    ARRIVED_OUTPUT_TOKEN_THROUGHPUT = "arrived_output_token_throughput", "Arrived Output Token Throughput", TOKENS_PER_SEC, run, more, any,
        "arrived_output_tokens / (first issue to last output event of any request, at least benchmark_duration)";
    TOTAL_ISL = "total_isl", "Total Input Sequence Length", TOKENS, run, more, any,
        "sum of input_sequence_length";
    TOTAL_OSL = "total_osl", "Total Output Sequence Length", TOKENS, run, more, any,
        "sum of output_sequence_length";
    TOTAL_OUTPUT_TOKENS = "total_output_tokens", "Total Output Tokens", TOKENS, run, more, any,
        "sum of output_token_count";
    TOTAL_REASONING_TOKENS = "total_reasoning_tokens", "Total Reasoning Tokens", TOKENS, run, more, any,
        "sum of reasoning_token_count";
    TOTAL_ERROR_ISL = "total_error_isl", "Total Error Input Sequence Length", TOKENS, run, more, any,
        "sum of error_isl; absent without failures";
    OSL_MISMATCH_COUNT = "osl_mismatch_count", "OSL Mismatch Count", REQUESTS, run, less, any,
        "requests whose output_sequence_length is over min(5 % of the requested, 50 tokens) away from the requested";
    TOTAL_USAGE_PROMPT_TOKENS = "total_usage_prompt_tokens", "Total Usage Prompt Tokens", TOKENS, run, more, any,
        "sum of usage_prompt_tokens";
    TOTAL_USAGE_COMPLETION_TOKENS = "total_usage_completion_tokens", "Total Usage Completion Tokens", TOKENS, run, more, any,
        "sum of usage_completion_tokens";
    TOTAL_USAGE_TOTAL_TOKENS = "total_usage_total_tokens", "Total Usage Total Tokens", TOKENS, run, more, any,
        "sum of usage_total_tokens";
    TOTAL_USAGE_REASONING_TOKENS = "total_usage_reasoning_tokens", "Total Usage Reasoning Tokens", TOKENS, run, more, any,
        "sum of usage_reasoning_tokens";
    TOTAL_USAGE_PROMPT_CACHE_READ_TOKENS = "total_usage_prompt_cache_read_tokens", "Total Usage Prompt Cache Read Tokens",
        TOKENS, run, more, any, "sum of usage_prompt_cache_read_tokens";
    TOTAL_USAGE_PROMPT_CACHE_WRITE_TOKENS = "total_usage_prompt_cache_write_tokens", "Total Usage Prompt Cache Write Tokens",
        TOKENS, run, less, any, "sum of usage_prompt_cache_write_tokens";
    OVERALL_USAGE_PROMPT_CACHE_READ_PCT = "overall_usage_prompt_cache_read_pct", "Overall Usage Prompt Cache Read %",
        PERCENT, run, more, any, "total_usage_prompt_cache_read_tokens / total_usage_prompt_tokens";
    USAGE_DISCREPANCY_COUNT = "usage_discrepancy_count", "Usage Discrepancy Count", REQUESTS, run, less, any,
        "requests whose usage is over 10 % away from the client's count, in the prompt or in the output";
    EFFECTIVE_CONCURRENCY = "effective_concurrency", "Effective Concurrency", REQUESTS, run, more, any,
        "requests in flight, weighted by time, from the first issue to the last end";
}

/// The metric of a tag or of a short name (`ttft`, `itl`, `latency`, `rps` …).
#[must_use]
pub fn named(name: &str) -> Option<&'static MetricInfo> {
    let short = SHORT.iter().find(|(short, _)| *short == name);
    find(short.map_or(name, |(_, tag)| tag))
}

/// Every short name.
pub(super) fn short() -> impl Iterator<Item = &'static str> {
    SHORT.iter().map(|(short, _)| *short)
}

const SHORT: [(&str, &str); 16] = [
    ("ttft", "time_to_first_token"),
    ("ttst", "time_to_second_token"),
    ("ttfo", "time_to_first_output_token"),
    ("itl", "inter_token_latency"),
    ("tpot", "inter_token_latency"),
    ("icl", "inter_chunk_latency"),
    ("latency", "request_latency"),
    ("e2e", "request_latency"),
    ("isl", "input_sequence_length"),
    ("osl", "output_sequence_length"),
    ("rps", "request_throughput"),
    ("tps", "output_token_throughput"),
    ("error_rate", "request_error_rate"),
    ("errors", "error_request_count"),
    ("good_fraction", "good_request_fraction"),
    ("concurrency", "effective_concurrency"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn tags_are_unique_and_found() {
        let tags: BTreeSet<_> = TABLE.iter().map(|info| info.tag).collect();
        assert_eq!(tags.len(), TABLE.len());
        for info in TABLE {
            assert!(std::ptr::eq(find(info.tag).unwrap(), *info));
        }
        assert!(find("ttft").is_none());
    }

    #[test]
    fn units_are_those_that_aiperf_writes() {
        for (tag, unit) in [
            ("request_latency", "ms"),
            ("benchmark_duration", "sec"),
            ("request_throughput", "requests/sec"),
            ("output_token_throughput_per_user", "tokens/sec/user"),
            ("request_error_rate", "%"),
            ("http_req_data_sent", "KB"),
            ("http_req_connection_reused", "ratio"),
            ("http_req_chunks_received", "count"),
            ("osl_mismatch_count", "requests"),
        ] {
            assert_eq!(find(tag).unwrap().unit, unit, "{tag}");
        }
    }

    #[test]
    fn an_slo_may_not_name_a_figure_of_the_whole_run_or_of_failures() {
        assert!(slo_tags().any(|tag| tag == "time_to_first_token"));
        assert!(slo_tags().all(|tag| tag != "goodput" && tag != "error_isl"));
    }

    #[test]
    fn every_short_name_is_of_a_metric_and_no_tag() {
        for (name, tag) in SHORT {
            assert_eq!(named(name).map(|info| info.tag), Some(tag), "{name}");
            assert!(find(name).is_none(), "{name}");
        }
        assert!(named("tttf").is_none());
    }
}
