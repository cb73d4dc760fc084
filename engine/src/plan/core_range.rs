//! Which of the cores that share a load are this process's.

use serde::{Deserialize, Serialize};

/// The cores of one process among those of all processes that share a load. They have one numbering, in which each
/// process has a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct CoreRange {
    /// Number of the first.
    pub first: usize,
    /// How many there are: the workers of the process.
    pub count: usize,
    /// The cores of all processes together.
    pub of: usize,
}

impl CoreRange {
    /// The cores of a process that has the load to itself.
    #[must_use]
    pub fn whole(count: usize) -> Self {
        Self { first: 0, count, of: count }
    }

    /// The stretches of processes with so many cores each, in their order.
    #[must_use]
    pub fn stretches(counts: &[usize]) -> Vec<Self> {
        let of = counts.iter().sum();
        let mut first = 0;
        let next = |count: &usize| {
            let range = Self { first, count: *count, of };
            first += count;
            range
        };
        counts.iter().map(next).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_follow_one_another_and_leave_no_core_out() {
        let range = |first, count| CoreRange { first, count, of: 7 };
        assert_eq!(CoreRange::stretches(&[2, 1, 4]), [range(0, 2), range(2, 1), range(3, 4)]);
        assert_eq!(CoreRange::stretches(&[3]), [CoreRange::whole(3)]);
    }
}
