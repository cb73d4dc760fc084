//! A synthetic OpenAI-compatible inference server that records its own timing.
//!
//! It exists to test load engines: every output chunk says when it was written (`sent_ns`, `CLOCK_MONOTONIC`), the
//! arrival of every request can be asked for, and the schedule of a stream is absolute, so that a measured latency has
//! a known right answer. It is also fast enough to find the ceiling of a client: one event loop per thread, no
//! allocation and no clock read per token.
//!
//! ```text
//! listener (SO_REUSEPORT, one per thread) → http: head, body → routes: the request → stream: what is due
//!                                                                                        ↑      │
//!                        timing: fixed (timer heap) · batching (engine model) · unpaced ─┘      ▼
//!                                                                                one write per wake
//! ```
//!
//! | path | |
//! |---|---|
//! | `POST /v1/chat/completions`, `POST /v1/completions` | streamed or whole; `finish_reason` is always `length` |
//! | `POST /v1/responses`, `POST /v1/messages` | the same, as OpenAI's Responses and Anthropic's Messages |
//! | `POST /generate`, `POST /generate_stream` | the same, as text-generation-inference |
//! | `POST /v1/embeddings`, `/v2/rerank`, `/rerank`, `/v1/ranking` | vectors or scores, at the time of a first token |
//! | `GET /v1/models`, `/health`, `/metrics` | metrics under vLLM's names |
//! | `POST /mock/freeze?ms=1000` | as [`Server::freeze`] |
//! | `POST /mock/reset` | as [`Server::reset`] |
//! | `GET /mock/state`, `/mock/arrivals` | as [`Server::state`], [`Server::arrivals`] |
//!
//! A generation request may script its own response, by an object `mock` in its body or as JSON in the header `x-mock`:
//! `ttft_ms`, `itl_ms` (these make its timing fixed), `tokens_per_event`, `events_per_write`, `status` (400 to 599, at
//! once), and after so many tokens `fail_after` (an error event, then `[DONE]`), `close_after`, `reset_after`,
//! `stall_after`.
//!
//! `sent_ns` is read once per write, just before it; all events of one write share it. What the socket does not take at
//! once is sent later with the `sent_ns` it has; nothing more is rendered until it is gone. [`State::late_max_ns`] is
//! the server's own lag.
//!
//! ```
//! use ringload_mock::{Config, start};
//!
//! let server = start(Config::default())?;
//! println!("http://{}/v1/chat/completions", server.addr());
//! server.stop();
//! # Ok::<(), ringload_mock::Error>(())
//! ```
//!
//! With [`Config::truth`] the instants of every request's receipt and of every write are noted for [`Server::truth`]:
//! what a client that does not read `sent_ns` is compared with.
//!
//! TLS and HTTP/2 are on the same port, as [`Config::tls`] and [`Config::protocol`] say. HTTP/1.1 is served by the
//! event loops, with or without TLS; a connection that turns out to speak HTTP/2 is handed to a thread beside its loop.
//! There `sent_ns` is read before the event is queued on its connection, which may put it into one write with those of
//! other streams; `reset_after` resets the stream (`INTERNAL_ERROR`), and `close_after` closes the connection with all
//! that is on it.
//!
//! What it does not do: real tokenizing (`prompt_tokens` counts words and signs), `n > 1` (one choice is always given).

#![forbid(unsafe_code)]

pub mod batching;
mod clock;
pub mod comparison;
mod config;
mod error;
mod histogram;
mod http;
mod http2;
mod listen;
mod metrics;
mod pages;
mod random;
mod routes;
mod server;
mod shared;
mod stream;
mod timers;
mod tls;
pub mod truth;
mod worker;

pub use clock::now_ns;
pub use config::{Config, Delays, Jitter, Protocol, Timing};
pub use error::Error;
pub use server::{Server, run_until, start};
pub use shared::State;
pub use tls::{Certificate, ClientCa, Identity, TlsConfig, Versions};
