//! `search_history.json`: what an adaptive search tried, in order, as AIPerf writes it.

use super::draft::write_whole;
use super::numbers::{finite, without_nulls};
use crate::flags::{Bound, Tier};
use crate::result::search::{ALL_FOUND, SearchOutcome, TierBoundary};
use ringload_engine::Result;
use ringload_engine::optimization::{FLAT, PLATEAU};
use ringload_engine::plan::Comparison;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Writes the file into the folder of a search; it is written again after each point.
///
/// # Errors
/// When the disk is full or the folder has gone.
pub(crate) fn write(base: &Path, outcome: &SearchOutcome) -> Result<()> {
    let text = format!("{:#}\n", document(outcome));
    write_whole(&base.join(SEARCH_HISTORY), text.as_bytes())
}

/// Name of the file.
pub(crate) const SEARCH_HISTORY: &str = "search_history.json";

/// The content of the file.
pub(crate) fn document(outcome: &SearchOutcome) -> Value {
    let search = &outcome.search;
    let best = outcome.best().map(|place| {
        json!({
            "iteration_idx": place,
            "objective_value": outcome.tried[place].figure.and_then(finite),
            "variation_values": values(outcome, place),
        })
    });
    let mut document = json!({
        "ringload_version": env!("CARGO_PKG_VERSION"),
        "config": {
            "algorithm": match (search.tiers.is_empty(), search.halves) {
                (false, _) => "multi_tier",
                (true, true) => "monotonic_sla",
                (true, false) => "bayes",
            },
            "objective_metric": search.metric,
            "objective_stat": search.stat,
            "objective_direction": if search.maximize { "maximize" } else { "minimize" },
            "max_iterations": search.settings.most_trials,
            "n_initial_points": search.settings.initial_trials,
            "random_seed": search.settings.seed,
            "improvement_patience": search.settings.patience,
            "plateau_window": PLATEAU,
            "plateau_threshold": FLAT,
            "search_space": search.space.iter().map(|varied| json!({
                "path": varied.axis.path(),
                "lo": varied.dimension.low,
                "hi": varied.dimension.high,
                "kind": if varied.dimension.whole { "int" } else { "real" },
            })).collect::<Vec<_>>(),
            "sla_filters": search.bounds.iter().map(filter).collect::<Vec<_>>(),
        },
        "iterations": (0..outcome.tried.len()).map(|place| iteration(outcome, place)).collect::<Vec<_>>(),
        "best": best,
        "boundary_summary": boundary(outcome).map(without_nulls),
        "convergence_reason": outcome.ended,
    });
    if !search.tiers.is_empty() {
        let tiers = search.tiers.iter().map(|tier| json!({"label": tier.label, "filters": filters(tier)}));
        document["config"]["tiers"] = tiers.collect();
        document["tier_results"] = without_nulls(tier_results(outcome));
        document["tier_metadata"] = tier_metadata(outcome);
    }
    document
}

/// What came of each SLO tier.
fn tier_results(outcome: &SearchOutcome) -> Value {
    let (tiers, dimension) = (&outcome.search.tiers, &outcome.search.space[0].dimension);
    let tried = |place: usize| outcome.tried[place].trial.values[0];
    let value = |place: usize| number(tried(place), dimension.whole);
    let of = |(i, (tier, at)): (usize, (&Tier, TierBoundary))| {
        let status = match (at.holds, at.fails) {
            (Some(_), Some(_)) if outcome.ended == Some(ALL_FOUND) => "converged",
            (Some(holds), None) if tried(holds) >= dimension.high => "no_failure_in_range",
            (None, Some(fails)) if tried(fails) <= dimension.low => "no_pass_in_range",
            _ => "partial",
        };
        json!({
            "label": tier.label,
            "boundary_concurrency": at.holds.map(value),
            "convergence_status": status,
            "binding_constraint": at.fails.and_then(|place| broken_of_tier(outcome, place, i)),
            "bracket_lower": at.holds.map(value),
            "bracket_upper": at.fails.map(value),
            "probe_count": outcome.tried.iter().filter(|tried| tried.judged).count(),
            "filters": filters(tier),
        })
    };
    tiers.iter().zip(outcome.tier_boundaries()).enumerate().map(of).collect()
}

/// The first bound of a tier that a point breaks.
fn broken_of_tier(outcome: &SearchOutcome, place: usize, tier: usize) -> Option<Value> {
    let held = &outcome.tried[place].tiers[tier];
    let broken = held.iter().position(|held| held.violation.is_none_or(|v| v > 0.0))?;
    let mut breach = filter(&outcome.search.tiers[tier].bounds[broken]);
    breach["observed"] = held[broken].figure.and_then(finite).into();
    Some(breach)
}

fn tier_metadata(outcome: &SearchOutcome) -> Value {
    let judged = outcome.tried.iter().filter(|tried| tried.judged).count();
    json!({
        "actual_probe_count": outcome.tried.len(),
        "tier_evaluation_count": judged * outcome.search.tiers.len(),
        // No tier is concluded from another: each point is held against all of them.
        "ordering_detected": false,
    })
}

fn filters(tier: &Tier) -> Vec<Value> {
    tier.bounds.iter().map(filter).collect()
}

fn filter(bound: &Bound) -> Value {
    json!({"metric_tag": bound.metric, "stat": bound.stat, "op": operator(bound.op), "threshold": bound.bound})
}

fn operator(op: Comparison) -> &'static str {
    match op {
        Comparison::Below => "lt",
        Comparison::AtMost => "le",
        Comparison::Above => "gt",
        Comparison::AtLeast => "ge",
    }
}

fn iteration(outcome: &SearchOutcome, place: usize) -> Value {
    let tried = &outcome.tried[place];
    json!({
        "iteration_idx": place,
        "variation_values": values(outcome, place),
        "objective_value": tried.figure.and_then(finite),
        "objective_values": [tried.figure.and_then(finite)],
        "feasible": tried.trial.holds(),
        "folder": folder_name(place),
    })
}

/// The folder of a point, as AIPerf names it.
pub(crate) fn folder_name(place: usize) -> String {
    format!("search_iter_{place:04}")
}

fn values(outcome: &SearchOutcome, place: usize) -> Value {
    let pairs = outcome.search.space.iter().zip(&outcome.tried[place].trial.values);
    let pairs = pairs.map(|(varied, value)| (varied.axis.path(), number(*value, varied.dimension.whole)));
    Value::Object(pairs.collect::<Map<_, _>>())
}

fn number(value: f64, whole: bool) -> Value {
    if whole { json!(value as i64) } else { json!(value) }
}

fn boundary(outcome: &SearchOutcome) -> Option<Value> {
    let (largest, smallest) = outcome.boundary()?;
    let varied = outcome.search.space.first()?;
    let value = |place: usize| number(outcome.tried[place].trial.values[0], varied.dimension.whole);
    Some(json!({
        "swept_dim_path": varied.axis.path(),
        "feasible_max": largest.map(|place| json!({
            "value": value(place),
            "iteration_idx": place,
            "objective_value": outcome.tried[place].figure.and_then(finite),
        })),
        "infeasible_min": smallest.map(|place| json!({
            "value": value(place),
            "iteration_idx": place,
            "first_breach": first_breach(outcome, place),
        })),
    }))
}

/// The first bound that a point breaks.
fn first_breach(outcome: &SearchOutcome, place: usize) -> Option<Value> {
    let tried = &outcome.tried[place];
    let broken = tried.trial.violations.iter().position(|v| v.is_some_and(|v| v > 0.0))?;
    let mut breach = filter(&outcome.search.bounds[broken]);
    breach["observed"] = tried.bounded[broken].figure.and_then(finite)?;
    Some(breach)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample_campaign::{search, tiers};

    #[test]
    fn a_history_says_where_each_tier_ends() {
        let document = document(&tiers());
        assert_eq!(document["config"]["tiers"][0]["filters"][0]["threshold"], json!(200.0));
        let results = document["tier_results"].as_array().unwrap();
        let of = |name: &str| {
            let result = results.iter().find(|result| result["label"] == name).unwrap();
            [&result["bracket_lower"], &result["bracket_upper"], &result["convergence_status"]].map(Value::clone)
        };
        assert_eq!(of("gold"), [json!(24), json!(64), json!("converged")]);
        assert_eq!(of("bronze"), [json!(64), Value::Null, json!("no_failure_in_range")]);
        assert_eq!(results[0]["binding_constraint"]["observed"], json!(300.0));
        assert_eq!(document["tier_metadata"]["tier_evaluation_count"], 6);
        assert_eq!(document["convergence_reason"], "multi_tier_all_converged");
        assert!(super::document(&search()).get("tier_results").is_none());
    }

    #[test]
    fn a_history_says_what_was_tried_and_where_the_boundary_lies() {
        let document = document(&search());
        assert_eq!(document["best"]["variation_values"], json!({"phases.profiling.concurrency": 24}));
        assert_eq!(document["iterations"].as_array().unwrap().len(), 3);
        assert_eq!(document["iterations"][1]["feasible"], json!(false));
        let boundary = &document["boundary_summary"];
        assert_eq!(
            (&boundary["feasible_max"]["value"], &boundary["infeasible_min"]["value"]),
            (&json!(24), &json!(64))
        );
        assert_eq!(boundary["infeasible_min"]["first_breach"]["observed"], json!(300.0));
        assert_eq!(document["convergence_reason"], json!("improvement_patience"));
    }
}
