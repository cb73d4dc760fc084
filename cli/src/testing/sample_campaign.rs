//! Hand-made campaigns, for the tests of files and tables.

use super::sample::outcome;
use crate::flags::testing::args;
use crate::result::campaign::Settling;
use crate::result::campaign::{Campaign, SweepPointOutcome};
use crate::result::run::RunOutput;
use crate::result::run::{OfSeveral, Outcome};
use crate::result::search::{SearchOutcome, Tried};
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
    let asked = args(
        "-m x --search-space concurrency:1,64:int --search-metric request_throughput --search-sla request_latency:p99:lt:200",
    );
    let search = asked.adaptive_search().unwrap().unwrap();
    let tried = [(8.0, 40.0, 100.0), (64.0, 90.0, 300.0), (24.0, 70.0, 190.0)].map(|(load, figure, latency)| Tried {
        trial: Trial {
            values: vec![load],
            objective: Some(figure),
            violations: vec![Some(search.bounds[0].violation(latency))],
        },
        figure: Some(figure),
        bounded: vec![Some(latency)],
    });
    SearchOutcome { search, tried: tried.into(), ended: Some("improvement_patience") }
}
