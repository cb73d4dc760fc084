//! One scrape over HTTP: bounded in time and size, over a connection of its own.

use crate::runner::models::ENDS;
use ringload_engine::clock::{self, Nanos};
use ringload_engine::files;
use ringload_engine::plan::{Header, Target, Tls};
use ringload_engine::resolve::SystemResolver;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::DefaultConnector;

/// Where metrics may be: the first place that has some is kept.
pub(super) struct Source {
    agent: Agent,
    places: Vec<String>,
    headers: Vec<Header>,
}

/// What a scrape brought.
pub(super) struct Fetched {
    pub(super) body: String,
    pub(super) sent_at: Nanos,
    pub(super) first_byte_at: Nanos,
    pub(super) ended_at: Nanos,
}

/// Why a scrape brought nothing, in words.
pub(super) enum Failure {
    /// The host does not answer: no other place of it will.
    Silent(String),
    /// The place has nothing.
    Absent(String),
}

impl Source {
    /// The metrics of a target: beside its API, and at the root of its host. They are asked for with the headers of its
    /// requests, which it gets anyway.
    pub(super) fn of_target(target: &Target, headers: &[Header], tls: &Tls) -> Option<Self> {
        if target.unix.is_some() || target.zone.is_some() {
            return None;
        }
        let root = target.url.strip_suffix(&target.base_path).unwrap_or(&target.url);
        let api = ENDS.iter().find_map(|end| target.url.strip_suffix(end)).unwrap_or(&target.url);
        let above = api.strip_suffix("/v1").unwrap_or(api);
        let mut places: Vec<String> = Vec::new();
        for base in [api, above, root] {
            let place = format!("{base}/metrics");
            if !places.contains(&place) {
                places.push(place);
            }
        }
        // TensorRT-LLM has JSON at /metrics.
        places.push(format!("{above}/prometheus/metrics"));
        Some(Self { agent: agent(tls, PATIENCE), places, headers: headers.to_vec() })
    }

    /// The metrics at a URL.
    pub(super) fn of_url(url: &str, tls: &Tls) -> Self {
        let mut places = vec![url.to_owned()];
        if let Some(base) = url.strip_suffix("/metrics").filter(|base| !base.ends_with("/prometheus")) {
            places.push(format!("{base}/prometheus/metrics"));
        }
        Self { agent: agent(tls, PATIENCE), places, headers: Vec::new() }
    }

    /// The first place.
    pub(super) fn first(&self) -> &str {
        &self.places[0]
    }

    /// All places, to be tried in turn.
    pub(super) fn places(&self) -> &[String] {
        &self.places
    }

    /// Fetches a place.
    ///
    /// # Errors
    /// Why it brought nothing.
    pub(super) fn fetch(&self, place: &str) -> Result<Fetched, Failure> {
        let mut request = self.agent.get(place).header("accept", ACCEPT);
        for header in &self.headers {
            request = request.header(&header.name, &header.value);
        }
        let sent_at = clock::monotonic();
        let mut response = request.call().map_err(|e| Failure::Silent(e.to_string()))?;
        let first_byte_at = clock::monotonic();
        let status = response.status().as_u16();
        if status != 200 {
            return Err(Failure::Absent(format!("it answers with status {status}")));
        }
        let mut body = Vec::new();
        let mut reader = response.body_mut().as_reader().take(MOST_BYTES + 1);
        reader.read_to_end(&mut body).map_err(|e| Failure::Absent(format!("its answer broke off ({e})")))?;
        if body.len() as u64 > MOST_BYTES {
            return Err(Failure::Absent(format!("it has over {} MiB", MOST_BYTES >> 20)));
        }
        let body = String::from_utf8(body).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
        Ok(Fetched { body, sent_at, first_byte_at, ended_at: clock::monotonic() })
    }
}

/// A client for other parties than the load: a connection of its own, certificates as the plan has them, and so long
/// for each exchange.
pub(in crate::runner) fn agent(tls: &Tls, patience: Duration) -> Agent {
    let own = tls.ca.as_ref().and_then(|path| {
        let pem = files::small(path, PEM_BYTES).ok()?;
        let certificates = parse_pem(&pem).filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        });
        let certificates: Vec<Certificate<'static>> = certificates.collect();
        Some(RootCerts::Specific(Arc::new(certificates)))
    });
    let config = Agent::config_builder()
        .timeout_global(Some(patience))
        .max_redirects(0)
        .proxy(None)
        .http_status_as_error(false)
        .tls_config(
            TlsConfig::builder()
                .root_certs(own.unwrap_or(RootCerts::WebPki))
                .disable_verification(tls.insecure)
                .build(),
        )
        .build();
    Agent::with_parts(config, DefaultConnector::default(), SystemResolver)
}

const ACCEPT: &str = "application/openmetrics-text;version=1.0.0, text/plain;version=0.0.4;q=0.5, */*;q=0.1";
/// A scrape that takes longer is given up: three intervals.
const PATIENCE: Duration = Duration::from_secs(1);
/// A larger page is not read.
const MOST_BYTES: u64 = 16 << 20;
/// As the engine reads of a file of certificates.
const PEM_BYTES: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use ringload_engine::plan::Network;

    #[test]
    fn metrics_are_looked_for_beside_the_api_and_at_the_root() {
        let places = |url: &str| {
            let target = Target::parse(url).unwrap();
            Source::of_target(&target, &[], &Network::default().tls).map(|source| source.places)
        };
        let at = |paths: &[&str]| Some(paths.iter().map(|path| format!("http://h:8000{path}")).collect::<Vec<_>>());
        assert_eq!(places("http://h:8000"), at(&["/metrics", "/prometheus/metrics"]));
        assert_eq!(places("http://h:8000/v1"), at(&["/v1/metrics", "/metrics", "/prometheus/metrics"]));
        assert_eq!(
            places("http://h:8000/v1/chat/completions"),
            at(&["/v1/metrics", "/metrics", "/prometheus/metrics"])
        );
        assert_eq!(places("http://h:8000/llm"), at(&["/llm/metrics", "/metrics", "/llm/prometheus/metrics"]));
        assert_eq!(places("unix:/s"), None);
    }
}
