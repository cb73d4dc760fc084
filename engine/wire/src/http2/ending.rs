//! How streams end, in good order and otherwise (RFC 9113 §5.4, §6.8, §8.1).

use super::closed::By;
use super::connection::Connection;
use super::error::{Code, Http2Error, StreamError};
use super::event::Event;
use super::frame;

impl Connection {
    pub(super) fn go_away(&mut self, last: u32, code: u32, debug: &[u8]) -> Result<(), Http2Error> {
        self.budget.spend(self.now)?;
        self.set_going_away(Code(code));
        self.debug.clear();
        self.debug.extend(debug.iter().take(DEBUG_BYTES));
        self.queue.push_back(Event::GoAway { code });
        let unseen: Vec<u32> = self.streams.iter().map(|s| s.id).filter(|id| *id > last).collect();
        for id in unseen {
            if let Some(tag) = self.remove(id) {
                self.closed.add(id, By::Us);
                self.queue.push_back(Event::Unprocessed { tag, code });
            }
        }
        Ok(())
    }

    /// The response on a stream is complete.
    pub(super) fn end(&mut self, id: u32, out: &mut Vec<u8>) {
        let Some(stream) = self.streams.by_id(id) else {
            return;
        };
        if stream.expected.is_some_and(|expected| stream.received != expected) {
            return self.break_stream(id, StreamError::LengthMismatch, out);
        }
        if !stream.body.is_empty() {
            // It answered before it had the whole request (RFC 9113 §8.1): it needs no more of it.
            frame::reset(out, id, Code::CANCEL);
        }
        if let Some(tag) = self.remove(id) {
            self.queue.push_back(Event::End { tag });
        }
    }

    /// The server broke the rules on a stream, which need not be open.
    pub(super) fn break_stream(&mut self, id: u32, error: StreamError, out: &mut Vec<u8>) {
        if let Some(tag) = self.give_up(id, error.code(), out) {
            self.queue.push_back(Event::Broken { tag, error });
        }
    }

    pub(super) fn give_up(&mut self, id: u32, code: Code, out: &mut Vec<u8>) -> Option<u32> {
        let tag = self.remove(id)?;
        frame::reset(out, id, code);
        self.closed.add(id, By::Us);
        Some(tag)
    }

    pub(super) fn remove(&mut self, id: u32) -> Option<u32> {
        let (tag, waiting) = self.streams.remove(id)?;
        if waiting {
            self.sender.waits.end(self.now);
        }
        Some(tag)
    }

    /// DATA or HEADERS on a stream that is not open any more; `end` tells that the peer ends it.
    pub(super) fn late(&mut self, id: u32, end: bool, out: &mut Vec<u8>) -> Result<(), Http2Error> {
        match self.closed.late(id) {
            None => return Err(Http2Error::ClosedStream),
            Some(By::Peer) => frame::reset(out, id, Code::STREAM_CLOSED),
            Some(By::Us) => {}
        }
        if end {
            self.closed.forget(id);
        }
        Ok(())
    }
}

/// What is kept of a GOAWAY's text: all that a frame of usual size holds.
const DEBUG_BYTES: usize = 16 << 10;
