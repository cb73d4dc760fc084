//! How much a peer may send that is of no use.

use super::error::Http2Error;

/// Counts the frames that nobody waits for: 1 000 in a second without progress are too many. WINDOW_UPDATE is not
/// counted: it asks for no reply, and each request may cause some.
#[derive(Debug, Default)]
pub(super) struct Budget {
    frames: u32,
    since: u64,
}

impl Budget {
    pub(super) fn spend(&mut self, now: u64) -> Result<(), Http2Error> {
        if now.saturating_sub(self.since) >= SECOND {
            self.since = now;
            self.frames = 0;
        }
        self.frames += 1;
        if self.frames > FRAMES {
            return Err(Http2Error::Flood);
        }
        Ok(())
    }

    /// Something came that a request waits for, or a request was sent.
    pub(super) fn progress(&mut self) {
        self.frames = 0;
    }
}

/// Nanoseconds.
const SECOND: u64 = 1_000_000_000;
/// Frames in a second.
const FRAMES: u32 = 1_000;
