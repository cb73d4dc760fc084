//! A synthetic OpenAI-compatible inference server that knows the truth about its own timing.
//!
//! It exists to test load engines: every output chunk says when it was written (`sent_ns`, `CLOCK_MONOTONIC`), the arrival of every
//! request can be asked for, and the schedule of a stream is absolute, so that a measured latency has a known right answer. It is
//! also fast enough to find the ceiling of a client: one event loop per thread, no allocation and no clock read per token.
//!
//! ```text
//! listener (SO_REUSEPORT, one per thread) → http: head, body → routes: what is asked → stream: what is due → one write per wake
//!                                                                        ↑
//!                                       timing: fixed (timer heap) · batching (engine model) · unpaced
//! ```
//!
//! What it does not do: TLS, HTTP/2, real tokenizing (`prompt_tokens` is about bytes / 4), `n > 1` (one choice is always given).

#![forbid(unsafe_code)]

pub mod batching;
mod clock;
mod config;
mod error;
mod http;
mod listen;
mod metrics;
mod random;
mod routes;
mod server;
mod shared;
mod stream;
mod worker;

pub use clock::now_ns;
pub use config::{Config, Jitter, Timing};
pub use error::Error;
pub use server::{Server, run_until, start};
pub use shared::State;
