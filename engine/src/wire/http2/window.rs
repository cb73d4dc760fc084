//! Flow-control windows (RFC 9113 §5.2, §6.9).

use crate::clock::Nanos;

/// What we let the peer send, on one stream or on the whole connection. It is filled up when half of it is used.
#[derive(Debug, Default)]
pub(super) struct ReceiveWindow {
    size: i64,
    left: i64,
    /// Since when the peer has had nothing left to use.
    empty_since: Option<Nanos>,
}

impl ReceiveWindow {
    pub(super) fn new(size: i64) -> Self {
        Self {
            size,
            left: size,
            empty_since: None,
        }
    }

    /// Accounts for a frame; `None` if it is over the window by more than `slack`, else how long the peer may have waited for room.
    pub(super) fn take(&mut self, bytes: u32, slack: i64, now: Nanos) -> Option<Nanos> {
        self.left -= i64::from(bytes);
        let waited = self.empty_since.take().map_or(0, |t| now.saturating_sub(t));
        if self.left <= 0 {
            self.empty_since = Some(now);
        }
        (self.left + slack >= 0).then_some(waited)
    }

    /// What to add now, if anything.
    pub(super) fn refill(&mut self) -> Option<u32> {
        let used = self.size - self.left;
        if used <= self.size / 2 {
            return None;
        }
        self.left = self.size;
        u32::try_from(used).ok()
    }
}

/// How long something has waited for the peer's window: the time in which at least one body did.
#[derive(Debug, Default)]
pub(super) struct Waits {
    waiting: usize,
    since: Nanos,
    total: Nanos,
}

impl Waits {
    pub(super) fn begin(&mut self, now: Nanos) {
        if self.waiting == 0 {
            self.since = now;
        }
        self.waiting += 1;
    }

    pub(super) fn end(&mut self, now: Nanos) {
        self.waiting = self.waiting.saturating_sub(1);
        if self.waiting == 0 {
            self.total += now.saturating_sub(self.since);
        }
    }

    pub(super) fn any(&self) -> bool {
        self.waiting > 0
    }

    pub(super) fn total(&self) -> Nanos {
        self.total
    }
}

/// The largest window.
pub(super) const MAX: i64 = (1 << 31) - 1;
/// Every window at first.
pub(super) const DEFAULT: i64 = 65_535;
