//! The whole search against a queue whose capacity is known: virtual time, no sockets.

use super::{Judge, Next, Observation, Range, Rule, Search, least};
use crate::clock::{MILLI, Nanos, SECOND};
use crate::random::{ItemRng, Stream};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Twelve places, 100 ms each: 120 requests a second at the most. Good is what ends within 150 ms of its arrival.
const PLACES: usize = 12;
const SERVICE: Nanos = 100 * MILLI;
const OBJECTIVE: Nanos = 150 * MILLI;
const TARGET: f64 = 0.95;
const FIRST: f64 = 10.0;
const LONGEST: Nanos = 20 * SECOND;

/// Poisson arrivals at `rate` for `lasting`, served in order.
fn served(rate: f64, seed: u64, lasting: Nanos) -> Vec<Observation> {
    let mut free: BinaryHeap<Reverse<Nanos>> = (0..PLACES).map(|_| Reverse(0)).collect();
    let mut now = 0.0;
    (0..)
        .map_while(|k| {
            let bits = ItemRng::new(seed, Stream::Arrivals, k).next_bits() >> 11;
            now -= ((bits as f64 + 0.5) / (1_u64 << 53) as f64).ln() / rate;
            let scheduled = (now * SECOND as f64) as Nanos;
            let Reverse(place) = free.pop()?;
            let end = place.max(scheduled) + SERVICE;
            free.push(Reverse(end));
            let good = end - scheduled <= OBJECTIVE;
            (scheduled < lasting).then_some(Observation { scheduled, end, good })
        })
        .collect()
}

/// Whether the load is found to hold, and in what time.
fn probe(next: Next, seed: u64, search: &Search) -> (bool, Nanos) {
    let mut judge = Judge::new(Rule {
        target: TARGET,
        level: 0.99,
        settle: SECOND / 2,
        least: least(next, search, SERVICE, LONGEST),
    });
    for (k, seen) in served(next.load, seed, LONGEST).into_iter().enumerate() {
        judge.observe(k as u64, seen);
        if let Some(judgement) = judge.look() {
            return (judgement.holds, seen.end);
        }
    }
    (judge.end(0).holds, LONGEST)
}

/// The capacity between the bounds that one search finds, and its time.
fn found(seed: u64) -> (f64, Nanos) {
    let mut search = Search::new(Range { from: FIRST, to: 10_000.0, tolerance: 0.02, whole: false });
    let (mut took, mut number) = (0, 0);
    while let Some(next) = search.next() {
        number += 1;
        let (held, lasted) = probe(next, seed * 100 + number, &search);
        took += lasted;
        search.record(next, held);
    }
    let middle = (search.holds().expect("a load") + search.fails().expect("a load")) / 2.0;
    (middle, took)
}

/// The same by trying every load in steps of 1/s, each for 500 s.
fn exhaustive() -> f64 {
    let holds = |rate: &u32| {
        let all = served(f64::from(*rate), 7, 500 * SECOND);
        let good = all.iter().filter(|s| s.good).count();
        good as f64 >= TARGET * all.len() as f64
    };
    f64::from((80..130).take_while(holds).last().expect("a load"))
}

#[test]
fn the_search_finds_the_capacity_that_an_exhaustive_sweep_finds() {
    let truth = exhaustive();
    assert!((90.0..115.0).contains(&truth), "{truth}");
    let searches: Vec<(f64, Nanos)> = (0..20).map(found).collect();
    let error = |capacity: f64| (capacity - truth).abs() / truth;
    let near = searches.iter().filter(|(c, _)| error(*c) <= 0.05).count();
    assert!(near >= 18, "{truth}: {searches:?}");
    assert!(searches.iter().all(|(c, _)| error(*c) <= 0.1));
    // A sweep that tries every load from the first one up to the capacity, 1/s apart, for as long as a probe may last.
    let sweep = (truth - FIRST) * LONGEST as f64;
    assert!(searches.iter().all(|(_, took)| (*took as f64) < sweep / 5.0));
}

#[test]
fn a_queue_that_is_stable_is_not_taken_for_one_that_grows() {
    let saturates = |rate: f64| {
        (0..40)
            .filter(|seed| {
                let mut judge = Judge::new(Rule { target: 0.0, level: 0.99, settle: SECOND / 2, least: LONGEST });
                let all = served(rate, 1_000 + seed, LONGEST);
                let judged = all.into_iter().enumerate().find_map(|(k, seen)| {
                    judge.observe(k as u64, seen);
                    judge.look()
                });
                judged.is_some_and(|j| j.reason == super::Reason::Saturating)
            })
            .count()
    };
    assert!(saturates(96.0) <= 1, "{}", saturates(96.0));
    assert!(saturates(114.0) <= 2, "{}", saturates(114.0));
    assert!(saturates(180.0) >= 38, "{}", saturates(180.0));
}
