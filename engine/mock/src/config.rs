//! What the server is asked to be.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::batching;
use crate::error::{Error, refuse};
use crate::tls::TlsConfig;

/// A server's configuration. All fields are plain; start from [`Config::default`].
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where to listen. Port 0 lets the kernel choose; [`Server::addr`](crate::Server::addr) tells.
    pub address: SocketAddr,
    /// Event loops, each with a listener of its own on the same port.
    pub threads: usize,
    /// Cores to pin the threads to: thread i runs on `cores[i % cores.len()]`. Empty: no pinning.
    pub cores: Vec<usize>,
    /// The schedule of a stream's tokens.
    pub timing: Timing,
    /// The model's name in `/v1/models`, and in responses to requests that name none.
    pub model: String,
    /// Output tokens of a request that asks for no number of them.
    pub output_tokens: u32,
    /// Tokens in one event. The first token always has an event of its own, as with vLLM's `--stream-interval`.
    pub tokens_per_event: u32,
    /// Events joined in one write, due when the last of them is. The first token is always written by itself.
    pub events_per_write: u32,
    /// Send the head and the role chunk as soon as the request has arrived, not with the first token.
    pub early_role: bool,
    /// The largest request body, in bytes; a larger one is answered with 413.
    pub body_limit: usize,
    /// TLS, where it is spoken.
    pub tls: Option<TlsConfig>,
    /// Which HTTP the one port speaks.
    pub protocol: Protocol,
    /// HTTP/2: the most streams that a connection may have open (`SETTINGS_MAX_CONCURRENT_STREAMS`).
    pub h2_max_streams: u32,
    /// Note what is done for every request, for [`Server::truth`](crate::Server::truth).
    pub truth: bool,
    /// Known delays, for tests.
    pub delays: Delays,
    /// The share of generation requests, between 0 and 1, that end in a fault drawn at random: an error status, an
    /// error event, a close or a reset within the stream. What a request wishes for itself goes before.
    pub faults: f64,
    /// Decides ids, words, jitter and faults, together with the number of the request.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            threads: 1,
            cores: Vec::new(),
            timing: Timing::default(),
            model: "mock".to_owned(),
            output_tokens: 16,
            tokens_per_event: 1,
            events_per_write: 1,
            early_role: false,
            body_limit: 16 << 20,
            tls: None,
            protocol: Protocol::default(),
            h2_max_streams: 250,
            truth: false,
            delays: Delays::default(),
            faults: 0.0,
            seed: 0,
        }
    }
}

/// The versions of HTTP that are offered, on one port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1; over TLS, ALPN answers `http/1.1`.
    #[default]
    Http1,
    /// HTTP/2: in the clear by prior knowledge; over TLS by ALPN `h2`, or without ALPN.
    Http2,
    /// Both: over TLS, `h2` where the client offers it; in the clear, HTTP/2 where a connection begins with its
    /// preface.
    Auto,
}

/// Delays with a known length; zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delays {
    /// A new connection is not read from before. The kernel completes TCP's handshake by itself: the connect is not
    /// delayed, what follows it is.
    pub accept: Duration,
    /// TLS: from the arrival of the ClientHello to the ServerHello.
    pub handshake: Duration,
    /// From the arrival of a generation request to the head of its response. A streamed head then goes out by itself,
    /// not with the first token; the tokens' schedule is not moved, but none goes out before the head.
    pub head: Duration,
}

/// The schedule of a stream's tokens.
#[derive(Clone, Debug, PartialEq)]
pub enum Timing {
    /// Token i is due at arrival + `ttft` + i · `itl`, however late the ones before it went out.
    Fixed {
        /// From the arrival of the request's last byte to the first token.
        ttft: Duration,
        /// From one token to the next.
        itl: Duration,
        /// How `ttft` and every gap vary.
        jitter: Jitter,
    },
    /// Tokens come from a model of an engine with continuous batching: it has a knee. Needs `threads: 1`.
    Batching(batching::Settings),
    /// Tokens go out as fast as the socket takes them.
    Unpaced,
}

impl Default for Timing {
    fn default() -> Self {
        Self::Fixed { ttft: Duration::from_millis(20), itl: Duration::from_millis(5), jitter: Jitter::None }
    }
}

/// The spread of gaps around their nominal length, which stays the mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Jitter {
    /// Not at all.
    #[default]
    None,
    /// Even between −`share` and +`share` of the length.
    Uniform {
        /// Between 0 and 1.
        share: f64,
    },
    /// Log-normal around the length.
    LogNormal {
        /// Standard deviation of the logarithm, between 0 and 4.
        sigma: f64,
    },
}

impl Config {
    /// Refuses what could not work.
    pub(crate) fn check(&self) -> Result<(), Error> {
        range("threads", self.threads, 1024, "set it between 1 and 1024")?;
        range("body_limit", self.body_limit, usize::MAX, "set it to 1 or more")?;
        for (field, value, limit, remedy) in [
            ("output_tokens", self.output_tokens, OUTPUT_LIMIT, "set it between 1 and 1000000"),
            ("tokens_per_event", self.tokens_per_event, GROUP_LIMIT, "set it between 1 and 1024"),
            ("events_per_write", self.events_per_write, GROUP_LIMIT, "set it between 1 and 1024"),
            ("h2_max_streams", self.h2_max_streams, STREAMS_LIMIT, "set it between 1 and 1000000"),
        ] {
            range(field, value as usize, limit as usize, remedy)?;
        }
        let too_long = self.model.len() > MODEL_LIMIT;
        refuse(too_long, "model", "is longer than 256 bytes", "shorten it")?;
        let share = (0.0..=1.0).contains(&self.faults);
        let problem = format!("is {}", self.faults);
        refuse(!share, "faults", &problem, "set it between 0 and 1")?;
        match &self.timing {
            Timing::Fixed { jitter, .. } => jitter.check(),
            Timing::Batching(settings) => {
                let problem = format!("is {} with batching", self.threads);
                refuse(self.threads != 1, "threads", &problem, "set it to 1: one engine has one loop")?;
                settings.check()
            }
            Timing::Unpaced => Ok(()),
        }
    }
}

impl Jitter {
    fn check(self) -> Result<(), Error> {
        let (value, limit, remedy) = match self {
            Self::None => return Ok(()),
            Self::Uniform { share } => (share, 1.0, "set its share between 0 and 1"),
            Self::LogNormal { sigma } => (sigma, 4.0, "set its sigma between 0 and 4"),
        };
        let fits = (0.0..=limit).contains(&value);
        refuse(!fits, "jitter", &format!("is {value}"), remedy)
    }
}

fn range(field: &'static str, value: usize, limit: usize, remedy: &'static str) -> Result<(), Error> {
    let fits = (1..=limit).contains(&value);
    refuse(!fits, field, &format!("is {value}"), remedy)
}

/// The longest model name that is echoed.
pub(crate) const MODEL_LIMIT: usize = 256;
/// The most tokens that one response has.
pub(crate) const OUTPUT_LIMIT: u32 = 1_000_000;
/// The most streams that a connection may be allowed.
const STREAMS_LIMIT: u32 = 1_000_000;
/// The most tokens in an event, and events in a write.
pub(crate) const GROUP_LIMIT: u32 = 1024;
