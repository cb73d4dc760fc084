//! Hand-made campaigns, for the tests of files and tables.

use super::sample::outcome;
use crate::flags::testing::args;
use crate::flags::{AdaptiveSearch, Bound};
use crate::result::campaign::Settling;
use crate::result::campaign::{Campaign, SweepPointOutcome};
use crate::result::run::RunOutput;
use crate::result::run::{OfSeveral, Outcome};
use crate::result::search::{ALL_FOUND, Held, SearchOutcome, Tried};
use ringload_engine::measure::Metric;
use ringload_engine::optimization::Trial;

/// A sweep over `values` of --concurrency, two repeats a point; `with` makes the runs differ.
pub(crate) fn sweep(values: &[u32], with: impl Fn(&mut Outcome)) -> Campaign {
    let point = |value: &u32| {
        let axis = vec![("concurrency".to_owned(), value.to_string())];
        let label = format!("concurrency={value}");
        let runs = (0..2).map(|trial| {
            let mut outcome = outcome();
            outcome.identity.of_several = OfSeveral {
                trial,
                run_label: format!("run_{:04}", trial + 1),
                variation: Some(label.clone()),
                variation_values: axis.clone(),
                ..OfSeveral::default()
            };
            with(&mut outcome);
            RunOutput { outcome, files: Vec::new(), spoiled_tries: Vec::new() }
        });
        let runs = runs.collect();
        SweepPointOutcome::of(label.clone(), axis, runs, 0.95, |_| true)
    };
    let points = values.iter().map(point).collect();
    Campaign::of_points(points, 0.95, Some("0123456789ab".into()))
}

/// So many repeats of one plan.
pub(crate) fn repeats(runs: usize) -> Campaign {
    let run = |trial| {
        let mut outcome = outcome();
        outcome.identity.of_several =
            OfSeveral { trial, run_label: format!("run_{:04}", trial + 1), ..OfSeveral::default() };
        for metric in &mut outcome.summary.metrics {
            metric.avg *= 1.0 + trial as f64 / 100.0;
        }
        RunOutput { outcome, files: Vec::new(), spoiled_tries: Vec::new() }
    };
    let point = SweepPointOutcome::of(String::new(), Vec::new(), (0..runs).map(run).collect(), 0.95, |_| true);
    Campaign::of_points(vec![point], 0.95, None)
}

/// No request is good, and none ever near it.
pub(crate) fn without_goodput(outcome: &mut Outcome) {
    if let Some(goodput) = &mut outcome.summary.goodput {
        goodput.good = 0;
        goodput.slos[0].met = 0;
        (goodput.goodput, goodput.good_request_fraction) = (0.0, 0.0);
    }
    for metric in &mut outcome.summary.metrics {
        if metric.info.tag == "goodput" {
            metric.avg = 0.0;
        }
    }
    if let Some(info) = ringload_engine::plan::metric::find("good_request_fraction") {
        outcome.summary.metrics.push(Metric { info, avg: 0.0, stats: None, tails: None, exact: true });
    }
}

/// Time to first token settled after three of six.
pub(crate) fn settling() -> Settling {
    Settling {
        metric: "time_to_first_token",
        statistic: "avg",
        mode: "ci_width",
        threshold: 0.1,
        value: Some(0.042),
        settled: true,
        runs: 3,
        most_runs: 6,
    }
}

/// A search over three points, of which the second breaks its bound.
pub(crate) fn search() -> SearchOutcome {
    let bound = "--search-sla request_latency:p99:lt:200";
    tried(bound, "improvement_patience", |search, latency| (vec![held(&search.bounds[0], latency)], Vec::new()))
}

/// A search for the largest loads of two SLO tiers, of which the stricter breaks at the heaviest load.
pub(crate) fn tiers() -> SearchOutcome {
    let bounds =
        "--search-sla-tier gold:request_latency:p99:lt:200 --search-sla-tier bronze:request_latency:p99:lt:900";
    tried(bounds, ALL_FOUND, |search, latency| {
        (Vec::new(), search.tiers.iter().map(|tier| vec![held(&tier.bounds[0], latency)]).collect())
    })
}

type HeldBounds = (Vec<Held>, Vec<Vec<Held>>);

fn tried(bounds: &str, ended: &'static str, judge: impl Fn(&AdaptiveSearch, f64) -> HeldBounds) -> SearchOutcome {
    let asked = args(&format!("-m x --search-space concurrency:1,64:int --search-metric request_throughput {bounds}"));
    let search = asked.adaptive_search().unwrap().unwrap();
    let tried = [(8.0, 40.0, 100.0), (64.0, 90.0, 300.0), (24.0, 70.0, 190.0)].map(|(load, figure, latency)| {
        let (bounded, tiers) = judge(&search, latency);
        let violations = bounded.iter().map(|held| held.violation).collect();
        Tried {
            trial: Trial { values: vec![load], objective: Some(figure), violations },
            figure: Some(figure),
            judged: true,
            bounded,
            tiers,
        }
    });
    SearchOutcome { search, tried: tried.into(), ended: Some(ended) }
}

fn held(bound: &Bound, figure: f64) -> Held {
    Held { figure: Some(figure), violation: Some(bound.violation(figure)) }
}
