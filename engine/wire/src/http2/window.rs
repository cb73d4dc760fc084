//! Flow-control windows (RFC 9113 §5.2, §6.9).

/// A receive window of one stream or of the whole connection. It is filled up when a
/// [`least_step`] of it is used.
#[derive(Debug, Default)]
pub(super) struct ReceiveWindow {
    size: i64,
    left: i64,
    /// It is filled up when no more than this is left.
    refill_at: i64,
    /// Since when the peer has had nothing left to use.
    empty_since: Option<u64>,
}

impl ReceiveWindow {
    pub(super) fn new(size: i64) -> Self {
        Self { size, left: size, refill_at: size - least_step(size), empty_since: None }
    }

    /// Accounts for a frame; `None` if it is over the window by more than `slack`, else how long the peer may have
    /// waited for room.
    #[inline]
    pub(super) fn take(&mut self, bytes: u32, slack: i64, now: u64) -> Option<u64> {
        self.left -= i64::from(bytes);
        let waited = self.empty_since.take().map_or(0, |t| now.saturating_sub(t));
        if self.left <= 0 {
            self.empty_since = Some(now);
        }
        (self.left + slack >= 0).then_some(waited)
    }

    /// Whether a frame leaves more than [`refill`](Self::refill) asks for, and the peer has not waited for room.
    #[inline]
    pub(super) fn keeps(&self, bytes: u32) -> bool {
        self.left - i64::from(bytes) > self.refill_at && self.empty_since.is_none()
    }

    /// Accounts for a frame that the window [keeps](Self::keeps) room behind.
    #[inline]
    pub(super) fn take_kept(&mut self, bytes: u32) {
        self.left -= i64::from(bytes);
    }

    /// What to add now, if anything.
    #[inline]
    pub(super) fn refill(&mut self) -> Option<u32> {
        if self.left > self.refill_at {
            return None;
        }
        let used = self.size - self.left;
        self.left = self.size;
        u32::try_from(used).ok()
    }
}

/// The least number of bytes of a window of `size` that are given back at once: over half of the window. Of a small
/// window it is up to three quarters, so that a step has [`USEFUL_STEP`] bytes where the window allows it, and the peer
/// keeps room to send in.
fn least_step(size: i64) -> i64 {
    (size / 2 + 1).max(USEFUL_STEP.min(size / 4 * 3))
}

/// Time in which windows of ours were used up, summed over them.
#[derive(Debug, Default)]
pub(super) struct ZeroTime(u64);

impl ZeroTime {
    #[inline]
    pub(super) fn add(&mut self, waited: u64) {
        self.0 += waited;
    }

    pub(super) fn total(&self) -> u64 {
        self.0
    }
}

/// How long something has waited for the peer's window: the time in which at least one body did.
#[derive(Debug, Default)]
pub(super) struct Waits {
    waiting: usize,
    since: u64,
    total: u64,
}

impl Waits {
    pub(super) fn begin(&mut self, now: u64) {
        if self.waiting == 0 {
            self.since = now;
        }
        self.waiting += 1;
    }

    pub(super) fn end(&mut self, now: u64) {
        self.waiting = self.waiting.saturating_sub(1);
        if self.waiting == 0 {
            self.total += now.saturating_sub(self.since);
        }
    }

    pub(super) fn any(&self) -> bool {
        self.waiting > 0
    }

    /// The time until `now`, a wait that goes on included.
    pub(super) fn total(&self, now: u64) -> u64 {
        let current = if self.any() { now.saturating_sub(self.since) } else { 0 };
        self.total + current
    }
}

/// Servers count smaller updates as an attack: Traffic Server 9.2 ends a connection (ENHANCE_YOUR_CALM) on which five
/// WINDOW_UPDATE frames in a row add under 2 560 bytes on average.
const USEFUL_STEP: i64 = 2_560;
/// The largest window.
pub(super) const MAX: i64 = (1 << 31) - 1;
/// Every window at first.
pub(super) const DEFAULT: i64 = 65_535;
