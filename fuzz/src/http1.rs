//! Responses over HTTP/1.

use super::cut;
use ringload_engine::wire::http1::{Decoder, Head, HeadLimits, HttpError, Part};

/// A response says the same however it is cut into reads. The first byte seeds the cuts and the second sets the limit
/// of the head.
pub fn http1(data: &[u8]) {
    let [seed, limit, response @ ..] = data else {
        return;
    };
    let limits = HeadLimits { bytes: 16 + 8 * usize::from(*limit), fields: 8 };
    let whole = decode(limits, [response].into_iter());
    assert!(whole.body.len() <= response.len());
    assert_eq!(decode(limits, response.chunks(1)), whole, "byte by byte");
    assert_eq!(decode(limits, cut(response, *seed)), whole, "cut at random");
}

#[derive(Debug, PartialEq)]
struct Decoded {
    head: Option<Head>,
    body: Vec<u8>,
    reusable: Option<bool>,
    /// The close of the connection after the last byte came too early.
    truncated: bool,
    /// Something else is wrong: what it is, and with which byte it shows, may depend on the cuts.
    bad: bool,
}

fn decode<'a>(limits: HeadLimits, reads: impl Iterator<Item = &'a [u8]>) -> Decoded {
    let mut decoder = Decoder::new(limits);
    let mut out = Decoded { head: None, body: Vec::new(), reusable: None, truncated: false, bad: false };
    for mut input in reads {
        loop {
            match decoder.next(&mut input) {
                Ok(Some(Part::Head(head))) => assert!(out.head.replace(head).is_none()),
                Ok(Some(Part::Body(body))) => out.body.extend_from_slice(body),
                Ok(Some(Part::End { reusable })) => {
                    assert!(out.reusable.replace(reusable).is_none());
                }
                Ok(None) => break,
                Err(_) => {
                    out.bad = true;
                    return out;
                }
            }
        }
        assert!(input.is_empty() || out.reusable.is_some(), "bytes are left but wanted");
    }
    match decoder.eof() {
        Err(HttpError::Truncated | HttpError::ClosedBeforeResponse) => out.truncated = true,
        Err(_) => out.bad = true,
        Ok(_) => {}
    }
    out
}
