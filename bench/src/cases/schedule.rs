//! What one arrival costs. Each core iterates over all arrivals of the run, so that this bounds the rate of a schedule.

use crate::case::Case;
use ringload_engine::clock::SECOND;
use ringload_engine::plan::{Arrival, Ramp, Rate, Shape};
use ringload_engine::schedule::arrivals;
use std::hint::black_box;

pub(super) fn cases() -> Vec<Case> {
    let patterns = [
        ("constant", Arrival::Constant),
        ("poisson", Arrival::Poisson),
        ("gamma 0.3", Arrival::Gamma { smoothness: 0.3 }),
        ("gamma 5", Arrival::Gamma { smoothness: 5.0 }),
    ];
    let steady = patterns.map(|(name, pattern)| case(name.to_owned(), RATE.into(), pattern));
    // Ramps for ever: as dear as an arrival gets.
    let ramp = Ramp { lasting: 1_000_000 * SECOND, shape: Shape::Exponential };
    let ramped = patterns[..2].iter().map(|(name, pattern)| {
        let rate = Rate::ramped(RATE, ramp);
        case(format!("{name}, ramp"), rate, *pattern)
    });
    steady.into_iter().chain(ramped).collect()
}

fn case(name: String, rate: Rate, pattern: Arrival) -> Case {
    Case::new(name, POPS, 0, move || {
        let mut all = arrivals(rate.clone(), pattern, 1);
        move || {
            for _ in 0..POPS {
                black_box(all.next());
            }
        }
    })
}

const POPS: usize = 10_000;
const RATE: f64 = 100_000.0;
