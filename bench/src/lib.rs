//! Benchmarks of the ringload engine. Programs: `floor`, the bare reader that drains the same sockets without parsing.
#![forbid(unsafe_code)]
