//! How long a wait may go on collecting completions: a bounded while that moves no figure.
//!
//! Arrivals have the kernel's stamps, so a read that comes later moves no token by itself. Two things bound the wait
//! all the same. A token that arrives while the one before it is unread shares its read, and its own arrival is known
//! less well then: the wait is short beside the time between two tokens. And a place of a closed loop is free only
//! when the end of its request has been read: the wait is shorter still beside the time that a request takes. Both
//! times come from what was counted since the last look, as the mean number in flight over a rate (Little, 1961).

use crate::clock::{MILLI, Nanos};
use crate::worker::context::Context;

/// The wait for a batch, as the load is now.
#[derive(Debug, Default)]
pub(super) struct BatchWait {
    least: Nanos,
    longest: Nanos,
    wait: Nanos,
    /// Waits since the last look at the clock.
    waits: u32,
    /// The last look, and the output events up to it.
    last: (Nanos, u64),
    /// Requests that have ended since.
    ends: u64,
}

impl BatchWait {
    /// The wait in a phase. Not over the least where many streams share a connection, since a read then holds tokens of
    /// several, nor where each first token lets another request go.
    pub(super) fn of(context: &Context<'_>) -> Self {
        let plan = context.plan;
        let shared = context.targets.heads2.iter().any(Option::is_some);
        let prefills = plan.warmup.iter().chain([&plan.profiling]).any(|phase| phase.prefill.is_some());
        Self::new(plan.batch_wait, if shared || prefills { 0 } else { plan.longest_batch_wait })
    }

    /// A wait of at least `least`, and of `longest` where the load allows it.
    fn new(least: Nanos, longest: Nanos) -> Self {
        Self { least, longest: longest.max(least), wait: least, ..Self::default() }
    }

    /// A request has ended.
    pub(super) fn handle_end(&mut self) {
        self.ends += 1;
    }

    /// The wait with so many requests in flight; the time, and the output events so far, are asked for now and then.
    pub(super) fn next(&mut self, in_flight: usize, counts: impl FnOnce() -> (Nanos, u64)) -> Nanos {
        if self.longest > self.least {
            self.waits += 1;
            if self.waits >= WAITS {
                self.waits = 0;
                self.look(in_flight as u64, counts());
            }
        }
        self.wait
    }

    fn look(&mut self, in_flight: u64, (now, events): (Nanos, u64)) {
        let passed = now.saturating_sub(self.last.0);
        if passed < WINDOW {
            return;
        }
        let each = |count: u64| in_flight.saturating_mul(passed) / count.max(1);
        let (between_tokens, request) = (each(events - self.last.1), each(self.ends));
        // A window that holds a pause of the load says nothing of it.
        let bound = if passed > LATE { 0 } else { (between_tokens / OF_TOKENS).min(request / OF_REQUEST) };
        self.wait = bound.clamp(self.least, self.longest);
        (self.last, self.ends) = ((now, events), 0);
    }
}

/// Waits after which the clock is looked at.
const WAITS: u32 = 32;
/// What is counted for that long tells how the load is.
const WINDOW: Nanos = 50 * MILLI;
const LATE: Nanos = 1_000 * MILLI;
/// The wait is at most this part of the time between two tokens of a stream.
const OF_TOKENS: u64 = 8;
/// The wait is at most this part of the time that a request takes: what it takes from the load of a closed loop.
const OF_REQUEST: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MICRO;

    /// The wait after a second of a load, with a look each 60 ms.
    fn after(least: Nanos, longest: Nanos, in_flight: usize, events_a_second: u64, ends_a_second: u64) -> Nanos {
        let mut batch = BatchWait::new(least, longest);
        let (mut wait, mut ended) = (0, 0);
        for look in 1..=16_u64 {
            let at = look * 60 * MILLI;
            let counted = |a_second: u64| a_second * at / (1_000 * MILLI);
            batch.ends = counted(ends_a_second) - ended;
            ended += batch.ends;
            for _ in 0..WAITS {
                wait = batch.next(in_flight, || (at, counted(events_a_second)));
            }
        }
        wait / MICRO
    }

    #[test]
    fn a_wait_is_short_beside_tokens_and_requests() {
        let (least, longest) = (200 * MICRO, 1_000 * MICRO);
        // 1 000 streams of a token each 20 ms, 200 tokens each: as long as is allowed.
        assert_eq!(after(least, longest, 1_000, 50_000, 250), 1_000);
        // A token each 4 ms: an eighth of that.
        assert_eq!(after(least, longest, 64, 16_000, 10), 500);
        // Requests of 300 ms: a thousandth of that, to what the counts of a window tell.
        assert!((250..=350).contains(&after(least, longest, 64, 6_400, 213)));
        // Requests of one token, as embeddings are: the least.
        assert_eq!(after(least, longest, 64, 6_400, 6_400), 200);
        // Streams of which no token comes yet, and no end.
        assert_eq!(after(least, longest, 64, 0, 0), 1_000);
        // As it was asked for, whatever the load.
        assert_eq!(after(500 * MICRO, 500 * MICRO, 64, 6_400, 6_400), 500);
        assert_eq!(after(0, 0, 64, 6_400, 6_400), 0);
    }

    #[test]
    fn a_pause_of_the_load_brings_the_least_wait() {
        let mut batch = BatchWait::new(200, 900);
        let counts = |at| move || (at, at / MILLI);
        for _ in 0..WAITS {
            batch.next(64, counts(60 * MILLI));
        }
        assert_eq!(batch.next(64, counts(60 * MILLI)), 900);
        for _ in 0..WAITS {
            batch.next(64, counts(5_000 * MILLI));
        }
        assert_eq!(batch.next(64, counts(5_000 * MILLI)), 200);
    }
}
