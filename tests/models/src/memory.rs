//! The memory of a run that answers on several cores want more of, while the log's writer gives some back.

use crate::budget::{Allowance, Budget};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicI64, Ordering};
use loom::thread;

/// What an answer draws at once.
const STEP: usize = 16 << 10;

/// Room for one step beyond the part of an answer, and how many have it.
struct Room {
    budget: Budget,
    out: AtomicI64,
}

impl Room {
    fn new() -> Arc<Self> {
        Arc::new(Self { budget: Budget::new(2 * STEP as u64, 1), out: AtomicI64::new(0) })
    }

    /// An answer that wants a step more than its part: whether it got it. It has given it back by then.
    fn answer(&self) -> bool {
        assert!(self.budget.is_part(STEP) && !self.budget.is_part(2 * STEP));
        let mut allowance = self.budget.part();
        let allowed = self.budget.allows(&mut allowance, 2 * STEP);
        assert_eq!(allowance.room(STEP) > 0, allowed);
        if allowed {
            let before = self.out.fetch_add(1, Ordering::Relaxed);
            assert!(before == 0, "{before} had the room before this one");
            self.out.fetch_sub(1, Ordering::Relaxed);
        }
        self.budget.restore(&mut allowance);
        allowed
    }

    fn left(&self) -> i64 {
        self.budget.left.load(Ordering::Relaxed)
    }
}

#[test]
fn no_more_is_out_than_there_is_and_all_comes_back() {
    loom::model(|| {
        let room = Room::new();
        let before = room.left();
        let cores: Vec<_> = (0..2)
            .map(|_| {
                let room = Arc::clone(&room);
                thread::spawn(move || room.answer())
            })
            .collect();
        let mut served = usize::from(room.answer());
        for core in cores {
            served += usize::from(core.join().unwrap());
        }
        assert!(served > 0, "there was room, and nobody had it");
        assert_eq!(room.left(), before);
    });
}

#[test]
fn what_a_record_holds_is_free_again_when_it_is_written() {
    loom::model(|| {
        let room = Room::new();
        room.budget.hold(STEP);
        let writer = {
            let room = Arc::clone(&room);
            thread::spawn(move || room.budget.give(STEP))
        };
        let mut allowance = Allowance::default();
        while !room.budget.allows(&mut allowance, STEP) {
            thread::yield_now();
        }
        writer.join().unwrap();
        assert_eq!(room.left(), 0);
        room.budget.give_up(allowance);
        assert_eq!(room.left(), STEP as i64);
    });
}
