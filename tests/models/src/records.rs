//! Workers that fill rings, the writer that empties them, and the end.

use crate::drain::drain;
use crate::sync::TIME_PASSES;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use loom::thread;
use std::convert::Infallible;

/// A ring of one place, with the orderings that rings have: a pop sees what was pushed before anything that it knows
/// of, and perhaps what came since.
///
/// Each thread writes by one operation that also reads: loom keeps an object's latest access alone, and a load of one's
/// own before a store would hide the other's from it.
struct Ring(AtomicU64);

impl Ring {
    const EMPTY: u64 = 0;

    /// False when the ring is full: as with a worker's, what was to be pushed is lost.
    fn push(&self, record: u64) -> bool {
        let room = self.0.compare_exchange(Self::EMPTY, record, Ordering::AcqRel, Ordering::Acquire);
        room.is_ok()
    }

    fn pop(&self) -> Option<u64> {
        let some = self.0.load(Ordering::Acquire) != Self::EMPTY;
        some.then(|| self.0.swap(Self::EMPTY, Ordering::AcqRel))
    }
}

/// A run of workers with `each` records: what a ring took is kept, once and in its order.
fn run(workers: u64, each: u64) {
    let done = Arc::new(AtomicBool::new(false));
    let mut rings: Vec<_> = (0..workers).map(|_| Arc::new(Ring(AtomicU64::new(Ring::EMPTY)))).collect();
    let threads: Vec<_> = rings
        .iter()
        .zip(0..)
        .map(|(ring, worker)| {
            let ring = Arc::clone(ring);
            thread::spawn(move || {
                let records = (1..=each).map(|k| worker * each + k);
                records.filter(|record| ring.push(*record)).collect::<Vec<_>>()
            })
        })
        .collect();
    let writer = {
        let done = Arc::clone(&done);
        thread::spawn(move || {
            let mut kept = Vec::new();
            let pop = |ring: &mut Arc<Ring>| ring.pop();
            let count = drain(
                &mut rings,
                pop,
                &done,
                |record| {
                    kept.push(record);
                    Ok::<_, Infallible>(())
                },
                || (),
            );
            assert_eq!(count, Ok(kept.len() as u64));
            kept
        })
    };
    let pushed: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    done.store(true, Ordering::Release);
    if !TIME_PASSES.get() {
        // To loom this lets the writer know of all before it, whatever the flag's ordering: where time passes, the flag
        // is alone.
        writer.thread().unpark();
    }
    let kept = writer.join().unwrap();
    for (pushed, worker) in pushed.iter().zip(0..) {
        let own = kept.iter().filter(|record| (*record - 1) / each == worker);
        assert!(own.eq(pushed), "{kept:?} were kept of {pushed:?}");
    }
}

#[test]
fn no_record_that_a_ring_took_before_the_end_is_left_behind() {
    TIME_PASSES.set(true);
    loom::model(|| run(1, 3));
    loom::model(|| run(2, 1));
}

#[test]
fn the_end_wakes_a_writer_that_would_rest_for_ever() {
    TIME_PASSES.set(false);
    loom::model(|| run(1, 3));
    loom::model(|| run(2, 1));
}
