//! Conditions and findings as JUnit XML, and as annotations of GitHub Actions.

use super::Draft;
use crate::flags::{Annotations, OutputArgs};
use crate::result::run::Outcome;
use crate::terminal::print;
use ringload_engine::measure::ThresholdFigures;
use ringload_engine::verdict::{Finding, Status};
use ringload_engine::{Error, Result};
use std::fmt::Write as _;
use std::path::Path;

/// One thing that was checked of a run.
#[derive(Clone, Debug, PartialEq)]
struct Case {
    /// What is checked.
    name: String,
    /// `fail_if`, or the scope of a finding.
    class: String,
    /// What it says.
    words: String,
    ended: End,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Passed,
    /// It cannot be said.
    Undecided,
    /// It is worth a warning, and fails nothing.
    Warned,
    Failed,
}

/// That the file of [`tell_service`] can be written, before there is anything to tell. One that is there stays as it
/// is, and none is made: an empty one is no XML.
///
/// # Errors
/// When it cannot.
pub(crate) fn check_service(output: &OutputArgs) -> Result<()> {
    let Some(path) = &output.junit else { return Ok(()) };
    Draft::of(path).map(drop).map_err(|e| unwritable(path, &e))
}

fn unwritable(path: &Path, e: &std::io::Error) -> Error {
    Error::environment(
        format!("--junit {}: {e}", path.display()),
        "name a file in a folder that is there and can be written to",
    )
}

/// Tells a service of continuous integration what came of runs: a file of JUnit XML with a suite each, and annotations,
/// as the flags or (GitHub Actions) the environment ask for them.
///
/// # Errors
/// When the file cannot be written, or the output is closed.
pub(crate) fn tell_service(outcomes: &[&Outcome], output: &OutputArgs) -> anyhow::Result<()> {
    if let Some(path) = &output.junit {
        Draft::write_whole(path, xml(outcomes).as_bytes()).map_err(|e| unwritable(path, &e))?;
    }
    let there = std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true") && !output.json;
    let asked = output.annotations.map_or(there, |asked| asked == Annotations::Github);
    if asked {
        print(&annotations(outcomes))?;
    }
    Ok(())
}

fn annotations(outcomes: &[&Outcome]) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        for case in cases(outcome) {
            let level = match case.ended {
                End::Failed => "error",
                End::Warned | End::Undecided => "warning",
                End::Passed => continue,
            };
            let title = format!("ringload {}: {}", suite(outcome), case.name);
            let _ = writeln!(text, "::{level} title={}::{}", property(&title), data(&case.words));
        }
    }
    text
}

/// The checks of a run: its conditions, its verdict, and each finding.
fn cases(outcome: &Outcome) -> Vec<Case> {
    let condition = |threshold: &ThresholdFigures| Case {
        name: threshold.text.clone(),
        class: "fail_if".into(),
        words: threshold.words.clone(),
        ended: match (threshold.failed, threshold.undecided) {
            (true, _) => End::Failed,
            (false, true) => End::Undecided,
            (false, false) => End::Passed,
        },
    };
    let verdict = &outcome.verdict;
    let believed = Case {
        name: "verdict".into(),
        class: "ringload".into(),
        words: format!("the run is {}", verdict.status),
        ended: match verdict.status {
            Status::Invalid | Status::Failed => End::Failed,
            Status::Valid | Status::Suspect => End::Passed,
        },
    };
    let finding = |finding: &Finding| Case {
        name: finding.gate.to_string(),
        class: finding.scope.name().into(),
        words: format!("{} {}", finding.evidence, finding.remedy).trim().to_owned(),
        ended: match finding.status {
            Status::Valid => End::Passed,
            Status::Suspect => End::Warned,
            Status::Invalid | Status::Failed => End::Failed,
        },
    };
    let conditions = outcome.summary.thresholds.iter().map(condition);
    conditions.chain([believed]).chain(verdict.findings.iter().map(finding)).collect()
}

/// The name of a run among others.
fn suite(outcome: &Outcome) -> String {
    let of = &outcome.identity.of_several;
    let parts = [of.variation.clone().unwrap_or_default(), of.run_label.clone()];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "run".into() } else { parts.join(" ") }
}

fn xml(outcomes: &[&Outcome]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ringload\">\n");
    for outcome in outcomes {
        let cases = cases(outcome);
        let count = |ended: End| cases.iter().filter(|case| case.ended == ended).count();
        let seconds = outcome.summary.phase_duration_s;
        let _ = writeln!(
            text,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{seconds:.3}\">",
            escaped(&suite(outcome)),
            cases.len(),
            count(End::Failed),
            count(End::Undecided),
        );
        for case in &cases {
            let _ =
                write!(text, "    <testcase name=\"{}\" classname=\"{}\">", escaped(&case.name), escaped(&case.class));
            let words = escaped(&case.words);
            let _ = match case.ended {
                End::Failed => write!(text, "<failure message=\"{words}\"/>"),
                End::Undecided => write!(text, "<skipped message=\"{words}\"/>"),
                End::Warned | End::Passed => write!(text, "<system-out>{words}</system-out>"),
            };
            text += "</testcase>\n";
        }
        text += "  </testsuite>\n";
    }
    text + "</testsuites>\n"
}

/// A text as XML holds it; what XML cannot hold is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\n' | '\t' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => {}
            c => out.push(c),
        }
    }
    out
}

/// The text of an annotation.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of an annotation.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::outcome;

    fn threshold(text: &str, failed: bool, undecided: bool) -> ThresholdFigures {
        ThresholdFigures {
            text: text.into(),
            tag: "request_latency",
            statistic: Some("p99"),
            value: Some(5.0),
            unit: "ms",
            bound: 4.0,
            failed,
            enough_samples: !undecided,
            client_share: None,
            undecided,
            words: format!("{text}: it is 5 ms & \"more\""),
        }
    }

    #[test]
    fn conditions_verdict_and_findings_are_cases_of_a_suite() {
        let mut outcome = outcome();
        outcome.summary.thresholds =
            vec![threshold("a>4ms", true, false), threshold("b<4ms", false, true), threshold("c>9ms", false, false)];
        let text = xml(&[&outcome]);
        let findings = outcome.verdict.findings.len();
        assert!(text.contains(&format!("<testsuite name=\"run\" tests=\"{}\"", 4 + findings)), "{text}");
        let failed = r#"<testcase name="a&gt;4ms" classname="fail_if"><failure message="a&gt;4ms: it is 5 ms &amp; &quot;more&quot;"/></testcase>"#;
        assert!(text.contains(failed), "{text}");
        assert!(text.contains(r#"<testcase name="b&lt;4ms" classname="fail_if"><skipped message="#), "{text}");
        assert!(text.contains(r#"<testcase name="verdict" classname="ringload"><system-out>the run is"#), "{text}");
        assert!(text.ends_with("</testsuites>\n"));
        assert_eq!(escaped("a\u{7}\u{FFFE}\u{FFFF}<\n"), "a&lt; ");
    }

    #[test]
    fn what_failed_is_an_error_and_what_is_open_a_warning() {
        let mut outcome = outcome();
        outcome.verdict.findings.clear();
        outcome.summary.thresholds =
            vec![threshold("a>4%", true, false), threshold("b<4ms", false, true), threshold("c", false, false)];
        outcome.identity.of_several.variation = Some("concurrency=8".into());
        let text = annotations(&[&outcome]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "::error title=ringload concurrency=8%3A a>4%25::a>4%25: it is 5 ms & \"more\"");
        assert!(
            lines.len() == 2 && lines[1].starts_with("::warning title=ringload concurrency=8%3A b<4ms::"),
            "{text}"
        );
    }
}
