//! A client's figures against the server's own account, token by token.
//!
//! The client's side is `profile_export.jsonl` of `ringload profile`, the server's the truth log of `ringload mock`;
//! they are joined by the request's id, and the k-th output event of one is the k-th of the other. Wall-clock instants
//! of the client become monotonic ones by the offset in the log.

mod client;
mod figures;
mod join;

pub use client::{Client, clients};
pub use figures::{Percentiles, ServerFigures, server_figures};
pub use join::{Comparison, Joined, Token, compare};
