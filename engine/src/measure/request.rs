//! The metrics of one request, from its record.

use super::summary::RequestMetrics;
use super::tags::{self, MetricInfo};
use super::tokens::{TokenCounts, TokenSource};
use crate::clock::Nanos;
use crate::plan::Slo;
use crate::record::{Outcome, Record, Usage};

/// The metrics of one request. A failed request has the length of its input and nothing else; one in flight or
/// cancelled has nothing.
///
/// `streaming` is the plan's: without it the first output is the whole body, and the metrics of streams are absent.
#[must_use]
pub fn request_metrics(record: &Record, tokens: &TokenCounts, streaming: bool, slos: &[Slo]) -> RequestMetrics {
    let mut values = Values::new(streaming);
    let mut inter_chunk_ms = Vec::new();
    match record.outcome {
        Outcome::Succeeded => {
            latencies(&mut values, record, tokens);
            lengths(&mut values, record, tokens);
            usage(&mut values, record, tokens);
            transport(&mut values, record);
            if streaming {
                inter_chunk_ms = record.gaps.iter().map(|gap| ms(*gap)).collect();
            }
        }
        Outcome::Failed(_) => values.put(&tags::ERROR_ISL, f64::from(record.isl)),
        Outcome::InFlight | Outcome::Cancelled => {}
    }
    let mut metrics = RequestMetrics { values: values.list, inter_chunk_ms, good: None };
    if !slos.is_empty() && record.outcome.finished() {
        metrics.good = Some(slos.iter().all(|slo| metrics.meets(slo)));
    }
    metrics
}

impl RequestMetrics {
    /// The value of a metric, if the request has it. `inter_chunk_latency` has many: see
    /// [`RequestMetrics::inter_chunk_ms`].
    #[must_use]
    pub fn value(&self, info: &MetricInfo) -> Option<f64> {
        self.values.iter().find(|(other, _)| other.tag == info.tag).map(|(_, value)| *value)
    }

    /// Whether an SLO holds: `>=` where more is better, else `<=`. A metric that is missing does not hold; for
    /// `inter_chunk_latency` every gap must.
    #[must_use]
    pub fn meets(&self, slo: &Slo) -> bool {
        if slo.tag == tags::INTER_CHUNK_LATENCY.tag {
            let gaps = &self.inter_chunk_ms;
            return !gaps.is_empty() && gaps.iter().all(|gap| *gap <= slo.threshold);
        }
        self.values.iter().find(|(info, _)| info.tag == slo.tag).is_some_and(|(info, value)| {
            if info.larger_is_better { *value >= slo.threshold } else { *value <= slo.threshold }
        })
    }
}

fn latencies(values: &mut Values, record: &Record, tokens: &TokenCounts) {
    let at = &record.instants;
    let since = |from: Nanos, to: Option<Nanos>| to.map(|to| to.saturating_sub(from));
    let ttft = since(at.issued, at.first_token);
    let latency = at.last_token.unwrap_or(at.end).saturating_sub(at.issued);
    values.time(&tags::TIME_TO_FIRST_TOKEN, ttft);
    values.time(&tags::TIME_TO_SECOND_TOKEN, record.gaps.first().copied());
    values.time(&tags::TIME_TO_FIRST_OUTPUT_TOKEN, since(at.issued, at.first_visible_token));
    values.time(&tags::TIME_TO_FIRST_TOKEN_FROM_SEND, at.send_end.and_then(|sent| since(sent, at.first_token)));
    values.time(&tags::SCHEDULED_TIME_TO_FIRST_TOKEN, since(at.scheduled, at.first_token));
    values.time(&tags::REQUEST_LATENCY, Some(latency));
    values.time(&tags::RESPONSE_TIME, since(at.scheduled, Some(at.end)));
    let decode = ttft.map(|ttft| latency.saturating_sub(ttft));
    let osl = tokens.osl().map(f64::from);
    let itl_ns = decode.zip(osl.filter(|osl| *osl >= 2.0)).map(|(decode, osl)| decode as f64 / (osl - 1.0));
    if let Some(itl_ns) = itl_ns {
        values.put(&tags::INTER_TOKEN_LATENCY, itl_ns / NS_PER_MS);
    }
    values.time(&tags::DECODE_DURATION, decode);
    if let Some(itl_ns) = itl_ns {
        values.rate(&tags::OUTPUT_TOKEN_THROUGHPUT_PER_USER, 1.0, itl_ns);
    }
    if let Some(osl) = osl {
        values.rate(&tags::E2E_OUTPUT_TOKEN_THROUGHPUT, osl, latency as f64);
    }
    if let Some(ttft) = ttft {
        values.rate(&tags::PREFILL_THROUGHPUT_PER_USER, f64::from(record.isl), ttft as f64);
    }
    let setup = since(at.issued, at.head_end);
    values.time(&tags::STREAM_SETUP_LATENCY, setup);
    values.time(&tags::STREAM_PREFILL_LATENCY, ttft.zip(setup).map(|(ttft, setup)| ttft.saturating_sub(setup)));
}

fn lengths(values: &mut Values, record: &Record, tokens: &TokenCounts) {
    values.put(&tags::INPUT_SEQUENCE_LENGTH, f64::from(record.isl));
    values.tokens(&tags::OUTPUT_SEQUENCE_LENGTH, tokens.osl());
    values.tokens(&tags::OUTPUT_TOKEN_COUNT, tokens.output);
    values.tokens(&tags::REASONING_TOKEN_COUNT, tokens.reasoning);
    if let Some((osl, requested)) = tokens.osl().zip(record.requested_osl.filter(|n| *n > 0)) {
        let (osl, requested) = (f64::from(osl), f64::from(requested));
        values.put(&tags::OSL_MISMATCH_DIFF_PCT, (osl - requested) / requested * 100.0);
    }
}

fn usage(values: &mut Values, record: &Record, tokens: &TokenCounts) {
    let Some(Usage { prompt, completion, total, reasoning, cached, cache_written }) = record.usage else {
        return;
    };
    values.tokens(&tags::USAGE_PROMPT_TOKENS, prompt);
    values.tokens(&tags::USAGE_COMPLETION_TOKENS, completion);
    values.tokens(&tags::USAGE_TOTAL_TOKENS, total);
    values.tokens(&tags::USAGE_REASONING_TOKENS, reasoning);
    values.tokens(&tags::USAGE_PROMPT_CACHE_READ_TOKENS, cached);
    values.tokens(&tags::USAGE_PROMPT_CACHE_WRITE_TOKENS, cache_written);
    values.difference(&tags::USAGE_PROMPT_TOKENS_DIFF_PCT, prompt, Some(record.isl));
    if tokens.source == TokenSource::Usage {
        let client = tokens.client.map(|c| c.osl());
        values.difference(&tags::USAGE_COMPLETION_TOKENS_DIFF_PCT, completion, client);
    }
}

fn transport(values: &mut Values, record: &Record) {
    let phases = record.instants.phases();
    for (info, length) in [
        (&tags::QUEUE_TIME, phases.queue),
        (&tags::HTTP_REQ_BLOCKED, phases.queue),
        (&tags::HTTP_REQ_DNS_LOOKUP, phases.dns),
        (&tags::HTTP_REQ_CONNECTING, phases.tcp),
        (&tags::HTTP_REQ_TLS, phases.tls),
        (&tags::HTTP_REQ_SENDING, phases.send),
        (&tags::HTTP_REQ_WAITING, phases.wait),
        (&tags::HTTP_REQ_RECEIVING, phases.receive),
        (&tags::HTTP_REQ_DURATION, phases.send + phases.wait + phases.receive),
        (&tags::HTTP_REQ_CONNECTION_OVERHEAD, phases.queue + phases.dns + phases.tcp + phases.tls),
        (&tags::HTTP_REQ_TOTAL, phases.total()),
    ] {
        values.time(info, Some(length));
    }
    let reused = f64::from(u8::from(record.connection_reused));
    values.put(&tags::HTTP_REQ_CONNECTION_REUSED, reused);
    values.put(&tags::HTTP_REQ_DATA_SENT, record.bytes_sent as f64 / BYTES_PER_KB);
    values.put(&tags::HTTP_REQ_DATA_RECEIVED, record.bytes_received as f64 / BYTES_PER_KB);
    values.put(&tags::HTTP_REQ_CHUNKS_RECEIVED, f64::from(record.reads));
    let at = &record.instants;
    values.time(&tags::CREDIT_TO_START_LATENCY, Some(at.issued.saturating_sub(at.scheduled)));
    values.time(&tags::EFFECTIVE_LATENCY, Some(at.end.saturating_sub(at.scheduled)));
}

/// The list under construction, in table order.
struct Values {
    streaming: bool,
    list: Vec<(&'static MetricInfo, f64)>,
}

impl Values {
    fn new(streaming: bool) -> Self {
        Self { streaming, list: Vec::with_capacity(48) }
    }

    fn put(&mut self, info: &'static MetricInfo, value: f64) {
        if value.is_finite() && (self.streaming || !info.streaming_only) {
            self.list.push((info, value));
        }
    }

    fn time(&mut self, info: &'static MetricInfo, length: Option<Nanos>) {
        if let Some(length) = length {
            self.put(info, ms(length));
        }
    }

    fn tokens(&mut self, info: &'static MetricInfo, tokens: Option<u32>) {
        if let Some(tokens) = tokens {
            self.put(info, f64::from(tokens));
        }
    }

    /// `amount` per second over a length in nanoseconds; absent over no time.
    fn rate(&mut self, info: &'static MetricInfo, amount: f64, length_ns: f64) {
        self.put(info, amount * NS_PER_S / length_ns);
    }

    /// How far the server's count is from the client's, in percent of the client's; absent where the client counted
    /// nothing.
    fn difference(&mut self, info: &'static MetricInfo, server: Option<u32>, client: Option<u32>) {
        if let Some((server, client)) = server.zip(client) {
            let apart = f64::from(server.abs_diff(client));
            self.put(info, apart / f64::from(client) * 100.0);
        }
    }
}

/// Nanoseconds in milliseconds.
pub(super) fn ms(length: Nanos) -> f64 {
    length as f64 / NS_PER_MS
}

pub(super) const NS_PER_MS: f64 = 1e6;
pub(super) const NS_PER_S: f64 = 1e9;
const BYTES_PER_KB: f64 = 1024.0;

#[cfg(test)]
mod tests;
