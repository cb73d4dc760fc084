//! What is said of single runs among several: their names, the findings against them, and the conditions they failed.

use super::super::layout::{WIDTH, heading, line, wrap};
use super::super::screen::one_line;
use crate::result::campaign::Campaign;
use crate::result::run::{MOST_AGAIN, OfSeveral, Outcome};
use ringload_engine::verdict::{Finding, Status};

/// `concurrency=8 isl=128 run_0001`: cell and repeat, as far as there are several, under the short names of long flags.
pub(super) fn name(of: &OfSeveral) -> String {
    let mut name = of.variation.clone().unwrap_or_default();
    for (flag, short) in SHORT {
        name = name.replace(&format!("{flag}="), &format!("{short}="));
    }
    format!("{name} {}", of.run_label).trim().to_owned()
}

/// How many runs may be believed, and the findings against the others, each with its evidence and what to do.
pub(super) fn verdicts(campaign: &Campaign) -> String {
    let mut text = interrupted(campaign) + &count_of_verdicts(campaign) + &made_again(campaign);
    for gate in gates(campaign) {
        text += &against(&gate);
    }
    text
}

/// How many tries were discarded; empty where none was.
pub(super) fn made_again(campaign: &Campaign) -> String {
    let again: usize = campaign.runs().map(|run| run.spoiled_tries.len()).sum();
    let (tries, they) = match again {
        0 => return String::new(),
        1 => ("1 try was".to_owned(), "it decides"),
        n => (format!("{n} tries were"), "they decide"),
    };
    let most = format!("each run {MOST_AGAIN} times at most");
    indented("  ", &format!("{tries} INVALID by the client and made again, {most}; {they} nothing"))
}

/// How many runs may be believed.
pub(super) fn count_of_verdicts(campaign: &Campaign) -> String {
    let of = |status: Status| {
        let runs = campaign.runs();
        runs.filter(|r| r.outcome.verdict.status == status).count()
    };
    format!(
        "VERDICTS: {} VALID, {} SUSPECT, {} INVALID{}\n",
        of(Status::Valid),
        of(Status::Suspect),
        of(Status::Invalid),
        match of(Status::Failed) {
            0 => String::new(),
            failed => format!(", {failed} FAILED"),
        }
    )
}

/// A line for each gate that found something, the worst first.
pub(super) fn findings_in_lines(campaign: &Campaign, width: usize) -> String {
    let gates = gates(campaign);
    let mut text = String::new();
    for gate in gates.iter().take(MOST_LINES) {
        let Some((outcome, first)) = gate.first() else {
            continue;
        };
        let (word, runs) = (first.status.word().to_lowercase(), gate.len());
        let name = name(&outcome.identity.of_several);
        let said = format!(
            "  {word} {} in {runs} of {} runs; {name}: {}",
            first.gate,
            campaign.runs().count(),
            first.evidence
        );
        text += &(one_line(&said, width) + "\n");
    }
    if gates.len() > MOST_LINES {
        text += &format!("  and {} more (--verbose)\n", gates.len() - MOST_LINES);
    }
    text
}

/// What was found, by gate, the worst first; of each the runs.
fn gates(campaign: &Campaign) -> Vec<Vec<(&Outcome, &Finding)>> {
    let mut gates: Vec<Vec<(&Outcome, &Finding)>> = Vec::new();
    for outcome in campaign.runs().map(|run| &run.outcome) {
        let findings = outcome.verdict.findings.iter();
        for finding in findings.filter(|f| f.status != Status::Valid) {
            let same = |f: &Finding| (f.gate, f.status) == (finding.gate, finding.status);
            match gates.iter_mut().find(|gate| same(gate[0].1)) {
                Some(gate) => gate.push((outcome, finding)),
                None => gates.push(vec![(outcome, finding)]),
            }
        }
    }
    gates.sort_by_key(|gate| std::cmp::Reverse(gate[0].1.status));
    gates
}

/// That not all runs were made, and which are missing; nothing for a campaign that came to its end.
pub(super) fn interrupted(campaign: &Campaign) -> String {
    let Some(interrupted) = &campaign.interrupted else {
        return String::new();
    };
    let missing: usize = interrupted.not_run.iter().map(|cell| cell.runs).sum();
    let made = campaign.runs().count();
    let title = format!("INTERRUPTED: {made} of {} runs were made, ended by {}", made + missing, interrupted.why);
    let mut text: String = wrap(&title, WIDTH).iter().map(|part| format!("{part}\n")).collect();
    for cell in interrupted.not_run.iter().take(MOST_CONDITIONS) {
        let runs = match cell.runs {
            1 => String::new(),
            n => format!(" ({n} runs)"),
        };
        text += &indented("  not run ", &format!("{}{runs}", cell.label));
    }
    if let Some(more) = interrupted.not_run.len().checked_sub(MOST_CONDITIONS + 1) {
        text += &indented("  not run ", &format!("{} more in ringload_campaign.json", more + 1));
    }
    text
}

/// One gate in all its runs.
fn against(gate: &[(&Outcome, &Finding)]) -> String {
    let Some((_, first)) = gate.first() else {
        return String::new();
    };
    let runs = match gate.len() {
        1 => "1 run".into(),
        n => format!("{n} runs"),
    };
    let word = first.status.word().to_lowercase();
    let mut text = format!("  {word} {} ({}) in {runs}\n", first.gate, first.scope);
    for (outcome, finding) in gate.iter().take(MOST_EVIDENCE) {
        let name = name(&outcome.identity.of_several);
        text += &indented("    ", &format!("{name}: {}", finding.evidence));
    }
    if gate.len() > MOST_EVIDENCE {
        let more = gate.len() - MOST_EVIDENCE;
        text += &indented("    ", &format!("… and {more} more; their evidence is in ringload_campaign.json"));
    }
    text + &indented("    -> ", &first.remedy)
}

fn indented(before: &str, text: &str) -> String {
    let room = before.chars().count();
    let mut out = String::new();
    for (i, part) in wrap(text, WIDTH - room).iter().enumerate() {
        let before = if i == 0 { before } else { "" };
        out += &format!("{before:<room$}{part}\n");
    }
    out
}

/// A line for each condition of `--fail-if` that a run failed, and for each that held in some.
pub(super) fn conditions(campaign: &Campaign) -> String {
    let judged = || {
        campaign.runs().flat_map(|run| {
            let outcome = &run.outcome;
            let thresholds = outcome.summary.thresholds.iter();
            thresholds.map(move |t| (outcome, t))
        })
    };
    if judged().next().is_none() {
        return String::new();
    }
    let mut out = heading("FAIL IF");
    let failed: Vec<String> = judged()
        .filter(|(_, threshold)| threshold.failed)
        .map(|(outcome, threshold)| format!("{}: {}", name(&outcome.identity.of_several), threshold.words))
        .collect();
    for text in failed.iter().take(MOST_CONDITIONS) {
        out += &line("FAILED", text);
    }
    if let Some(more) = failed.len().checked_sub(MOST_CONDITIONS + 1) {
        out += &line("", &format!("{} more in ringload_campaign.json", more + 1));
    }
    let mut conditions: Vec<(&str, usize, usize)> = Vec::new();
    for (_, threshold) in judged() {
        let passed = usize::from(!threshold.failed);
        match conditions.iter_mut().find(|c| c.0 == threshold.text) {
            Some(condition) => {
                condition.1 += passed;
                condition.2 += 1;
            }
            None => conditions.push((&threshold.text, passed, 1)),
        }
    }
    for (text, passed, runs) in conditions.into_iter().filter(|c| c.1 > 0) {
        out += &line("passed", &format!("{text}: in {passed} of {runs} runs"));
    }
    out
}

/// Flags whose names leave no room for their values.
const SHORT: [(&str, &str); 8] = [
    ("synthetic-input-tokens-mean", "isl"),
    ("synthetic-input-tokens-stddev", "isl-stddev"),
    ("output-tokens-mean", "osl"),
    ("output-tokens-stddev", "osl-stddev"),
    ("prefill-concurrency", "prefill"),
    ("request-rate", "rate"),
    ("request-count", "count"),
    ("benchmark-duration", "duration"),
];
/// Gates on the first screen.
const MOST_LINES: usize = 4;
/// Runs whose evidence is written out under a gate.
const MOST_EVIDENCE: usize = 4;
/// Failed conditions that are written out.
const MOST_CONDITIONS: usize = 20;
