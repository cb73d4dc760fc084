//! Streams that ended before the peer's last frame of them.

use std::collections::VecDeque;

/// Remembers the streams that were reset, as their late frames are no fault of the peer's (RFC 9113 §5.1).
///
/// The newest 1 024 are remembered; of streams older than the oldest of them every frame is forgiven.
#[derive(Debug, Default)]
pub(super) struct Closed {
    streams: VecDeque<(u32, By)>,
    /// Every stream up to here is forgiven.
    forgiven: u32,
}

/// The side that ended a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// We did: the peer may not know yet.
    Us,
    /// The peer did, and sends on nevertheless.
    Peer,
}

impl Closed {
    pub(super) fn add(&mut self, stream: u32, by: By) {
        if self.streams.len() >= REMEMBERED
            && let Some((oldest, _)) = self.streams.pop_front()
        {
            self.forgiven = self.forgiven.max(oldest);
        }
        self.streams.push_back((stream, by));
    }

    /// Who reset the stream of a late DATA or HEADERS frame; `None` where the peer had ended it in good order, so that
    /// the frame breaks the rules. A frame after a reset of the peer's is reported as such once.
    pub(super) fn late(&mut self, stream: u32) -> Option<By> {
        if let Some((_, by)) = self.streams.iter_mut().find(|(s, _)| *s == stream) {
            return Some(std::mem::replace(by, By::Us));
        }
        (stream <= self.forgiven).then_some(By::Us)
    }

    /// The peer ended the stream too: no frame may follow.
    pub(super) fn forget(&mut self, stream: u32) {
        self.streams.retain(|(s, _)| *s != stream);
    }
}

const REMEMBERED: usize = 1024;
