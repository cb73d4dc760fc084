//! The ringload engine: everything that decides a number.
//!
//! One sentence: a [`plan::Plan`] is split over pinned cores; each core sends what is due, stamps what arrives, and
//! keeps its own sums; the sums are added into one [`measure::Summary`], judged by [`verdict`], and rendered elsewhere.
//!
//! ```text
//!   plan ──► schedule ──► worker ──► driver (uring | epoll | sim) ──► kernel
//!                           │  ▲           │ bytes, stamps
//!                           │  └─ exchange ◄── wire (http1, http2, sse) ◄── api (what is output?)
//!                           ▼
//!                        record ──► measure ──► verdict
//! ```
//!
//! **Clock rule.** All instants are [`clock::Nanos`] on `CLOCK_MONOTONIC`. A worker asks its [`driver`] for the time,
//! so that a whole run can be played in virtual time; threads beside the workers (in [`run`], [`resolve`], [`host`]
//! and [`files`]) read [`clock::monotonic`], and [`clock::realtime`] is read for the start of a run and for the date in
//! a chat template. Pure modules get time and randomness as arguments; `docs/ARCHITECTURE.md` marks them.
//!
//! # A run in five lines
//!
//! ```no_run
//! use ringload_engine::{Plan, Run, plan::{Phase, Target}};
//!
//! let target = Target::parse("http://127.0.0.1:8000")?;
//! let plan = Plan::new(vec![target], "my-model", Phase::closed(8, 100));
//! let result = Run::prepare(&plan)?.execute()?;
//! let counts = &result.summary.counts;
//! println!("{:?}: {} of {} requests succeeded", result.verdict.status, counts.succeeded, counts.issued);
//! # Ok::<(), ringload_engine::Error>(())
//! ```
//!
//! [`Run::prepare`] and [`Run::execute`] are the whole way from a [`Plan`] to a [`RunResult`]; `examples/` has an open
//! loop judged by an SLO, a closed loop, and an API of any shape.
//!
//! Messages say what to change by the fields of a [`Plan`]; [`setting::name_with`] gives them a program's own names.
//!
//! # Cargo features
//!
//! All are on by default. A program that needs none of them compiles a third fewer crates with
//! `default-features = false`.
//!
//! * `tokenizers` reads a `tokenizer.json`, and applies the merges of the built-in vocabulary. Without it a token is a
//!   word, all counts are approximate, and a plan that names a tokenizer is refused.
//! * `hub` downloads tokenizers by their name on the Hugging Face hub. Without it only local files and caches are read.
//! * `images` makes PNG and JPEG images of noise for prompts. Without it a plan that asks for them is refused; those
//!   of a dataset are sent all the same.
//!
//! **What this crate does not do.** It parses no flags, prints nothing, and writes no report file: that is the
//! `ringload` binary.
#![forbid(unsafe_code)]

pub mod api;
pub mod calibration;
pub mod campaign;
pub mod capacity;
pub mod comparison;
pub mod control;
pub mod dataset;
pub mod error;
pub mod exchange;
pub mod files;
pub mod host;
#[doc(hidden)]
pub mod internal;
mod interned;
mod jinja;
pub mod measure;
pub mod optimization;
pub mod plan;
pub mod random;
pub mod record;
pub mod resolve;
pub mod run;
pub mod schedule;
pub mod setting;
pub mod statistics;
mod sync;
pub mod telemetry;
pub mod verdict;
pub mod worker;
pub mod workload;

pub use error::{Blame, Error, Result};
pub use interned::Name;
pub use plan::Plan;
pub use ringload_driver as driver;
pub use ringload_driver::{arrival, clock};
pub use ringload_wire as wire;
pub use run::{Run, RunResult};
