//! One campaign, one number: every figure that its files have twice is the same.

use super::*;
use crate::testing::sample_campaign::sweep as sample;
use std::cell::Cell;
use std::collections::BTreeMap;

/// A campaign whose runs differ in every metric.
fn campaign() -> Campaign {
    let runs = Cell::new(0.0);
    sample(&[1, 2, 4], |outcome| {
        runs.set(runs.get() + 1.0);
        for (i, metric) in outcome.summary.metrics.iter_mut().enumerate() {
            metric.avg *= 1.0 + runs.get() / (i + 7) as f64;
        }
    })
}

/// The rows of a table, each by the names of its columns. No cell of a campaign's tables has a comma in it.
fn rows(table: &str) -> Vec<BTreeMap<&str, &str>> {
    let mut lines = table.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            assert_eq!(cells.len(), head.len(), "{line}");
            head.iter().copied().zip(cells).collect()
        })
        .collect()
}

#[track_caller]
fn same(cell: &str, figure: &Value, what: &str) {
    let shown = figure.as_f64().map_or_else(String::new, number);
    assert_eq!(cell, shown, "{what}");
}

#[test]
fn the_aggregate_of_a_cell_is_one_in_every_file() {
    let campaign = campaign();
    let (document, sweep) = (document(&campaign), sweep(&campaign));
    for (i, cell) in campaign.points.iter().enumerate() {
        let aggregate = aggregate(cell, campaign.level);
        let metrics = aggregate["metrics"].as_object().unwrap();
        assert!(metrics.len() > 20, "{}", metrics.len());
        assert_eq!(document["sweep_points"][i]["metrics"], aggregate["metrics"]);
        let combination = &sweep["per_combination_metrics"][i];
        assert_eq!(combination["metrics"], aggregate["metrics"]);
        assert_eq!(document["sweep_points"][i]["parameters"], combination["parameters"]);
        let table = aggregate_csv(cell);
        let table = rows(&table);
        assert_eq!(table.len(), metrics.len());
        for row in table {
            let metric = &metrics[row["Metric"]];
            assert_eq!(metric["unit"], row["unit"]);
            for (statistic, cell) in &row {
                if !["Metric", "unit"].contains(statistic) {
                    same(cell, &metric[*statistic], row["Metric"]);
                }
            }
        }
    }
}

#[test]
fn the_tables_of_a_sweep_have_the_figures_of_its_cells() {
    let campaign = campaign();
    let document = document(&campaign);
    let whole = sweep(&campaign);
    let (table, goodput) = (sweep_csv(&campaign, &whole), goodput_csv(&campaign));
    let blocks: Vec<&str> = table.split("\r\n\r\n").collect();
    let (table, goodput) = (rows(blocks[0]), rows(&goodput));
    assert_eq!([table.len(), goodput.len()], [3, 3]);
    for (i, cell) in document["sweep_points"].as_array().unwrap().iter().enumerate() {
        for row in [&table[i], &goodput[i]] {
            assert_eq!(row["concurrency"], cell["parameters"]["concurrency"].to_string());
        }
        assert!(table[i].len() > 5 * cell["metrics"].as_object().unwrap().len());
        for (column, shown) in table[i].iter().filter(|(column, _)| **column != "concurrency") {
            let (figure, over_runs) = column.rsplit_once('_').unwrap();
            same(shown, &cell["metrics"][figure][over_runs], column);
        }
        let figures = &cell["figures"];
        let share = figures["good_fraction"].as_f64().map(|f| f * 100.0);
        for (column, figure) in
            [("throughput", &figures["throughput"]), ("goodput", &figures["goodput"]), ("goodput_pct", &json!(share))]
        {
            same(goodput[i][column], figure, column);
        }
        for (figure, metric) in [
            ("throughput", "request_throughput_avg"),
            ("goodput", "goodput_avg"),
            ("good_fraction", "good_request_fraction_avg"),
            ("output_tokens", "output_token_throughput_avg"),
            ("latency_p99", "request_latency_p99"),
        ] {
            let mean = &cell["metrics"][metric]["mean"];
            assert_eq!(&figures[figure], mean, "{figure}");
        }
    }
}

#[test]
fn the_blocks_below_the_table_of_a_sweep_are_those_of_its_json() {
    let campaign = campaign();
    let sweep = sweep(&campaign);
    let table = sweep_csv(&campaign, &sweep);
    let blocks: Vec<Vec<&str>> =
        table.split("\r\n\r\n").map(|block| block.trim_end().split("\r\n").collect()).collect();
    let titles: Vec<&str> = blocks[1..].iter().map(|block| block[0]).collect();
    assert_eq!(titles, ["Best Configurations", "Pareto Optimal Points", "Metadata"]);
    assert_eq!(blocks[1][1], "Configuration,concurrency,Metric,Unit");
    let throughput = &sweep["best_configurations"]["best_throughput"];
    let expected = format!("Best Throughput,{},", throughput["parameters"]["concurrency"]);
    assert!(blocks[1][2].starts_with(&expected) && blocks[1][2].ends_with(",requests/sec"), "{}", blocks[1][2]);
    let pareto: Vec<String> =
        sweep["pareto_optimal"].as_array().unwrap().iter().map(|point| point["concurrency"].to_string()).collect();
    assert_eq!(blocks[2][1], "concurrency");
    assert_eq!(blocks[2][2..], pareto);
    assert!(blocks[3].contains(&"Number of Combinations,3"), "{:?}", blocks[3]);
}

#[test]
fn the_best_of_a_sweep_is_the_best_of_its_cells() {
    let campaign = campaign();
    let sweep = sweep(&campaign);
    let cells = sweep["per_combination_metrics"].as_array().unwrap();
    for (best, metric, most) in [
        ("best_throughput", "request_throughput_avg", true),
        ("best_latency_p99", "time_to_first_token_p99", false),
        ("best_goodput", "goodput_avg", true),
    ] {
        let best = &sweep["best_configurations"][best];
        let means = cells.iter().filter_map(|cell| cell["metrics"][metric]["mean"].as_f64());
        let expected = means.reduce(if most { f64::max } else { f64::min });
        assert_eq!(best["metric"].as_f64(), expected, "{metric}");
    }
}
