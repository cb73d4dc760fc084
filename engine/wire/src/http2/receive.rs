//! What comes in, frame by frame.

use super::closed::By;
use super::connection::Connection;
use super::error::{Code, Http2Error, StreamError};
use super::event::Event;
use super::frame::{self, Header};
use super::window::MAX;
use crate::Protocol;

/// The part of the input that is read next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reading {
    Header,
    /// A payload that is read whole.
    Payload(Header),
    /// The length of a DATA frame's padding.
    PadLength(Header),
    Data(Data),
    /// A payload that is not looked at.
    Skip(u32),
}

/// The rest of a DATA frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Data {
    pub(super) stream: u32,
    pub(super) slot: usize,
    pub(super) left: u32,
    pub(super) padding: u32,
    pub(super) end: bool,
}

impl Connection {
    pub(super) fn advance<'a>(
        &mut self,
        input: &mut &'a [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'a>>, Http2Error> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Ok(Some(event));
            }
            match &mut self.reading {
                Reading::Header => {
                    if let Some(event) = self.whole_data(input) {
                        return Ok(Some(event));
                    }
                    let Some(header) = self.assembler.next(input) else {
                        // A TLS alert is shorter than a frame's header, and the end comes after it.
                        return match self.assembler.held() {
                            [0x15 | 0x16, 3, ..] if !self.settings_received => Err(Http2Error::NotHttp2(Protocol::Tls)),
                            _ => Ok(None),
                        };
                    };
                    self.begin(header, out)?;
                }
                Reading::Data(data) if data.left > 0 => {
                    let bytes = front(input, data.left);
                    if bytes.is_empty() {
                        return Ok(None);
                    }
                    data.left -= bytes.len() as u32;
                    let (slot, stream) = (data.slot, data.stream);
                    if let Some(stream) = self.streams.at(slot, stream) {
                        let tag = stream.tag;
                        return Ok(Some(Event::Body { tag, bytes }));
                    }
                }
                Reading::Data(data) if data.padding > 0 => {
                    let skipped = front(input, data.padding).len() as u32;
                    if skipped == 0 {
                        return Ok(None);
                    }
                    data.padding -= skipped;
                }
                Reading::Data(data) => {
                    let (end, slot, stream) = (data.end, data.slot, data.stream);
                    self.reading = Reading::Header;
                    if end && self.streams.at(slot, stream).is_some() {
                        self.end(stream, out);
                    }
                }
                Reading::PadLength(header) => {
                    let Some((padding, rest)) = input.split_first() else {
                        return Ok(None);
                    };
                    *input = rest;
                    let header = *header;
                    self.data(header, u32::from(*padding) + 1, out)?;
                }
                Reading::Skip(left) => {
                    let left = *left;
                    let skipped = front(input, left).len() as u32;
                    if left > 0 && skipped == 0 {
                        return Ok(None);
                    }
                    self.reading = match left - skipped {
                        0 => Reading::Header,
                        left => Reading::Skip(left),
                    };
                }
                Reading::Payload(header) => {
                    let header = *header;
                    if !self.whole_payload(header, input, out)? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Reads a payload to its end, and what it holds; false while some of it has not come.
    fn whole_payload(&mut self, header: Header, input: &mut &[u8], out: &mut Vec<u8>) -> Result<bool, Http2Error> {
        let missing = header.length.saturating_sub(self.held.len() as u32);
        let bytes = front(input, missing);
        if self.held.is_empty() && bytes.len() as u32 == missing {
            self.reading = Reading::Header;
            self.payload(header, bytes, out)?;
            return Ok(true);
        }
        self.held.extend_from_slice(bytes);
        if bytes.len() as u32 != missing {
            return Ok(false);
        }
        self.reading = Reading::Header;
        let mut held = std::mem::take(&mut self.held);
        let done = self.payload(header, &held, out);
        held.clear();
        self.held = held;
        done.map(|()| true)
    }

    /// Checks what a frame's header says, and decides how the payload is read.
    ///
    /// That is written where it is read from next: on its way through a result, fields would be read in other widths
    /// than they were just written in, for which a core waits until all of its stores are in the cache.
    fn begin(&mut self, header: Header, out: &mut Vec<u8>) -> Result<(), Http2Error> {
        use Http2Error::{BadLength, FrameTooLong, Interleaved, WrongStream};
        let Header { kind, stream, length, .. } = header;
        let greets = kind == frame::SETTINGS && !header.is(frame::ACK) && stream == 0;
        // Two bytes of a TLS record are enough, however they were cut: what they would mean as a frame does not count.
        if !self.settings_received && (!greets || spoken(header) == Protocol::Tls) {
            return Err(Http2Error::NotHttp2(spoken(header)));
        }
        if length > frame::MAX_FRAME {
            return Err(FrameTooLong);
        }
        if let Some(open) = self.block.open()
            && (kind, stream) != (frame::CONTINUATION, open)
        {
            return Err(Interleaved);
        }
        let fixed = |name, expected| {
            if length == expected { Ok(()) } else { Err(BadLength(name)) }
        };
        let connection = |name| {
            if stream == 0 { Ok(()) } else { Err(WrongStream(name)) }
        };
        match kind {
            frame::DATA => return self.begin_data(header, out),
            frame::HEADERS => self.known(stream, "HEADERS")?,
            frame::PRIORITY if stream == 0 => return Err(WrongStream("PRIORITY")),
            frame::PRIORITY => {
                self.budget.spend(self.now)?;
                if length != 5 {
                    self.break_stream(stream, StreamError::BadPriority, out);
                }
                self.reading = Reading::Skip(length);
                return Ok(());
            }
            frame::RST_STREAM => {
                self.known(stream, "RST_STREAM")?;
                fixed("RST_STREAM", 4)?;
            }
            frame::SETTINGS => {
                connection("SETTINGS")?;
                if header.is(frame::ACK) {
                    fixed("SETTINGS", 0)?;
                }
            }
            frame::PUSH_PROMISE => return Err(Http2Error::Pushed),
            frame::PING => {
                connection("PING")?;
                fixed("PING", 8)?;
            }
            frame::GOAWAY => {
                connection("GOAWAY")?;
                if length < 8 {
                    return Err(BadLength("GOAWAY"));
                }
            }
            frame::WINDOW_UPDATE => {
                if stream != 0 {
                    self.known(stream, "WINDOW_UPDATE")?;
                }
                fixed("WINDOW_UPDATE", 4)?;
            }
            frame::CONTINUATION if self.block.open().is_none() => {
                return Err(Http2Error::StrayContinuation);
            }
            frame::CONTINUATION => {}
            // Extensions that nobody negotiated are ignored (§5.5).
            _ => {
                self.budget.spend(self.now)?;
                self.reading = Reading::Skip(length);
                return Ok(());
            }
        }
        self.reading = Reading::Payload(header);
        Ok(())
    }

    fn begin_data(&mut self, header: Header, out: &mut Vec<u8>) -> Result<(), Http2Error> {
        self.known(header.stream, "DATA")?;
        self.connection_window(header.length, out)?;
        match (header.is(frame::PADDED), header.length) {
            (true, 0) => return Err(Http2Error::BadLength("DATA")),
            (true, _) => self.reading = Reading::PadLength(header),
            (false, _) => self.data(header, 0, out)?,
        }
        Ok(())
    }

    /// The rest of a DATA frame is read next.
    #[inline]
    pub(super) fn read_data(&mut self, data: Data) {
        self.reading = Reading::Data(data);
    }

    /// A frame of a fixed meaning, all of it.
    pub(super) fn payload(&mut self, header: Header, mut payload: &[u8], out: &mut Vec<u8>) -> Result<(), Http2Error> {
        let stream = header.stream;
        let mut number = || frame::u32_of(&mut payload).unwrap_or(0);
        match header.kind {
            frame::HEADERS => return self.headers(header, payload, out),
            frame::CONTINUATION => {
                if payload.is_empty() {
                    self.budget.spend(self.now)?;
                }
                self.block.add(payload)?;
                return self.close_block(header, out);
            }
            frame::RST_STREAM => {
                let code = number();
                self.closed.forget(stream);
                match self.remove(stream) {
                    Some(tag) => {
                        self.closed.add(stream, By::Peer);
                        let untouched = code == Code::REFUSED_STREAM.0;
                        self.queue.push_back(match self.going_away() {
                            // What it refuses while it goes away, it would have left out of its last GOAWAY.
                            Some(away) if untouched => Event::Unprocessed { tag, code: away.0 },
                            _ => Event::Reset { tag, code, untouched },
                        });
                    }
                    None => self.budget.spend(self.now)?,
                }
            }
            frame::SETTINGS => {
                self.budget.spend(self.now)?;
                if header.is(frame::ACK) {
                    self.acknowledged = true;
                    return Ok(());
                }
                self.settings_received = true;
                self.apply(payload)?;
                self.replies += 1;
                frame::settings_ack(out);
                self.flush(out);
                self.queue.push_back(Event::Settings);
            }
            frame::PING => {
                self.budget.spend(self.now)?;
                if !header.is(frame::ACK) {
                    self.replies += 1;
                    frame::ping_ack(out, payload);
                }
            }
            frame::GOAWAY => {
                let (last, code) = (number() & MAX as u32, number());
                self.go_away(last, code, payload)?;
            }
            frame::WINDOW_UPDATE => {
                let increment = number() & MAX as u32;
                if stream == 0 {
                    self.grow(increment)?;
                } else if let Err(error) = self.grow_stream(stream, increment) {
                    self.break_stream(stream, error, out);
                }
                self.flush(out);
            }
            _ => {}
        }
        Ok(())
    }

    /// Refuses a stream that cannot have frames: the connection itself, and those that were never opened.
    pub(super) fn known(&self, stream: u32, name: &'static str) -> Result<(), Http2Error> {
        if stream == 0 {
            return Err(Http2Error::WrongStream(name));
        }
        if stream.is_multiple_of(2) || !self.sender.began(stream) {
            return Err(Http2Error::IdleStream);
        }
        Ok(())
    }
}

/// Takes up to `most` bytes from the front of `input`.
fn front<'a>(input: &mut &'a [u8], most: u32) -> &'a [u8] {
    let (taken, rest) = input.split_at_checked(most as usize).unwrap_or((*input, &[]));
    *input = rest;
    taken
}

/// What a peer speaks whose first 9 bytes, taken for a header, are no SETTINGS.
fn spoken(header: Header) -> Protocol {
    let [_, a, b, c] = header.length.to_be_bytes();
    match [a, b, c, header.kind] {
        [0x15 | 0x16, 3, ..] => Protocol::Tls,
        [b'H', b'T', b'T', b'P'] => Protocol::Http1,
        _ => Protocol::Unknown,
    }
}
