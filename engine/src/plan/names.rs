//! Short names of metrics, and the nearest ones to a name that is none.

use crate::measure::tags::{self, MetricInfo};

/// The metric of a tag or of a short name.
pub(super) fn find(name: &str) -> Option<&'static MetricInfo> {
    let short = SHORT.iter().find(|(short, _)| *short == name);
    tags::find(short.map_or(name, |(_, tag)| tag))
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

    #[test]
    fn every_short_name_is_of_a_metric_and_no_tag() {
        for (name, tag) in SHORT {
            assert_eq!(find(name).map(|info| info.tag), Some(tag), "{name}");
            assert!(tags::find(name).is_none(), "{name}");
        }
        assert!(find("tttf").is_none());
    }
}
