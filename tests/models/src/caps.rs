//! Permits of a cap that cores take and give back while others open.

use crate::permits::{give, open, take};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicI64, Ordering};
use loom::thread;
use std::collections::VecDeque;

/// A cap of one, and how many are out.
struct Cap {
    permits: AtomicI64,
    out: AtomicI64,
}

impl Cap {
    fn new(permits: i64) -> Arc<Self> {
        Arc::new(Self { permits: AtomicI64::new(permits), out: AtomicI64::new(0) })
    }

    /// A core with a request that falls due: whether it got the permit. It has given it back by then.
    fn request(&self) -> bool {
        let taken = take(&self.permits);
        if taken {
            let before = self.out.fetch_add(1, Ordering::Relaxed);
            assert!(before == 0, "{before} were out before this one");
            self.out.fetch_sub(1, Ordering::Relaxed);
            give(&self.permits, 1);
        }
        taken
    }
}

#[test]
fn no_more_permits_are_out_than_there_are_and_all_come_back() {
    loom::model(|| {
        let cap = Cap::new(1);
        let cores: Vec<_> = (0..2)
            .map(|_| {
                let cap = Arc::clone(&cap);
                thread::spawn(move || cap.request())
            })
            .collect();
        let mut served = usize::from(cap.request());
        for core in cores {
            served += usize::from(core.join().unwrap());
        }
        assert!(served > 0, "one was there, and nobody got it");
        assert_eq!(cap.permits.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn permits_that_open_meanwhile_count_from_then_on() {
    loom::model(|| {
        let permits = Arc::new(AtomicI64::new(1));
        let requests = [(), ()].map(|()| {
            let permits = Arc::clone(&permits);
            thread::spawn(move || {
                let taken = take(&permits);
                give(&permits, i64::from(taken));
                taken
            })
        });
        let mut openings = VecDeque::from([0, 1, 2]);
        open(&mut openings, &permits, 0);
        assert_eq!(openings, [1, 2]);
        let served = requests.map(|request| request.join().unwrap());
        assert_ne!(served, [false; 2], "one was there, and nobody got it");
        assert_eq!(permits.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn whoever_waits_gets_the_permit_that_opens_or_comes_back() {
    loom::model(|| {
        let cap = Cap::new(0);
        let waiting = {
            let cap = Arc::clone(&cap);
            thread::spawn(move || {
                while !cap.request() {
                    thread::yield_now();
                }
            })
        };
        open(&mut VecDeque::from([0]), &cap.permits, 0);
        cap.request();
        waiting.join().unwrap();
        assert_eq!(cap.permits.load(Ordering::Relaxed), 1);
    });
}
