//! The files of several runs: AIPerf's aggregate of repeats and its sweep, and our own of both.

mod best;
mod sweep_table;

use super::csv::{NoteColumn, escaped};
use super::draft::write_whole;
use super::numbers::{finite, typed, without_nulls};
use crate::flags::{CampaignArgs, SweepMode};
use crate::result::campaign::{Campaign, Interrupted, NotRun, SweepPointOutcome};
use crate::result::run::RunOutput;
use best::Best;
use ringload_engine::Result;
use ringload_engine::campaign::Spread;
use ringload_engine::verdict::{Status, Verdict};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use sweep_table::sweep_csv;

/// Writes the files of a campaign under its folder, its `page` too; those of its runs are there already.
///
/// # Errors
/// When the disk is full or the folder has gone.
pub(crate) fn finish(base: &Path, campaign: &Campaign, args: &CampaignArgs, page: &str) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    let mut put = |path: PathBuf, text: &str| -> Result<()> {
        write_whole(&path, text.as_bytes())?;
        written.push(path);
        Ok(())
    };
    let swept = campaign.sweep_id.is_some();
    if args.num_profile_runs > 1 {
        for point in &campaign.points {
            let dir = aggregate_dir(base, args, swept, point);
            let text = pretty(&aggregate(point, campaign.level));
            put(dir.join("profile_export_aiperf_aggregate.json"), &text)?;
            put(dir.join("profile_export_aiperf_aggregate.csv"), &aggregate_csv(point))?;
        }
    }
    if swept {
        let dir = base.join("sweep_aggregate");
        let sweep = sweep(campaign);
        put(dir.join("profile_export_aiperf_sweep.json"), &pretty(&sweep))?;
        put(dir.join("profile_export_aiperf_sweep.csv"), &sweep_csv(campaign, &sweep))?;
        if let Some(knee) = degradation_knee(campaign) {
            put(dir.join("degradation_knee.json"), &format!("{knee:#}\n"))?;
        }
        put(base.join("goodput_sweep.csv"), &goodput_csv(campaign))?;
    }
    put(base.join("ringload_campaign.json"), &pretty(&document(campaign)))?;
    put(base.join("report.html"), page)?;
    Ok(written)
}

fn aggregate_dir(base: &Path, args: &CampaignArgs, swept: bool, point: &SweepPointOutcome) -> PathBuf {
    match (swept, args.parameter_sweep_mode) {
        (false, _) => base.join("aggregate"),
        (true, SweepMode::Repeated) => base.join("aggregate").join(&point.folder),
        (true, SweepMode::Independent) => base.join(&point.folder).join("aggregate"),
    }
}

fn pretty(value: &Value) -> String {
    format!("{:#}\n", without_nulls(value.clone()))
}

fn aggregate(point: &SweepPointOutcome, level: f64) -> Value {
    let labels = |succeeded: bool| {
        point
            .runs
            .iter()
            .map(|run| &run.outcome)
            .filter(|o| (o.summary.counts.succeeded > 0) == succeeded)
            .map(|o| o.identity.of_several.run_label.clone())
            .collect::<Vec<_>>()
    };
    json!({
        "schema_version": "1.0",
        "ringload_version": env!("CARGO_PKG_VERSION"),
        "metadata": {
            "aggregation_type": "confidence",
            "num_profile_runs": point.runs.len(),
            "num_successful_runs": labels(true).len(),
            "failed_runs": labels(false),
            "confidence_level": level,
            "single_run": (point.runs.len() == 1).then_some(true),
            "run_labels": point.runs.iter()
                .map(|run| run.outcome.identity.of_several.run_label.clone())
                .collect::<Vec<_>>(),
        },
        "metrics": metrics(&point.spreads),
        "ringload_notes": shown(notes(point.runs.iter())),
    })
}

/// What a reader of the figures of these runs must know.
fn notes<'a>(runs: impl Iterator<Item = &'a RunOutput>) -> Vec<&'static str> {
    let mut notes: Vec<&str> = runs.flat_map(|run| run.outcome.notes()).collect();
    notes.sort_unstable();
    notes.dedup();
    notes
}

/// Null where there is nothing.
fn shown(notes: Vec<&str>) -> Value {
    if notes.is_empty() { Value::Null } else { notes.into() }
}

/// `TAG_STAT` → the figure over the repeats, as AIPerf names it.
fn metrics(spreads: &[Spread]) -> Value {
    let entry = |s: &Spread| {
        let value = json!({
            "mean": finite(s.mean), "std": finite(s.std), "min": finite(s.min), "max": finite(s.max),
            "cv": s.cv.and_then(finite), "se": finite(s.se),
            "ci_low": finite(s.ci_low), "ci_high": finite(s.ci_high),
            "t_critical": s.t_critical.and_then(finite), "unit": s.unit,
        });
        (format!("{}_{}", s.tag, s.stat), value)
    };
    Value::Object(spreads.iter().map(entry).collect())
}

fn aggregate_csv(point: &SweepPointOutcome) -> String {
    let notes = NoteColumn::of(&notes(point.runs.iter()));
    let mut text = format!("Metric,mean,std,min,max,cv,se,ci_low,ci_high,t_critical,unit{}\r\n", notes.name());
    for s in &point.spreads {
        let optional = |v: Option<f64>| v.map_or_else(String::new, number);
        let cells = [
            format!("{}_{}", s.tag, s.stat),
            number(s.mean),
            number(s.std),
            number(s.min),
            number(s.max),
            optional(s.cv),
            number(s.se),
            number(s.ci_low),
            number(s.ci_high),
            optional(s.t_critical),
            s.unit.into(),
        ];
        text += &line(&cells, notes.cell());
    }
    text
}

fn sweep(campaign: &Campaign) -> Value {
    let sweep = &campaign.sweep;
    let best = |at: Option<usize>, tag: &str, stat: &str| {
        let point = &campaign.points[at?];
        let spread = point.spread(tag, stat)?;
        Some(json!({
            "parameters": parameters(point),
            "metric": finite(spread.mean),
            "unit": spread.unit,
        }))
    };
    let combination =
        |point: &SweepPointOutcome| json!({"parameters": parameters(point), "metrics": metrics(&point.spreads)});
    let theirs = Best::of(campaign);
    let pareto = theirs.pareto.iter().map(|i| parameters(&campaign.points[*i]));
    let runs = campaign.runs().count();
    let failed: Vec<String> = campaign
        .runs()
        .map(|run| &run.outcome)
        .filter(|o| o.summary.counts.succeeded == 0)
        .map(|o| {
            let of = &o.identity.of_several;
            let point = of.variation.as_deref().unwrap_or("base");
            format!("{point} {}", of.run_label).trim_end().to_owned()
        })
        .collect();
    json!({
        "aggregation_type": "sweep",
        "ringload_version": env!("CARGO_PKG_VERSION"),
        "num_profile_runs": runs,
        "num_successful_runs": runs - failed.len(),
        "failed_runs": failed,
        "metadata": {
            "sweep_parameters": campaign.axes().into_iter()
                .map(|(name, values)| json!({
                    "name": name.replace('-', "_"),
                    "values": values.iter().map(|v| typed(v)).collect::<Vec<_>>(),
                }))
                .collect::<Vec<_>>(),
            "num_combinations": campaign.points.len(),
            "aggregation_type": "sweep",
            "confidence_level": campaign.level,
            "num_trials_per_value": campaign.points.iter().map(|point| point.runs.len()).max(),
        },
        "per_combination_metrics": campaign.points.iter().map(combination).collect::<Vec<_>>(),
        "best_configurations": {
            "best_throughput": best(theirs.most_requests, "request_throughput", "avg"),
            "best_latency_p99": best(theirs.least_latency, theirs.latency, "p99"),
            "best_goodput": best(sweep.most_goodput, "goodput", "avg"),
        },
        "pareto_optimal": pareto.collect::<Vec<_>>(),
        "ringload_notes": shown(notes(campaign.runs())),
    })
}

/// Where a latency leaves that of the lightest load, as AIPerf's `concurrency-ramp` writes it; `null` where no point is
/// over the bound.
fn degradation_knee(campaign: &Campaign) -> Option<Value> {
    let (asked, found) = campaign.degradation_knee()?;
    let axis = campaign.points.first()?.values.first()?.0.replace('-', "_");
    let load = |place: usize| typed(&found.points[place].0.to_string());
    let figure = |place: usize| finite(found.points[place].1);
    let stat = asked.stat;
    let point = |place: usize| json!({&axis: load(place), stat: figure(place)});
    Some(json!({
        format!("baseline_{axis}"): load(0),
        format!("baseline_{stat}"): figure(0),
        format!("knee_{axis}"): found.knee.map(load),
        format!("knee_{stat}"): found.knee.map(figure),
        "threshold_pct": asked.share,
        "swept_metric": asked.metric,
        "stat": stat,
        "swept_param": format!("phases.profiling.{axis}"),
        "all_points": (0..found.points.len()).map(point).collect::<Vec<_>>(),
    }))
}

fn parameters(point: &SweepPointOutcome) -> Value {
    values(&point.values)
}

fn values(values: &[(String, String)]) -> Value {
    let entry = |(flag, value): &(String, String)| (flag.replace('-', "_"), typed(value));
    Value::Object(values.iter().map(entry).collect::<Map<_, _>>())
}

/// The goodput sweep: a line a point, the share in percent.
fn goodput_csv(campaign: &Campaign) -> String {
    let axes: Vec<String> = campaign.axes().into_iter().map(|(name, _)| name).collect();
    let mut head: Vec<String> = axes.iter().map(|a| a.replace('-', "_")).collect();
    head.extend(["throughput", "goodput", "goodput_pct"].map(String::from));
    let notes = NoteColumn::of(&notes(campaign.runs()));
    let mut text = line(&head, notes.name());
    for point in &campaign.points {
        let mut cells = axis_values(point, &axes);
        let figures = &point.figures;
        let share = figures.good_fraction.map(|f| f * 100.0);
        for value in [figures.throughput, figures.goodput, share] {
            cells.push(value.map_or_else(String::new, number));
        }
        text += &line(&cells, notes.cell());
    }
    text
}

fn axis_values(point: &SweepPointOutcome, axes: &[String]) -> Vec<String> {
    let value = |axis: &String| {
        let found = point.values.iter().find(|(flag, _)| flag == axis);
        found.map_or_else(String::new, |(_, value)| value.clone())
    };
    axes.iter().map(value).collect()
}

/// Everything: each run with its verdict, each point with its figures, and what the sweep shows.
pub(crate) fn document(campaign: &Campaign) -> Value {
    without_nulls(with_nulls(campaign))
}

fn with_nulls(campaign: &Campaign) -> Value {
    let run = |done: &RunOutput| {
        let outcome = &done.outcome;
        json!({
            "run_label": Some(&outcome.identity.of_several.run_label).filter(|l| !l.is_empty()),
            "benchmark_id": outcome.identity.benchmark_id,
            "random_seed": outcome.plan.seed,
            "folder": done.files.first().and_then(|f| f.parent()).map(|d| d.display().to_string()),
            "verdict": outcome.verdict.status,
            "discarded_attempts": discarded(done),
            "findings": outcome.verdict.findings.iter()
                .map(|f| json!({"gate": f.gate, "status": f.status, "evidence": f.evidence}))
                .collect::<Vec<_>>(),
            "succeeded": outcome.summary.counts.succeeded,
            "failed": outcome.summary.counts.failures(),
            "thresholds": outcome.summary.thresholds,
        })
    };
    let point = |point: &SweepPointOutcome| {
        json!({
            "label": point.label,
            "parameters": parameters(point),
            "figures": point.figures,
            "metrics": metrics(&point.spreads),
            "convergence": point.settling,
            "runs": point.runs.iter().map(run).collect::<Vec<_>>(),
        })
    };
    json!({
        "schema_version": "1.1",
        "ringload_version": env!("CARGO_PKG_VERSION"),
        "sweep_id": campaign.sweep_id,
        "command": campaign.runs().next().map(|run| run.outcome.identity.command.clone()),
        "confidence_level": campaign.level,
        "sweep_points": campaign.points.iter().map(point).collect::<Vec<_>>(),
        "sweep_summary": campaign.sweep,
        "search": campaign.search.as_ref().map(super::search_document),
        "interrupted": campaign.interrupted.as_ref().map(interrupted),
    })
}

/// The gates by which a try was INVALID.
/// Of each try of a run that was discarded, the gates by which it was INVALID; `None` where none was.
pub(super) fn discarded(run: &RunOutput) -> Option<Vec<Vec<&'static str>>> {
    Some(run.spoiled_tries.iter().map(gates_of).collect()).filter(|tries: &Vec<_>| !tries.is_empty())
}

fn gates_of(verdict: &Verdict) -> Vec<&'static str> {
    let invalid = verdict.findings.iter().filter(|finding| finding.status == Status::Invalid);
    invalid.map(|finding| finding.gate).collect()
}

fn interrupted(interrupted: &Interrupted) -> Value {
    let point = |point: &NotRun| {
        json!({
            "label": point.label,
            "parameters": values(&point.values),
            "runs": point.runs,
        })
    };
    json!({
        "by": interrupted.why,
        "not_run": interrupted.not_run.iter().map(point).collect::<Vec<_>>(),
    })
}

fn number(value: f64) -> String {
    if value.is_finite() { format!("{value:.6}") } else { String::new() }
}

fn line(cells: &[String], notes: &str) -> String {
    let cells: Vec<_> = cells.iter().map(|c| escaped(c)).collect();
    format!("{}{notes}\r\n", cells.join(","))
}

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::Degradation;
    use crate::testing::sample_campaign::{settling, sweep};

    #[test]
    fn a_ramp_says_where_its_latency_leaves_that_of_the_lightest_load() {
        let mut campaign = sweep(&[8, 1, 4], |_| {});
        assert_eq!(degradation_knee(&campaign), None);
        campaign.degradation = Some(Degradation { metric: "request_latency", stat: "p99", share: 0.2 });
        let with = |campaign: &mut Campaign, place: usize, figure: f64| {
            let spreads = campaign.points[place].spreads.iter_mut();
            spreads.filter(|s| (s.tag, s.stat) == ("request_latency", "p99")).for_each(|s| s.mean = figure);
        };
        for (place, figure) in [(0, 130.0), (1, 100.0), (2, 119.0)] {
            with(&mut campaign, place, figure);
        }
        let knee = degradation_knee(&campaign).unwrap();
        assert_eq!((&knee["baseline_concurrency"], &knee["baseline_p99"]), (&json!(1), &json!(100.0)));
        assert_eq!((&knee["knee_concurrency"], &knee["knee_p99"]), (&json!(8), &json!(130.0)));
        assert_eq!(knee["all_points"][1], json!({"concurrency": 4, "p99": 119.0}));
        with(&mut campaign, 0, 120.0);
        assert_eq!(degradation_knee(&campaign).unwrap()["knee_concurrency"], Value::Null);
    }

    #[test]
    fn a_campaign_tells_the_conditions_of_each_run_and_what_settled() {
        let mut campaign = sweep(&[1, 2], |_| {});
        campaign.points[1].settling = Some(settling());
        let document = document(&campaign);
        for point in 0..2 {
            for run in 0..2 {
                let judged = &document["sweep_points"][point]["runs"][run]["thresholds"];
                let failed: Vec<_> = judged.as_array().unwrap().iter().map(|t| &t["failed"]).collect();
                assert_eq!(failed, [&json!(true), &json!(false)]);
                assert_eq!(judged[0]["value"], 218.115);
                assert_eq!(judged[0]["bound"], 200.0);
            }
        }
        assert!(document["sweep_points"][0].get("convergence").is_none());
        assert_eq!(
            document["sweep_points"][1]["convergence"],
            json!({
                "metric": "time_to_first_token", "statistic": "avg", "mode": "ci_width", "threshold": 0.1, "value": 0.042,
                "settled": true, "runs": 3, "most_runs": 6,
            })
        );
    }
}
