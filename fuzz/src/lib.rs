//! What must hold for any bytes: one check per parser. They panic when it does not.
//!
//! The fuzz targets run them on what libFuzzer makes up; the engine's tests include this file and run them on the
//! committed corpora and on what proptest makes up.

mod chunked;
mod exchange;
mod exposition;
mod files;
mod http1;
mod http2;
mod scan;
mod sse;

pub use chunked::chunked;
pub use exchange::exchange;
pub use exposition::exposition;
pub use files::{dataset, record_log, reply};
pub use http1::http1;
pub use http2::{hpack, http2};
pub use scan::scan;
pub use sse::sse;

/// Cuts `bytes` into pieces of 1 to 8 bytes.
fn cut(bytes: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let mut state = u32::from(seed) | 1 << 16;
    let mut rest = bytes;
    std::iter::from_fn(move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let (piece, later) = rest.split_at((1 + state as usize % 8).min(rest.len()));
        rest = later;
        (!piece.is_empty()).then_some(piece)
    })
}
