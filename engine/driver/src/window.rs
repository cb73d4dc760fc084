//! The earliest instant at which what a wait reads can have arrived.
//!
//! Three facts bound it from below, each for all connections at once:
//! * A wait reads whatever is ready when it begins, and for the last time looks at what is ready right before it
//!   returns. So nothing that a wait reads had arrived when the wait before it *began*.
//! * Between that last look and the clock read after the wait, the thread can only have been kept off its core, or busy
//!   with the system call's own end. The kernel counts the former (`/proc/thread-self/schedstat`: time ready to run and
//!   not running, `CONFIG_SCHED_INFO`), and [`OWN`] and [`OWN_EACH`] allow for the latter.
//! * A wait that took longer than it was kept off its core, its own work and the batch it may collect, slept in the
//!   kernel. It would not have slept if anything had been ready, and the first arrival ended the sleep.
//!
//! All three take it that a segment is in its queue, and whoever waits for it runs, when it is stamped. A stamp before
//! the bound shows that it was not so, and by how much: a core has slept and took that long to wake, or the kernel has
//! put its receive work off (`ksoftirqd` had no core). For [`DOUBT`] all bounds are then lower by a multiple of that.
//!
//! The kernel's count costs a system call. It is read only for a read in which an event was followed by other bytes,
//! once a wait at most, and before a wait when the last reading is [`RENEWAL`] old.

use crate::arrival::{Earliest, NARROW, Since};
use crate::clock::{self, MICRO, MILLI, Nanos};
use std::cell::Cell;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Bounds the arrival of what one wait reads.
pub(super) struct Window {
    before: Wait,
    now: Wait,
    /// This wait left something that was ready for the next one.
    cut: bool,
    /// The last two readings of the kernel's count, the newer one first.
    readings: Cell<[Reading; 2]>,
    count: RunDelay,
    known: Cell<Option<Nanos>>,
    /// How much lower bounds are, as wake-ups took longer than is allowed for or receive work was put off, and until
    /// when.
    doubt: Cell<(Nanos, Nanos)>,
}

/// One wait.
#[derive(Clone, Copy, Default)]
struct Wait {
    /// When it began.
    begun: Nanos,
    /// The clock's reading after it.
    seen: Nanos,
    /// How long it may have gone on collecting after the first completion.
    batch: Nanos,
    /// Completions that it brought.
    completions: usize,
}

/// The time that the thread was ready to run and not running so far, read at or before `at`.
#[derive(Clone, Copy, Default)]
struct Reading {
    at: Nanos,
    delay: Nanos,
}

impl Window {
    /// A window over the waits of the thread that calls it first. Without kernel stamps there is nothing to bound.
    pub(super) fn new(kernel: bool) -> Self {
        Self::over(if kernel { RunDelay::Unopened } else { RunDelay::Unknown })
    }

    fn over(count: RunDelay) -> Self {
        Self {
            before: Wait::default(),
            now: Wait::default(),
            cut: false,
            readings: Cell::default(),
            count,
            known: Cell::new(None),
            doubt: Cell::new((0, 0)),
        }
    }

    /// A wait is about to begin: gives the time, and notes it.
    pub(super) fn begin(&mut self) -> Nanos {
        let mut now = clock::monotonic();
        if now.saturating_sub(self.readings.get()[0].at) >= RENEWAL
            && self.count.open()
            && let Some(delay) = self.count.read()
        {
            now = clock::monotonic();
            self.note(Reading { at: now, delay });
        }
        self.begin_at(now);
        now
    }

    fn begin_at(&mut self, now: Nanos) {
        if !std::mem::take(&mut self.cut) {
            self.before = self.now;
        }
        self.now = Wait { begun: now, ..Wait::default() };
        self.known.set(None);
    }

    /// The wait did not read all that was ready.
    pub(super) fn cut(&mut self) {
        self.cut = true;
    }

    /// The wait is over: it may have gone on collecting for `batch` after its first completion.
    #[inline]
    pub(super) fn end(&mut self, seen: Nanos, batch: Nanos, completions: usize) {
        let wait = &mut self.now;
        (wait.seen, wait.batch, wait.completions) = (seen, batch, completions);
    }

    /// The bound that costs nothing: when the wait before this one began.
    #[inline]
    pub(super) fn floor(&self) -> Nanos {
        self.before.begun
    }

    /// The bound for what this wait tells beside bytes: that a connect is over. Where the kernel may put its receive
    /// work off, only that which costs nothing is left.
    pub(super) fn done_since(&self) -> Nanos {
        self.earliest(self.now.seen).max(self.floor())
    }

    /// The same for the end of a connection, `unread` as in [`Self::since`].
    pub(super) fn closed_since(&self, unread: Nanos) -> Nanos {
        if unread == 0 { self.done_since() } else { unread }
    }

    /// The bound for bytes of a connection. `unread` is the instant since when it may have had bytes that no wait could
    /// read; 0 without.
    #[inline]
    pub(super) fn since(&self, unread: Nanos) -> Since<'_> {
        match unread {
            0 => Since::Asked(self),
            unread => Since::Known(unread),
        }
    }

    /// The next `unread` of a connection that was read. `emptied`: the read took all that was there. `paced`: no wait
    /// looks at the connection for a while from now on.
    #[inline]
    pub(super) fn unread(&self, unread: Nanos, emptied: bool, paced: bool) -> Nanos {
        match (emptied, paced) {
            (true, false) => 0,
            (true, true) => self.now.seen,
            (false, _) if unread == 0 => self.floor().max(1),
            (false, _) => unread,
        }
    }

    /// A stamp lies so far before the bound.
    #[cold]
    fn doubt(&self, by: Nanos) {
        let (lower, until) = self.doubt.get();
        let before = if self.now.seen < until { lower } else { 0 };
        // Wake-ups are much alike; what `ksoftirqd` waits for its core is not.
        let times = if by > NARROW { 4 } else { 2 };
        self.doubt.set((before.max(times * by), self.now.seen.saturating_add(DOUBT)));
    }

    fn note(&self, reading: Reading) {
        let [newer, _] = self.readings.get();
        self.readings.set([reading, newer]);
    }

    fn closer(&self) -> Nanos {
        let floor = self.floor();
        let Some(delay) = self.count.read() else {
            return floor;
        };
        let readings = self.readings.get();
        // The kept-off time since the latest reading that was made before `at`.
        let kept_off = |at: Nanos| {
            let before = readings.iter().find(|r| r.at != 0 && r.at <= at)?;
            delay.checked_sub(before.delay)
        };
        self.note(Reading { at: clock::monotonic(), delay });
        let own = |wait: &Wait| OWN + OWN_EACH * wait.completions as Nanos;
        let mut bound = floor;
        if let Some(off) = kept_off(self.before.begun) {
            let looked = self.before.seen.saturating_sub(off + own(&self.before));
            bound = bound.max(looked);
        }
        if let Some(off) = kept_off(self.now.begun) {
            let awake = off + own(&self.now) + self.now.batch;
            let woken = self.now.seen.saturating_sub(awake);
            if woken > self.now.begun {
                bound = bound.max(woken);
            }
        }
        bound
    }
}

impl Earliest for Window {
    fn earliest(&self, at: Nanos) -> Nanos {
        let floor = self.floor();
        let mut bound = floor;
        if at > floor + NARROW {
            bound = self.known.get().unwrap_or_else(|| self.closer());
            self.known.set(Some(bound));
        }
        if at < bound {
            self.doubt(bound - at);
        }
        let (lower, until) = self.doubt.get();
        if self.now.seen < until { bound.saturating_sub(lower) } else { bound }
    }
}

/// The kernel's count of the time that this thread was ready to run and not running.
enum RunDelay {
    /// It is opened by the thread that waits.
    Unopened,
    Open(File),
    /// A kernel without it, or nothing to bound.
    Unknown,
    #[cfg(test)]
    Scripted(Cell<Option<Nanos>>),
}

impl RunDelay {
    /// Opens it, once; whether it can be read.
    fn open(&mut self) -> bool {
        if let Self::Unopened = self {
            *self = File::open("/proc/thread-self/schedstat").map_or(Self::Unknown, Self::Open);
        }
        !matches!(self, Self::Unknown)
    }

    fn read(&self) -> Option<Nanos> {
        match self {
            Self::Unopened | Self::Unknown => None,
            Self::Open(file) => {
                let mut text = [0; 96];
                let length = file.read_at(&mut text, 0).ok()?;
                second_number(text.get(..length)?)
            }
            #[cfg(test)]
            Self::Scripted(delay) => delay.get(),
        }
    }
}

/// The second of three numbers, apart by a space (kernel documentation, `scheduler/sched-stats`: time on the core, time
/// waiting for it, slices).
fn second_number(text: &[u8]) -> Option<Nanos> {
    let field = text.split(|b| *b == b' ').nth(1)?;
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// The kernel's and the client's own work between the end of a sleep and the clock read after it, and for each
/// completion.
const OWN: Nanos = 40 * MICRO;
const OWN_EACH: Nanos = 2 * MICRO;
/// How long a stamp from before the bound lowers all bounds.
const DOUBT: Nanos = 100 * MILLI;
/// Age at which the kernel's count is read again before a wait.
const RENEWAL: Nanos = 20 * MILLI;

#[cfg(test)]
mod tests {
    use super::*;

    /// A window after two waits, `(begun, seen)` each, whose thread was kept off its core for `off` since the first
    /// began. In microseconds.
    fn window(before: (Nanos, Nanos), now: (Nanos, Nanos), off: Option<Nanos>) -> Window {
        let mut window = Window::over(RunDelay::Scripted(Cell::new(None)));
        window.note(Reading { at: before.0 * MICRO, delay: 7 * MILLI });
        for (begun, seen) in [before, now] {
            window.begin_at(begun * MICRO);
            window.end(seen * MICRO, 0, 5);
        }
        let RunDelay::Scripted(delay) = &window.count else {
            unreachable!("it was made so");
        };
        delay.set(off.map(|off| 7 * MILLI + off * MICRO));
        window
    }

    const OWN_OF_FIVE: Nanos = OWN + 5 * OWN_EACH;

    /// Two waits with one completion after those of a window whose thread was kept off for 10 us: when they began, when
    /// they were over, and their bounds. Of the second, the kernel's count before it is not known.
    const AFTER: [(Nanos, Nanos, Nanos); 2] =
        [(20_010, 119_990, 119_980 * MICRO - OWN - OWN_EACH), (120_000, 120_010, 20_010 * MICRO)];

    #[test]
    fn a_wait_that_slept_was_ended_by_the_first_arrival() {
        for (off, expected) in [
            (10, 20_000 * MICRO - OWN_OF_FIVE - 10 * MICRO),
            (15_000, 5_000 * MICRO - OWN_OF_FIVE),
            // It may have been kept off all the time: what it reads may have been there when it began.
            (19_000, 1_000 * MICRO),
        ] {
            let window = window((1_000, 1_050), (1_060, 20_000), Some(off));
            assert_eq!(window.earliest(19_990 * MICRO), expected, "{off}");
        }
    }

    #[test]
    fn a_batch_that_may_be_collected_is_waited_for() {
        let mut window = window((1_000, 1_050), (1_060, 20_000), Some(10));
        window.end(20_000 * MICRO, 300 * MICRO, 5);
        let awake = OWN_OF_FIVE + 310 * MICRO;
        assert_eq!(window.earliest(19_990 * MICRO), 20_000 * MICRO - awake);
    }

    #[test]
    fn a_wait_that_found_something_reads_what_came_since_the_last_look() {
        let window = window((1_000, 21_000), (21_200, 21_250), Some(20));
        let looked = 21_000 * MICRO - OWN_OF_FIVE - 20 * MICRO;
        assert_eq!(window.earliest(21_240 * MICRO), looked);
    }

    #[test]
    fn without_the_kernels_count_only_the_begin_of_the_wait_before_is_known() {
        let mut window = window((1_000, 1_050), (1_060, 20_000), None);
        assert_eq!(window.earliest(19_990 * MICRO), 1_000 * MICRO);
        // What a wait leaves for the next was not read by it.
        window.cut();
        window.begin_at(20_010 * MICRO);
        assert_eq!(window.floor(), 1_000 * MICRO);
        window.begin_at(20_030 * MICRO);
        assert_eq!(window.floor(), 20_010 * MICRO);
    }

    #[test]
    fn a_bound_that_is_close_enough_costs_nothing_and_others_are_asked_for_once_a_wait() {
        let window = window((1_000, 1_050), (1_060, 20_000), Some(10));
        assert_eq!(window.earliest(1_090 * MICRO), 1_000 * MICRO);
        assert_eq!(window.known.get(), None);
        let first = window.earliest(19_990 * MICRO);
        assert_eq!(window.known.get(), Some(first));
        assert_eq!(window.earliest(19_999 * MICRO), first);
    }

    #[test]
    fn a_stamp_from_before_the_bound_puts_bounds_in_doubt() {
        let mut window = window((1_000, 1_050), (1_060, 20_000), Some(10));
        assert!(window.earliest(19_990 * MICRO) > 19_000 * MICRO);
        let bound = window.earliest(19_990 * MICRO);
        let put_off = bound - 18_000 * MICRO;
        assert!(put_off > MILLI);
        assert_eq!(window.earliest(18_000 * MICRO), bound - 4 * put_off, "put off by 2 ms");
        assert_eq!(window.earliest(19_990 * MICRO), bound - 4 * put_off);
        for (begun, seen, expected) in AFTER {
            window.begin_at(begun * MICRO);
            window.end(seen * MICRO, 0, 1);
            let lower = if begun < 120_000 { 4 * put_off } else { 0 };
            assert_eq!(window.earliest(seen * MICRO), expected - lower, "{seen}");
        }
    }

    #[test]
    fn a_stamp_from_shortly_before_the_bound_lowers_it_for_a_while() {
        let mut window = window((1_000, 1_050), (1_060, 20_000), Some(10));
        let bound = window.earliest(19_990 * MICRO);
        assert_eq!(window.earliest(bound - 30 * MICRO), bound - 60 * MICRO, "a core took 30 us to wake");
        assert_eq!(window.earliest(bound - 20 * MICRO), bound - 60 * MICRO);
        assert_eq!(window.earliest(19_990 * MICRO), bound - 60 * MICRO);
        for (begun, seen, expected) in AFTER {
            window.begin_at(begun * MICRO);
            window.end(seen * MICRO, 0, 1);
            let lower = if begun < 120_000 { 60 * MICRO } else { 0 };
            assert_eq!(window.earliest(seen * MICRO), expected - lower, "{seen}");
        }
    }

    #[test]
    fn bytes_that_no_wait_could_read_keep_their_bound() {
        let window = window((1_000, 1_050), (1_060, 20_000), Some(10));
        let (floor, seen) = (1_000 * MICRO, 20_000 * MICRO);
        // (before, the read emptied the queue, read at a pace) → after
        for (unread, emptied, paced, expected) in [
            (0, true, false, 0),
            (0, false, false, floor),
            (5, false, false, 5),
            (5, true, false, 0),
            (5, true, true, seen),
            (5, false, true, 5),
        ] {
            assert_eq!(window.unread(unread, emptied, paced), expected);
        }
        assert!(matches!(window.since(5), Since::Known(5)));
        assert!(matches!(window.since(0), Since::Asked(_)));
    }

    #[test]
    fn the_kernels_count_is_the_second_number() {
        assert_eq!(second_number(b"8163045 71204 17\n"), Some(71_204));
        assert_eq!(second_number(b"8163045"), None);
        assert_eq!(second_number(b""), None);
    }
}
