//! DATA frames: whose they are, and whether they fit (RFC 9113 §6.1, §6.9).

use super::connection::Connection;
use super::error::{Http2Error, StreamError};
use super::event::Event;
use super::frame::{self, Header};
use super::receive::Data;
use super::window::DEFAULT;

impl Connection {
    /// The body bytes of the frame at the front of `input`, where it is DATA that lies there whole, without padding and
    /// flags, fits an open stream whose head came, and leaves both windows without a step to give back. Every other
    /// frame is left where it is, and nothing is changed: the steps below read it.
    #[inline]
    pub(super) fn whole_data<'a>(&mut self, input: &mut &'a [u8]) -> Option<Event<'a>> {
        let (header, rest) = frame::plain_data(input)?;
        if !self.settings_received || self.block.open().is_some() || self.assembler.is_within() {
            return None;
        }
        let (bytes, rest) = rest.split_at_checked(header.length as usize)?;
        let stream = self.streams.recent(header.stream)?;
        let received = stream.received + u64::from(header.length);
        let fits = self.own_window.keeps(header.length) && stream.receive_window.keeps(header.length);
        if !fits || !stream.headed || stream.expected.is_some_and(|expected| received > expected) {
            return None;
        }
        self.own_window.take_kept(header.length);
        stream.receive_window.take_kept(header.length);
        stream.received = received;
        self.budget.progress();
        *input = rest;
        Some(Event::Body { tag: stream.tag, bytes })
    }

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
