//! What came of a run, sent to a collector of OpenTelemetry when its load is over and its files are written: nothing of
//! it runs beside the load, and nothing of it can end or fail a run.

use super::scrape::agent;
use crate::export::{Spans, otlp_documents};
use crate::flags::TelemetryArgs;
use crate::live::signals;
use crate::result::run::Outcome;
use crate::terminal::eprint_line;
use std::time::{Duration, Instant};

/// Where a run is sent, and what is gathered for it.
pub(crate) struct Otel {
    endpoint: String,
    /// Of `OTEL_EXPORTER_OTLP_HEADERS`.
    headers: Vec<(String, String)>,
    pub(crate) spans: Spans,
    /// Attributes of the resource that the user gives.
    attributes: Vec<(String, String)>,
    quiet: bool,
}

impl Otel {
    /// A run that will be sent to an endpoint, as the flags say.
    pub(crate) fn new(endpoint: &str, args: &TelemetryArgs, quiet: bool) -> Self {
        let headers = std::env::var("OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default();
        let provider = args.gen_ai_provider.clone().map(|name| ("gen_ai.provider.name".to_owned(), name));
        Self {
            endpoint: endpoint.to_owned(),
            headers: headers_of(&headers),
            spans: Spans::new(args.otel_spans),
            attributes: args.otel_resource_attributes.iter().cloned().chain(provider).collect(),
            quiet,
        }
    }

    /// Sends it. A collector that does not take it is told in a line.
    pub(crate) fn send(self, outcome: &Outcome) {
        let Self { endpoint, headers, spans, attributes, quiet } = self;
        let agent = agent(&outcome.plan.network.tls, EXCHANGE);
        let until = Instant::now() + PATIENCE;
        for (path, document) in otlp_documents(outcome, spans, &attributes) {
            let url = format!("{endpoint}{path}");
            let failure = if Instant::now() < until {
                post(&agent, &url, &headers, document.to_string().as_bytes()).err()
            } else {
                Some(format!("the collector has taken {} s already", PATIENCE.as_secs()))
            };
            if let Some(why) = failure {
                if !quiet {
                    eprint_line(format_args!("note: not sent to {url}: {why}"));
                }
                return;
            }
        }
    }
}

fn post(agent: &ureq::Agent, url: &str, headers: &[(String, String)], body: &[u8]) -> Result<(), String> {
    let mut request = agent.post(url).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let left = signals::bounded(EXCHANGE);
    if left.is_zero() {
        return Err("a signal came, and --shutdown-grace is over".into());
    }
    let request = request.config().timeout_global(Some(left)).build();
    let response = request.send(body).map_err(|e| e.to_string())?;
    let status = response.status();
    if status.is_success() { Ok(()) } else { Err(format!("it answers with status {}", status.as_u16())) }
}

/// `name=value,name=value`, values percent-encoded (OpenTelemetry's protocol exporter, as W3C Baggage); what is not so
/// is left out.
fn headers_of(text: &str) -> Vec<(String, String)> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    let pairs = pairs.map(|(name, value)| (name.trim().to_owned(), decoded(value.trim())));
    pairs.filter(|(name, _)| !name.is_empty()).collect()
}

fn decoded(value: &str) -> String {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match code.filter(|_| *byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(code) => {
                out.push(code);
                rest = &after[2..];
            }
            None => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A run is sent for so long, but for the request under way.
const PATIENCE: Duration = Duration::from_secs(10);
/// For one exchange.
const EXCHANGE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_the_exporters_of_opentelemetry_read_them() {
        let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            headers_of("authorization=Bearer%20a%2Cb, x-scope = 1,none,=2"),
            [of("authorization", "Bearer a,b"), of("x-scope", "1")]
        );
        assert_eq!(headers_of("a=50%,b=%zz"), [of("a", "50%"), of("b", "%zz")]);
    }
}
