use super::*;
use crate::clock::{MILLI, SECOND};
use crate::record::Cause;
use crate::record::testing::streamed;
use proptest::prelude::*;

fn charts(records: &[Record]) -> Charts {
    let mut charts = Charts::new(true);
    records.iter().for_each(|record| charts.add(record, &RequestMetrics::default()));
    charts
}

#[test]
fn every_event_is_in_the_column_of_its_arrival() {
    // Issued at 1 s, first token 0.5 s later, then at 1.6 and 11 s.
    let record = streamed(0, SECOND, SECOND / 2, &[100 * MILLI, 9_400 * MILLI]);
    let charts = charts(&[record]);
    let strip = charts.strip(256);
    let (width, offset, columns) = (strip.width_s, strip.offset_s, &strip.columns);
    assert!(columns.len() <= 256 && columns.len() as f64 * width >= 10.0);
    let covered: f64 = (0..columns.len()).map(|i| strip.covered_s(i)).sum();
    assert!((covered - strip.lasting_s).abs() < 1e-9, "{covered}");
    assert!((-width..=0.0).contains(&offset));
    let place = |seconds: f64| ((seconds - offset) / width) as usize;
    for (seconds, gap) in [(0.5, None), (0.6, Some(100 * MILLI)), (10.0, Some(9_400 * MILLI))] {
        let column = &columns[place(seconds)];
        let gap_there = gap.is_none_or(|gap| {
            let found = column.gaps.quantile(0.5).unwrap();
            (found - gap as f64).abs() <= gap as f64 / 16.0
        });
        assert!(column.events >= 1 && gap_there, "{seconds}: {column:?}");
    }
    assert_eq!(columns.iter().map(|c| c.events).sum::<u64>(), 3);
    assert_eq!((columns[place(0.0)].issued, columns[place(0.0)].first_token.total()), (1, 1));
    let flown: u128 = columns.iter().map(|c| c.in_flight).sum();
    assert_eq!(flown, u128::from(charts.slowest()[0].phases.total()));
}

#[test]
fn failures_have_no_latency_and_turns_and_targets_are_told_apart() {
    let mut failed = streamed(0, 5, 10, &[20]);
    failed.outcome = Outcome::Failed(Cause::Reset);
    failed.turn = 1;
    let mut elsewhere = streamed(1, 5, MILLI, &[MILLI]);
    elsewhere.target = 2;
    let charts = charts(&[failed, elsewhere]);
    let counts = |groups: &[Group]| groups.iter().map(|g| (g.succeeded, g.failed)).collect::<Vec<_>>();
    assert_eq!(counts(charts.turns()), [(1, 0), (0, 1)]);
    assert_eq!(counts(charts.targets()), [(0, 1), (0, 0), (1, 0)]);
    assert_eq!(charts.turns()[1].latency.total(), 0);
    assert_eq!(charts.strip(1).columns[0].gaps.total(), 1);
    assert_eq!(charts.slowest().len(), 1);
}

#[test]
fn a_request_without_output_has_the_latency_of_its_metric() {
    let mut record = streamed(0, 5, MILLI, &[]);
    (record.instants.first_token, record.instants.last_token) = (None, None);
    let charts = charts(&[record]);
    assert_eq!(charts.turns()[0].latency.total(), 1);
    assert_eq!(charts.turns()[0].first_token.total(), 0);
}

#[test]
fn the_slowest_are_kept_the_slowest_first() {
    let records: Vec<Record> = (0..100).map(|k| streamed(k, 0, ((k * 37) % 100 + 1) * MILLI, &[])).collect();
    let took: Vec<Nanos> = charts(&records).slowest().iter().map(|slow| slow.first_token.unwrap() / MILLI).collect();
    assert_eq!(took, (89..=100).rev().collect::<Vec<_>>());
}

#[test]
fn a_quantile_is_within_a_sixteenth() {
    let mut bins = Bins::default();
    (1..=1_000).for_each(|i| bins.add(i * MILLI));
    for (share, exact) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0)] {
        let found = bins.quantile(share).unwrap() / MILLI as f64;
        assert!((found - exact).abs() <= exact / 16.0, "{share}: {found}");
    }
    assert_eq!(Bins::default().quantile(0.5), None);
}

proptest! {
    #[test]
    fn a_length_lies_in_its_bin(length in any::<u64>()) {
        let mut bins = Bins::default();
        bins.add(length >> (length % 64));
        let length = length >> (length % 64);
        let bin = bins.counts().len() - 1;
        prop_assert!(Bins::edge(bin) <= length);
        prop_assert!(length < Bins::edge(bin + 1) || Bins::edge(bin + 1) == Nanos::MAX || length > Nanos::MAX / 2);
    }

    #[test]
    fn nothing_is_lost_when_columns_are_merged(
        starts in proptest::collection::vec((0u64..100_000_000_000, 1u64..10_000_000_000), 1..40)
    ) {
        let records: Vec<Record> =
            starts.iter().enumerate().map(|(k, (at, took))| streamed(k as u64, *at, *took, &[MILLI])).collect();
        let charts = charts(&records);
        let n = records.len() as u64;
        let took: u128 = records.iter().map(|r| u128::from(r.instants.end - r.instants.issued)).sum();
        for most in [256, 100, 7, 1] {
            let columns = charts.strip(most).columns;
            prop_assert!(columns.len() <= most);
            prop_assert_eq!(columns.iter().map(|c| c.issued).sum::<u64>(), n);
            prop_assert_eq!(columns.iter().map(|c| c.completed).sum::<u64>(), n);
            prop_assert_eq!(columns.iter().map(|c| c.events).sum::<u64>(), 2 * n);
            prop_assert_eq!(columns.iter().map(|c| c.in_flight).sum::<u128>(), took);
        }
    }
}
