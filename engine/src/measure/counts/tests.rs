use super::*;

fn counts() -> Counts {
    let mut shard = PhaseCounts {
        issued: 12,
        succeeded: 6,
        cancelled: 2,
        in_flight_at_end: 1,
        dropped: 2,
        ..PhaseCounts::default()
    };
    shard.failed[Cause::Reset as usize] = 2;
    shard.failed[Cause::Timeout as usize] = 1;
    shard.to_counts(Some(17), 3)
}

#[test]
fn conserved_counts_pass() {
    let counts = counts();
    assert_eq!((counts.failures(), counts.finished()), (3, 9));
    assert_eq!((counts.failed.len(), counts.cancelled), (2, 2));
    assert_eq!(counts.check(), Ok(()));
    assert_eq!(Counts { planned: None, never_due: 7, ..counts }.check(), Ok(()));
}

#[test]
fn a_request_that_went_missing_is_named() {
    let lost = Counts { issued: 13, ..counts() };
    assert!(lost.check().unwrap_err().starts_with("13 requests were issued"));
    let unplanned = Counts { planned: Some(16), ..counts() };
    assert!(unplanned.check().unwrap_err().starts_with("16 requests were planned"));
}
