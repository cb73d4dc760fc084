//! Hand-made campaigns, for the tests of files and tables.

use super::sample::outcome;
use crate::result::campaign::Settling;
use crate::result::campaign::{Campaign, SweepPointOutcome};
use crate::result::run::RunOutput;
use crate::result::run::{OfSeveral, Outcome};
use ringload_engine::measure::Metric;

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
