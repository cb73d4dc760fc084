//! `profile_export.jsonl`: a line for each request of the measured phase, in AIPerf's shape.

use super::numbers::whole;
use crate::redact::Secrets;
use ringload_engine::clock::Nanos;
use ringload_engine::measure::RequestMetrics;
use ringload_engine::plan::metric::{self, MetricInfo};
use ringload_engine::record::{Outcome, PhaseKind, Record};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// Writes lines. Monotonic instants become wall-clock ones by a single offset, so that differences stay exact.
pub(crate) struct RecordWriter<'a> {
    wall: &'a dyn Fn(Nanos) -> u64,
    sessions: &'a dyn Fn(u32) -> Option<String>,
    /// The value of its `X-Correlation-ID`.
    names: Option<&'a dyn Fn(&Record) -> String>,
    /// How many conversations have begun each other before that of an entry.
    depth: Option<&'a dyn Fn(u32) -> u32>,
    secrets: &'a Secrets,
    trace: bool,
    /// By place in the table of metrics.
    labels: Vec<Label>,
    /// The line under way: a request has some hundred pieces, of which none is written by itself.
    line: Vec<u8>,
}

impl<'a> RecordWriter<'a> {
    /// A writer; `sessions` names the dataset entry of an index, `trace` adds the instants of the transport
    /// (`--export-http-trace`).
    pub(crate) fn new(
        wall: &'a dyn Fn(Nanos) -> u64,
        sessions: &'a dyn Fn(u32) -> Option<String>,
        secrets: &'a Secrets,
        trace: bool,
    ) -> Self {
        Self {
            wall,
            sessions,
            names: None,
            depth: None,
            secrets,
            trace,
            labels: metric::TABLE.iter().map(|info| Label::of(info)).collect(),
            line: Vec::new(),
        }
    }

    /// The same, which says how the session of each request was called on the wire.
    pub(crate) fn naming(self, names: &'a dyn Fn(&Record) -> String) -> Self {
        Self { names: Some(names), ..self }
    }

    /// The same, which says how deep in a tree of conversations each request is.
    pub(crate) fn nesting(self, depth: &'a dyn Fn(u32) -> u32) -> Self {
        Self { depth: Some(depth), ..self }
    }

    /// Writes one request.
    pub(crate) fn write(&mut self, record: &Record, metrics: &RequestMetrics, to: &mut dyn Write) -> io::Result<()> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        line.extend(b"{\"metadata\":");
        serde_json::to_writer(&mut line, &self.metadata(record))?;
        line.extend(b",\"metrics\":");
        put_metrics(&mut line, &self.labels, metrics)?;
        if self.trace {
            line.extend(b",\"trace_data\":");
            serde_json::to_writer(&mut line, &self.trace(record))?;
        }
        if let Some(error) = self.error(record) {
            line.extend(b",\"error\":");
            serde_json::to_writer(&mut line, &error)?;
        }
        line.extend(b"}\n");
        let written = to.write_all(&line);
        self.line = line;
        written
    }

    /// Which request it was, and when.
    pub(super) fn metadata(&self, record: &Record) -> Metadata {
        let at = &record.instants;
        let cancelled = matches!(record.outcome, Outcome::InFlight | Outcome::Cancelled);
        Metadata {
            session_num: record.k,
            x_request_id: uuid(record.request_id),
            x_correlation_id: self.names.map(|name| name(record)).filter(|name| !name.is_empty()),
            conversation_id: (self.sessions)(record.entry),
            turn_index: record.turn,
            credit_issued_ns: (self.wall)(at.scheduled),
            request_start_ns: (self.wall)(at.issued),
            request_ack_ns: at.head_end.map(self.wall),
            request_end_ns: (self.wall)(at.end),
            worker_id: format!("worker_{}", record.worker),
            record_processor_id: "ringload",
            benchmark_phase: phase_name(record.phase),
            was_cancelled: cancelled,
            cancellation_time_ns: cancelled.then(|| (self.wall)(at.end)),
            agent_depth: self.depth.map_or(0, |depth| depth(record.entry)),
            phase_index: u32::from(record.phase == PhaseKind::Profiling),
            phase_name: phase_name(record.phase),
            phase_kind: phase_name(record.phase),
            context_overflow_skip: false,
        }
    }

    /// The instants on the wire, as wall-clock nanoseconds; one that there was not is absent.
    fn trace(&self, record: &Record) -> Value {
        let at = &record.instants;
        // The wait ends with the look-up or the connect that it was for, else with a connection that was there.
        let wait_end = at.dns_start.or(at.tcp_start).or(at.connection_ready);
        let acknowledged =
            record.transmission.and_then(|t| t.acknowledged).zip(at.send_end).map(|(t, end)| end.saturating_add(t));
        let mut data = Map::new();
        data.insert("trace_type".into(), "ringload".into());
        for (name, instant) in [
            ("connection_pool_wait_start_ns", Some(at.issued)),
            ("connection_pool_wait_end_ns", wait_end),
            ("dns_lookup_start_ns", at.dns_start),
            ("dns_lookup_end_ns", at.dns_end),
            ("tcp_connect_start_ns", at.tcp_start),
            ("tcp_connect_end_ns", at.tcp_end),
            ("tls_handshake_start_ns", at.tls_start),
            ("tls_handshake_end_ns", at.tls_end),
            ("request_send_start_ns", at.send_start),
            ("request_send_end_ns", at.send_end),
            ("request_acknowledged_ns", acknowledged),
            ("response_receive_start_ns", at.first_byte),
            ("response_headers_received_ns", at.head_end),
            ("response_receive_end_ns", Some(at.end)),
        ] {
            if let Some(instant) = instant {
                data.insert(name.into(), (self.wall)(instant).into());
            }
        }
        if let Some(handshake) = record.handshake {
            data.insert("tls_handshake".into(), json!(handshake));
        }
        data.insert("connection_reused".into(), record.connection_reused.into());
        data.insert("reconnects".into(), u8::from(record.retry.is_some()).into());
        if let Some(reason) = record.retry {
            data.insert("retry".into(), json!(reason));
        }
        for (name, bytes) in [
            ("bytes_sent", record.bytes_sent),
            ("bytes_received", record.bytes_received),
            ("request_bytes_total", record.bytes_sent),
            ("response_bytes_total", record.bytes_received),
        ] {
            data.insert(name.into(), bytes.into());
        }
        data.extend(durations(record).into_iter().filter_map(|(name, time)| Some((name.to_owned(), time?.into()))));
        if record.status != 0 {
            data.insert("response_status_code".into(), record.status.into());
        }
        if let Some(ready) = at.connection_ready.filter(|_| record.connection_reused) {
            data.insert("connection_reused_ns".into(), (self.wall)(ready).into());
        }
        Value::Object(data)
    }

    /// Why it has no success; `None` of a success.
    pub(super) fn error(&self, record: &Record) -> Option<Value> {
        match record.outcome {
            Outcome::Succeeded => None,
            Outcome::InFlight => Some(json!({
                "code": CLIENT_CLOSED,
                "type": "RequestCancellationError",
                "message": "still in flight when the run ended",
            })),
            Outcome::Cancelled => Some(cancelled_as_planned()),
            Outcome::Failed(cause) => {
                let mut error = Map::new();
                if record.status != 0 {
                    error.insert("code".into(), record.status.into());
                }
                error.insert("type".into(), cause.name().into());
                let message = record.detail.as_deref().map_or_else(|| cause.name().into(), |d| self.secrets.scrub(d));
                error.insert("message".into(), message.into());
                Some(Value::Object(error))
            }
        }
    }
}

/// A phase, as AIPerf calls it.
fn phase_name(phase: PhaseKind) -> &'static str {
    match phase {
        PhaseKind::Warmup => "warmup",
        PhaseKind::Profiling => "profiling",
    }
}

/// How long the parts of a request took, nanoseconds, as AIPerf derives them from the instants.
fn durations(record: &Record) -> [(&'static str, Option<Nanos>); 5] {
    let at = &record.instants;
    let between = |from: Option<Nanos>, to: Option<Nanos>| Some(to?.saturating_sub(from?));
    let connected = if record.connection_reused { None } else { between(at.tcp_start, at.tcp_end) };
    [
        ("connecting_ns", connected),
        ("sending_ns", between(at.send_start, at.send_end)),
        ("waiting_ns", between(at.send_end, at.first_byte)),
        ("receiving_ns", between(at.first_byte, Some(at.end))),
        ("duration_ns", between(at.send_start, Some(at.end))),
    ]
}

/// The error of a request that was cancelled as planned.
pub(super) fn cancelled_as_planned() -> Value {
    json!({
        "code": CLIENT_CLOSED,
        "type": "RequestCancellationError",
        "message": "cancelled as planned (--request-cancellation-rate)",
    })
}

/// Which request it was, and when.
#[derive(Serialize)]
pub(super) struct Metadata {
    session_num: u64,
    x_request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    x_correlation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<String>,
    turn_index: u32,
    credit_issued_ns: u64,
    request_start_ns: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_ack_ns: Option<u64>,
    request_end_ns: u64,
    worker_id: String,
    record_processor_id: &'static str,
    benchmark_phase: &'static str,
    was_cancelled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancellation_time_ns: Option<u64>,
    agent_depth: u32,
    phase_index: u32,
    phase_name: &'static str,
    phase_kind: &'static str,
    context_overflow_skip: bool,
}

/// What stands before and after each value of a metric.
struct Label {
    info: &'static MetricInfo,
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Label {
    fn of(info: &'static MetricInfo) -> Self {
        let (tag, unit) = (Value::from(info.tag), Value::from(info.unit));
        Self {
            info,
            before: format!("{tag}:{{\"value\":").into_bytes(),
            after: format!(",\"unit\":{unit}}}").into_bytes(),
        }
    }
}

/// `{tag: {value, unit}}`, written without a tree: a long stream has a gap for every token.
fn put_metrics(line: &mut Vec<u8>, labels: &[Label], metrics: &RequestMetrics) -> io::Result<()> {
    line.push(b'{');
    let start = line.len();
    let mut next = 0;
    for (info, value) in &metrics.values {
        // Values come in table order: their labels follow one another.
        let mut places = (next..labels.len()).chain(0..next);
        let found = places.find(|place| std::ptr::eq(labels[*place].info, *info));
        let Some(place) = found.filter(|_| value.is_finite()) else {
            continue;
        };
        next = place + 1;
        begin(line, start, &labels[place]);
        match whole(*value, info.unit) {
            Some(count) => serde_json::to_writer(&mut *line, &count)?,
            None => serde_json::to_writer(&mut *line, value)?,
        }
        line.extend_from_slice(&labels[place].after);
    }
    let label = |info: &MetricInfo| labels.iter().find(|label| std::ptr::eq(label.info, info));
    let gaps = label(&metric::INTER_CHUNK_LATENCY).filter(|_| !metrics.inter_chunk_ms.is_empty());
    if let Some(label) = gaps {
        begin(line, start, label);
        serde_json::to_writer(&mut *line, &metrics.inter_chunk_ms)?;
        line.extend_from_slice(&label.after);
    }
    if let Some((label, good)) = label(&metric::GOOD_REQUEST_COUNT).zip(metrics.good) {
        begin(line, start, label);
        line.push(if good { b'1' } else { b'0' });
        line.extend_from_slice(&label.after);
    }
    line.push(b'}');
    Ok(())
}

/// Begins an entry of the object that began at `start`.
fn begin(line: &mut Vec<u8>, start: usize, label: &Label) {
    if line.len() > start {
        line.push(b',');
    }
    line.extend_from_slice(&label.before);
}

/// `8-4-4-4-12` hexadecimal digits.
pub(crate) fn uuid(id: u128) -> String {
    let mut text = String::with_capacity(36);
    for digit in 0..32u32 {
        if matches!(digit, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        let value = (id >> (124 - 4 * digit)) as u32 & 0xf;
        text.extend(char::from_digit(value, 16));
    }
    text
}

/// Bytes of a file that wait to be written: the lines of a million requests are 2 GB.
pub(super) const BUFFER: usize = 256 << 10;
/// "Client closed request", as AIPerf numbers a cancellation.
const CLIENT_CLOSED: u16 = 499;
