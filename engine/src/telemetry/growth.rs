//! How what a server counts grows from one scrape to the next.

/// The growth of a series between two scrapes: one rule for counters and histograms, wherever they are counted.
///
/// A restart sets all parts of a series back to 0. One part that fell tells of all, also of those that have grown past
/// their earlier value since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    fell: bool,
}

impl Growth {
    /// Of a series whose parts are cumulative counts, each as it was before and as it is now. A sum is no such part: it
    /// falls where a negative value is observed.
    #[must_use]
    pub fn between(parts: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self { fell: parts.into_iter().any(|(before, now)| now < before) }
    }

    /// Whether the series was set back.
    #[must_use]
    pub fn fell(self) -> bool {
        self.fell
    }

    /// By how much a part grew: after a restart from 0.
    #[must_use]
    pub fn of(self, before: f64, now: f64) -> f64 {
        if self.fell { now } else { now - before }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_that_fell_sets_back_all() {
        let parts = [(5.0, 7.0), (100.0, 20.0)];
        let growth = Growth::between(parts);
        assert!(growth.fell());
        assert_eq!(parts.map(|(before, now)| growth.of(before, now)), [7.0, 20.0]);
        let growth = Growth::between([(5.0, 7.0), (100.0, 100.0)]);
        assert!(!growth.fell());
        assert_eq!((growth.of(5.0, 7.0), growth.of(9.0, 8.0)), (2.0, -1.0));
    }
}
