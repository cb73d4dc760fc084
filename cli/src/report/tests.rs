//! The report of the hand-made outcome, to the letter.

use super::layout::WIDTH;
use super::{Style, render, whole};
use crate::export::tests::golden;
use crate::testing::sample::{SECRET, outcome};
use ringload_engine::clock::SECOND;
use ringload_engine::plan::{Arrival, Load, Piece, Rate};
use ringload_engine::verdict::Status;
use std::path::PathBuf;

fn files() -> Vec<PathBuf> {
    [
        "profile_export_aiperf.json",
        "profile_export_aiperf.csv",
        "profile_export.jsonl",
        "inputs.json",
        "ringload_report.json",
    ]
    .iter()
    .map(|f| PathBuf::from("artifacts/llama3-8b-openai-chat-concurrency32-request_rate50.0").join(f))
    .collect()
}

#[test]
fn the_report_reads_verdict_first() {
    let style = Style { phases: true, ..Style::default() };
    let text = whole(&outcome(), &style) + &super::head::files(&files());
    assert!(text.starts_with("VERDICT: SUSPECT\n"));
    golden("report.txt", &text);
}

#[test]
fn nothing_is_wider_than_80_columns_or_steers_the_terminal() {
    let mut wide = outcome();
    wide.plan.models = vec!["organisation/".repeat(20)];
    wide.plan.targets = vec![
        ringload_engine::plan::Target::parse(&format!(
            "http://{}example:8000",
            format!("{}.", "h".repeat(60)).repeat(3)
        ))
        .unwrap(),
    ];
    wide.summary.counts.issued = u64::MAX;
    for outcome in [outcome(), wide] {
        let text = render(&outcome, &files(), &Style { phases: true, verbose: true, ..Style::default() });
        let text = text + &render(&outcome, &files(), &Style::default());
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{}: {line}", line.chars().count());
        }
        assert!(!text.contains('\x1b') && !text.contains(SECRET));
    }
}

#[test]
fn quiet_is_the_headline_alone() {
    let text = render(&outcome(), &files(), &Style { quiet: true, ..Style::default() });
    assert!(text.contains("\nSUSPECT  ") && text.lines().count() <= 4, "{text}");
}

#[test]
fn the_first_screen_fits_a_window_and_ends_with_the_headline() {
    let mut worse = outcome();
    let finding = worse.verdict.findings[0].clone();
    worse.verdict.findings.extend((0..12).map(|_| finding.clone()));
    for outcome in [outcome(), worse] {
        for width in [80, 120] {
            let text = render(&outcome, &files(), &Style { width, ..Style::default() });
            let lines: Vec<&str> = text.lines().collect();
            assert!(lines.len() <= 24, "{}\n{text}", lines.len());
            assert!(lines.iter().all(|line| line.chars().count() <= width), "{text}");
            let head = lines.iter().rposition(|line| line.starts_with("SUSPECT  ")).unwrap();
            assert!(head + 3 >= lines.len(), "{text}");
            assert!(text.contains(outcome.verdict.findings[0].gate) && text.contains("p95"), "{text}");
        }
    }
}

#[test]
fn goodput_says_how_to_read_it() {
    let mut o = outcome();
    let mut reading = |fraction: f64| {
        if let Some(g) = &mut o.summary.goodput {
            g.good_request_fraction = fraction;
        }
        super::goodput::section(&o)
    };
    assert!(reading(0.99).contains("healthy"));
    assert!(reading(0.7).contains("knee"));
    assert!(reading(0.1).contains("overloaded"));
    let together = reading(0.0);
    assert!(together.contains("each was met by some"), "{together}");
    if let Some(g) = &mut o.summary.goodput {
        g.slos[0].met = 0;
    }
    let unreachable = super::goodput::section(&o);
    for word in ["never reached", "24.23 ms", "96.94 ms", "unreachable"] {
        let flat = unreachable.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(word), "{flat}");
    }
}

#[test]
fn one_request_at_a_time_has_no_lighter_load_to_try() {
    let mut o = outcome();
    o.plan.profiling.load = Load::closed(1);
    let mut reading = |met: u64, fraction: f64| {
        if let Some(g) = &mut o.summary.goodput {
            (g.good_request_fraction, g.slos[0].met) = (fraction, met);
        }
        let text = super::goodput::section(&o);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!text.contains("--concurrency 1") && !text.contains("lower it"), "{text}");
        text
    };
    assert!(reading(200, 0.4).contains("even one request at a time"));
    let never = reading(0, 0.0);
    for words in ["cannot be met even one request at a time", "the median 96.94 ms"] {
        assert!(never.contains(words), "{never}");
    }
}

#[test]
fn a_trend_under_a_load_that_moves_is_said_to_be_the_plans() {
    let mut o = outcome();
    let flat = |o: &crate::result::run::Outcome| {
        let text = super::slices::section(o);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let steady = flat(&o);
    assert!(steady.contains("DEGRADED") && !steady.contains("plan"), "{steady}");
    // 5 % over three tests.
    assert!(steady.contains("ITL p50 (p = 0.620)") && steady.contains("p under 0.0167"), "{steady}");
    o.plan.profiling.load = Load::Open {
        rate: Rate::new(vec![Piece::linear(40.0, 130.0, 12 * SECOND)], 0.0),
        pattern: Arrival::Constant,
        cap: None,
    };
    let moved = flat(&o);
    assert!(
        !moved.contains("DEGRADED")
            && moved.contains("the plan itself moved the load")
            && moved.contains("40 to 130 for 12 s"),
        "{moved}"
    );
}

#[test]
fn a_run_without_figures_still_has_a_report() {
    let mut o = outcome();
    o.verdict.status = Status::Invalid;
    o.summary.metrics.clear();
    o.summary.histograms.clear();
    (o.summary.goodput, o.summary.rate) = (None, None);
    (o.summary.client.receive_lag, o.summary.client.dispatch_lag) = (None, None);
    o.summary.client.cores.clear();
    assert!(render(&o, &[], &Style::default()).contains("INVALID"));
    let text = render(&o, &[], &Style { phases: true, verbose: true, ..Style::default() });
    assert!(text.starts_with("VERDICT: INVALID\n") && text.contains("REQUESTS"), "{text}");
}
