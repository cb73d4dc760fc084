//! What several runs say of themselves.

use super::super::Style;
use super::super::layout::WIDTH;
use super::{progress_line, render};
use crate::result::campaign::{Campaign, Settling, SweepPointOutcome};
use crate::result::run::{Outcome, RunOutput};
use crate::testing::sample::outcome;
use crate::testing::sample_campaign::{repeats, settling, sweep, without_goodput};
use ringload_engine::verdict::Status;
use std::path::Path;

fn rendered(campaign: &Campaign, quiet: bool) -> String {
    let style = Style { quiet, verbose: !quiet, ..Style::default() };
    let text = render(campaign, Path::new("artifacts"), &[], style);
    for line in text.lines() {
        assert!(line.chars().count() <= WIDTH, "{line}");
    }
    text
}

#[test]
fn the_first_screen_of_a_sweep_has_24_lines_and_ends_in_the_verdicts() {
    let campaign = sweep(&[1, 2, 4, 8], |outcome| outcome.summary.thresholds.clear());
    let text = render(&campaign, Path::new("artifacts"), &[], Style::default());
    assert!(text.lines().count() <= 24 && text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    assert!(text.ends_with("\nVERDICTS: 0 VALID, 8 SUSPECT, 0 INVALID\n"), "{text}");
    for words in [
        "SWEEP ",
        "WHAT IT SHOWS",
        "  suspect arrivals in 8 of 8 runs; concurrency=1 run_0001: 12 of 500",
        "artifacts: report.html",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

/// Without the breaks of lines.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn as_it_is(_: &mut Outcome) {}

#[test]
fn every_failed_condition_is_said_with_its_run_also_when_quiet() {
    for quiet in [false, true] {
        let text = flat(&rendered(&sweep(&[1, 2], as_it_is), quiet));
        for cell in [1, 2] {
            for run in [1, 2] {
                let words = format!("FAILED concurrency={cell} run_000{run}: ttft.p99>200ms: it is 218.115 ms");
                assert!(text.contains(&words), "{text}");
            }
        }
        assert!(text.contains("passed error_rate>5%: in 4 of 4 runs"), "{text}");
    }
    let many: Vec<u32> = (1..=12).collect();
    let text = flat(&rendered(&sweep(&many, as_it_is), true));
    assert!(text.matches("FAILED").count() == 20 && text.contains("4 more in"), "{text}");
    let none = |o: &mut Outcome| o.summary.thresholds.clear();
    assert!(!rendered(&sweep(&[1], none), false).contains("FAIL IF"));
}

#[test]
fn findings_come_with_their_evidence_and_what_to_do() {
    let invalid = |o: &mut Outcome| {
        if o.identity.of_several.trial == 1 {
            let mut worst = o.verdict.findings[0].clone();
            (worst.gate, worst.status) = ("busy_core", Status::Invalid);
            worst.evidence = "core 3 was busy 99 % of the time".into();
            worst.remedy = "give the client more cores".into();
            o.verdict.findings.insert(0, worst);
            o.verdict.status = Status::Invalid;
        }
    };
    let text = rendered(&sweep(&[1, 2, 3], invalid), true);
    assert!(text.starts_with("VERDICTS: 0 VALID, 3 SUSPECT, 3 INVALID\n"), "{text}");
    let text = flat(&text);
    let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words}: {text}"));
    let invalid = at("invalid busy_core (policy) in 3 runs concurrency=1 run_0002: core 3 was busy 99 %");
    let remedy = at("-> give the client more cores");
    let suspect = at("suspect arrivals (policy) in 6 runs concurrency=1 run_0001: 12 of 500");
    assert!(invalid < remedy && remedy < suspect, "worst first: {text}");
    assert!(text.contains("… and 2 more;"), "{text}");
}

#[test]
fn a_sweep_without_any_goodput_has_no_best_load() {
    let text = flat(&rendered(&sweep(&[4, 1], without_goodput), false));
    for words in [
        "out of reach of every load here",
        "the lightest load, concurrency=1, time_to_first_token is 96.94 ms at the median (the objective is <= 200 ms)",
    ] {
        assert!(text.contains(words), "{text}");
    }
    for words in ["go lower", "most goodput"] {
        assert!(!text.contains(words), "{text}");
    }
}

#[test]
fn repeats_say_over_how_many_runs_their_figures_are() {
    let of = |decides: fn(&RunOutput) -> bool| {
        let runs = repeats(3).points.remove(0).runs;
        let point = SweepPointOutcome::of(String::new(), Vec::new(), runs, 0.95, decides);
        flat(&rendered(&Campaign::of_points(vec![point], 0.95, None), false))
    };
    let text = of(|_| true);
    assert!(text.contains("(Student's t over 3 runs) "), "{text}");
    let text = of(|run| run.outcome.identity.of_several.trial != 1);
    let words = "(Student's t over 2 runs of 3: the others are INVALID by the client or without a success)";
    assert!(text.contains(words), "{text}");
}

#[test]
fn repeats_say_whether_they_settled() {
    let with = |settling: Settling| {
        let mut campaign = sweep(&[1], as_it_is);
        campaign.points[0].settling = Some(settling);
        flat(&rendered(&campaign, false))
    };
    let text = with(settling());
    let words = "settled time_to_first_token avg after 3 of 6 runs: the length of its interval over its mean is 0.0420 (bound: under 0.1)";
    assert!(text.contains(words) && !text.contains("not settled"), "{text}");
    let text = with(Settling { settled: false, threshold: 1e-7, runs: 6, ..settling() });
    for words in ["not settled time_to_first_token avg after all 6 runs", "under 0.0000001", "--num-profile-runs"] {
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn a_p99_of_few_values_is_marked_over_several_runs_too() {
    let few = |o: &mut Outcome| {
        for stats in o.summary.metrics.iter_mut().filter_map(|m| m.stats.as_mut()) {
            stats.count = 99;
        }
    };
    let text = rendered(&sweep(&[1], few), false);
    let marked = text.lines().filter(|l| l.contains("218.12*")).count();
    assert_eq!(marked, 2, "in the sweep and over the repeats: {text}");
    assert!(text.contains("  * this p99 is of fewer than 100 values"), "{text}");
    let text = rendered(&sweep(&[1], as_it_is), false);
    assert!(!text.contains('*'), "{text}");
}

#[test]
fn rows_of_cells_that_differ_do_not_look_alike() {
    let row = |label: &str| {
        let mut o = outcome();
        o.identity.of_several.variation = Some(label.into());
        progress_line(&o, false)
    };
    let short = row("concurrency=8 synthetic-input-tokens-mean=1024");
    assert!(short.starts_with("concurrency=8 isl=1024  "), "{short}");
    let long = |last: u32| {
        row(&format!("concurrency=128 synthetic-input-tokens-mean=1024 output-tokens-mean=256 request-rate={last}"))
    };
    assert_ne!(long(10), long(20));
    let (front, back) = ("concurrency=128 isl=1024 osl=256\n", "rate=10  ");
    assert!(long(10).starts_with(&format!("{front}{back}")), "{}", long(10));
}
