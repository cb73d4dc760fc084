//! Kernel stamps: control messages → monotonic instants.

use crate::arrival::{Arrival, Exact, Since};
use crate::clock::{self, MILLI, Nanos, RealtimeOffset, SECOND};

/// Room for the control messages of one read: `CMSG_SPACE(sizeof(struct scm_timestamping))`.
pub(super) const CONTROL_BYTES: usize = 16 + 48;

/// Turns stamps into arrivals on the monotonic clock.
pub(super) struct Stamper {
    offset: RealtimeOffset,
    kernel: bool,
    /// Until then bytes may be read that were stamped before the wall clock was set.
    doubt_until: Nanos,
}

impl Stamper {
    pub(super) fn new(kernel: bool) -> Self {
        Self { offset: RealtimeOffset::sample(), kernel, doubt_until: 0 }
    }

    pub(super) fn kernel(&self) -> bool {
        self.kernel
    }

    /// Samples the clock offset again when the last sample is a second old, and at once when the wall clock has been
    /// set. To be called with the time of each batch of reads, before their stamps are converted.
    pub(super) fn renew(&mut self, now: Nanos) {
        if self.kernel {
            self.follow(now, clock::realtime(), RealtimeOffset::sample);
        }
    }

    /// The wall clock stands at `wall`.
    fn follow(&mut self, now: Nanos, wall: Nanos, sample: impl FnOnce() -> RealtimeOffset) {
        let expected = self.offset.to_realtime(now);
        let old = now.saturating_sub(self.offset.sampled_at()) > SECOND;
        if !old && wall.abs_diff(expected) <= STEP {
            return;
        }
        self.offset = sample();
        // A pause between the reading of the two clocks looks like a step, but not to the sample.
        if self.offset.to_realtime(now).abs_diff(expected) > STEP {
            self.doubt_until = now.saturating_add(DOUBT);
        }
    }

    /// The arrival of a read that was made before `seen`. A stamp that is missing, later than `seen`, or perhaps from
    /// before the wall clock was set gives `seen`.
    pub(super) fn arrival(&self, control: &[u8], seen: Nanos) -> ReadTime {
        match self.stamp(control, seen) {
            // The conversion is off by up to the sample's gap: a stamp inside that gap is "now", not "later".
            Some(at) if at <= seen + self.offset.gap() => ReadTime::stamped(at, seen),
            _ => ReadTime::read_at(seen),
        }
    }

    /// The arrival of a read that was made after `seen`, the time of its batch: a segment that came between the two has
    /// a later stamp, and the clock is read again, for the read cannot have been earlier. So it is where there is no
    /// usable stamp: the time of the batch may lie before the arrival.
    pub(super) fn arrival_after(&self, control: &[u8], seen: Nanos) -> ReadTime {
        self.arrival_until(control, seen, clock::monotonic)
    }

    /// The stamp of something that was sent, found by `now`; `None` where it cannot be believed.
    pub(super) fn left(&self, control: &[u8], now: Nanos) -> Option<Nanos> {
        self.stamp(control, now).filter(|at| *at <= now + self.offset.gap())
    }

    /// What the kernel stamped at `wall`, before `now`, on the monotonic clock; `None` where it cannot be believed.
    pub(super) fn instant(&self, wall: Nanos, now: Nanos) -> Option<Nanos> {
        (self.kernel && now >= self.doubt_until).then(|| self.offset.to_monotonic(wall))
    }

    /// Whether an instant of the kernel's can be before `seen`, as exactly as it is known.
    pub(super) fn is_past(&self, at: Nanos, seen: Nanos) -> bool {
        at <= seen.saturating_add(self.offset.gap())
    }

    fn arrival_until(&self, control: &[u8], seen: Nanos, now: impl FnOnce() -> Nanos) -> ReadTime {
        match self.stamp(control, seen) {
            Some(at) if at <= seen => ReadTime::stamped(at, seen),
            Some(at) => {
                let now = now();
                if at <= now + self.offset.gap() { ReadTime::stamped(at, now) } else { ReadTime::read_at(now) }
            }
            None => ReadTime::read_at(now()),
        }
    }

    /// The kernel's stamp of a read of the batch of `seen`, on the monotonic clock, where there is one that can be
    /// believed.
    fn stamp(&self, control: &[u8], seen: Nanos) -> Option<Nanos> {
        if !self.kernel || seen < self.doubt_until {
            return None;
        }
        Some(self.offset.to_monotonic(software_stamp(control)?))
    }
}

/// The instants of one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReadTime {
    /// The arrival of the last byte: the kernel's stamp, else the time of the read.
    pub(super) at: Nanos,
    /// Whether `at` is the kernel's.
    pub(super) stamped: bool,
    /// An instant at which the read was over, for a stamped one not before `at`.
    pub(super) seen: Nanos,
}

impl ReadTime {
    fn stamped(at: Nanos, seen: Nanos) -> Self {
        Self { at: at.min(seen), stamped: true, seen }
    }

    fn read_at(seen: Nanos) -> Self {
        Self { at: seen, stamped: false, seen }
    }

    /// The arrival of the bytes of the read. `emptied`: it took all that was in the queue, so that the stamp is its
    /// last byte's.
    #[inline]
    pub(super) fn bounded(self, emptied: bool, since: Since<'_>) -> Arrival<'_> {
        Arrival {
            at: self.at,
            stamped: self.stamped,
            exact: if self.stamped && emptied { Exact::LastByte } else { Exact::Nothing },
            since,
        }
    }
}

/// The software stamp (wall clock, ns) in control messages.
pub(super) fn software_stamp(control: &[u8]) -> Option<Nanos> {
    let (_, _, data) = control_messages(control).find(|(level, kind, data)| {
        *level == libc::SOL_SOCKET && *kind == libc::SCM_TIMESTAMPING && data.len() >= 16
    })?;
    let seconds = i64::from_ne_bytes(data[..8].try_into().ok()?);
    let nanos = i64::from_ne_bytes(data[8..16].try_into().ok()?);
    let wall = u64::try_from(seconds).ok()?.checked_mul(SECOND)? + u64::try_from(nanos).ok()?;
    (wall != 0).then_some(wall)
}

/// Control messages as the kernel writes them, one after the other: level, kind and data of each, up to the first that
/// is none.
#[inline]
pub(super) fn control_messages(mut control: &[u8]) -> impl Iterator<Item = (i32, i32, &[u8])> {
    const HEADER: usize = 16;
    std::iter::from_fn(move || {
        let header = control.get(..HEADER)?;
        let length = usize::try_from(u64::from_ne_bytes(header[..8].try_into().ok()?)).ok()?;
        let level = i32::from_ne_bytes(header[8..12].try_into().ok()?);
        let kind = i32::from_ne_bytes(header[12..].try_into().ok()?);
        let data = control.get(HEADER..length)?;
        control = control.get(length.next_multiple_of(8)..).unwrap_or_default();
        Some((level, kind, data))
    })
}

/// Further than this from where it should be, the wall clock has been set: slewed at the most that the kernel allows
/// (500 ppm), it drifts by half of it between two samples.
const STEP: Nanos = MILLI;
/// How long after a step the kernel may still hold bytes with stamps from before it that this worker has not read.
const DOUBT: Nanos = 100 * MILLI;

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: i32, seconds: i64, nanos: i64) -> Vec<u8> {
        let mut m = Vec::new();
        m.extend(64u64.to_ne_bytes());
        m.extend(libc::SOL_SOCKET.to_ne_bytes());
        m.extend(kind.to_ne_bytes());
        m.extend(seconds.to_ne_bytes());
        m.extend(nanos.to_ne_bytes());
        m.resize(64, 0);
        m
    }

    #[test]
    fn the_software_stamp_is_found_behind_other_messages() {
        let mut control = message(99, 1, 1);
        control.extend(message(libc::SCM_TIMESTAMPING, 3, 7));
        assert_eq!(software_stamp(&control), Some(3 * SECOND + 7));
        assert_eq!(software_stamp(&control[..70]), None);
        assert_eq!(software_stamp(&message(libc::SCM_TIMESTAMPING, 0, 0)), None, "an empty stamp is a missing one");
    }

    #[test]
    fn a_stamp_later_than_the_read_falls_back_to_the_read() {
        let stamper = Stamper::new(true);
        let seen = crate::clock::monotonic();
        let future = crate::clock::realtime() + 5 * SECOND;
        let control = message(libc::SCM_TIMESTAMPING, (future / SECOND) as i64, (future % SECOND) as i64);
        let by_read = ReadTime::read_at(seen);
        assert_eq!(stamper.arrival(&control, seen), by_read);
        assert_eq!(stamper.arrival(&[], seen), by_read);
        assert_eq!(stamper.arrival_until(&control, seen - 9, || seen), by_read);
        assert_eq!(stamper.arrival_until(&[], seen - 9, || seen), by_read);
    }

    #[test]
    fn a_segment_between_the_batch_and_its_read_keeps_its_stamp() {
        let (at, ahead) = (20 * SECOND, 100 * DAY);
        let stamper = stamper(at, ahead);
        let control = |arrived| {
            let stamp = wall(arrived, ahead);
            let (seconds, nanos) = ((stamp / SECOND) as i64, (stamp % SECOND) as i64);
            message(libc::SCM_TIMESTAMPING, seconds, nanos)
        };
        let batch = at + MILLI;
        let read = batch + 700_000;
        // Before the batch: its time will do, and the clock is not read again.
        let early = stamper.arrival_until(&control(batch - 5), batch, || panic!("no need"));
        assert_eq!(early, ReadTime::stamped(batch - 5, batch));
        let between = stamper.arrival_until(&control(batch + 699_000), batch, || read);
        let expected = ReadTime { at: batch + 699_000, stamped: true, seen: read };
        assert_eq!(between, expected);
        // Later than the read itself: no stamp of these bytes.
        let later = stamper.arrival_until(&control(read + 1), batch, || read);
        assert_eq!(later, ReadTime::read_at(read));
        // The stamp of a read that was made before `seen` cannot be later.
        let made_before = stamper.arrival(&control(batch + 1), batch);
        assert_eq!(made_before, ReadTime::read_at(batch));
    }

    #[test]
    fn user_stamps_of_a_later_read_are_the_time_of_that_read() {
        let mut stamper = stamper(20 * SECOND, 100 * DAY);
        stamper.kernel = false;
        let got = stamper.arrival_until(&[], 21 * SECOND, || 22 * SECOND);
        assert_eq!(got, ReadTime::read_at(22 * SECOND));
    }

    const DAY: Nanos = 86_400 * SECOND;

    /// The wall clock at `at`, when it is `ahead` of the monotonic one.
    fn wall(at: Nanos, ahead: Nanos) -> Nanos {
        ahead + at
    }

    fn stamper(at: Nanos, ahead: Nanos) -> Stamper {
        Stamper { offset: RealtimeOffset::at(at, wall(at, ahead)), kernel: true, doubt_until: 0 }
    }

    fn stamped(stamper: &Stamper, wall: Nanos, seen: Nanos) -> (Nanos, bool) {
        let (seconds, nanos) = ((wall / SECOND) as i64, (wall % SECOND) as i64);
        let arrival = stamper.arrival(&message(libc::SCM_TIMESTAMPING, seconds, nanos), seen);
        (arrival.at, arrival.stamped)
    }

    #[test]
    fn a_wall_clock_that_is_set_is_followed_with_the_next_batch_and_stamps_from_before_are_not_used() {
        let (begun, ahead) = (20 * SECOND, 100 * DAY);
        for after in [ahead - DAY, ahead - 5 * MILLI, ahead + 5 * MILLI, ahead + DAY] {
            let mut stamper = stamper(begun, ahead);
            let now = begun + 300 * MILLI;
            let arrived = now - 40;
            assert_eq!(stamped(&stamper, wall(arrived, ahead), now), (arrived, true));
            stamper.follow(now, wall(now, after), || RealtimeOffset::at(now, wall(now, after)));
            // Neither a stamp from before the step nor one from after it is taken for the arrival: which it is cannot
            // be told.
            for ahead in [ahead, after] {
                assert_eq!(stamped(&stamper, wall(arrived, ahead), now), (now, false));
            }
            let now = now + DOUBT;
            stamper.follow(now, wall(now, after), || panic!("the sample is fresh"));
            let arrived = now - 7;
            assert_eq!(stamped(&stamper, wall(arrived, after), now), (arrived, true));
        }
    }

    #[test]
    fn a_pause_between_the_readings_of_the_clocks_is_no_step() {
        let (begun, ahead) = (20 * SECOND, 100 * DAY);
        let mut stamper = stamper(begun, ahead);
        let now = begun + 300 * MILLI;
        let late = now + 8 * MILLI;
        stamper.follow(now, wall(late, ahead), || RealtimeOffset::at(late, wall(late, ahead)));
        assert_eq!(stamped(&stamper, wall(now - 9, ahead), now), (now - 9, true));
    }

    #[test]
    fn a_wall_clock_that_drifts_is_followed_each_second_without_a_doubt() {
        let (begun, ahead) = (20 * SECOND, 100 * DAY);
        let mut stamper = stamper(begun, ahead);
        let slewed = ahead + SECOND / 2_000;
        let now = begun + SECOND + 1;
        stamper.follow(now, wall(now, slewed), || RealtimeOffset::at(now, wall(now, slewed)));
        assert_eq!(stamped(&stamper, wall(now - 9, slewed), now), (now - 9, true));
    }

    #[test]
    fn a_stamp_of_a_clock_that_was_set_forward_within_the_batch_lies_in_the_future_and_is_not_used() {
        let stamper = stamper(20 * SECOND, 100 * DAY);
        let seen = 20 * SECOND + 50;
        assert_eq!(stamped(&stamper, wall(seen - 3, 101 * DAY), seen), (seen, false));
    }
}
