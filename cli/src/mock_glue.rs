//! The seam to the mock server.

use ringload_engine::{Error, Result};
use ringload_mock::{Config, Jitter, Timing};
use std::net::SocketAddr;
use std::time::Duration;

/// What the mock server is asked to be.
#[derive(Clone, Debug)]
pub(crate) struct MockConfig {
    /// Where to listen; port 0 takes a free one.
    pub(crate) address: SocketAddr,
    /// Threads.
    pub(crate) threads: usize,
    /// Cores to pin them to; none pins nothing.
    pub(crate) cores: Vec<usize>,
    /// When tokens are due.
    pub(crate) timing: MockTiming,
    /// Name of the model.
    pub(crate) model: String,
    /// Output tokens when none are asked for.
    pub(crate) output_tokens: u32,
    /// Tokens in one event.
    pub(crate) tokens_per_event: u32,
    /// Events in one write.
    pub(crate) events_per_write: u32,
    /// Send the role chunk at once.
    pub(crate) early_role: bool,
    /// Seed of the jitter.
    pub(crate) seed: u64,
}

/// When tokens are due.
#[derive(Clone, Debug)]
pub(crate) enum MockTiming {
    /// By fixed times, in milliseconds.
    Fixed {
        /// To the first token.
        ttft_ms: f64,
        /// Between tokens.
        itl_ms: f64,
        /// Most deviation, as a share.
        jitter: f64,
    },
    /// By a model of continuous batching.
    Batching {
        /// Most sequences in a step.
        max_batch: u32,
        /// Prompt tokens a second.
        prefill_rate: f64,
        /// Milliseconds of a step.
        step_base_ms: f64,
        /// Milliseconds per sequence.
        step_per_seq_ms: f64,
    },
    /// As fast as the socket takes them.
    Unpaced,
}

/// A running server; dropping it stops it.
pub(crate) struct MockServer(ringload_mock::Server);

impl MockServer {
    /// Starts a server.
    ///
    /// # Errors
    /// When it cannot listen.
    pub(crate) fn start(config: MockConfig) -> Result<Self> {
        let timing = match config.timing {
            MockTiming::Fixed {
                ttft_ms,
                itl_ms,
                jitter,
            } => Timing::Fixed {
                ttft: millis(ttft_ms),
                itl: millis(itl_ms),
                jitter: if jitter > 0.0 {
                    Jitter::Uniform { share: jitter }
                } else {
                    Jitter::None
                },
            },
            MockTiming::Batching {
                max_batch,
                prefill_rate,
                step_base_ms,
                step_per_seq_ms,
            } => Timing::Batching(ringload_mock::batching::Settings {
                max_batch: max_batch as usize,
                prefill_tokens_per_s: prefill_rate,
                decode_step_base: millis(step_base_ms),
                decode_step_per_seq: millis(step_per_seq_ms),
            }),
            MockTiming::Unpaced => Timing::Unpaced,
        };
        // A descriptor for each connection, however many the client opens.
        let _ = ringload_engine::driver::raise_descriptor_limit(DESCRIPTORS);
        ringload_mock::start(Config {
            address: config.address,
            threads: config.threads,
            cores: config.cores,
            timing,
            model: config.model,
            output_tokens: config.output_tokens as _,
            tokens_per_event: config.tokens_per_event as _,
            events_per_write: config.events_per_write as _,
            seed: config.seed,
            early_role: config.early_role,
            ..Config::default()
        })
        .map(Self)
        .map_err(|e| {
            Error::environment(
                format!("the mock server did not start: {e}"),
                "choose another --host, --port or set of --cores",
            )
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.0.addr()
    }
}

fn millis(ms: f64) -> Duration {
    Duration::from_secs_f64(ms.max(0.0) / 1e3)
}

/// Open files that a server asks for.
const DESCRIPTORS: u64 = 65_536;
