//! Benchmarks of the ringload engine.
//!
//! * `floor`: the bare reader that drains the same sockets without parsing.
//! * `truth`: what ringload reported of a run, compared with what the server did ([`ringload_mock::comparison`]).
//! * `counts`: runs one case for callgrind.
//!
//! The path of a token is cut into stages, each with its cases; `cargo bench` times them and
//! `bench/compare/instructions.sh` counts their instructions: the same bytes, the same calls.
#![forbid(unsafe_code)]

pub mod case;
pub mod cases;
mod peer;
mod samples;
