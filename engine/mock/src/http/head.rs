//! The head of a request.

use super::refusal::Refusal;

/// The parts of a request's head that the server uses.
#[derive(Debug, PartialEq)]
pub(crate) struct Head {
    /// Bytes of the head, the empty line included.
    pub(crate) size: usize,
    pub(crate) method: Method,
    /// The request target, its query included.
    pub(crate) target: String,
    /// Bytes of the body.
    pub(crate) body_size: usize,
    pub(crate) keep_alive: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub(crate) expects_continue: bool,
    /// The `x-mock` header: the same JSON object as the body's `mock` field.
    pub(crate) mock: Option<Box<[u8]>>,
    /// The `x-request-id` header.
    pub(crate) request_id: Option<Box<[u8]>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Method {
    Get,
    Post,
    Other,
}

/// Parses the head at the start of `bytes`; `None` when it is not complete yet. A refusal ends the connection.
pub(crate) fn parse_head(bytes: &[u8], body_limit: usize) -> Result<Option<Head>, Refusal> {
    let mut slots = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut slots);
    let size = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(size)) => size,
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_LIMIT => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err(Refusal::head_too_large());
        }
        Err(error) => return Err(Refusal::bad_head(&error.to_string())),
    };
    if parsed.version != Some(1) {
        return Err(Refusal::version());
    }
    let mut head = Head {
        size,
        method: match parsed.method {
            Some("GET") => Method::Get,
            Some("POST") => Method::Post,
            _ => Method::Other,
        },
        target: parsed.path.unwrap_or_default().to_owned(),
        body_size: 0,
        keep_alive: true,
        expects_continue: false,
        mock: None,
        request_id: None,
    };
    for header in parsed.headers.iter() {
        head.take(header, body_limit)?;
    }
    Ok(Some(head))
}

impl Head {
    fn take(&mut self, header: &httparse::Header<'_>, body_limit: usize) -> Result<(), Refusal> {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("content-length") {
            self.body_size = content_length(header.value)?;
            if self.body_size > body_limit {
                return Err(Refusal::body_too_large(body_limit));
            }
        } else if is("transfer-encoding") {
            return Err(Refusal::length_required());
        } else if is("connection") {
            self.keep_alive &= !header.value.eq_ignore_ascii_case(b"close");
        } else if is("expect") {
            self.expects_continue = header.value.eq_ignore_ascii_case(b"100-continue");
        } else if is("x-mock") {
            self.mock = Some(header.value.into());
        } else if is("x-request-id") {
            self.request_id = Some(header.value.into());
        }
        Ok(())
    }
}

fn content_length(value: &[u8]) -> Result<usize, Refusal> {
    let digits = value.trim_ascii();
    let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok().filter(|_| all_digits);
    text.and_then(|text| text.parse().ok()).ok_or_else(|| Refusal::bad_head("invalid content-length"))
}

const MAX_HEADERS: usize = 64;
const HEAD_LIMIT: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<Head>, Refusal> {
        parse_head(text.as_bytes(), 100)
    }

    fn status(text: &str) -> u16 {
        parse(text).unwrap_err().status
    }

    #[test]
    fn a_head_is_parsed_once_it_is_complete() {
        let text = "POST /v1/completions?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nConnection: Close\r\n\r\n{";
        for cut in 0..text.len() - 1 {
            assert_eq!(parse(&text[..cut]), Ok(None), "{cut}");
        }
        let head = parse(text).unwrap().unwrap();
        assert_eq!((head.size, head.body_size, head.method), (text.len() - 1, 12, Method::Post));
        assert_eq!(head.target, "/v1/completions?x=1");
        assert!(!head.keep_alive);
    }

    #[test]
    fn what_is_not_served_is_refused_with_its_status() {
        assert_eq!(status("GET / HTTP/1.0\r\n\r\n"), 505);
        assert_eq!(status("\0\0\0\0\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\ncontent-length: +1\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\ncontent-length: 101\r\n\r\n"), 413);
        assert_eq!(status("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"), 411);
        let many = "a: b\r\n".repeat(65);
        assert_eq!(status(&format!("GET / HTTP/1.1\r\n{many}\r\n")), 431);
        let long = "a".repeat(HEAD_LIMIT);
        assert_eq!(status(&format!("GET / HTTP/1.1\r\na: {long}")), 431);
    }
}
