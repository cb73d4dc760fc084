//! `profile_export.jsonl` of ringload or AIPerf → the requests of a run.

mod compact;

use compact::Fields;
use ringload_engine::comparison::Observed;
use ringload_engine::files::regular;
use ringload_engine::plan::metric;
use ringload_engine::{Error, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// What a line tells.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Line {
    Succeeded(Request),
    Failed,
    /// Of the warm-up, or cancelled: it does not count.
    Skipped,
}

/// A request that succeeded.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Request {
    /// When it was issued, on the clock of its file, in nanoseconds.
    start: u64,
    end: u64,
    /// Output tokens.
    tokens: f64,
    /// Of each of [`COMPARED`], in ms.
    values: [Option<f64>; 3],
}

/// The metrics that are compared.
const COMPARED: [&str; 3] =
    [metric::TIME_TO_FIRST_TOKEN.tag, metric::INTER_TOKEN_LATENCY.tag, metric::REQUEST_LATENCY.tag];

/// The requests of the measured phase.
///
/// # Errors
/// Where the file cannot be read, or holds something else.
pub(super) fn observed(path: &Path) -> Result<Observed> {
    let unreadable =
        |e: std::io::Error| Error::environment(format!("{}: {e}", path.display()), "make it readable for this user");
    let mut input = BufReader::with_capacity(1 << 20, regular(path, true).map_err(unreadable)?);
    let fields = Fields::new();
    let mut requests: Vec<Request> = Vec::new();
    let mut failed = 0;
    let (mut text, mut number) = (Vec::new(), 0u64);
    while input.read_until(b'\n', &mut text).map_err(unreadable)? > 0 {
        number += 1;
        let line = text.trim_ascii();
        if !line.is_empty() {
            let told = fields.read(line).map_or_else(|| parsed(line), Ok).map_err(|e| {
                Error::usage(
                    format!("{}, line {number}: no record of a request ({e})", path.display()),
                    "name a file or folder of ringload or AIPerf",
                )
            })?;
            match told {
                Line::Succeeded(request) => requests.push(request),
                Line::Failed => failed += 1,
                Line::Skipped => {}
            }
        }
        text.clear();
    }
    requests.sort_by_key(|request| request.start);
    Ok(of_requests(&requests, failed))
}

/// The requests in the order in which they were issued.
fn of_requests(requests: &[Request], failed: u64) -> Observed {
    let start = requests.first().map_or(0, |request| request.start);
    let seconds = |at: u64| at.saturating_sub(start) as f64 / 1e9;
    let mut run = Observed { failed, ..Observed::default() };
    run.ends = requests.iter().map(|request| (seconds(request.end), request.tokens)).collect();
    for (place, tag) in COMPARED.into_iter().enumerate() {
        let values: Vec<f64> = requests.iter().filter_map(|request| request.values[place]).collect();
        if !values.is_empty() {
            run.metrics.push((tag.into(), "ms".into(), values));
        }
    }
    run
}

/// A line as JSON.
fn parsed(line: &[u8]) -> serde_json::Result<Line> {
    let Record { metadata, metrics, error } = serde_json::from_slice(line)?;
    let measured = metadata.benchmark_phase.as_deref().is_none_or(|phase| phase == "profiling");
    if !measured || metadata.was_cancelled {
        return Ok(Line::Skipped);
    }
    if error.is_some() {
        return Ok(Line::Failed);
    }
    let values = [metrics.time_to_first_token, metrics.inter_token_latency, metrics.request_latency];
    Ok(Line::Succeeded(Request {
        start: metadata.request_start_ns,
        end: metadata.request_end_ns,
        tokens: metrics.output_sequence_length.map_or(0.0, |figure| figure.value),
        values: values.map(|figure| figure.map(|figure| figure.value)),
    }))
}

/// A line of the records.
#[derive(Deserialize)]
struct Record {
    metadata: Metadata,
    #[serde(default)]
    metrics: Metrics,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Metadata {
    request_start_ns: u64,
    request_end_ns: u64,
    #[serde(default)]
    benchmark_phase: Option<String>,
    #[serde(default)]
    was_cancelled: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metrics {
    time_to_first_token: Option<Figure>,
    inter_token_latency: Option<Figure>,
    request_latency: Option<Figure>,
    output_sequence_length: Option<Figure>,
}

#[derive(Clone, Copy, Deserialize)]
struct Figure {
    value: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::RecordWriter;
    use crate::redact::Secrets;
    use crate::testing::sample::records;

    const AIPERF: &str = r#"{"metadata":{"session_num":1,"x_request_id":"a","request_start_ns":10000000,"request_end_ns":110000000,"worker_id":"w","benchmark_phase":"profiling","was_cancelled":false},"metrics":{"request_latency":{"value":1e2,"unit":"ms"},"inter_chunk_latency":{"value":[1.0,2.5],"unit":"ms"},"time_to_first_token":{"value":18.26,"unit":"ms"},"output_sequence_length":{"value":4,"unit":"tokens"}},"error":null}"#;

    #[test]
    fn lines_are_read_alike_by_names_and_as_json() {
        let fields = Fields::new();
        let secrets = Secrets::default();
        let (wall, plain) = (|at| at, |_| Some("session".to_owned()));
        let braced = |_| Some("a } \\\" in a name".to_owned());
        let mut by_names = 0;
        for (record, metrics) in records() {
            let mut line = Vec::new();
            RecordWriter::new(&wall, &plain, &secrets, false).write(&record, &metrics, &mut line).unwrap();
            let (found, expected) = (fields.read(line.trim_ascii()), parsed(line.trim_ascii()).unwrap());
            assert_eq!(found, (expected != Line::Failed).then_some(expected));
            by_names += usize::from(found.is_some());
            // A brace in a name hides what is behind it; more lies behind the metrics.
            for (sessions, trace) in [(&braced as &dyn Fn(u32) -> Option<String>, false), (&plain, true)] {
                line.clear();
                RecordWriter::new(&wall, sessions, &secrets, trace).write(&record, &metrics, &mut line).unwrap();
                assert_eq!(fields.read(line.trim_ascii()), None);
                assert_eq!(parsed(line.trim_ascii()).unwrap(), expected);
            }
        }
        assert!(by_names > 0);
        assert_eq!(fields.read(AIPERF.as_bytes()), Some(parsed(AIPERF.as_bytes()).unwrap()));
    }

    #[test]
    fn what_is_spelt_otherwise_is_left_to_the_parser() {
        let fields = Fields::new();
        for (from, to) in [
            ("\"metadata\":", "\"metadata\": "),
            ("\"request_start_ns\":10000000", "\"request_start_ns\":\"x\""),
            ("\"was_cancelled\":false", "\"was_cancelled\":0"),
            ("\"value\":18.26", "\"value\":null"),
            ("\"error\":null", "\"error\":{\"code\":500}"),
            (",\"error\":null}", ""),
            ("\"x_request_id\":\"a\"", "\"x_request_id\":\"}\""),
        ] {
            let other = AIPERF.replace(from, to);
            assert_ne!(other, AIPERF, "{from}");
            assert_eq!(fields.read(other.as_bytes()), None, "{other}");
        }
        // The name of a field within a string is none.
        let quoted = AIPERF.replace("\"x_request_id\":\"a\"", r#""x_request_id":"\"request_start_ns\":7""#);
        assert_eq!(fields.read(quoted.as_bytes()), fields.read(AIPERF.as_bytes()));
        // Each beginning of a line is none.
        for cut in 0..AIPERF.len() {
            assert_eq!(fields.read(&AIPERF.as_bytes()[..cut]), None, "{cut}");
        }
    }
}
