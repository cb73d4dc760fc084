//! What ringload reported of each request.

use serde::Deserialize;
use std::io::{self, BufRead};

/// A request as the client saw it. Instants are on `CLOCK_MONOTONIC`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// `X-Request-ID`.
    pub request_id: String,
    /// When it was taken up: what `time_to_first_token` counts from.
    pub issued_ns: u64,
    /// When the kernel had taken its last byte: what `time_to_first_token_from_send` counts from.
    pub sent_ns: Option<u64>,
    /// Arrival of each output event.
    pub arrivals_ns: Vec<u64>,
}

/// Reads a `profile_export.jsonl`; `wall_offset_ns` is what wall-clock instants are ahead of monotonic ones. Requests
/// that did not succeed, and those without a stream, are left out and counted.
///
/// # Errors
/// Of the input, or when it is no such file.
pub fn clients(records: impl BufRead, wall_offset_ns: u64) -> io::Result<(Vec<Client>, usize)> {
    let (mut clients, mut left_out) = (Vec::new(), 0);
    for line in records.lines() {
        let line: Line = serde_json::from_str(&line?)?;
        match line.client(wall_offset_ns) {
            Some(client) => clients.push(client),
            None => left_out += 1,
        }
    }
    Ok((clients, left_out))
}

#[derive(Deserialize)]
struct Line {
    metadata: Metadata,
    metrics: Metrics,
    error: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Metadata {
    x_request_id: String,
    request_start_ns: u64,
}

#[derive(Deserialize)]
struct Metrics {
    time_to_first_token: Option<Measured<f64>>,
    time_to_first_token_from_send: Option<Measured<f64>>,
    inter_chunk_latency: Option<Measured<Vec<f64>>>,
}

#[derive(Deserialize)]
struct Measured<V> {
    value: V,
}

impl Line {
    fn client(self, wall_offset_ns: u64) -> Option<Client> {
        let ttft = self.metrics.time_to_first_token.filter(|_| self.error.is_none())?;
        let issued_ns = self.metadata.request_start_ns.checked_sub(wall_offset_ns)?;
        let mut at_ns = issued_ns + nanos(ttft.value);
        let from_send = self.metrics.time_to_first_token_from_send;
        let sent_ns = from_send.and_then(|wait| at_ns.checked_sub(nanos(wait.value)));
        let mut arrivals_ns = vec![at_ns];
        for gap_ms in self.metrics.inter_chunk_latency.map_or(Vec::new(), |m| m.value) {
            at_ns += nanos(gap_ms);
            arrivals_ns.push(at_ns);
        }
        Some(Client { request_id: self.metadata.x_request_id, issued_ns, sent_ns, arrivals_ns })
    }
}

/// The file has whole nanoseconds, written as milliseconds.
fn nanos(ms: f64) -> u64 {
    (ms * 1e6).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_the_start_and_the_gaps_after_it() {
        let lines = concat!(
            r#"{"metadata":{"x_request_id":"a","request_start_ns":1000000500},"metrics":{"time_to_first_token":{"value":0.000123,"unit":"ms"},"#,
            r#""time_to_first_token_from_send":{"value":0.0001,"unit":"ms"},"#,
            r#""inter_chunk_latency":{"value":[5.000001,0.0],"unit":"ms"}}}"#,
            "\n",
            r#"{"metadata":{"x_request_id":"b","request_start_ns":1000000500},"metrics":{},"error":{"type":"reset"}}"#,
            "\n",
        );
        let (clients, left_out) = clients(lines.as_bytes(), 1_000_000_000).unwrap();
        let expected = Client {
            request_id: "a".into(),
            issued_ns: 500,
            sent_ns: Some(523),
            arrivals_ns: vec![623, 5_000_624, 5_000_624],
        };
        assert_eq!((clients, left_out), (vec![expected], 1));
    }
}
