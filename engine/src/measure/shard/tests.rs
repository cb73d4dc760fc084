use super::super::tally::HIGHEST;
use super::*;
use crate::clock::MILLI;
use crate::record::Cause;
use crate::record::testing::{any_record, failed, streamed};
use proptest::prelude::*;

#[test]
fn the_gaps_of_a_success_enter_their_histogram_and_its_latencies_none() {
    let mut shard = Shard::new();
    let record = streamed(0, 1_000, 200 * MILLI, &[20 * MILLI, 30 * MILLI]);
    shard.issued(PhaseKind::Profiling);
    shard.record(&record);
    for of in HistogramId::ALL {
        let expected = if of == HistogramId::InterChunkLatency { 2 } else { 0 };
        assert_eq!(shard.histogram(of).len(), expected, "{of:?}");
    }
    let gaps = shard.histogram(HistogramId::InterChunkLatency);
    assert!(gaps.equivalent(gaps.max(), 30 * MILLI));
    assert_eq!((shard.counters.events, shard.counters.reads), (3, 3));
    assert_eq!((shard.profiling.issued, shard.profiling.succeeded), (1, 1));
}

#[test]
fn a_failure_after_output_enters_its_own_population_only() {
    let mut shard = Shard::new();
    let record = failed(streamed(0, 0, MILLI, &[MILLI]), Cause::InBandError, 200, "overloaded");
    shard.record(&record);
    for of in HistogramId::ALL {
        let expected = u64::from(of == HistogramId::PartialTimeToFirstToken);
        assert_eq!(shard.histogram(of).len(), expected, "{of:?}");
    }
    assert_eq!(shard.profiling.failures(), 1);
}

#[test]
fn the_warm_up_is_counted_and_not_measured() {
    let mut shard = Shard::new();
    let mut record = streamed(0, 0, MILLI, &[MILLI]);
    record.phase = PhaseKind::Warmup;
    shard.record(&record);
    assert_eq!((shard.warmup.succeeded, shard.profiling.succeeded), (1, 0));
    assert_eq!(shard.counters, Counters::default());
    assert!(HistogramId::ALL.into_iter().all(|of| shard.histogram(of).is_empty()));
}

#[test]
fn values_out_of_range_are_kept_at_the_bound() {
    let mut shard = Shard::new();
    shard.read_lag(u64::MAX);
    shard.read_lag(0);
    let histogram = shard.histogram(HistogramId::ReceiveLag);
    assert_eq!(histogram.len(), 2);
    assert!(histogram.equivalent(histogram.max(), HIGHEST));
}

#[test]
fn of_is_listed_in_order() {
    for (i, of) in HistogramId::ALL.into_iter().enumerate() {
        assert_eq!(of as usize, i);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn adding_shards_is_the_same_as_one_shard(
        records in prop::collection::vec((any_record(), 0..3usize), 0..40),
        lags in prop::collection::vec((any::<u64>(), 0..3usize), 0..40),
    ) {
        let mut whole = Shard::new();
        let mut parts = [Shard::new(), Shard::new(), Shard::new()];
        for (record, part) in &records {
            whole.record(record);
            whole.issued(record.phase);
            parts[*part].record(record);
            parts[*part].issued(record.phase);
        }
        for (lag, part) in &lags {
            whole.read_lag(*lag);
            whole.dispatch_lag(lag / 2);
            parts[*part].read_lag(*lag);
            parts[*part].dispatch_lag(lag / 2);
        }
        let mut sum = Shard::new();
        for part in &parts {
            sum.add(part);
        }
        prop_assert_eq!(&sum.warmup, &whole.warmup);
        prop_assert_eq!(&sum.profiling, &whole.profiling);
        prop_assert_eq!(&sum.counters, &whole.counters);
        for of in HistogramId::ALL {
            let buckets = |shard: &Shard| -> Vec<(u64, u64)> {
                shard.histogram(of).iter_recorded().map(|b| (b.value_iterated_to(), b.count_at_value())).collect()
            };
            prop_assert_eq!(buckets(&sum), buckets(&whole));
            prop_assert_eq!(sum.histogram(of), whole.histogram(of));
        }
    }
}
