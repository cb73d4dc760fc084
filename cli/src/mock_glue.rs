//! The seam to the mock server: a stand-in until the server is there.
#![allow(dead_code)]

use ringload_engine::{Error, Result};
use std::net::SocketAddr;

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
pub(crate) struct MockServer {}

impl MockServer {
    /// Starts a server.
    ///
    /// # Errors
    /// When it cannot listen.
    pub(crate) fn start(config: MockConfig) -> Result<Self> {
        Err(Error::environment(
            format!(
                "no mock server in this build for {} ({config:?})",
                config.address
            ),
            "use a build that has one",
        ))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }
}
