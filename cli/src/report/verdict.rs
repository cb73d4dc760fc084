//! The verdict with its findings: what decides in full, what moved nothing in a line.

use super::layout::{WIDTH, wrap};
use super::screen;
use ringload_engine::verdict::{Finding, Scope, Status, Verdict};

/// `VERDICT: …` and the findings. A run that failed has its cause and what to do about it, no more. `verbose` leaves
/// nothing out.
pub(super) fn section(verdict: &Verdict, verbose: bool) -> String {
    let mut out = format!("VERDICT: {}\n", verdict.status);
    if verdict.status == Status::Failed && !verbose {
        let failed = verdict.findings.iter().filter(|finding| finding.status == Status::Failed);
        return failed.fold(out, |out, finding| out + &paragraph("  ", &finding.evidence) + &remedy(finding));
    }
    let (machine, others): (Vec<&Finding>, Vec<&Finding>) =
        verdict.findings.iter().partition(|finding| !verbose && moved_nothing(finding));
    for finding in others {
        let label = match finding.status {
            Status::Valid => "note".into(),
            status => status.word().to_lowercase(),
        };
        let text = format!("{label} {} ({}): {}", finding.gate, finding.scope, finding.evidence);
        out += &paragraph("  ", &text);
        out += &remedy(finding);
    }
    if !machine.is_empty() {
        let gates: Vec<&str> = machine.iter().map(|finding| finding.gate).collect();
        let text =
            format!("note {} (client): moved no printed figure by 1 % (--verbose prints more)", gates.join(", "));
        out += &paragraph("  ", &text);
    }
    out
}

/// Why no request succeeded, and what to do about it.
pub(super) fn causes(verdict: &Verdict, width: usize) -> Vec<String> {
    let failed = verdict.findings.iter().filter(|finding| finding.status == Status::Failed);
    let of = |finding: &Finding| {
        let evidence = screen::paragraph(&finding.evidence, 2, width, usize::MAX);
        let remedy = screen::paragraph(&format!("-> {}", finding.remedy), 5, width - 2, usize::MAX);
        evidence.into_iter().chain(remedy.into_iter().map(|line| format!("  {line}"))).collect::<Vec<_>>()
    };
    failed.flat_map(of).collect()
}

/// The findings in few lines, the worst first, and the names of the notes: as much of each as there is `room` for, and
/// at least a line of the worst.
pub(super) fn brief(verdict: &Verdict, width: usize, room: usize) -> Vec<String> {
    let (notes, found): (Vec<&Finding>, Vec<&Finding>) =
        verdict.findings.iter().partition(|finding| finding.status == Status::Valid);
    let names: Vec<&str> = notes.iter().map(|finding| finding.gate).collect();
    let notes = match names.is_empty() {
        true => Vec::new(),
        false => vec![screen::one_line(&format!("notes: {} (--verbose)", names.join(", ")), width)],
    };
    let of = |finding: &Finding, (evidence, remedy): (usize, usize)| {
        let text = format!("{} {} ({}): {}", finding.status, finding.gate, finding.scope, finding.evidence);
        let mut lines = screen::paragraph(&text, 2, width, evidence);
        let remedy = screen::paragraph(&format!("-> {}", finding.remedy), 5, width - 2, remedy);
        lines.extend(remedy.into_iter().map(|line| format!("  {line}")));
        lines
    };
    // The worst keeps whole sentences, and what to do about it, before others have more than their line.
    for (worst, others) in [
        ((5, 4), (5, 4)),
        ((4, 3), (3, 2)),
        ((4, 3), (1, 1)),
        ((4, 3), (1, 0)),
        ((3, 2), (1, 0)),
        ((2, 2), (1, 0)),
        ((2, 1), (1, 0)),
        ((1, 1), (1, 0)),
    ] {
        let lengths = |i: usize| if i == 0 { worst } else { others };
        let lines = found.iter().enumerate().flat_map(|(i, finding)| of(finding, lengths(i)));
        let lines: Vec<String> = lines.chain(notes.clone()).collect();
        if lines.len() <= room {
            return lines;
        }
    }
    let fit = room.saturating_sub(2 + notes.len()).max(1).min(found.len());
    let mut lines: Vec<String> =
        found.iter().take(fit).enumerate().flat_map(|(i, finding)| of(finding, (1, usize::from(i == 0)))).collect();
    if found.len() > fit {
        lines.push(match found.len() - fit {
            1 => "and 1 more finding (--verbose)".into(),
            more => format!("and {more} more findings (--verbose)"),
        });
    }
    lines.extend(notes);
    lines
}

/// A note on the client's machine: what it does is in its lags, and those moved nothing.
fn moved_nothing(finding: &Finding) -> bool {
    finding.status == Status::Valid && finding.scope == Scope::Client && finding.effects.is_empty()
}

fn remedy(finding: &Finding) -> String {
    paragraph("    -> ", &finding.remedy)
}

/// Text behind a first indent, its other lines two columns further in.
fn paragraph(before: &str, text: &str) -> String {
    let room = before.chars().count().max(4);
    let mut out = String::new();
    for (i, part) in wrap(text, WIDTH - room).iter().enumerate() {
        out += &if i == 0 { format!("{before}{part}\n") } else { format!("{:room$}{part}\n", "") };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::outcome;

    fn note(gate: &'static str, scope: Scope) -> Finding {
        Finding {
            gate,
            status: Status::Valid,
            scope,
            value: None,
            bound: None,
            unit: None,
            effects: Vec::new(),
            evidence: format!("evidence of {gate}"),
            remedy: format!("remedy of {gate}"),
        }
    }

    #[test]
    fn what_moved_nothing_is_told_in_one_line() {
        let findings =
            vec![note("governor", Scope::Client), note("few_samples", Scope::Statistics), note("numa", Scope::Client)];
        let verdict = Verdict { status: Status::Valid, findings };
        let text = section(&verdict, false);
        assert!(text.contains("  note governor, numa (client): moved no printed figure"), "{text}");
        assert!(text.contains("few_samples (statistics): evidence of few_samples") && !text.contains("remedy of numa"));
        assert!(section(&verdict, true).contains("remedy of numa"));
    }

    #[test]
    fn the_worst_finding_is_told_whole_before_the_others_have_more_than_a_line() {
        let long = |gate, status| Finding {
            status,
            evidence: format!("evidence of {gate} ") + &"more of it ".repeat(14),
            remedy: format!("remedy of {gate} ") + &"and more ".repeat(12),
            ..note(gate, Scope::Client)
        };
        let gates = ["worst", "second", "third"];
        let verdict =
            Verdict { status: Status::Invalid, findings: gates.map(|gate| long(gate, Status::Invalid)).into() };
        let lines = brief(&verdict, 80, 8);
        assert!(lines.len() <= 8 && lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
        let text = lines.join("\n");
        assert!(text.contains("remedy of worst") && !text.contains("remedy of second"), "{text}");
        for gate in gates {
            assert_eq!(text.matches(&format!("evidence of {gate}")).count(), 1, "{text}");
        }
        assert_eq!(lines.iter().filter(|line| line.ends_with('…')).count(), 2, "the worst is not cut: {text}");
        assert!(brief(&verdict, 80, 3).iter().any(|line| line == "and 2 more findings (--verbose)"), "{verdict:?}");
    }

    #[test]
    fn a_run_that_failed_has_three_lines_cause_first() {
        let mut verdict = outcome().verdict;
        verdict.status = Status::Failed;
        let failed = Finding { status: Status::Failed, ..note("no_success", Scope::Server) };
        verdict.findings.insert(0, failed);
        let text = section(&verdict, false);
        assert_eq!(text, "VERDICT: FAILED\n  evidence of no_success\n    -> remedy of no_success\n");
    }
}
