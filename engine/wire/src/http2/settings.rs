//! Settings: the peer's, as far as a client asks, and the names of ours (RFC 9113 §6.5.2).

use super::error::Http2Error;
use super::frame::MAX_FRAME;
use super::window::{DEFAULT, MAX};

/// The peer's settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// Send window of a new stream.
    pub(super) initial_window: i64,
    /// Largest payload that it takes.
    pub(super) max_frame: usize,
    /// Most streams that we may have open.
    pub(super) max_streams: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { initial_window: DEFAULT, max_frame: MAX_FRAME as usize, max_streams: u32::MAX }
    }
}

impl Settings {
    /// Applies the payload of a SETTINGS frame, in order; unknown settings are ignored.
    pub(super) fn apply(&mut self, payload: &[u8]) -> Result<(), Http2Error> {
        let (settings, rest) = payload.as_chunks::<6>();
        if !rest.is_empty() {
            return Err(Http2Error::BadLength("SETTINGS"));
        }
        for &[i0, i1, v0, v1, v2, v3] in settings {
            let value = u32::from_be_bytes([v0, v1, v2, v3]);
            match u16::from_be_bytes([i0, i1]) {
                ENABLE_PUSH if value != 0 => return Err(Http2Error::BadSetting("ENABLE_PUSH")),
                MAX_CONCURRENT_STREAMS => self.max_streams = value,
                INITIAL_WINDOW_SIZE if i64::from(value) > MAX => {
                    return Err(Http2Error::WindowOverflow);
                }
                INITIAL_WINDOW_SIZE => self.initial_window = i64::from(value),
                MAX_FRAME_SIZE if !(MAX_FRAME..1 << 24).contains(&value) => {
                    return Err(Http2Error::BadSetting("MAX_FRAME_SIZE"));
                }
                MAX_FRAME_SIZE => self.max_frame = value as usize,
                _ => {}
            }
        }
        Ok(())
    }
}

pub(super) const HEADER_TABLE_SIZE: u16 = 1;
pub(super) const ENABLE_PUSH: u16 = 2;
pub(super) const MAX_CONCURRENT_STREAMS: u16 = 3;
pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;
pub(super) const MAX_FRAME_SIZE: u16 = 5;
pub(super) const MAX_HEADER_LIST_SIZE: u16 = 6;
