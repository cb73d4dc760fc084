//! One report, one number: over random simulated runs, every figure that is printed or written twice is the same.

use super::super::{RecordWriter, csv, json, report, timeslices};
use crate::redact::Secrets;
use crate::report::{Style, render};
use crate::result::run::Outcome;
use crate::testing::sample::{outcome, plan, records};
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::measure::{RunFacts, Shard, Summarizer, Timeline, TokenCounts};
use ringload_engine::plan::metric;
use ringload_engine::plan::{Load, Phase, Plan, Slo};
use ringload_engine::record::{Cause, Outcome as Ended, PhaseKind, Record, Usage};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{self, Write};

mod slice_table;

#[test]
fn every_figure_that_is_given_twice_is_the_same() {
    for seed in 0..RUNS {
        let run = Run::of(seed);
        run.histograms_are_the_metrics();
        run.steady_and_whole_agree();
        run.goodput_is_one();
        run.the_table_has_the_figures_of_the_json();
        run.slices_agree();
        run.the_table_of_slices_has_the_figures_of_the_json();
        run.records_add_up();
        run.the_text_shows_the_figures_of_the_files();
    }
}

/// A finished run with its files.
struct Run {
    seed: u64,
    outcome: Outcome,
    report: Value,
    aiperf: Value,
    table: String,
    slices: Value,
    slice_table: String,
    lines: Vec<Value>,
    text: String,
}

/// Random numbers (splitmix64).
struct Draws(u64);

impl Draws {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }
}

/// Some slots that are never idle for eight seconds; what is in flight then is cut off, some requests fail, and in some
/// runs the server warms up, stands still for two seconds, or hangs from half of the run on.
fn simulated(seed: u64) -> Vec<Record> {
    let mut draws = Draws(seed);
    let base = records()[0].0.clone();
    let (slots, warms, pauses, hangs) =
        (2 + draws.below(6), draws.below(3) == 0, draws.below(3) == 0, draws.below(8) == 0);
    let (fails, end) = (draws.below(2) * 20, 9 * SECOND);
    let mut all = Vec::new();
    for slot in 0..slots {
        let mut at = SECOND + draws.below(MILLI);
        while at < end {
            let k = all.len() as u64;
            let slow = if warms && at < 2 * SECOND { 5 } else { 1 };
            let mut first = at + slow * (10 * MILLI + draws.below(20 * MILLI));
            if pauses && (4 * SECOND..6 * SECOND).contains(&first) {
                first = 6 * SECOND + draws.below(MILLI);
            }
            if hangs && first > 5 * SECOND {
                first = 100 * SECOND;
            }
            let tokens = 1 + draws.below(12);
            let mut gaps: Vec<Nanos> = (1..tokens).map(|_| 5 * MILLI + draws.below(3 * MILLI)).collect();
            let ended =
                if fails > 0 && draws.below(fails) == 0 { Ended::Failed(Cause::Truncated) } else { Ended::Succeeded };
            let mut record = Record {
                k,
                index: k,
                worker: (slot % 2) as u16,
                phase: PhaseKind::Profiling,
                outcome: ended,
                usage: Some(Usage { prompt: Some(30), completion: Some(tokens as u32 * 2), ..Usage::default() }),
                requested_osl: Some(tokens as u32 * 2),
                ..base.clone()
            };
            let last = first + gaps.iter().sum::<Nanos>();
            let over = if last + 5 >= end {
                let arrived = (first < end).then(|| {
                    let mut when = first;
                    gaps.iter()
                        .take_while(|gap| {
                            when += **gap;
                            when < end
                        })
                        .count()
                });
                gaps.truncate(arrived.unwrap_or(0));
                (record.outcome, record.usage) = (Ended::InFlight, None);
                record.events = arrived.map_or(0, |n| n as u32 + 1);
                end
            } else {
                record.events = tokens as u32;
                last + 5
            };
            let came = record.events > 0;
            let instants = &mut record.instants;
            (instants.scheduled, instants.issued, instants.end) = (at, at, over);
            (instants.send_start, instants.send_end) = (Some(at + 40), Some(at + 100));
            (instants.connection_ready, instants.tcp_start, instants.tcp_end) = (Some(at), None, None);
            (instants.dns_start, instants.dns_end, instants.tls_start, instants.tls_end) = (None, None, None, None);
            let arrived = came.then_some(first);
            (instants.first_byte, instants.head_end) = (arrived, arrived);
            (instants.first_token, instants.first_visible_token) = (arrived, arrived);
            instants.last_token = arrived.map(|first| first + gaps.iter().sum::<Nanos>());
            if record.outcome != Ended::Succeeded {
                record.usage = None;
            }
            record.gaps = gaps;
            at = over;
            all.push(record);
        }
    }
    all
}

fn plan_of(seed: u64) -> Plan {
    let mut plan = plan();
    let mut phase = Phase::closed(4, 1);
    (phase.requests, phase.duration) = (None, Some(8 * SECOND));
    (plan.profiling, plan.warmup, plan.cancellation) = (phase, None, None);
    (plan.streaming, plan.slice, plan.seed) = (true, Some(SECOND), seed);
    plan.slos = Slo::parse_all(&["time_to_first_token:25".to_owned()]).unwrap();
    (plan.tiers, plan.thresholds) = (Vec::new(), Vec::new());
    if seed.is_multiple_of(3) {
        plan.limits.exact_gaps = 200;
    }
    assert!(matches!(plan.profiling.load, Load::Closed { .. }));
    plan
}

fn facts() -> RunFacts {
    ringload_engine::internal::run_facts(SECOND, 9 * SECOND, 1_785_304_900_000_000_000)
}

fn written(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

impl Run {
    fn of(seed: u64) -> Self {
        let (plan, records) = (plan_of(seed), simulated(seed));
        let mut shard = Shard::new();
        let mut summarizer = Summarizer::new(&plan, Timeline::of(&records).unwrap());
        let secrets = Secrets::of(&plan);
        let (wall, sessions) = (|at: Nanos| at, |_| None);
        let mut writer = RecordWriter::new(&wall, &sessions, &secrets, false);
        let mut lines = Vec::new();
        for record in &records {
            shard.issued(record.phase);
            shard.record(record);
            let metrics = summarizer.add(record, &TokenCounts::of(record, None));
            let line = written(|to| writer.write(record, &metrics, to));
            lines.push(serde_json::from_str(&line).unwrap());
        }
        let mut outcome = outcome();
        (outcome.summary, outcome.plan) = (summarizer.finish(shard, facts()), plan);
        assert!(outcome.summary.violations.is_empty());
        let parsed = |text: String| -> Value { serde_json::from_str(&text).unwrap() };
        Self {
            seed,
            report: parsed(written(|to| report::write(&outcome, to))),
            aiperf: parsed(written(|to| json::write(&outcome, to))),
            table: written(|to| csv::write(&outcome.summary, &outcome.notes(), to)),
            slices: parsed(written(|to| timeslices::json(&outcome, to))),
            slice_table: written(|to| timeslices::csv(&outcome, to)),
            text: render(&outcome, &[], &Style { verbose: true, ..Style::default() }),
            lines,
            outcome,
        }
    }

    fn figure(&self, tag: &str, statistic: &str) -> f64 {
        let both = [&self.report["summary"]["metrics"][tag], &self.aiperf[tag]].map(|m| m[statistic].as_f64());
        self.same(both[0], both[1], &format!("{tag} {statistic}"));
        both[0].unwrap_or_else(|| panic!("seed {}: {tag} {statistic}", self.seed))
    }

    #[track_caller]
    fn same(&self, a: Option<f64>, b: Option<f64>, what: &str) {
        let near = match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
            (a, b) => a == b,
        };
        assert!(near, "seed {}: {what}: {a:?} and {b:?}", self.seed);
    }

    fn histograms_are_the_metrics(&self) {
        for histogram in self.report["summary"]["histograms"].as_array().unwrap() {
            let tag = histogram["tag"].as_str().unwrap();
            if metric::find(tag).is_none() {
                continue;
            }
            self.same(histogram["mean_ms"].as_f64(), Some(self.figure(tag, "avg")), tag);
            self.same(histogram["count"].as_f64(), Some(self.figure(tag, "count")), tag);
            for percentile in histogram["percentiles"].as_array().unwrap() {
                let name = percentile["name"].as_str().unwrap();
                if !name.contains('.') {
                    self.same(percentile["ms"].as_f64(), Some(self.figure(tag, name)), &format!("{tag} {name}"));
                }
            }
        }
    }

    fn steady_and_whole_agree(&self) {
        let summary = &self.report["summary"];
        let (steady, confidence) = (&summary["steady"], &summary["confidence"]);
        let trimmed = steady["trimmed_start"].as_u64() != Some(0) || steady["trimmed_end"].as_u64() != Some(0);
        let mut figures: BTreeMap<(String, String), f64> = BTreeMap::new();
        for compared in steady["figures"].as_array().into_iter().flatten() {
            let tag = compared["tag"].as_str().unwrap();
            let statistic = compared["statistic"].as_str().unwrap_or("avg");
            self.same(compared["whole"].as_f64(), Some(self.figure(tag, statistic)), tag);
            if !trimmed {
                self.same(compared["steady"].as_f64(), compared["whole"].as_f64(), tag);
            }
            figures.insert((tag.into(), statistic.into()), compared["steady"].as_f64().unwrap());
        }
        let intervals = ["rates", "percentiles"].map(|key| confidence[key].as_array());
        for found in intervals.into_iter().flatten().flatten() {
            let tag = found["tag"].as_str().unwrap();
            let statistic = found["statistic"].as_str().unwrap_or("avg");
            let known = figures.get(&(tag.into(), statistic.into())).copied();
            let expected = known.unwrap_or_else(|| self.figure(tag, statistic));
            self.same(found["value"].as_f64(), Some(expected), &format!("{tag} {statistic} and its interval"));
            let end = |end: &str| found["interval"][end].as_f64().unwrap();
            if found.get("statistic").is_none() {
                assert!(end("low") <= expected && expected <= end("high"), "seed {}: {found}", self.seed);
            }
        }
    }

    fn goodput_is_one(&self) {
        let goodput = &self.report["summary"]["goodput"];
        for (field, tag) in
            [("goodput", "goodput"), ("good", "good_request_count"), ("good_request_fraction", "good_request_fraction")]
        {
            self.same(goodput[field].as_f64(), Some(self.figure(tag, "avg")), tag);
        }
        let counts = &self.report["summary"]["counts"];
        self.same(counts["succeeded"].as_f64(), Some(self.figure("request_count", "avg")), "request_count");
        let duration = self.report["summary"]["benchmark_duration_s"].as_f64().unwrap();
        self.same(Some(duration), Some(self.figure("benchmark_duration", "avg")), "duration");
        let rate = self.figure("request_count", "avg") / duration;
        self.same(Some(rate), Some(self.figure("request_throughput", "avg")), "request_throughput");
    }

    fn the_table_has_the_figures_of_the_json(&self) {
        for metric in &self.outcome.summary.metrics {
            let value = self.figure(metric.info.tag, "avg");
            let row = self
                .table
                .lines()
                .find(|row| {
                    let rest = row.strip_prefix(metric.info.header);
                    rest.is_some_and(|rest| rest.starts_with(" (") || rest.starts_with(','))
                })
                .unwrap();
            assert!(row.contains(&format!(",{value:.2}")), "seed {}: {} in {row}", self.seed, value);
            let marked = self.aiperf[metric.info.tag]["approximate"].as_bool();
            assert_eq!(marked, (!metric.exact).then_some(true));
            let name = format!("{} Is Approximate", metric.info.header);
            assert_eq!(self.table.contains(&name), !metric.exact);
        }
    }

    fn slices_agree(&self) {
        let ours = self.report["summary"]["slices"]["slices"].as_array().unwrap();
        let theirs = self.slices["timeslices"].as_array().unwrap();
        assert_eq!(ours.len(), theirs.len(), "seed {}", self.seed);
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert_eq!(ours["start_ns"], theirs["start_ns"]);
            for (field, tag, statistic) in [
                ("request_throughput", "request_throughput", "avg"),
                ("output_token_throughput", "output_token_throughput", "avg"),
                ("in_flight_mean", "effective_concurrency", "avg"),
                ("good_request_fraction", "good_request_fraction", "avg"),
                ("time_to_first_token_p50", "time_to_first_token", "p50"),
                ("time_to_first_token_p95", "time_to_first_token", "p95"),
                ("inter_token_latency_p50", "inter_token_latency", "p50"),
                ("request_latency_p99", "request_latency", "p99"),
            ] {
                if ours.get(field).is_some() || field != "good_request_fraction" {
                    self.same(ours[field].as_f64(), theirs[tag][statistic].as_f64(), field);
                }
            }
            assert!(ours["output_tokens"].is_number(), "seed {}: {ours}", self.seed);
        }
        let sum = |field: &str| ours.iter().filter_map(|s| s[field].as_f64()).sum::<f64>();
        self.same(Some(sum("succeeded")), Some(self.figure("request_count", "avg")), "requests of slices");
        let arrived = match self.aiperf.get("arrived_output_tokens") {
            Some(_) => self.figure("arrived_output_tokens", "avg"),
            None => self.figure("total_osl", "avg"),
        };
        self.same(Some(sum("output_tokens")), Some(arrived), "tokens of slices");
    }

    fn records_add_up(&self) {
        for tag in ["output_sequence_length", "input_sequence_length", "time_to_first_token", "request_latency"] {
            let values = self.lines.iter().filter_map(|line| line["metrics"][tag]["value"].as_f64());
            let (count, sum) = values.fold((0.0, 0.0), |(n, sum), value| (n + 1.0, sum + value));
            self.same(Some(count), Some(self.figure(tag, "count")), tag);
            self.same(Some(sum), Some(self.figure(tag, "sum")), tag);
        }
        let good = self.lines.iter().filter_map(|line| line["metrics"]["good_request_count"]["value"].as_f64());
        self.same(Some(good.sum()), Some(self.figure("good_request_count", "avg")), "good");
    }

    fn the_text_shows_the_figures_of_the_files(&self) {
        for (title, name, tag, columns) in [
            (
                "METRIC",
                "Time to First Token (ms)",
                "time_to_first_token",
                &["avg", "min", "max", "p99", "p90", "p50", "std"][..],
            ),
            ("TAILS", "Time to First Token", "time_to_first_token", &["p50", "p99", "", "", "max"]),
            ("SERVICE", "first token, from issue", "time_to_first_token", &["p50", "p90", "p99", "max"]),
            ("WHOLE", "Request Throughput (requests/sec)", "request_throughput", &["avg"]),
            ("WHOLE", "Time to First Token p99 (ms)", "time_to_first_token", &["p99"]),
        ] {
            let section = self.text.lines().skip_while(|line| !line.starts_with(title));
            let Some(row) = section.skip(1).take_while(|line| !line.is_empty()).find(|line| line.starts_with(name))
            else {
                assert_ne!(title, "METRIC", "seed {}: {}", self.seed, self.text);
                continue;
            };
            let cells = numbers(&row[name.len()..]);
            for (cell, column) in cells.iter().zip(columns).filter(|(_, column)| !column.is_empty()) {
                let shown = cell.trim_end_matches('*');
                assert_eq!(shown, short(self.figure(tag, column)), "seed {}: {title} {column} in {row}", self.seed);
            }
        }
        let line = |label: &str| self.text.lines().find(|l| l.trim_start().starts_with(label)).map(str::to_owned);
        for (label, tag) in [("requests  ", "request_throughput"), ("output  ", "output_token_throughput")] {
            let shown = line(label).unwrap_or_default();
            let value = short(self.figure(tag, "avg"));
            assert!(numbers(&shown).get(1) == Some(&value), "seed {}: {shown} {value}", self.seed);
        }
    }
}

/// The words of a row, without its marks; groups of three digits are one number.
fn numbers(row: &str) -> Vec<String> {
    let mut numbers: Vec<String> = Vec::new();
    let words = row.split_whitespace().map(|word| word.trim_end_matches(['*', '!']));
    for word in words.filter(|word| !matches!(*word, "" | "~")) {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match numbers.last_mut() {
            Some(last) if digits(last) && word.len() == 3 && digits(word) => last.push_str(word),
            _ => numbers.push(word.to_owned()),
        }
    }
    numbers
}

/// As the report shows numbers, without spaces between groups.
fn short(value: f64) -> String {
    match value.abs() {
        size if size < 999.995 => format!("{value:.2}"),
        size if size < 99_999.5 => format!("{value:.0}"),
        size if size < 999_950.0 => format!("{:.1}k", value / 1e3),
        _ => format!("{:.1}M", value / 1e6),
    }
}

const RUNS: u64 = 60;
