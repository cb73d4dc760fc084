use super::super::testing::{plan, summary};
use super::*;
use crate::clock::{MILLI, SECOND};
use crate::record::Usage;
use crate::record::testing::streamed;

/// Between 0 and 1, without order.
fn noise(k: u64) -> f64 {
    ItemRng::new(1, Stream::Prompt, k).below(1_000_000) as f64 / 1e6
}

/// 20 requests a second, of `ttft(k)` ms to the first token and ten tokens, one each 10 ms.
fn load(n: u64, ttft: impl Fn(u64) -> f64) -> Vec<Record> {
    (0..n)
        .map(|k| Record {
            usage: Some(Usage { completion: Some(10), ..Usage::default() }),
            ..streamed(k, SECOND + k * 50 * MILLI, (ttft(k) * 1e6) as Nanos, &[10 * MILLI; 9])
        })
        .collect()
}

fn compared<'a>(steady: &'a Steady, tag: &str, statistic: Option<&str>) -> &'a Compared {
    let mut all = steady.figures.iter();
    all.find(|c| c.tag == tag && c.statistic == statistic).unwrap_or_else(|| panic!("{tag}"))
}

#[test]
fn a_warm_up_inside_the_run_is_cut_and_both_figures_are_given() {
    let warming = |k: u64| if k < 60 { 900.0 - 10.0 * k as f64 } else { 0.0 };
    let s = summary(&plan(), &load(600, |k| 50.0 + 10.0 * noise(k) + warming(k)));
    let steady = s.steady.unwrap();
    assert!(steady.settled, "{steady:?}");
    assert!((55..=70).contains(&steady.trimmed_start), "{steady:?}");
    assert_eq!(steady.requests + steady.trimmed_start + steady.trimmed_end, 600);
    let p99 = compared(&steady, "time_to_first_token", Some("p99"));
    assert!(p99.whole > 800.0 && p99.steady < 61.0, "{p99:?}");
    let rate = compared(&steady, "request_throughput", None);
    assert!((rate.steady - 20.0).abs() < 0.5, "{rate:?}");
    let tokens = compared(&steady, "output_token_throughput", None);
    assert!((tokens.steady - 200.0).abs() < 5.0, "{tokens:?}");
    assert!(steady.words.contains("at the start"), "{}", steady.words);
}

#[test]
fn the_end_of_the_load_is_cut_as_well() {
    let s = summary(&plan(), &load(600, |k| 50.0 + 10.0 * noise(k) - if k >= 560 { 40.0 } else { 0.0 }));
    let steady = s.steady.unwrap();
    assert!((35..=50).contains(&steady.trimmed_end), "{steady:?}");
}

#[test]
fn a_run_that_never_settles_says_so_and_has_intervals_of_the_whole() {
    let s = summary(&plan(), &load(400, |k| 50.0 + k as f64 + noise(k)));
    let steady = s.steady.unwrap();
    assert!(!steady.settled && steady.figures.is_empty());
    assert!(steady.words.contains("none found"), "{}", steady.words);
    let confidence = s.confidence.unwrap();
    assert_eq!((confidence.of, confidence.requests), ("whole", 400));
}

#[test]
fn intervals_hold_the_truth_of_a_steady_run() {
    let s = summary(&plan(), &load(1_000, |k| 50.0 + 10.0 * noise(k)));
    let c = s.confidence.unwrap();
    assert_eq!((c.of, c.level, &c.no_rates), ("steady", 0.95, &None));
    let rate = &c.rates[0];
    assert_eq!(rate.tag, "request_throughput");
    assert!(rate.interval.low <= 20.05 && rate.interval.high >= 19.95 && rate.independent, "{rate:?}");
    let p50 = &c.percentiles[0];
    assert_eq!((p50.tag, p50.statistic), ("time_to_first_token", "p50"));
    assert!(p50.interval.low < 55.0 + 0.5 && p50.interval.high > 55.0 - 0.5, "{p50:?}");
    assert!(p50.interval.half() < 1.0 && p50.interval.half() > 0.1);
    assert_eq!(c.percentiles.len(), 6);
    assert!(c.rates.iter().all(|r| r.tag != "goodput"));
}

#[test]
fn under_a_hundred_requests_nothing_is_said_and_a_single_burst_has_no_rate() {
    let s = summary(&plan(), &load(99, |_| 50.0));
    assert!(s.steady.is_none() && s.confidence.is_none());
    let burst: Vec<Record> = load(200, |k| 50.0 + noise(k))
        .into_iter()
        .map(|mut r| {
            let shift = r.instants.issued - SECOND;
            let at = &mut r.instants;
            at.issued -= shift;
            at.first_token = at.first_token.map(|t| t - shift);
            at.last_token = at.last_token.map(|t| t - shift);
            at.end -= shift;
            r
        })
        .collect();
    let c = summary(&plan(), &burst).confidence.unwrap();
    assert!(c.rates.is_empty() && c.no_rates.is_some(), "{c:?}");
    assert_eq!(c.percentiles.len(), 6);
}

#[test]
fn a_whole_run_has_one_figure_and_its_interval_holds_it() {
    // Settled from its start, and one that never settles: in neither is a part cut off.
    for ttft in [|k: u64| 50.0 + 10.0 * noise(k), |k: u64| 50.0 + k as f64] {
        let s = summary(&plan(), &load(400, ttft));
        let (steady, c) = (s.steady.unwrap(), s.confidence.unwrap());
        assert_eq!((steady.trimmed_start, steady.trimmed_end), (0, 0));
        for rate in &c.rates {
            let figure = s.metrics.iter().find(|m| m.info.tag == rate.tag).unwrap().avg;
            assert_eq!(rate.value, figure, "{}", rate.tag);
            assert!(rate.interval.low <= figure && figure <= rate.interval.high);
        }
        assert_eq!(c.rates.len(), 2);
        for p in &c.percentiles {
            let stats = s.metrics.iter().find(|m| m.info.tag == p.tag).unwrap().stats.unwrap();
            let figure = if p.statistic == "p50" { stats.p50 } else { stats.p99 };
            assert_eq!(p.value, figure, "{} {}", p.tag, p.statistic);
        }
        for compared in &steady.figures {
            assert_eq!(compared.whole, compared.steady, "{}", compared.tag);
        }
    }
}

#[test]
fn requests_that_the_end_of_the_run_cut_off_do_not_make_its_end_look_fast() {
    // From the 500th request on every second one is long, and cut off: those that finish have half of the latency.
    let mut records = load(600, |k| 50.0 + 10.0 * noise(k));
    for record in records.iter_mut().skip(500).step_by(2) {
        record.outcome = Outcome::InFlight;
    }
    let s = summary(&plan(), &records);
    let steady = s.steady.unwrap();
    assert_eq!((steady.requests, steady.trimmed_start, steady.trimmed_end), (500, 0, 50), "{steady:?}");
    assert!(steady.words.contains("cut off by the end of the run"), "{}", steady.words);
    let rate = compared(&steady, "request_throughput", None);
    assert!((rate.steady - 20.0).abs() < 0.3, "{rate:?}");
}
