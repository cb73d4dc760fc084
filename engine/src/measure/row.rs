//! A request as a row of numbers, of which some may be absent.

use crate::clock::Nanos;

/// Numbers of a row.
pub(super) const NUMBERS: usize = 52;

/// Fills a row from its start.
pub(super) struct Writer {
    numbers: [u64; NUMBERS],
    filled: usize,
    /// A bit for each number that may be absent, the first one lowest.
    present: u64,
    optional: u32,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { numbers: [0; NUMBERS], filled: 0, present: 0, optional: 0 }
    }

    /// Which of the numbers that may be absent are there.
    pub(super) fn present(&self) -> u64 {
        self.present
    }

    pub(super) fn numbers(&self) -> [u64; NUMBERS] {
        self.numbers
    }

    pub(super) fn put(&mut self, number: u64) {
        self.numbers[self.filled] = number;
        self.filled += 1;
    }

    pub(super) fn time(&mut self, length: Option<Nanos>, guess: Nanos) {
        self.present |= u64::from(length.is_some()) << self.optional;
        self.optional += 1;
        self.put(zigzag(length.map_or(0, |n| n.wrapping_sub(guess))));
    }

    pub(super) fn count(&mut self, count: Option<u32>, guess: u32) {
        self.time(count.map(u64::from), guess.into());
    }
}

/// Reads a row from its start.
pub(super) struct Reader<'a> {
    numbers: std::slice::Iter<'a, u64>,
    present: u64,
}

impl<'a> Reader<'a> {
    /// `present` is that of the writer.
    pub(super) fn new(numbers: &'a [u64; NUMBERS], present: u64) -> Self {
        Self { numbers: numbers.iter(), present }
    }

    /// Whether none of the numbers that may be absent is there from here on.
    pub(super) fn is_absent_from_here(&self) -> bool {
        self.present == 0
    }

    pub(super) fn take(&mut self) -> u64 {
        self.numbers.next().copied().unwrap_or(0)
    }

    pub(super) fn time(&mut self, guess: Nanos) -> Option<Nanos> {
        let there = self.present & 1 == 1;
        self.present >>= 1;
        let apart = unzigzag(self.take());
        there.then(|| guess.wrapping_add(apart))
    }

    pub(super) fn count(&mut self, guess: u32) -> Option<u32> {
        self.time(guess.into()).map(|n| n as u32)
    }
}

/// Differences of either sign as small numbers.
pub(super) fn zigzag(apart: u64) -> u64 {
    let sign = (apart as i64 >> 63) as u64;
    (apart << 1) ^ sign
}

pub(super) fn unzigzag(number: u64) -> u64 {
    (number >> 1) ^ (number & 1).wrapping_neg()
}
