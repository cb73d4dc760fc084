//! A span for each of some requests, chosen evenly over the run.

use super::{double, integer, text};
use crate::result::run::Outcome;
use ringload_engine::clock::Nanos;
use ringload_engine::measure::RequestMetrics;
use ringload_engine::plan::{EndpointKind, Plan};
use ringload_engine::random::derive;
use ringload_engine::record::{self, Instants, Record, Usage};
use serde_json::{Value, json};

/// Spans of at most so many requests: each request of the run has the same chance to be among them (Vitter's
/// algorithm R), and the same requests are chosen again where the same are sent.
#[derive(Debug)]
pub(crate) struct Spans {
    kept: Vec<Kept>,
    seen: u64,
    most: usize,
}

/// What a span is made of.
#[derive(Debug)]
struct Kept {
    id: u128,
    target: u16,
    entry: u32,
    outcome: record::Outcome,
    status: u16,
    usage: Option<Usage>,
    reason: Option<&'static str>,
    detail: Option<String>,
    instants: Instants,
    /// Tags and values, in display units.
    metrics: Vec<(&'static str, f64)>,
}

impl Spans {
    /// No request seen yet, and spans of at most `most` of those to come.
    pub(crate) fn new(most: usize) -> Self {
        Self { kept: Vec::new(), seen: 0, most }
    }

    /// Looks at a request of the measured phase; `wall` makes wall-clock nanoseconds of its instants.
    pub(crate) fn add(&mut self, record: &Record, metrics: &RequestMetrics, wall: &dyn Fn(Nanos) -> u64) {
        self.seen += 1;
        let place = match self.kept.len() {
            n if n < self.most => n,
            _ => usize::try_from(derive(record.request_id as u64, self.seen) % self.seen).unwrap_or(usize::MAX),
        };
        if place >= self.most {
            return;
        }
        let span = Kept::of(record, metrics, wall);
        match self.kept.get_mut(place) {
            Some(kept) => *kept = span,
            None => self.kept.push(span),
        }
    }

    /// The spans, in the order of their starts.
    pub(super) fn finish(mut self, outcome: &Outcome) -> Vec<Value> {
        self.kept.sort_by_key(|kept| (kept.instants.issued, kept.id));
        self.kept.iter().map(|kept| kept.span(outcome)).collect()
    }
}

impl Kept {
    fn of(record: &Record, metrics: &RequestMetrics, wall: &dyn Fn(Nanos) -> u64) -> Self {
        let at = &record.instants;
        let some = |instant: Option<Nanos>| instant.map(wall);
        let told = metrics.values.iter().filter(|(info, value)| value.is_finite() && SPAN_METRICS.contains(&info.tag));
        Self {
            id: record.request_id,
            target: record.target,
            entry: record.entry,
            outcome: record.outcome,
            status: record.status,
            usage: record.usage,
            reason: record.observed.reason.map(record::FinishReason::name),
            detail: record.detail.clone(),
            instants: Instants {
                scheduled: wall(at.scheduled),
                issued: wall(at.issued),
                send_start: some(at.send_start),
                send_end: some(at.send_end),
                first_byte: some(at.first_byte),
                first_token: some(at.first_token),
                last_token: some(at.last_token),
                end: wall(at.end),
                ..Instants::default()
            },
            metrics: told.map(|(info, value)| (info.tag, *value)).collect(),
        }
    }

    fn span(&self, outcome: &Outcome) -> Value {
        let (plan, at) = (&outcome.plan, &self.instants);
        let operation = operation(plan.endpoint);
        let model = model(plan, self.entry);
        let events = [
            ("send_start", at.send_start),
            ("send_end", at.send_end),
            ("first_byte", at.first_byte),
            ("first_token", at.first_token),
            ("last_token", at.last_token),
        ];
        let events =
            events.into_iter().filter_map(|(name, at)| Some(json!({"timeUnixNano": at?.to_string(), "name": name})));
        json!({
            // The request's `X-Request-ID`, by which its server may have logged it.
            "traceId": format!("{:032x}", self.id),
            "spanId": format!("{:016x}", derive(self.id as u64, 0).max(1)),
            "name": format!("{operation} {model}"),
            "kind": CLIENT,
            "startTimeUnixNano": at.issued.to_string(),
            "endTimeUnixNano": at.end.max(at.issued).to_string(),
            "attributes": self.attributes(plan, operation, model),
            "events": events.collect::<Vec<Value>>(),
            "status": self.status(outcome),
        })
    }

    fn attributes(&self, plan: &Plan, operation: &str, model: &str) -> Vec<Value> {
        let mut all = vec![text("gen_ai.operation.name", operation), text("gen_ai.request.model", model)];
        if let Some(target) = plan.targets.get(usize::from(self.target)) {
            all.push(text("server.address", &target.host));
            all.push(integer("server.port", target.port.into()));
        }
        if self.status != 0 {
            all.push(integer("http.response.status_code", self.status.into()));
        }
        let usage = self.usage.unwrap_or_default();
        for (key, tokens) in
            [("gen_ai.usage.input_tokens", usage.prompt), ("gen_ai.usage.output_tokens", usage.completion)]
        {
            all.extend(tokens.map(|tokens| integer(key, tokens.into())));
        }
        if let Some(reason) = self.reason {
            let values = json!({"values": [{"stringValue": reason}]});
            all.push(json!({"key": "gen_ai.response.finish_reasons", "value": {"arrayValue": values}}));
        }
        if let record::Outcome::Failed(cause) = self.outcome {
            all.push(text("error.type", cause.name()));
        }
        all.extend(self.metrics.iter().map(|(tag, value)| double(&format!("ringload.{tag}"), *value)));
        all
    }

    /// Unset where it succeeded, or was broken off as the plan has it.
    fn status(&self, outcome: &Outcome) -> Value {
        let record::Outcome::Failed(cause) = self.outcome else {
            return json!({});
        };
        let words = self.detail.as_deref().unwrap_or(cause.name());
        json!({"code": ERROR, "message": outcome.identity.secrets.scrub(words)})
    }
}

/// The name that the semantic conventions for generative AI have for what an API does; ringload's own where they have
/// none.
fn operation(kind: EndpointKind) -> &'static str {
    match kind {
        EndpointKind::Chat | EndpointKind::Responses | EndpointKind::Messages => "chat",
        EndpointKind::Completions | EndpointKind::HuggingfaceGenerate => "text_completion",
        EndpointKind::Embeddings | EndpointKind::NimEmbeddings => "embeddings",
        other => other.name(),
    }
}

fn model(plan: &Plan, entry: u32) -> &str {
    match plan.models.len() {
        0 => "",
        n => &plan.models[entry as usize % n],
    }
}

/// `SPAN_KIND_CLIENT` and `STATUS_CODE_ERROR`.
const CLIENT: u8 = 3;
const ERROR: u8 = 2;

/// Metrics that a span has as attributes.
const SPAN_METRICS: [&str; 10] = [
    "time_to_first_token",
    "inter_token_latency",
    "request_latency",
    "input_sequence_length",
    "output_sequence_length",
    "http_req_connecting",
    "server_queue_time",
    "server_prefill_time",
    "server_decode_time",
    "first_token_remainder",
];
