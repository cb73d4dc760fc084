//! Chunked bodies.

use super::cut;
use ringload_engine::wire::http1::{Decoder, HeadLimits, Part};

/// A chunked body says the same however it is cut into reads, and what a reading of its grammar says that has it all
/// before it. The first byte seeds the cuts and the second sets the limit of the trailers.
pub fn chunked(data: &[u8]) {
    let [seed, limit, body @ ..] = data else {
        return;
    };
    let limits = HeadLimits { bytes: HEAD.len() + usize::from(*limit), fields: 4 };
    let expected = reference(body, limits);
    assert_eq!(decode(limits, [body].into_iter()), expected, "whole");
    assert_eq!(decode(limits, body.chunks(1)), expected, "byte by byte");
    assert_eq!(decode(limits, cut(body, *seed)), expected, "cut at random");
}

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// The body without its framing, and the length of its coding when it is complete.
type Decoded = (Vec<u8>, Option<usize>);

fn decode<'a>(limits: HeadLimits, reads: impl Iterator<Item = &'a [u8]>) -> Decoded {
    let mut decoder = Decoder::new(limits);
    let mut head = HEAD;
    assert!(matches!(decoder.next(&mut head), Ok(Some(Part::Head(_)))));
    let (mut body, mut used) = (Vec::new(), 0);
    for read in reads {
        let mut input = read;
        loop {
            match decoder.next(&mut input) {
                Ok(Some(Part::Body(piece))) => body.extend_from_slice(piece),
                Ok(Some(Part::End { .. })) => return (body, Some(used + read.len() - input.len())),
                Ok(Some(Part::Head(_))) => panic!("a second head"),
                Ok(None) => break,
                Err(_) => return (body, None),
            }
        }
        assert!(input.is_empty(), "bytes are left but wanted");
        used += read.len();
    }
    (body, None)
}

/// RFC 9112 §7.1 line by line.
fn reference(coded: &[u8], limits: HeadLimits) -> Decoded {
    let (mut body, mut rest) = (Vec::new(), coded);
    let complete = chunks(&mut rest, &mut body, limits).is_some();
    (body, complete.then_some(coded.len() - rest.len()))
}

fn chunks(rest: &mut &[u8], body: &mut Vec<u8>, limits: HeadLimits) -> Option<()> {
    while let size @ 1.. = size(line(rest)?.0)? {
        let here = usize::try_from(size).map_or(rest.len(), |n| n.min(rest.len()));
        let (data, after) = rest.split_at(here);
        body.extend_from_slice(data);
        *rest = after.strip_prefix(b"\r\n").or_else(|| after.strip_prefix(b"\n"))?;
    }
    let (mut fields, mut bytes) = (0, 0);
    loop {
        let (field, end) = line(rest)?;
        bytes += field.len() + end;
        // The last LF is not asked about.
        if bytes - 1 > limits.bytes || bytes > limits.bytes && !field.is_empty() {
            return None;
        }
        if field.is_empty() {
            return Some(());
        }
        fields += 1;
        let colon = field.iter().position(|b| *b == b':')?;
        let (name, value) = (&field[..colon], &field[colon + 1..]);
        if fields > limits.fields || name.is_empty() || !name.iter().all(|b| tchar(*b)) || !text(value) {
            return None;
        }
    }
}

/// The value of a size line, its extension skipped.
fn size(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let (size, extension) = line.split_at(digits);
    let blanks = extension.iter().take_while(|b| matches!(b, b' ' | b'\t'));
    let extension = &extension[blanks.count()..];
    let fine = extension.is_empty() || extension[0] == b';' && text(extension);
    let size = u64::from_str_radix(str::from_utf8(size).ok()?, 16).ok()?;
    (fine && line.len() <= 4096).then_some(size)
}

/// The line up to the next LF or CR LF, and how many bytes that is.
fn line<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], usize)> {
    let end = rest.iter().position(|b| *b == b'\n')?;
    let (line, after) = rest.split_at(end);
    *rest = &after[1..];
    Some(line.strip_suffix(b"\r").map_or((line, 1), |line| (line, 2)))
}

fn text(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| matches!(b, b'\t' | b' '..=b'~' | 0x80..))
}

fn tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
