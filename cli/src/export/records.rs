//! `profile_export.jsonl`: a line for each request of the measured phase, in AIPerf's shape.

use super::numbers::single;
use crate::redact::Secrets;
use ringload_engine::clock::Nanos;
use ringload_engine::measure::RequestMetrics;
use ringload_engine::record::{Outcome, PhaseKind, Record};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// Writes lines. Monotonic instants become wall-clock ones by a single offset, so that differences stay exact.
pub(crate) struct RecordWriter<'a> {
    wall: &'a dyn Fn(Nanos) -> u64,
    sessions: &'a dyn Fn(u32) -> Option<String>,
    secrets: &'a Secrets,
    trace: bool,
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
        Self { wall, sessions, secrets, trace }
    }

    /// Writes one request.
    pub(crate) fn write(&self, record: &Record, metrics: &RequestMetrics, to: &mut dyn Write) -> io::Result<()> {
        let line = Line {
            metadata: self.metadata(record),
            metrics: Metrics(metrics),
            trace_data: self.trace.then(|| self.trace(record)),
            error: self.error(record),
        };
        serde_json::to_writer(&mut *to, &line)?;
        to.write_all(b"\n")
    }

    fn metadata(&self, record: &Record) -> Value {
        let at = &record.instants;
        let cancelled = matches!(record.outcome, Outcome::InFlight | Outcome::Cancelled);
        let phase = match record.phase {
            PhaseKind::Warmup => "warmup",
            PhaseKind::Profiling => "profiling",
        };
        let mut data = Map::new();
        data.insert("session_num".into(), record.k.into());
        data.insert("x_request_id".into(), uuid(record.request_id).into());
        if let Some(session) = (self.sessions)(record.entry) {
            data.insert("conversation_id".into(), session.into());
        }
        data.insert("turn_index".into(), record.turn.into());
        data.insert("credit_issued_ns".into(), (self.wall)(at.scheduled).into());
        data.insert("request_start_ns".into(), (self.wall)(at.issued).into());
        if let Some(ack) = at.head_end {
            data.insert("request_ack_ns".into(), (self.wall)(ack).into());
        }
        data.insert("request_end_ns".into(), (self.wall)(at.end).into());
        data.insert("worker_id".into(), format!("worker_{}", record.worker).into());
        data.insert("record_processor_id".into(), "ringload".into());
        data.insert("benchmark_phase".into(), phase.into());
        data.insert("was_cancelled".into(), cancelled.into());
        if cancelled {
            data.insert("cancellation_time_ns".into(), (self.wall)(at.end).into());
        }
        data.insert("agent_depth".into(), 0.into());
        Value::Object(data)
    }

    /// When what happened on the wire, as wall-clock nanoseconds; what did not happen is absent.
    fn trace(&self, record: &Record) -> Value {
        let at = &record.instants;
        // The wait ends with the look-up or the connect that it was for, else with a connection that was there.
        let wait_end = at.dns_start.or(at.tcp_start).or(at.connection_ready);
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
        data.insert("reconnects".into(), record.reconnects.into());
        data.insert("bytes_sent".into(), record.bytes_sent.into());
        data.insert("bytes_received".into(), record.bytes_received.into());
        Value::Object(data)
    }

    fn error(&self, record: &Record) -> Option<Value> {
        match record.outcome {
            Outcome::Succeeded => None,
            Outcome::InFlight => Some(json!({
                "code": CLIENT_CLOSED,
                "type": "RequestCancellationError",
                "message": "still in flight when the run ended",
            })),
            Outcome::Cancelled => Some(json!({
                "code": CLIENT_CLOSED,
                "type": "RequestCancellationError",
                "message": "cancelled as planned (--request-cancellation-rate)",
            })),
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

#[derive(Serialize)]
struct Line<'a> {
    metadata: Value,
    metrics: Metrics<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_data: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
}

/// `{tag: {value, unit}}`, written without a tree: a long stream has a gap for every token.
struct Metrics<'a>(&'a RequestMetrics);

#[derive(Serialize)]
struct Measured<'a, V> {
    value: V,
    unit: &'a str,
}

impl Serialize for Metrics<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (info, value) in &self.0.values {
            let unit = info.unit;
            if let Some(value) = single(*value, unit) {
                map.serialize_entry(info.tag, &Measured { value, unit })?;
            }
        }
        let gaps = &self.0.inter_chunk_ms;
        if !gaps.is_empty() {
            map.serialize_entry("inter_chunk_latency", &Measured { value: gaps, unit: "ms" })?;
        }
        if let Some(good) = self.0.good {
            let value = u8::from(good);
            map.serialize_entry("good_request_count", &Measured { value, unit: "requests" })?;
        }
        map.end()
    }
}

/// `8-4-4-4-12` hexadecimal digits.
fn uuid(id: u128) -> String {
    let hex = format!("{id:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// "Client closed request", as AIPerf numbers a cancellation.
const CLIENT_CLOSED: u16 = 499;
