//! Small files that flags name.

pub(crate) use ringload_engine::files::small_text as text;

/// Most bytes of a file that holds a key.
pub(crate) const KEY_BYTES: u64 = 64 << 10;
/// Most bytes of a file of a rate series.
pub(crate) const SERIES_BYTES: u64 = 64 << 20;
/// Most bytes of a file that holds a system prompt.
pub(crate) const PROMPT_BYTES: u64 = 64 << 20;
/// Most bytes of a file of headers.
pub(crate) const HEADER_BYTES: u64 = 1 << 20;
