//! HEADERS frames and what continues them (RFC 9113 §6.2, §6.10, §8.1).

use super::connection::Connection;
use super::error::Http2Error;
use super::event::Event;
use super::frame::{self, Header};
use super::response::{Response, Section};

impl Connection {
    pub(super) fn headers(&mut self, header: Header, mut payload: &[u8], out: &mut Vec<u8>) -> Result<(), Http2Error> {
        const SHORT: Http2Error = Http2Error::BadLength("HEADERS");
        let mut padding = 0;
        if header.is(frame::PADDED) {
            let (length, rest) = payload.split_first().ok_or(SHORT)?;
            (padding, payload) = (usize::from(*length), rest);
        }
        if header.is(frame::WITH_PRIORITY) {
            payload = payload.get(5..).ok_or(SHORT)?;
        }
        let length = payload.len().checked_sub(padding).ok_or(Http2Error::BadPadding)?;
        let fragment = payload.get(..length).unwrap_or_default();
        self.block.begin(header.stream, header.is(frame::END_STREAM));
        self.block.add(fragment)?;
        self.close_block(header, out)
    }

    /// Decodes the header block if it is whole.
    pub(super) fn close_block(&mut self, header: Header, out: &mut Vec<u8>) -> Result<(), Http2Error> {
        if !header.is(frame::END_HEADERS) {
            return Ok(());
        }
        self.block.close();
        let (id, end) = (header.stream, self.block.end_stream);
        let stream = self.streams.by_id(id);
        let open = stream.is_some();
        let mut response = Response::new(&self.config, stream.is_some_and(|s| s.headed));
        self.decoder.decode(&self.block.bytes, |name, value| response.add(name, value)).map_err(Http2Error::Hpack)?;
        if !open {
            self.budget.spend(self.now)?;
            return self.late(id, end, out);
        }
        match response.finish(end) {
            Err(error) => self.break_stream(id, error, out),
            Ok(Section::Interim) => self.budget.spend(self.now)?,
            Ok(Section::Trailers) => self.end(id, out),
            Ok(Section::Final(head)) => {
                self.budget.progress();
                if let Some(stream) = self.streams.by_id(id) {
                    stream.headed = true;
                    stream.expected = head.length;
                    let tag = stream.tag;
                    self.queue.push_back(Event::Head { tag, head: Box::new(head) });
                }
                if end {
                    self.end(id, out);
                }
            }
        }
        Ok(())
    }
}
