//! The table of a sweep in AIPerf's shape: every figure of every point, then the best points, the Pareto set, and what
//! was run, a blank line between each.

use super::{NoteColumn, axis_values, line, notes, number};
use crate::result::campaign::{Campaign, SweepPointOutcome};
use ringload_engine::campaign::Spread;
use serde_json::Value;
use std::collections::BTreeSet;

/// The table of a campaign of which AIPerf's JSON is `sweep`.
pub(super) fn sweep_csv(campaign: &Campaign, sweep: &Value) -> String {
    let axes: Vec<String> = campaign.axes().into_iter().map(|(name, _)| name).collect();
    let names: Vec<String> = axes.iter().map(|axis| axis.replace('-', "_")).collect();
    let mut text = points(campaign, &axes, &names);
    let mut block = |title: &str, rows: Vec<Vec<String>>| {
        text += "\r\n";
        text += &line(&[title.to_owned()], "");
        text.extend(rows.iter().map(|row| line(row, "")));
    };
    block("Best Configurations", best(sweep, &names));
    let pareto = sweep["pareto_optimal"].as_array().map(Vec::as_slice).unwrap_or_default();
    block(
        "Pareto Optimal Points",
        match pareto.is_empty() {
            true => vec![vec!["None".to_owned()]],
            false => [names.clone()].into_iter().chain(pareto.iter().map(|point| cells(point, &names))).collect(),
        },
    );
    let rows = [
        ("Field", "Value".to_owned()),
        ("Aggregation Type", text_of(&sweep["aggregation_type"])),
        ("Sweep Parameters", names.join(", ")),
        ("Number of Combinations", text_of(&sweep["metadata"]["num_combinations"])),
        ("Number of Profile Runs", text_of(&sweep["num_profile_runs"])),
        ("Number of Successful Runs", text_of(&sweep["num_successful_runs"])),
    ];
    block("Metadata", rows.into_iter().map(|(field, value)| vec![field.to_owned(), value]).collect());
    text
}

/// A line a point: its values, and five figures of each statistic of each metric that any point has.
fn points(campaign: &Campaign, axes: &[String], names: &[String]) -> String {
    let figures: BTreeSet<String> = campaign.points.iter().flat_map(|point| point.spreads.iter().map(name)).collect();
    let notes = NoteColumn::of(&notes(campaign.runs()));
    let columns = figures.iter().flat_map(|figure| OVER_RUNS.map(|column| format!("{figure}_{column}")));
    let head: Vec<String> = names.iter().cloned().chain(columns).collect();
    let row = |point: &SweepPointOutcome| {
        let mut cells = axis_values(point, axes);
        for figure in &figures {
            let spread = point.spreads.iter().find(|spread| name(spread) == *figure);
            let values = spread.map(|s| [Some(s.mean), Some(s.std), Some(s.min), Some(s.max), s.cv]);
            cells.extend(values.unwrap_or_default().map(|value| value.map_or_else(String::new, number)));
        }
        line(&cells, notes.cell())
    };
    line(&head, notes.name()) + &campaign.points.iter().map(row).collect::<String>()
}

fn best(sweep: &Value, names: &[String]) -> Vec<Vec<String>> {
    let around = |first: &str, between: Vec<String>, last: [String; 2]| -> Vec<String> {
        [first.to_owned()].into_iter().chain(between).chain(last).collect()
    };
    let head = around("Configuration", names.to_vec(), ["Metric", "Unit"].map(String::from));
    let row = |(key, title): &(&str, &str)| {
        let best = &sweep["best_configurations"][key];
        let metric = best["metric"].as_f64()?;
        Some(around(title, cells(&best["parameters"], names), [number(metric), text_of(&best["unit"])]))
    };
    [head].into_iter().chain(BEST.iter().filter_map(row)).collect()
}

/// The values of a point, in the order of the axes.
fn cells(parameters: &Value, names: &[String]) -> Vec<String> {
    names.iter().map(|name| text_of(&parameters[name])).collect()
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn name(spread: &Spread) -> String {
    format!("{}_{}", spread.tag, spread.stat)
}

/// What the table has of each statistic, over the repeats of a point.
const OVER_RUNS: [&str; 5] = ["mean", "std", "min", "max", "cv"];
/// The best points, and their titles.
const BEST: [(&str, &str); 3] = [
    ("best_throughput", "Best Throughput"),
    ("best_latency_p99", "Best Latency P99"),
    ("best_goodput", "Best Goodput"),
];
