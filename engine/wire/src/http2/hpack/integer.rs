//! Integers with a prefix (RFC 7541 §5.1).

use super::HpackError;

/// Reads an integer whose first byte was taken from the front already; `prefix` is 4 to 7 bits.
pub(super) fn read(first: u8, prefix: u32, input: &mut &[u8]) -> Result<usize, HpackError> {
    let mask = prefix_mask(prefix);
    let mut value = usize::from(first & mask);
    if value < usize::from(mask) {
        return Ok(value);
    }
    for shift in (0..MAX_BITS).step_by(7) {
        let (byte, rest) = input.split_first().ok_or(HpackError::Truncated)?;
        *input = rest;
        value += usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(HpackError::Integer)
}

/// Appends an integer; `pattern` holds the bits of the first byte before the prefix.
pub(super) fn write(out: &mut Vec<u8>, pattern: u8, prefix: u32, value: usize) {
    let mask = prefix_mask(prefix);
    if let Some(small) = u8::try_from(value).ok().filter(|v| *v < mask) {
        out.push(pattern | small);
        return;
    }
    out.push(pattern | mask);
    let mut left = value - usize::from(mask);
    while left >= 0x80 {
        out.push(0x80 | (left & 0x7f) as u8);
        left >>= 7;
    }
    out.push(left as u8);
}

fn prefix_mask(prefix: u32) -> u8 {
    u8::MAX.checked_shr(8 - prefix.min(8)).unwrap_or(0)
}

/// Bits after the prefix: nothing in HTTP/2 that is worth reading needs more.
const MAX_BITS: u32 = 28;
