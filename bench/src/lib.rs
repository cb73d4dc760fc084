//! Benchmarks of the ringload engine.
//!
//! * `floor`: the bare reader that drains the same sockets without parsing.
//! * `truth`: what ringload reported of a run, held against what the server did ([`truth`]).
#![forbid(unsafe_code)]

pub mod truth;
