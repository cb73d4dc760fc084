//! The Huffman code (RFC 7541 §5.2, Appendix B).
//!
//! The code is canonical: the lengths of its words say everything, and the words are counted up from them.

use super::HpackError;

/// Appends the decoded string to `out`; at most 8/5 of the bytes of `coded`.
pub(super) fn decode(coded: &[u8], out: &mut Vec<u8>) -> Result<(), HpackError> {
    let mut bytes = coded.iter();
    // The next `have` bits, from the top; ones below them.
    let (mut window, mut have) = (u64::MAX, 0_u32);
    loop {
        while have <= 56
            && let Some(byte) = bytes.next()
        {
            window &= !(0xff << (56 - have)) | u64::from(*byte) << (56 - have);
            have += 8;
        }
        let next = (window >> 32) as u32;
        let Some(row) = ROWS.iter().find(|row| u64::from(next) < row.end) else {
            return Err(HpackError::Huffman);
        };
        if row.bits > have {
            // Only padding is left: fewer than 8 ones.
            let padding = have < 8 && window == u64::MAX;
            return if padding { Ok(()) } else { Err(HpackError::Huffman) };
        }
        let at = row.before + ((next - row.first) >> (32 - row.bits)) as usize;
        match SYMBOLS.get(at).and_then(|s| u8::try_from(*s).ok()) {
            Some(symbol) => out.push(symbol),
            None => return Err(HpackError::Huffman),
        }
        window = window << row.bits | ((1 << row.bits) - 1);
        have -= row.bits;
    }
}

/// Appends the coded string to `out`.
pub(super) fn encode(text: &[u8], out: &mut Vec<u8>) {
    let (mut window, mut have) = (0_u64, 0_u32);
    for byte in text {
        let (word, bits) = WORDS.get(usize::from(*byte)).copied().unwrap_or_default();
        window = window << bits | u64::from(word);
        have += bits;
        while have >= 8 {
            have -= 8;
            out.push((window >> have) as u8);
        }
    }
    if have > 0 {
        out.push((window << (8 - have)) as u8 | u8::MAX >> have);
    }
}

/// Bytes that [`encode`] makes of a string.
pub(super) fn encoded_len(text: &[u8]) -> usize {
    let bits = text.iter().map(|b| WORDS.get(usize::from(*b)).map_or(0, |(_, bits)| *bits as usize));
    bits.sum::<usize>().div_ceil(8)
}

/// The words of one length.
#[derive(Clone, Copy)]
struct Row {
    bits: u32,
    /// The first of them, in the top bits.
    first: u32,
    /// The first word of the next length, in the top bits: every 32 bits below it begin with a word of this length or
    /// less.
    end: u64,
    /// Where its symbols begin in [`SYMBOLS`].
    before: usize,
}

/// The word of each symbol, in the low bits, and its length.
static WORDS: [(u32, u32); 257] = tables().0;
/// The symbols in the order of their words.
static SYMBOLS: [u16; 257] = tables().1;
/// The lengths from 5 to 30 bits.
static ROWS: [Row; 26] = tables().2;

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, which would say so")]
const fn tables() -> ([(u32, u32); 257], [u16; 257], [Row; 26]) {
    let mut words = [(0, 0); 257];
    let mut symbols = [0; 257];
    let row = Row { bits: 0, first: 0, end: 0, before: 0 };
    let mut rows = [row; 26];
    let (mut bits, mut word, mut seen) = (5, 0_u32, 0);
    while bits <= 30 {
        let row = &mut rows[bits as usize - 5];
        row.bits = bits;
        row.before = seen;
        row.first = word << (32 - bits);
        let mut symbol = 0;
        while symbol < 257 {
            if LENGTHS[symbol] as u32 == bits {
                words[symbol] = (word, bits);
                symbols[seen] = symbol as u16;
                seen += 1;
                word += 1;
            }
            symbol += 1;
        }
        row.end = (word as u64) << (32 - bits);
        word <<= 1;
        bits += 1;
    }
    (words, symbols, rows)
}

/// Bits of the word of each symbol; the last is the end of the string.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];
