//! The chunked transfer coding (RFC 9112 §7.1).
//!
//! ```text
//!   chunk          = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
//!   last-chunk     = 1*("0") [ chunk-ext ] CRLF
//!   chunked-body   = *chunk last-chunk trailer-section CRLF
//! ```
//!
//! A line may end in LF alone, as a head's may (RFC 9112 §2.2). Extensions and trailers are skipped.

use super::{HeadLimits, HttpError};
use crate::head::token;

/// Decodes one chunked body.
#[derive(Debug)]
pub(super) struct Chunked {
    at: At,
    /// Bytes of the chunk that are still to come.
    left: u64,
    /// Bytes of the size line, then of the trailers.
    spent: usize,
    /// Trailer fields.
    fields: usize,
    limits: HeadLimits,
}

/// A piece of a chunked body.
pub(super) enum Chunk<'a> {
    Data(&'a [u8]),
    End,
}

/// The byte that is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    SizeFirst,
    Size,
    SizeBlank,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerFirst,
    TrailerName,
    TrailerBlank,
    TrailerValue,
    TrailerLf,
    EndLf,
    /// An empty line stands where a size should be: how many bytes of [`CUT`] were seen.
    Cut(u8),
}

impl Chunked {
    pub(super) fn new(limits: HeadLimits) -> Self {
        Self { at: At::SizeFirst, left: 0, spent: 0, fields: 0, limits }
    }

    /// The next piece, from the front of `input`; `None` needs more bytes.
    #[inline]
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Chunk<'a>>, HttpError> {
        loop {
            match self.at {
                At::SizeFirst => {
                    if let Some((size, rest)) = plain_size(input) {
                        // Most chunks lie whole in the read.
                        if let Some((data, rest)) = whole(size, rest) {
                            *input = rest;
                            return Ok(Some(Chunk::Data(data)));
                        }
                        *input = rest;
                        self.left = size;
                        self.at = At::Data;
                        continue;
                    }
                }
                At::Data if input.is_empty() => return Ok(None),
                At::Data => return Ok(Some(Chunk::Data(self.data(input)))),
                _ => {}
            }
            let Some((&byte, rest)) = input.split_first() else {
                return Ok(None);
            };
            *input = rest;
            if byte == b'\n' && matches!(self.at, At::TrailerFirst | At::EndLf) {
                return Ok(Some(Chunk::End));
            }
            self.at = self.step(byte)?;
        }
    }

    fn data<'a>(&mut self, input: &mut &'a [u8]) -> &'a [u8] {
        let n = usize::try_from(self.left).map_or(input.len(), |left| left.min(input.len()));
        let (data, rest) = input.split_at(n);
        *input = rest;
        self.left -= n as u64;
        if self.left == 0 {
            self.at = At::DataCr;
            // Their CR LF goes with the last bytes, if it is there.
            if let Some(rest) = rest.strip_prefix(b"\r\n") {
                *input = rest;
                self.at = At::SizeFirst;
            }
        }
        data
    }

    /// What is expected after `byte`.
    fn step(&mut self, byte: u8) -> Result<At, HttpError> {
        match (self.at, byte) {
            (At::SizeFirst, b'\r') => Ok(At::Cut(1)),
            (At::Cut(seen), _) if CUT.get(usize::from(seen)) == Some(&byte) => {
                if usize::from(seen) + 1 == CUT.len() {
                    return Err(HttpError::CutOff);
                }
                Ok(At::Cut(seen + 1))
            }
            (At::Cut(_), _) => Err(HttpError::BadChunkSize),
            (At::SizeFirst, _) => {
                let digit = hex(byte).ok_or(HttpError::BadChunkSize)?;
                self.left = digit;
                self.spent = 1;
                Ok(At::Size)
            }
            (At::Size, b'\r') => Ok(At::SizeLf),
            (At::Size | At::SizeBlank | At::Extension | At::SizeLf, b'\n') => Ok(self.sized()),
            (At::Size | At::SizeBlank, b' ' | b'\t') => self.size_line(At::SizeBlank),
            (At::Size | At::SizeBlank, b';') => self.size_line(At::Extension),
            (At::Size, _) => {
                let digit = hex(byte).ok_or(HttpError::BadChunkSize)?;
                if self.left > u64::MAX >> 4 {
                    return Err(HttpError::BadChunkSize);
                }
                self.left = self.left << 4 | digit;
                self.size_line(At::Size)
            }
            (At::SizeBlank | At::Extension, b'\r') => Ok(At::SizeLf),
            (At::Extension, b'\t' | b' '..=b'~' | 0x80..) => self.size_line(At::Extension),
            (At::DataCr, b'\r') => Ok(At::DataLf),
            (At::DataCr | At::DataLf, b'\n') => Ok(At::SizeFirst),
            (At::SizeBlank | At::Extension | At::SizeLf | At::DataCr | At::DataLf, _) => Err(HttpError::BadChunk),
            _ => self.trailer(byte),
        }
    }

    /// What is expected after the size line.
    fn sized(&mut self) -> At {
        if self.left > 0 {
            return At::Data;
        }
        self.spent = 0;
        At::TrailerFirst
    }

    fn trailer(&mut self, byte: u8) -> Result<At, HttpError> {
        self.spent += 1;
        if self.spent > self.limits.bytes {
            return Err(HttpError::TrailersTooLong);
        }
        match (self.at, byte) {
            (At::TrailerFirst, b'\r') => Ok(At::EndLf),
            // A folded field goes on (RFC 9112 §5.2).
            (At::TrailerFirst, b' ' | b'\t') if self.fields > 0 => Ok(At::TrailerValue),
            (At::TrailerFirst, _) if token(byte) => {
                self.fields += 1;
                if self.fields > self.limits.fields {
                    return Err(HttpError::TrailersTooLong);
                }
                Ok(At::TrailerName)
            }
            (At::TrailerName | At::TrailerBlank, b':') => Ok(At::TrailerValue),
            // As in the head, blanks before the colon are passed over.
            (At::TrailerName | At::TrailerBlank, b' ' | b'\t') => Ok(At::TrailerBlank),
            (At::TrailerName, _) if token(byte) => Ok(At::TrailerName),
            (At::TrailerValue, b'\r') => Ok(At::TrailerLf),
            (At::TrailerValue, b'\t' | b' '..=b'~' | 0x80..) => Ok(At::TrailerValue),
            (At::TrailerValue | At::TrailerLf, b'\n') => Ok(At::TrailerFirst),
            _ => Err(HttpError::BadTrailer),
        }
    }

    fn size_line(&mut self, then: At) -> Result<At, HttpError> {
        self.spent += 1;
        if self.spent > SIZE_LINE_BYTES {
            return Err(HttpError::ChunkLineTooLong);
        }
        Ok(then)
    }
}

/// The size, and what follows, of a chunk whose size line is whole and nothing but a few digits: nearly every chunk.
/// Not the last chunk.
#[inline]
fn plain_size(input: &[u8]) -> Option<(u64, &[u8])> {
    let mut size = 0;
    for (i, byte) in input.iter().enumerate().take(8) {
        let digit = HEX[usize::from(*byte)];
        if digit == NO_DIGIT {
            let rest = input[i..].strip_prefix(b"\r\n")?;
            return (size > 0).then_some((size, rest));
        }
        size = size << 4 | u64::from(digit);
    }
    None
}

/// The data of a chunk that lies whole at the front of `input`, and what follows its CR LF.
#[inline]
fn whole(size: u64, input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (data, rest) = input.split_at_checked(usize::try_from(size).ok()?)?;
    Some((data, rest.strip_prefix(b"\r\n")?))
}

#[inline]
fn hex(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

/// The value of each byte as a hexadecimal digit.
const HEX: [u8; 256] = {
    let mut table = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        table[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    table
};

const NO_DIGIT: u8 = 0xff;

/// What stands in the place of a chunk's size where the server, or the proxy before it, breaks a body off that it
/// cannot complete: h2o writes it when its upstream has failed, so that no reader takes the body for a whole one.
const CUT: &[u8] = b"\r\n1\r\n";

/// Most bytes of a chunk's size line.
const SIZE_LINE_BYTES: usize = 4096;
