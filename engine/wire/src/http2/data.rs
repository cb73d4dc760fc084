//! DATA frames: whose they are, and whether they fit (RFC 9113 §6.1, §6.9).

use super::connection::Connection;
use super::error::{Http2Error, StreamError};
use super::frame::{self, Header};
use super::receive::Data;
use super::window::DEFAULT;

impl Connection {
    /// Accounts for a DATA frame in the connection's window, and fills it up.
    pub(super) fn connection_window(&mut self, length: u32, out: &mut Vec<u8>) -> Result<(), Http2Error> {
        let waited = self.own_window.take(length, 0, self.now);
        self.receive_zero.add(waited.ok_or(Http2Error::WindowExceeded)?);
        if let Some(increment) = self.own_window.refill() {
            frame::window_update(out, 0, increment);
        }
        Ok(())
    }

    /// A DATA frame begins; `padding` counts its length byte too.
    pub(super) fn data(&mut self, header: Header, padding: u32, out: &mut Vec<u8>) -> Result<(), Http2Error> {
        let left = header.length.checked_sub(padding).ok_or(Http2Error::BadPadding)?;
        let end = header.is(frame::END_STREAM);
        if left == 0 && !end {
            self.budget.spend(self.now)?;
        }
        let mut known = usize::MAX;
        match self.streams.find(header.stream) {
            None => self.late(header.stream, end, out)?,
            Some(slot) => match self.account(slot, header, left, out) {
                Ok(()) => {
                    known = slot;
                    if left > 0 {
                        self.budget.progress();
                    }
                }
                Err(error) => self.break_stream(header.stream, error, out),
            },
        }
        let padding = padding.saturating_sub(1);
        self.read_data(Data { stream: header.stream, slot: known, left, padding, end });
        Ok(())
    }

    /// Accounts for a DATA frame on an open stream, and fills its window up.
    pub(super) fn account(
        &mut self,
        slot: usize,
        header: Header,
        bytes: u32,
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        let Some(stream) = self.streams.at(slot, header.stream) else {
            return Ok(());
        };
        if !stream.headed {
            return Err(StreamError::Malformed("a body before its head"));
        }
        // Until it knows our settings the peer may use the window that every stream has at first.
        let slack = match self.acknowledged {
            true => 0,
            false => (DEFAULT - i64::from(self.config.stream_window)).max(0),
        };
        let waited = stream.receive_window.take(header.length, slack, self.now);
        self.receive_zero.add(waited.ok_or(StreamError::WindowExceeded)?);
        stream.received += u64::from(bytes);
        if stream.expected.is_some_and(|expected| stream.received > expected) {
            return Err(StreamError::LengthMismatch);
        }
        if !header.is(frame::END_STREAM)
            && let Some(increment) = stream.receive_window.refill()
        {
            frame::window_update(out, header.stream, increment);
        }
        Ok(())
    }
}
