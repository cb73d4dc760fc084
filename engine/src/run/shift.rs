//! How the clock of another process stands to that of a run.

use crate::clock::Nanos;

/// What is added to the instants of a process so that they are on the clock of another, which may run at another rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shift {
    from: (Nanos, i64),
    to: (Nanos, i64),
}

impl Shift {
    /// The same for all instants, in nanoseconds.
    #[must_use]
    pub fn constant(by: i64) -> Self {
        Self { from: (0, by), to: (0, by) }
    }

    /// So much at each of two instants of the process, and in proportion at others.
    #[must_use]
    pub fn between(from: (Nanos, i64), to: (Nanos, i64)) -> Self {
        Self { from, to }
    }

    /// What is added to an instant.
    #[must_use]
    pub fn at(&self, instant: Nanos) -> i64 {
        let ((began, first), (ended, last)) = (self.from, self.to);
        if began == ended || first == last {
            return first;
        }
        let gained = i128::from(last) - i128::from(first);
        let passed = i128::from(instant) - i128::from(began);
        let lasting = i128::from(ended) - i128::from(began);
        i64::try_from(i128::from(first) + gained * passed / lasting).unwrap_or(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND;

    #[test]
    fn clocks_that_drift_are_followed() {
        // 40 millionths over ten minutes: 24 ms.
        let (began, ended) = (7_000 * SECOND, 7_600 * SECOND);
        let shift = Shift::between((began, -500), (ended, 24_000_000 - 500));
        let ms = 1_000_000;
        assert_eq!([began, began + 300 * SECOND, ended].map(|at| shift.at(at)), [-500, 12 * ms - 500, 24 * ms - 500]);
        assert_eq!(shift.at(began - 150 * SECOND), -6 * ms - 500);
        assert_eq!(Shift::constant(-9).at(u64::MAX), -9);
        assert_eq!(Shift::between((5, 3), (5, 8)).at(u64::MAX), 3);
        assert_eq!(Shift::default().at(4), 0);
    }
}
