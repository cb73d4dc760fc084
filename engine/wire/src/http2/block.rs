//! Header blocks, which may be in several frames (RFC 9113 §4.3, §6.10).

use super::error::Http2Error;

/// A header block of which the rest has not come.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// The stream it is on; 0 while there is none.
    stream: u32,
    pub(super) end_stream: bool,
    frames: u32,
    /// Most bytes.
    limit: usize,
    pub(super) bytes: Vec<u8>,
}

impl Block {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// The stream of the block that is open, if one is.
    pub(super) fn open(&self) -> Option<u32> {
        (self.stream != 0).then_some(self.stream)
    }

    pub(super) fn begin(&mut self, stream: u32, end_stream: bool) {
        self.stream = stream;
        self.end_stream = end_stream;
        self.frames = 0;
        self.bytes.clear();
    }

    /// Adds what one more frame brought.
    pub(super) fn add(&mut self, fragment: &[u8]) -> Result<(), Http2Error> {
        self.frames += 1;
        if self.frames > MAX_FRAMES {
            return Err(Http2Error::TooManyContinuations);
        }
        if self.bytes.len() + fragment.len() > self.limit {
            return Err(Http2Error::BlockTooLong);
        }
        self.bytes.extend_from_slice(fragment);
        Ok(())
    }

    pub(super) fn close(&mut self) {
        self.stream = 0;
    }
}

const MAX_FRAMES: u32 = 64;
