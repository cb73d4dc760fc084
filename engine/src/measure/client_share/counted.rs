//! Values that are only counted, by their leading bits: where there are many.

/// Counts of values from 0, each known to one part in 16 384. Memory: 64 KiB for each power of two in which there is a
/// value.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pages: Vec<Option<Box<[u32]>>>,
}

impl Counted {
    pub(super) fn add(&mut self, value: f64) {
        let key = key(value);
        let (page, place) = (key as usize / PAGE, key as usize % PAGE);
        if self.pages.len() <= page {
            self.pages.resize_with(page + 1, || None);
        }
        self.pages[page].get_or_insert_with(|| vec![0; PAGE].into_boxed_slice())[place] += 1;
    }

    /// Adds those of another.
    pub(super) fn join(&mut self, other: Self) {
        self.pages.resize_with(self.pages.len().max(other.pages.len()), || None);
        for (mine, theirs) in self.pages.iter_mut().zip(other.pages) {
            match (mine, theirs) {
                (Some(mine), Some(theirs)) => mine.iter_mut().zip(theirs).for_each(|(n, more)| *n += more),
                (mine @ None, theirs) => *mine = theirs,
                (Some(_), None) => {}
            }
        }
    }

    /// How many there are up to each that there is, in order.
    pub(super) fn cumulated(&self) -> Cumulated {
        let mut sum = 0;
        let pages = self.pages.iter().enumerate().filter_map(|(at, page)| Some((at, page.as_ref()?)));
        let counts =
            pages.flat_map(|(at, page)| page.iter().enumerate().map(move |(place, n)| (at * PAGE + place, *n)));
        let steps = counts.filter(|(_, n)| *n > 0).map(|(key, n)| {
            sum += u64::from(n);
            (key as u32, sum)
        });
        Cumulated(steps.collect())
    }
}

/// Sums of counts.
pub(super) struct Cumulated(Vec<(u32, u64)>);

impl Cumulated {
    fn upto(&self, key: u32) -> u64 {
        let steps = self.0.partition_point(|(at, _)| *at <= key);
        steps.checked_sub(1).map_or(0, |last| self.0[last].1)
    }
}

/// Sorted values of which some, `out`, stand for others, `instead`.
pub(super) struct Exchanged<'a> {
    pub(super) all: &'a [f64],
    pub(super) out: &'a Cumulated,
    pub(super) instead: &'a Cumulated,
}

impl Exchanged<'_> {
    /// Between which two numbers the value of a rank lies, from 0.
    pub(super) fn bounds(&self, rank: usize) -> [f64; 2] {
        let upto = |at: u32| {
            let all = self.all.partition_point(|value| key(*value) <= at) as u64;
            all + self.instead.upto(at) - self.out.upto(at)
        };
        // The least key that more values than `rank` are not over.
        let (mut low, mut high) = (0, LAST);
        while low < high {
            let middle = low + (high - low) / 2;
            if upto(middle) > rank as u64 { high = middle } else { low = middle + 1 }
        }
        let least = u64::from(low) << DROPPED;
        [f64::from_bits(least), f64::from_bits(least | ((1 << DROPPED) - 1))]
    }
}

/// Sign, exponent and 14 bits of the mantissa: ordered as the values are. What is below 0 counts as 0.
fn key(value: f64) -> u32 {
    (value.max(0.0).to_bits() >> DROPPED) as u32
}

/// Bits of the mantissa that a count does not know.
const DROPPED: u32 = 52 - 14;
/// Keys of a power of two.
const PAGE: usize = 1 << 14;
/// The key of infinity.
const LAST: u32 = (f64::INFINITY.to_bits() >> DROPPED) as u32;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_value_of_a_rank_lies_within_its_bounds(
            values in prop::collection::vec((0.0..1e7f64, 0.0..1.0f64, any::<bool>()), 1..80)
        ) {
            let instead = |v: &(f64, f64, bool)| if v.2 { v.0 * v.1 } else { v.0 };
            let mut all: Vec<f64> = values.iter().map(|v| v.0).collect();
            let mut expected: Vec<f64> = values.iter().map(instead).collect();
            let (mut out, mut other) = (Counted::default(), Counted::default());
            values.iter().filter(|v| v.2).for_each(|v| {
                out.add(v.0);
                other.add(instead(v));
            });
            all.sort_unstable_by(f64::total_cmp);
            expected.sort_unstable_by(f64::total_cmp);
            let (out, other) = (out.cumulated(), other.cumulated());
            let exchanged = Exchanged { all: &all, out: &out, instead: &other };
            for (rank, value) in expected.iter().enumerate() {
                let [low, high] = exchanged.bounds(rank);
                prop_assert!((low..=high).contains(value) && high - low <= value / 8_192.0, "{value}: {low} {high}");
            }
        }
    }
}
