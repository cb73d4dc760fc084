//! One file from a hub over HTTP. Nothing of a response but its status, its body and where it redirects to is looked
//! at.

use super::failure::Failure;
use super::shown;
use crate::clock::{self, Nanos};
use crate::resolve::SystemResolver;
use std::io::{self, ErrorKind, Read};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use ureq::http::header::LOCATION;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Proxy};
use url::{Host, Url};

/// Most bytes and hops of a file, and the longest silence.
#[derive(Clone, Copy, Debug)]
pub(in crate::workload) struct Limits {
    pub(super) bytes: u64,
    pub(super) redirects: u32,
    /// How long so few bytes may come that a file is given up.
    pub(super) patience: Duration,
}

impl Limits {
    /// 256 MiB: the largest `tokenizer.json` of a public model has about 50.
    pub(super) const DEFAULT: Self = Self { bytes: 256 << 20, redirects: 5, patience: STEP };
}

/// Gets the file at `url`. The token goes to that URL alone, over `https` or to this host, and to no redirect;
/// redirects are followed to `https` only, or from this host to this host.
pub(super) fn get(url: &Url, token: Option<&str>, limits: Limits) -> Result<Vec<u8>, Failure> {
    let agent = agent(is_loopback(url))?;
    let is_private = url.scheme() == "https" || is_loopback(url);
    let mut at = url.clone();
    for hop in 0..=limits.redirects {
        let mut request = agent.get(at.as_str());
        let sent = token.filter(|_| hop == 0 && is_private);
        if let Some(token) = sent {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = request.call().map_err(|e| Failure::Other(format!("{}: {e}", shown(&at))))?;
        let status = response.status().as_u16();
        match status {
            200 => {
                let read = body_of(response.into_body().into_reader().take(limits.bytes + 1), limits.patience);
                let body = read.map_err(|e| Failure::Other(format!("{}: the answer broke off ({e})", shown(&at))))?;
                if body.len() as u64 > limits.bytes {
                    return Err(Failure::Other(format!(
                        "{}: it has more than the limit of {} MiB for one file",
                        shown(&at),
                        limits.bytes >> 20
                    )));
                }
                return Ok(body);
            }
            301 | 302 | 303 | 307 | 308 => {
                let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
                at = redirected(url, &at, location)?;
            }
            404 => return Err(Failure::Absent),
            401 | 403 => {
                let withheld = match (token, sent) {
                    (Some(_), None) if hop == 0 => Some("HF_TOKEN is sent over https only"),
                    (Some(_), None) => Some("HF_TOKEN is not sent to where the hub redirects"),
                    _ => None,
                };
                return Err(Failure::Forbidden { withheld });
            }
            other => {
                return Err(Failure::Other(format!("{} answered with status {other}", shown(&at))));
            }
        }
    }
    Err(Failure::Other(format!("{} redirected more than {} times", shown(url), limits.redirects)))
}

/// Reads a body to its end. One that stalls or drips is given up: [`LEAST`] bytes, or the end, have to come within each
/// `patience`.
fn body_of(mut body: impl Read + Send + 'static, patience: Duration) -> io::Result<Vec<u8>> {
    let (sender, parts) = mpsc::channel();
    let read = move || {
        loop {
            let mut part = vec![0; PART];
            let read = body.read(&mut part).map(|n| {
                part.truncate(n);
                part
            });
            let ends = !matches!(&read, Ok(part) if !part.is_empty());
            // Nobody listens any more where it was given up; the time for one file ends the thread.
            if sender.send(read).is_err() || ends {
                return;
            }
        }
    };
    thread::Builder::new().name("download".into()).spawn(read)?;
    let slow = || io::Error::new(ErrorKind::TimedOut, format!("under {LEAST} bytes came in {} s", patience.as_secs()));
    let left = |until: Nanos| Duration::from_nanos(until.saturating_sub(clock::monotonic()));
    let from_now = || clock::monotonic().saturating_add(patience.as_nanos() as Nanos);
    let (mut whole, mut since, mut until) = (Vec::new(), 0, from_now());
    loop {
        let part = parts.recv_timeout(left(until)).map_err(|_| slow())??;
        if part.is_empty() {
            return Ok(whole);
        }
        whole.extend_from_slice(&part);
        if whole.len() - since >= LEAST {
            (since, until) = (whole.len(), from_now());
        }
    }
}

/// Where a redirect leads; refused where it leaves `https`, or leads to this host from elsewhere.
pub(super) fn redirected(first: &Url, at: &Url, location: Option<&str>) -> Result<Url, Failure> {
    let to = location.and_then(|location| at.join(location).ok());
    let Some(to) = to.filter(|to| to.has_host() && to.username().is_empty() && to.password().is_none()) else {
        return Err(Failure::Other(format!("{} redirected to nowhere", shown(at))));
    };
    let allowed = match (to.scheme(), is_loopback(&to)) {
        ("https" | "http", true) => is_loopback(first),
        ("https", false) => true,
        ("http", false) => to.origin() == first.origin(),
        _ => false,
    };
    if allowed {
        return Ok(to);
    }
    Err(Failure::Other(format!("{} redirected to {}, which is not followed: only https is", shown(at), shown(&to))))
}

fn agent(local: bool) -> Result<Agent, Failure> {
    let found = rustls_native_certs::load_native_certs().certs;
    let roots: Vec<Certificate<'static>> = found.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    // A machine without roots of its own, as a bare container, is given those of Mozilla.
    let roots = if roots.is_empty() { RootCerts::WebPki } else { RootCerts::from(roots) };
    let builder = Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .user_agent(concat!("ringload/", env!("CARGO_PKG_VERSION")))
        .proxy(if local { None } else { Proxy::try_from_env() })
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_resolve(Some(STEP))
        .timeout_connect(Some(STEP))
        .timeout_recv_response(Some(STEP))
        .timeout_global(Some(WHOLE));
    Ok(Agent::with_parts(builder.build(), DefaultConnector::default(), SystemResolver))
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// Fewest bytes of a file that come within the patience: a kilobyte a second.
const LEAST: usize = 30 << 10;
/// Bytes that are read at once.
const PART: usize = 64 << 10;
/// Longest wait for a name, a connection, and the head of a response, and for [`LEAST`] bytes of a body.
const STEP: Duration = Duration::from_secs(30);
/// Longest time for one file, redirects included.
const WHOLE: Duration = Duration::from_secs(600);
