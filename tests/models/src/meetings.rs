//! Workers that meet between phases, and one that fails on its way.

use crate::barrier::{Aborted, Barrier};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

#[test]
fn all_go_on_together_and_see_what_the_last_has_decided() {
    loom::model(|| {
        let barrier = Arc::new(Barrier::<()>::new(2));
        let start = Arc::new(AtomicU64::new(0));
        let meet = |barrier: &Barrier<()>, start: &AtomicU64| {
            for phase in 1..=2 {
                let last = || {
                    start.store(phase, Ordering::Relaxed);
                    Ok(())
                };
                assert_eq!(barrier.wait(last), Ok(()));
                // The next phase begins only when all have come again.
                assert_eq!(start.load(Ordering::Relaxed), phase);
                assert_eq!(barrier.wait(|| Ok(())), Ok(()));
            }
        };
        let (theirs, its) = (Arc::clone(&barrier), Arc::clone(&start));
        let other = thread::spawn(move || meet(&theirs, &its));
        meet(&barrier, &start);
        other.join().unwrap();
        assert_eq!(barrier.take_reason(), None);
    });
}

#[test]
fn one_that_fails_ends_the_wait_of_the_others() {
    loom::model(|| {
        let barrier = Arc::new(Barrier::<u32>::new(3));
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                thread::spawn(move || barrier.wait(|| Ok(())))
            })
            .collect();
        barrier.abort(7);
        for waiting in waiting {
            assert_eq!(waiting.join().unwrap(), Err(Aborted));
        }
        assert_eq!(barrier.wait(|| Ok(())), Err(Aborted));
        barrier.abort(8);
        assert_eq!(barrier.take_reason(), Some(7));
    });
}

#[test]
fn a_decision_that_fails_is_the_failure_of_all() {
    loom::model(|| {
        let barrier = Arc::new(Barrier::<u32>::new(2));
        let theirs = Arc::clone(&barrier);
        let other = thread::spawn(move || theirs.wait(|| Err(9)));
        assert_eq!(barrier.wait(|| Err(9)), Err(Aborted));
        assert_eq!(other.join().unwrap(), Err(Aborted));
        assert_eq!(barrier.take_reason(), Some(9));
    });
}

#[test]
fn a_meeting_that_took_place_did_so_for_all() {
    loom::model(|| {
        let barrier = Arc::new(Barrier::<u32>::new(2));
        let theirs = Arc::clone(&barrier);
        let other = thread::spawn(move || theirs.wait(|| Ok(())));
        let met = barrier.wait(|| Ok(()));
        barrier.abort(1);
        assert_eq!((met, other.join().unwrap()), (Ok(()), Ok(())));
        assert_eq!(barrier.wait(|| Ok(())), Err(Aborted));
    });
}
