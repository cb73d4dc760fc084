//! The memory that the responses of a run may take together.

use crate::sync::atomic::{AtomicI64, Ordering};

/// The memory that the responses of a run may take together, in bytes.
///
/// Half of it is shared out in equal parts: what a response holds within its part, it holds whatever the others do. The
/// other half is for what goes beyond, first come, first served; the last of it, a quarter of the whole, only for those
/// that hold no more than 64 KiB. All together therefore stay below the whole, and answers without an end do not take
/// the room of those that have one, however small the parts are. Records on their way to the log and what conversations
/// keep of earlier turns are taken from the second half.
#[derive(Debug)]
pub struct Budget {
    whole: u64,
    part: usize,
    /// What is left of the second half. Below zero where records took what their responses had held.
    pub(crate) left: AtomicI64,
}

/// The memory that a response may hold: its part, and what has been drawn beyond it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowance(usize);

impl Allowance {
    /// How much more somebody may hold who holds `held` bytes.
    pub(crate) fn room(&self, held: usize) -> usize {
        self.0.saturating_sub(held)
    }
}

impl Budget {
    /// `whole` bytes for up to `answers` at a time.
    #[must_use]
    pub fn new(whole: u64, answers: u64) -> Self {
        let whole = whole.min(i64::MAX as u64);
        let part = whole / 2 / answers.max(1);
        Self { whole, part: part as usize, left: AtomicI64::new((whole - part * answers) as i64) }
    }

    /// All of it.
    #[must_use]
    pub fn whole(&self) -> u64 {
        self.whole
    }

    /// What a response may hold before it draws.
    pub(crate) fn part(&self) -> Allowance {
        Allowance(self.part)
    }

    /// Whether a response that holds `held` bytes holds no more than its part.
    pub(crate) fn is_part(&self, held: usize) -> bool {
        held <= self.part
    }

    /// Whether somebody may hold `held` bytes; draws what is beyond the allowance.
    #[inline]
    pub(crate) fn allows(&self, allowance: &mut Allowance, held: usize) -> bool {
        held <= allowance.0 || self.extend(allowance, held)
    }

    #[cold]
    fn extend(&self, allowance: &mut Allowance, held: usize) -> bool {
        let wanted = held.next_multiple_of(STEP);
        let more = (wanted - allowance.0) as i64;
        let kept_back = match wanted <= SMALL {
            true => 0,
            false => (self.whole / 4) as i64,
        };
        let drawn = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| (left - more >= kept_back).then(|| left - more));
        if drawn.is_ok() {
            allowance.0 = wanted;
        }
        drawn.is_ok()
    }

    /// Gives back what a response has drawn, now that it holds no more than its part.
    #[inline]
    pub(crate) fn restore(&self, allowance: &mut Allowance) {
        if allowance.0 > self.part {
            self.give(allowance.0 - self.part);
            allowance.0 = self.part;
        }
    }

    /// Gives back all of an allowance that had no part.
    pub(crate) fn give_up(&self, allowance: Allowance) {
        self.give(allowance.0);
    }

    /// A record of `bytes` leaves its response: it holds them until it is written, or lost, and they are given back.
    /// They are there already, so it is never refused.
    pub(crate) fn hold(&self, bytes: usize) {
        self.left.fetch_sub(bytes as i64, Ordering::Relaxed);
    }

    /// Gives back `bytes` that were drawn or held.
    pub(crate) fn give(&self, bytes: usize) {
        self.left.fetch_add(bytes as i64, Ordering::Relaxed);
    }
}

/// Responses draw in steps of this many bytes.
const STEP: usize = 16 << 10;
/// Bytes that a response with an end seldom passes.
const SMALL: usize = 64 << 10;
