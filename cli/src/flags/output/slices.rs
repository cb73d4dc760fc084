//! The length of the time slices.

use crate::flags::plan::nanos;
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::plan::{Limits, Phase};
use ringload_engine::{Error, Result};

/// `--slice-duration`, against how long the phase may last.
///
/// # Errors
/// [`ringload_engine::Blame::Usage`] when it is under a millisecond, longer than the run, or cuts more slices than are
/// kept.
pub(crate) fn slice(seconds: Option<f64>, profiling: &Phase) -> Result<Option<Nanos>> {
    let Some(seconds) = seconds else {
        return Ok(None);
    };
    let slice = nanos(seconds);
    if slice < MILLI {
        return Err(Error::usage(
            format!("--slice-duration {seconds}: no slice is shorter than a millisecond"),
            "write 0.001 or more seconds",
        ));
    }
    let limit = Limits::default().slices as u64;
    match profiling.duration {
        Some(duration) if slice > duration => Err(Error::usage(
            format!("--slice-duration {seconds} is longer than --benchmark-duration: there would be no complete slice"),
            format!("write a tenth of it, --slice-duration {}", duration as f64 / SECOND as f64 / 10.0),
        )),
        Some(duration) if duration.div_ceil(slice) > limit => Err(Error::usage(
            format!(
                "--slice-duration {seconds} cuts --benchmark-duration into {} slices, and {limit} are kept (limit `slices`)",
                duration.div_ceil(slice)
            ),
            format!("write --slice-duration {} or more", duration.div_ceil(limit) as f64 / SECOND as f64),
        )),
        _ => Ok(Some(slice)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lasting(seconds: Option<u64>) -> Phase {
        Phase { duration: seconds.map(|s| s * SECOND), ..Phase::closed(1, 1) }
    }

    #[test]
    fn a_slice_fits_into_the_run_and_not_too_often() {
        let of = |seconds, duration| slice(Some(seconds), &lasting(duration));
        assert_eq!(of(10.0, Some(60)).unwrap(), Some(10 * SECOND));
        assert_eq!(of(0.5, None).unwrap(), Some(SECOND / 2));
        assert_eq!(slice(None, &lasting(Some(1))).unwrap(), None);
        let long = of(90.0, Some(60)).unwrap_err();
        assert!(long.remedy.contains("--slice-duration 6"), "{long}");
        let many = of(0.01, Some(60)).unwrap_err();
        assert!(many.what.contains("6000 slices") && many.remedy.contains("0.03"), "{many}");
        assert!(of(0.000_1, None).is_err());
    }
}
