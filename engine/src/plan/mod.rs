//! What is asked and when: one immutable value drives the run. Pure.

mod body_template;
mod cancellation;
mod core_range;
mod dataset;
mod dataset_format;
mod endpoint;
mod host;
mod load;
mod message;
pub mod metric;
mod network;
mod output_path;
mod payload;
mod rate;
mod remarks;
mod replay;
mod secrets;
mod slo;
mod statistic;
mod target;
mod template_secrets;
mod threshold;
mod tier;
mod trace;

pub use body_template::BodyTemplate;
pub use cancellation::Cancellation;
pub use core_range::CoreRange;
pub use dataset::{Context, Length, LengthDistribution, Marker, Pair, Prompts, Sampling, TokenizerSource, Turns};
pub use dataset_format::{Format, SpeedBench};
pub use endpoint::{EndpointKind, ServerTimings};
pub use host::Host;
pub use load::{Arrival, Cap, CapPolicy, Load, Phase, Prefill, Ramp, Shape, Trace, first_session};
pub use message::{Message, Texts};
pub use metric::MetricInfo;
pub use network::{Dns, Family, HttpVersion, Network, Pin, Tcp, Tls};
pub use output_path::OutputPath;
pub use payload::{Audio, ImageFormat, Images, ModelChoice, Passages, Payload, VideoContent, Videos};
pub use rate::{Piece, Rate};
pub use remarks::{DAY_S, LeftOut, Remarks};
pub use replay::{ClientClasses, LocalMedia, Replay, Timing};
pub use secrets::{
    HIDDEN, Scrubber, Secrets, is_invisible, names_a_secret, without_json_secrets, without_query_secrets,
};
pub use slo::Slo;
pub use statistic::Statistic;
pub use target::Target;
pub use threshold::{Comparison, Threshold};
pub use tier::Tier;
pub use trace::Synthesis;

use crate::clock::{Nanos, SECOND};
use serde::{Deserialize, Serialize};

/// Everything a run is: stored in every result.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Plan {
    /// Base URLs; request k goes to `targets[k % targets.len()]`.
    pub targets: Vec<Target>,
    /// The API dialect.
    pub endpoint: EndpointKind,
    /// Path instead of the dialect's own.
    #[serde(serialize_with = "secrets::without_keys")]
    pub custom_endpoint: Option<String>,
    /// Ask for a stream.
    pub streaming: bool,
    /// Model names; dataset entry i names `models[i % models.len()]`.
    pub models: Vec<String>,
    /// Extra headers, in order.
    pub headers: Vec<Header>,
    /// Extra fields of every request body.
    #[serde(serialize_with = "secrets::without_texts")]
    pub extra_inputs: serde_json::Map<String, serde_json::Value>,
    /// `max_tokens` instead of `max_completion_tokens`.
    pub use_legacy_max_tokens: bool,
    /// Ask for usage in every chunk.
    pub per_chunk_usage: bool,
    /// What becomes of the durations that servers tell with an answer.
    #[serde(default, skip_serializing_if = "ServerTimings::is_auto")]
    pub server_timings: ServerTimings,
    /// Take token counts from the server's usage only, never from a tokenizer.
    pub use_server_token_count: bool,
    /// Keep the text of every answer, for a file that shows it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_text: bool,
    /// How prompts are made where no dataset gives them.
    pub prompts: Prompts,
    /// What requests hold beside one text.
    #[serde(default, skip_serializing_if = "Payload::is_plain")]
    pub payload: Payload,
    /// Header that names the session, instead of `X-Correlation-ID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_header: Option<String>,
    /// Warm-up, if any: its requests are excluded from the results.
    pub warmup: Option<Phase>,
    /// The measured phase.
    pub profiling: Phase,
    /// Service level objectives; a request is good when all hold.
    pub slos: Vec<Slo>,
    /// More sets of objectives, judged in the same run.
    pub tiers: Vec<Tier>,
    /// Conditions under which the run has failed.
    pub thresholds: Vec<Threshold>,
    /// Whether a condition that the run cannot decide (too few samples, or the client's own share) has failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fail_if_undecided: bool,
    /// Length of a time slice; `None` cuts none.
    pub slice: Option<Nanos>,
    /// Seed of the schedule and the prompts.
    pub seed: u64,
    /// How long connects, requests and tokens may take.
    pub timeouts: Timeouts,
    /// Requests of the measured phase that the client breaks off itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Cancellation>,
    /// The share of failures, 0 to 1, over which the run ends early: see [`crate::run::ErrorLimit`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_request_threshold: Option<f64>,
    /// Failures of a phase with which the run ends early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_errors: Option<u64>,
    /// Limits on everything that a peer could make grow.
    pub limits: Limits,
    /// Whether connections are kept.
    pub reuse: Reuse,
    /// How connections are found, made, secured and shared.
    pub network: Network,
    /// The driver that moves the bytes.
    pub io: Io,
    /// Who stamps arrivals.
    pub stamps: Stamps,
    /// The cores that workers are pinned to.
    pub cores: Cores,
    /// Which of the cores of several processes the workers are; `None` where this process has the load to itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core_range: Option<CoreRange>,
    /// Run workers under `SCHED_FIFO`.
    pub fifo: bool,
    /// Deliberate wait for a batch of completions; 0 reads at once. Safe for token times only with kernel stamps.
    pub batch_wait: Nanos,
    /// How long that wait may become where tokens and requests take long; at least as long as [`Self::batch_wait`].
    #[serde(default)]
    pub longest_batch_wait: Nanos,
}

impl Plan {
    /// A plan for streamed chat with defaults for everything that is not said: the built-in vocabulary, 100 prompts of
    /// 550 tokens, no warm-up, no SLOs, seed 0, AIPerf's request time-out of six hours.
    #[must_use]
    pub fn new(targets: Vec<Target>, model: &str, profiling: Phase) -> Self {
        Self {
            targets,
            endpoint: EndpointKind::Chat,
            custom_endpoint: None,
            streaming: true,
            models: vec![model.to_owned()],
            headers: Vec::new(),
            extra_inputs: serde_json::Map::new(),
            use_legacy_max_tokens: false,
            per_chunk_usage: false,
            server_timings: ServerTimings::default(),
            use_server_token_count: false,
            keep_text: false,
            prompts: Prompts {
                tokenizer: TokenizerSource::Builtin,
                isl: Length { mean: 550.0, stddev: 0.0 },
                osl: None,
                entries: 100,
                offset: 0,
                runs_before: None,
                shared: false,
                turns: Turns::ONE,
                distribution: LengthDistribution::Normal,
                context: Context::default(),
                sampling: Sampling::Sequential,
                chat_template: false,
                replay: None,
            },
            payload: Payload::default(),
            session_header: None,
            warmup: None,
            profiling,
            slos: Vec::new(),
            tiers: Vec::new(),
            thresholds: Vec::new(),
            fail_if_undecided: false,
            slice: None,
            seed: 0,
            timeouts: Timeouts { request: 6 * 3600 * SECOND, connect: 30 * SECOND, ttft: None, inter_token: None },
            cancellation: None,
            failed_request_threshold: None,
            max_errors: None,
            limits: Limits::default(),
            reuse: Reuse::Pooled,
            network: Network::default(),
            io: Io::Auto,
            stamps: Stamps::Kernel,
            cores: Cores::Auto,
            core_range: None,
            fifo: false,
            batch_wait: 0,
            longest_batch_wait: 0,
        }
    }

    /// Which of the cores that share the load `workers` of this process are.
    #[must_use]
    pub fn core_range(&self, workers: usize) -> CoreRange {
        self.core_range.unwrap_or(CoreRange::whole(workers))
    }

    /// Synthetic conversations that only the warm-up sends: one for each of its sessions, but no more than
    /// [`MOST_FOR_WARMUP`]; where it has no number, as many as the measured phase has. None where the warm-up sends
    /// what the measured phase sends: a file's conversations, or [`Prompts::shared`] ones.
    #[must_use]
    pub fn warmup_conversations(&self) -> usize {
        match &self.warmup {
            Some(warmup) if self.prompts.replay.is_none() && !self.prompts.shared && self.prompts.entries > 0 => {
                let sessions = warmup.sessions.or(warmup.requests).and_then(|n| usize::try_from(n).ok());
                sessions.unwrap_or(self.prompts.entries).clamp(1, MOST_FOR_WARMUP)
            }
            _ => 0,
        }
    }

    /// Whether requests ask the model to go on behind its end-of-text token, so that responses have the length asked
    /// for: by `ignore_eos` or `min_tokens`, in the body or in an object of it.
    #[must_use]
    pub fn asks_for_whole_length(&self) -> bool {
        fn asks(fields: &serde_json::Map<String, serde_json::Value>) -> bool {
            fields.iter().any(|(name, value)| match value {
                serde_json::Value::Object(inner) => asks(inner),
                serde_json::Value::Bool(given) => name == "ignore_eos" && *given,
                value => ["min_tokens", "min_new_tokens"].contains(&name.as_str()) && value.as_f64() > Some(0.0),
            })
        }
        asks(&self.extra_inputs)
    }
}

/// Most conversations of a warm-up's own.
pub const MOST_FOR_WARMUP: usize = 10_000;

/// A request header.
#[derive(Clone, Deserialize, Serialize)]
pub struct Header {
    /// Name of the header field.
    pub name: String,
    /// Field value. Never shown: a header may carry a secret under any name.
    #[serde(serialize_with = "redacted")]
    pub value: String,
}

fn redacted<S: serde::Serializer>(_value: &str, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str("[redacted]")
}

/// Time-outs, in nanoseconds.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Timeouts {
    /// Whole request, connection included.
    pub request: Nanos,
    /// Name lookup, TCP connect and TLS handshake together.
    pub connect: Nanos,
    /// From a request's issue to its first output event; streams only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttft: Option<Nanos>,
    /// From one output event of a stream to the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inter_token: Option<Nanos>,
}

/// Limits on everything that a peer could make grow. Each has its own named error.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Limits {
    /// Bytes of a response head.
    pub head_bytes: usize,
    /// Header fields of a response head.
    pub head_fields: usize,
    /// Bytes of one SSE event.
    pub event_bytes: usize,
    /// Bytes of a body that is not a stream.
    pub body_bytes: usize,
    /// Bytes of answers that the run holds at once, all requests together; `None` for half of the memory that is
    /// available when it starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buffered_bytes: Option<u64>,
    /// Bytes of output text kept per request for the client's tokenizer.
    pub text_bytes: usize,
    /// Gaps kept exactly in one run, beyond which percentiles of gaps come from the histogram.
    pub exact_gaps: usize,
    /// Time slices kept in one run; requests issued after the last of them are counted, and in no slice.
    pub slices: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 64 << 10,
            head_fields: 128,
            event_bytes: 4 << 20,
            body_bytes: 64 << 20,
            buffered_bytes: None,
            text_bytes: 8 << 20,
            exact_gaps: 50_000_000,
            slices: 2_000,
        }
    }
}

/// Whether connections are kept for later requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reuse {
    /// Kept and reused.
    Pooled,
    /// A new connection for each request.
    Never,
    /// A connection of its own for each session, closed after the session's last turn.
    StickySessions,
}

/// Which driver moves the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Io {
    /// io_uring where the kernel and the sandbox allow it, else epoll.
    Auto,
    /// io_uring or fail.
    Uring,
    /// epoll.
    Epoll,
}

/// Who stamps arrivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stamps {
    /// The kernel (`SO_TIMESTAMPING`), falling back to the read.
    Kernel,
    /// The kernel, each segment by itself: by a packet socket beside the connections, which needs the capability
    /// `CAP_NET_RAW`. Where it saw none of a read, as [`Self::Kernel`].
    Packet,
    /// The read itself.
    User,
}

impl Stamps {
    /// Whether the kernel stamps arrivals, whatever the client does meanwhile.
    #[must_use]
    pub fn by_kernel(self) -> bool {
        self != Self::User
    }
}

/// Which cores the workers are pinned to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cores {
    /// A hardware thread of each idle physical core of those allowed, but for the first of several.
    Auto,
    /// This many of those allowed.
    Count(usize),
    /// Exactly these.
    List(Vec<usize>),
}

impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: [redacted]", self.name)
    }
}
