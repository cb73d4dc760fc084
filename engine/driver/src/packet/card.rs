//! Clocks of network cards, of which packets have the time that the card itself has stamped.
//!
//! A card stamps packets where somebody has switched that on (`hwstamp_ctl`, `ptp4l`), by a clock of its own
//! (`/dev/ptp…`), which is read beside the monotonic one ten times a second. Its drift between two readings is taken
//! into account; where one of the clocks was set between them, nothing is known.

use crate::clock::{MILLI, Nanos, SECOND, monotonic};
use rustix::time::{DynamicClockId, clock_gettime_dynamic};
use socket2::{Domain, Socket, Type};
use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd};

/// The clocks of this machine's cards.
#[derive(Default)]
pub(super) struct Cards(Vec<Card>);

struct Card {
    /// The number of its interface.
    interface: u32,
    clock: File,
    readings: [Reading; 2],
}

/// Both clocks at one instant.
#[derive(Clone, Copy, Debug)]
struct Reading {
    card: Nanos,
    at: Nanos,
}

impl Cards {
    /// Of the cards that can stamp what they receive. None where the clock of one of them may not be read: what it
    /// stamps would have no time.
    pub(super) fn find() -> Self {
        Self::all().unwrap_or_default()
    }

    fn all() -> Option<Self> {
        let mut cards = Vec::new();
        for entry in fs::read_dir("/sys/class/net").ok()?.flatten() {
            let name = entry.file_name();
            let Some(number) = clock_of(name.as_encoded_bytes()) else { continue };
            let interface = fs::read_to_string(entry.path().join("ifindex")).ok()?.trim().parse().ok()?;
            let clock = File::open(format!("/dev/ptp{number}")).ok()?;
            let reading = read(&clock)?;
            cards.push(Card { interface, clock, readings: [reading; 2] });
        }
        Some(Self(cards))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the card of an interface has stamped, found at `now`, on the monotonic clock; `None` where that is unknown.
    pub(super) fn instant(&mut self, interface: u32, stamp: Nanos, now: Nanos) -> Option<Nanos> {
        let card = self.0.iter_mut().find(|card| card.interface == interface)?;
        if now.saturating_sub(card.readings[1].at) >= RENEWAL {
            card.readings = [card.readings[1], read(&card.clock)?];
        }
        along(card.readings, stamp)
    }
}

/// The clock now: the best of five readings between two of the monotonic one.
fn read(clock: &File) -> Option<Reading> {
    let once = || {
        let before = monotonic();
        let card = clock_gettime_dynamic(DynamicClockId::Dynamic(clock.as_fd())).ok()?;
        let after = monotonic();
        let card = u64::try_from(card.tv_sec).ok()? * SECOND + u64::try_from(card.tv_nsec).ok()?;
        Some((after - before, Reading { card, at: before + (after - before) / 2 }))
    };
    let best = (0..5).filter_map(|_| once()).min_by_key(|(gap, _)| *gap);
    best.map(|(_, reading)| reading)
}

/// A card's instant on the monotonic clock, along the line through two readings.
fn along([older, newer]: [Reading; 2], stamp: Nanos) -> Option<Nanos> {
    let behind = i128::from(stamp) - i128::from(newer.card);
    let passed = i128::from(newer.at) - i128::from(older.at);
    let ran = i128::from(newer.card) - i128::from(older.card);
    let since = if passed < i128::from(RENEWAL / 2) {
        behind
    } else if (ran - passed).abs() * MOST_DRIFT > passed {
        return None;
    } else {
        behind * passed / ran
    };
    Nanos::try_from(i128::from(newer.at) + since).ok()
}

/// The number of the clock of an interface whose card stamps what it receives (`ETHTOOL_GET_TS_INFO`).
fn clock_of(name: &[u8]) -> Option<i32> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM.cloexec(), None).ok()?;
    let mut info = TsInfo { command: GET_TS_INFO, stamping: 0, clock: -1, rest: [0; 8] };
    // SAFETY: plain numbers and a pointer, for all of which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte of the name stays 0.
    let last = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name[..last].iter_mut().zip(name) {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_data = (&raw mut info).cast();
    // SAFETY: the request names `info`, which is as large as the command says and writable for the call.
    let rc = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) };
    let stamps = info.stamping & libc::SOF_TIMESTAMPING_RX_HARDWARE != 0;
    (rc == 0 && stamps && info.clock >= 0).then_some(info.clock)
}

/// `struct ethtool_ts_info`.
#[repr(C)]
struct TsInfo {
    command: u32,
    stamping: u32,
    clock: i32,
    rest: [u32; 8],
}

const GET_TS_INFO: u32 = 0x41;
/// Age at which a clock is read again: at 100 ppm it has drifted by 10 µs.
const RENEWAL: Nanos = 100 * MILLI;
/// A drift of over one in so many is no drift: a clock was set.
const MOST_DRIFT: i128 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Nanos = 1_700_000_000 * SECOND;

    /// The clocks `after` apart, of which the card's is `ahead` and drifts by `ppm`.
    fn readings(after: Nanos, ppm: i64) -> [Reading; 2] {
        let drift = after as i64 * ppm / 1_000_000;
        let older = Reading { card: BASE, at: 5 * SECOND };
        [older, Reading { card: BASE + after.wrapping_add_signed(drift), at: 5 * SECOND + after }]
    }

    #[test]
    fn a_stamp_lies_on_the_line_through_two_readings() {
        for ppm in [-200, 0, 200] {
            let both = readings(200 * MILLI, ppm);
            let drift = |passed: Nanos| passed.wrapping_add_signed(passed as i64 * ppm / 1_000_000);
            for passed in [0, 50 * MILLI, 199 * MILLI, 300 * MILLI] {
                let at = along(both, BASE + drift(passed)).unwrap();
                assert!(at.abs_diff(5 * SECOND + passed) <= 1, "{ppm} {passed} {at}");
            }
            // Before the first reading, by a client that stood still.
            let at = along(both, BASE - drift(300 * MILLI)).unwrap();
            assert!(at.abs_diff(5 * SECOND - 300 * MILLI) <= 1, "{ppm} {at}");
        }
    }

    #[test]
    fn of_readings_that_are_too_close_no_drift_is_told() {
        let [older, newer] = readings(5_000, 50_000);
        assert_eq!(along([older, newer], newer.card - 700), Some(newer.at - 700));
        assert_eq!(along([older; 2], older.card + 9), Some(older.at + 9));
    }

    #[test]
    fn nothing_is_known_where_a_clock_was_set() {
        assert_eq!(along(readings(100 * MILLI, 5_000), BASE), None);
        assert_eq!(along(readings(100 * MILLI, -1_000_000), BASE), None);
        // Before the boot.
        assert_eq!(along(readings(100 * MILLI, 0), BASE - 10 * SECOND), None);
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn the_loopback_has_no_clock() {
        assert_eq!(clock_of(b"lo"), None);
        assert_eq!(clock_of(b"no such interface at all"), None);
        assert_eq!(Cards::find().instant(u32::MAX, BASE, SECOND), None);
    }
}
