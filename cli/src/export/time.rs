//! Wall-clock instants as text.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Local time without an offset, to the microsecond, as AIPerf writes it; `None` for an instant that no calendar has.
pub(crate) fn naive_local(epoch_ns: u64, zone: &TimeZone) -> Option<String> {
    let at = Timestamp::from_nanosecond(i128::from(epoch_ns)).ok()?;
    Some(at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%.6f").to_string())
}

/// UTC, to the microsecond.
pub(crate) fn utc(epoch_ns: u64) -> Option<String> {
    let at = Timestamp::from_nanosecond(i128::from(epoch_ns)).ok()?;
    Some(at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_times_carry_no_offset() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(naive_local(1_785_304_909_244_658_409, &zone).unwrap(), "2026-07-29T08:01:49.244658");
        assert_eq!(utc(1_785_304_909_244_658_409).unwrap(), "2026-07-29T06:01:49.244658Z");
    }
}
