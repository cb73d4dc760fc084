//! Kernel receive stamps: control messages → monotonic instants.

use crate::clock::{Nanos, RealtimeOffset, SECOND};

/// Room for the control messages of one read: `CMSG_SPACE(sizeof(struct scm_timestamping))`.
pub(super) const CONTROL_BYTES: usize = 16 + 48;

/// Turns stamps into arrivals on the monotonic clock.
pub(super) struct Stamper {
    offset: RealtimeOffset,
    kernel: bool,
}

impl Stamper {
    pub(super) fn new(kernel: bool) -> Self {
        Self {
            offset: RealtimeOffset::sample(),
            kernel,
        }
    }

    pub(super) fn kernel(&self) -> bool {
        self.kernel
    }

    /// Samples the clock offset again when the last sample is a second old.
    pub(super) fn renew(&mut self, now: Nanos) {
        if self.kernel && now.saturating_sub(self.offset.sampled_at()) > SECOND {
            self.offset = RealtimeOffset::sample();
        }
    }

    /// When the bytes arrived, and whether the kernel said so. A stamp that is missing or later than the read gives the read's time.
    pub(super) fn arrival(&self, control: &[u8], seen: Nanos) -> (Nanos, bool) {
        if self.kernel
            && let Some(wall) = software_stamp(control)
        {
            let at = self.offset.to_monotonic(wall);
            // The conversion is off by up to the sample's gap: a stamp inside that gap is "now", not "later".
            if at <= seen + self.offset.gap() {
                return (at.min(seen), true);
            }
        }
        (seen, false)
    }
}

/// The software stamp (wall clock, ns) in the control messages of a read.
fn software_stamp(mut control: &[u8]) -> Option<Nanos> {
    const HEADER: usize = 16;
    while control.len() >= HEADER {
        let length = usize::try_from(u64::from_ne_bytes(control[..8].try_into().ok()?)).ok()?;
        let level = i32::from_ne_bytes(control[8..12].try_into().ok()?);
        let kind = i32::from_ne_bytes(control[12..16].try_into().ok()?);
        if length < HEADER || length > control.len() {
            return None;
        }
        if level == libc::SOL_SOCKET && kind == libc::SCM_TIMESTAMPING && length >= HEADER + 16 {
            let seconds = i64::from_ne_bytes(control[16..24].try_into().ok()?);
            let nanos = i64::from_ne_bytes(control[24..32].try_into().ok()?);
            let wall =
                u64::try_from(seconds).ok()?.checked_mul(SECOND)? + u64::try_from(nanos).ok()?;
            return (wall != 0).then_some(wall);
        }
        control = control.get(length.next_multiple_of(8)..)?;
    }
    None
}

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
        assert_eq!(
            software_stamp(&message(libc::SCM_TIMESTAMPING, 0, 0)),
            None,
            "an empty stamp is a missing one"
        );
    }

    #[test]
    fn a_stamp_later_than_the_read_falls_back_to_the_read() {
        let stamper = Stamper::new(true);
        let seen = crate::clock::monotonic();
        let future = crate::clock::realtime() + 5 * SECOND;
        let control = message(
            libc::SCM_TIMESTAMPING,
            (future / SECOND) as i64,
            (future % SECOND) as i64,
        );
        assert_eq!(stamper.arrival(&control, seen), (seen, false));
        assert_eq!(stamper.arrival(&[], seen), (seen, false));
    }

    #[test]
    fn a_wall_clock_that_is_set_is_followed_at_the_next_sample() {
        const DAY: Nanos = 86_400 * SECOND;
        let before = RealtimeOffset::at(10 * SECOND, 100 * DAY);
        let stamped = |offset, wall: Nanos, seen| {
            let stamper = Stamper {
                offset,
                kernel: true,
            };
            let (seconds, nanos) = ((wall / SECOND) as i64, (wall % SECOND) as i64);
            stamper.arrival(&message(libc::SCM_TIMESTAMPING, seconds, nanos), seen)
        };
        let (arrived, seen) = (20 * SECOND, 20 * SECOND + 3);
        let wall = |at: Nanos, day: Nanos| day * DAY + at - 10 * SECOND;
        assert_eq!(stamped(before, wall(arrived, 100), seen), (arrived, true));
        // Set forward: the stamp lies in the future until the next sample, and the read's time stands in, counted.
        assert_eq!(stamped(before, wall(arrived, 101), seen), (seen, false));
        // After the next sample it is the arrival again, in either direction.
        for day in [99, 101] {
            let after = RealtimeOffset::at(19 * SECOND, wall(19 * SECOND, day));
            assert_eq!(stamped(after, wall(arrived, day), seen), (arrived, true));
        }
    }
}
