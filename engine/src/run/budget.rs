//! The memory that the answers of a run may take together.

use crate::record::Record;
use std::sync::atomic::{AtomicI64, Ordering};

/// The memory that the answers of a run may take together, in bytes.
///
/// Half of it is shared out in equal parts: what an answer holds within its part, it holds whatever the others do. The other half is for what goes
/// beyond, first come, first served. All together therefore stay below the whole, and answers without an end do not take the room of
/// those that have one. Records on their way to the log and what conversations keep of earlier turns are taken from the second half.
#[derive(Debug)]
pub struct Budget {
    whole: u64,
    part: usize,
    /// What is left of the second half. Below zero where records took what their answers had held.
    left: AtomicI64,
}

/// What an answer may hold: its part, and what has been drawn beyond it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowance(usize);

impl Budget {
    /// `whole` bytes for up to `answers` at a time.
    #[must_use]
    pub fn new(whole: u64, answers: u64) -> Self {
        let whole = whole.min(i64::MAX as u64);
        let part = whole / 2 / answers.max(1);
        Self {
            whole,
            part: part as usize,
            left: AtomicI64::new((whole - part * answers) as i64),
        }
    }

    /// All of it.
    #[must_use]
    pub fn whole(&self) -> u64 {
        self.whole
    }

    /// What an answer may hold before it draws.
    pub(crate) fn part(&self) -> Allowance {
        Allowance(self.part)
    }

    /// Whether an answer that holds `held` bytes holds no more than its part.
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
        let drawn = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                (left >= more).then(|| left - more)
            });
        if drawn.is_ok() {
            allowance.0 = wanted;
        }
        drawn.is_ok()
    }

    /// Gives back what an answer has drawn, now that it holds no more than its part.
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

    fn give(&self, bytes: usize) {
        self.left.fetch_add(bytes as i64, Ordering::Relaxed);
    }

    /// A record leaves its answer: what it takes with it is held until it is written. It is there already, so it is never refused.
    pub(crate) fn hold(&self, record: &Record) {
        self.left
            .fetch_sub(record.bytes() as i64, Ordering::Relaxed);
    }

    /// A record is written, or lost.
    pub(crate) fn release(&self, record: &Record) {
        self.give(record.bytes());
    }
}

/// Answers draw in steps of this many bytes.
const STEP: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn left(budget: &Budget) -> i64 {
        budget.left.load(Ordering::Relaxed)
    }

    #[test]
    fn within_its_part_an_answer_draws_nothing() {
        let budget = Budget::new(8 << 20, 64);
        let mut one = budget.part();
        assert!(budget.allows(&mut one, 64 << 10));
        assert_eq!((one, left(&budget)), (budget.part(), 4 << 20));
    }

    #[test]
    fn one_that_wants_all_leaves_the_others_their_part() {
        let budget = Budget::new(8 << 20, 64);
        let (mut greedy, mut held) = (budget.part(), 0);
        while budget.allows(&mut greedy, held + 1000) {
            held += 1000;
        }
        assert!(held > (4 << 20) && held <= (4 << 20) + (64 << 10), "{held}");
        let mut modest = budget.part();
        assert!(budget.allows(&mut modest, 64 << 10));
        assert!(!budget.allows(&mut modest, 80 << 10));
        budget.restore(&mut greedy);
        assert_eq!(left(&budget), 4 << 20, "all of it comes back");
        assert!(budget.allows(&mut modest, 80 << 10));
    }

    #[test]
    fn what_all_hold_never_passes_the_whole() {
        const WHOLE: usize = 1 << 20;
        for answers in [1, 3, 10, 1000] {
            let budget = Budget::new(WHOLE as u64, answers as u64);
            let mut all: Vec<_> = (0..answers).map(|_| (budget.part(), 0_usize)).collect();
            for round in 0..20_000_usize {
                let (allowance, held) = &mut all[(round * 7919) % answers];
                let wanted = *held + 1 + (round * 104_729) % 3000;
                if budget.allows(allowance, wanted) {
                    *held = wanted;
                } else {
                    *held = 0;
                    budget.restore(allowance);
                }
                let sum: usize = all.iter().map(|a| a.1).sum();
                assert!(sum <= WHOLE, "{sum} of {answers}");
            }
        }
    }

    #[test]
    fn a_record_takes_what_it_has_and_brings_it_back() {
        let budget = Budget::new(4096, 1);
        let record = crate::record::testing::streamed(0, 0, 1, &[1; 5000]);
        let before = left(&budget);
        budget.hold(&record);
        assert!(left(&budget) <= before - 5000 * 8);
        assert!(!budget.allows(&mut Allowance::default(), 1));
        budget.release(&record);
        assert_eq!(left(&budget), before);
    }
}
