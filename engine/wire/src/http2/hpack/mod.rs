//! HPACK, the compression of header fields (RFC 7541).
//!
//! The decoder keeps the peer's dynamic table. The encoder keeps none: what is constant is encoded once per target, and
//! what varies is in no table long enough to be met again.

mod decoder;
mod encoder;
mod huffman;
mod integer;
mod table;

pub use decoder::Decoder;
pub use encoder::{field, sensitive};
pub(super) use encoder::{name, no_table, plain};

/// An error of a header block (RFC 7541 §2.3.3, §3.3, §4.2, §5.1, §5.2). The tables of both sides differ from
/// here on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HpackError {
    /// The block ends inside a field.
    #[error("the block ends inside a field")]
    Truncated,
    /// An integer is over 2^28, or is spelled in more bytes than one below that needs.
    #[error("an integer is too large")]
    Integer,
    /// An index of 0, or one beyond the tables.
    #[error("an index points to no entry of the tables")]
    Index,
    /// A Huffman string holds the end-of-string symbol, or padding that is over 7 bits or not all ones.
    #[error("a Huffman string is badly coded")]
    Huffman,
    /// The table is to be larger than our SETTINGS allow.
    #[error("the dynamic table is to be larger than allowed")]
    TableSize,
    /// The table's size changes after a field.
    #[error("the dynamic table changes its size after a field")]
    LateTableSize,
}

#[cfg(test)]
mod tests;
