//! Remarks and gates on the answers: failures, token counts, sample sizes.

use super::{CLIENT, Finding, PEER, POLICY, Status, shown_ms, shown_share};
use crate::measure::Summary;
use crate::plan::Plan;

pub(super) fn findings(plan: &Plan, summary: &Summary) -> Vec<Finding> {
    [
        unchecked(plan),
        no_success(plan, summary),
        failures(summary),
        standstill(summary),
        token_mismatch(summary),
        unknown_lengths(plan, summary),
        approximate(summary),
        text_over_limit(summary),
        usage_refused(summary),
        few_samples(summary),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn unchecked(plan: &Plan) -> Option<Finding> {
    let unchecked = plan.network.tls.insecure && plan.targets.iter().any(|t| t.tls);
    unchecked.then(|| Finding {
        gate: "insecure",
        status: Status::Valid,
        blame: POLICY,
        evidence:
            "server identity not verified: certificates were not checked (--insecure), so the figures may be of another server"
                .into(),
        remedy: "name the issuer of the server's certificate with --cacert FILE instead".into(),
    })
}

fn no_success(plan: &Plan, summary: &Summary) -> Option<Finding> {
    let counts = &summary.counts;
    if counts.succeeded > 0 {
        return None;
    }
    let cancelled = plan.cancellation.filter(|_| counts.cancelled > 0);
    if let Some(cancellation) = cancelled.filter(|_| counts.failures() == 0) {
        return Some(Finding {
            gate: "no_success",
            status: Status::Suspect,
            blame: POLICY,
            evidence: format!(
                "no request succeeded, and none failed: {} of {} issued were cancelled, as --request-cancellation-rate {} asks",
                counts.cancelled,
                counts.issued,
                percent(cancellation.share)
            ),
            remedy: "lower --request-cancellation-rate, or raise --request-cancellation-delay over the time that an answer takes"
                .into(),
        });
    }
    let beside = match counts.cancelled {
        0 => String::new(),
        n => format!(" ({n} of them cancelled as planned)"),
    };
    Some(Finding {
        gate: "no_success",
        status: Status::Suspect,
        blame: PEER,
        evidence: format!("no request succeeded, of {} issued{beside}: there is nothing to measure", counts.issued),
        remedy: "read the errors; try one request by hand against --url with the same --model".into(),
    })
}

/// A share as the flag takes it: in per cent, without what binary fractions add.
fn percent(share: f64) -> f64 {
    (share * 1e6).round() / 1e4
}

fn failures(summary: &Summary) -> Option<Finding> {
    let top = summary.errors.first()?;
    let (failed, finished) = (summary.counts.failures(), summary.counts.finished());
    let status = match top.status {
        0 => String::new(),
        status => format!(", status {status}"),
    };
    let message = match top.message.as_str() {
        "" => String::new(),
        message => format!(": {}", first_line(message)),
    };
    let share = failed as f64 / finished.max(1) as f64;
    Some(Finding {
        gate: "failures",
        status: Status::over(share, FAILED_SUSPECT, f64::INFINITY),
        blame: PEER,
        evidence: format!(
            "{failed} of {finished} requests failed ({}; bound: suspect over {}); most often {} ({} times{status}){message}",
            shown_share(share),
            shown_share(FAILED_SUSPECT),
            top.cause,
            top.count
        ),
        remedy: "latencies are of the successes only: read them together with the error rate, and the server's log"
            .into(),
    })
}

/// A stretch in which nothing came, longer than any successful request took: it is in no latency.
fn standstill(summary: &Summary) -> Option<Finding> {
    let still = summary.standstill?;
    let share = still.length_s / still.run_s;
    if share < STILL || still.length_s <= still.longest_success_s {
        return None;
    }
    let issued = summary.counts.issued.max(1) as f64;
    let suspect = still.under_load_s >= STILL * still.run_s || still.unanswered as f64 > STILL_UNANSWERED * issued;
    Some(Finding {
        gate: "standstill",
        status: if suspect { Status::Suspect } else { Status::Valid },
        blame: PEER,
        evidence: format!(
            "the run stood still for {:.1} of {:.1} s, from {:.1} s on: requests were in flight, {} of them were never answered, and nothing \
             came; no latency shows it, as the longest successful request took {} (bound: {} of the run)",
            still.length_s,
            still.run_s,
            still.from_s,
            still.unanswered,
            shown_ms(still.longest_success_s * 1e3),
            shown_share(STILL)
        ),
        remedy: "find out why the server stopped (its log, its queue); latencies are of the requests that it answered before or after".into(),
    })
}

/// The server's and the client's count of the same text. Not judged with the built-in vocabulary, which is no model's.
fn token_mismatch(summary: &Summary) -> Option<Finding> {
    let tokens = &summary.tokens;
    if tokens.approximate || tokens.mismatched == 0 {
        return None;
    }
    let share = tokens.mismatched as f64 / tokens.compared as f64;
    Some(Finding {
        gate: "token_mismatch",
        status: Status::over(share, MISMATCH_SUSPECT, f64::INFINITY),
        blame: PEER,
        evidence: format!(
            "{} of {} answers ({}) have over 10 % more or fewer tokens by the server's usage than by the tokenizer {}; bound: suspect over {} \
             of the answers",
            tokens.mismatched,
            tokens.compared,
            shown_share(share),
            tokens.tokenizer,
            shown_share(MISMATCH_SUSPECT)
        ),
        remedy: "lengths are the server's: give the model's own tokenizer (--tokenizer); if it is, the server counts something else".into(),
    })
}

fn unknown_lengths(plan: &Plan, summary: &Summary) -> Option<Finding> {
    let unknown = summary.tokens.unknown;
    (unknown > 0).then(|| Finding {
        gate: "unknown_lengths",
        status: Status::Valid,
        blame: PEER,
        evidence: format!(
            "{unknown} of {} answers have no token count: they are in no token metric, and token throughputs are too low",
            summary.counts.succeeded
        ),
        remedy: if plan.use_server_token_count {
            "leave out --use-server-token-count, so that the client's tokenizer counts where the server does not".into()
        } else {
            "make the server report usage in streams (stream_options.include_usage)".into()
        },
    })
}

fn approximate(summary: &Summary) -> Option<Finding> {
    summary.tokens.approximate.then(|| Finding {
        gate: "approximate_lengths",
        status: Status::Valid,
        blame: POLICY,
        evidence: format!(
            "lengths counted by the client are approximate: {} is a small built-in vocabulary, not the model's",
            summary.tokens.tokenizer
        ),
        remedy: "give the model's tokenizer (--tokenizer)".into(),
    })
}

fn text_over_limit(summary: &Summary) -> Option<Finding> {
    let over = summary.counts.text_over_limit;
    (over > 0).then(|| Finding {
        gate: "text_over_limit",
        status: Status::Valid,
        blame: CLIENT,
        evidence: format!(
            "{over} answers were longer than the text that is kept and were not counted by the client's tokenizer"
        ),
        remedy: "make the server report usage in streams (stream_options.include_usage)".into(),
    })
}

fn usage_refused(summary: &Summary) -> Option<Finding> {
    let refused = summary.counts.usage_refused;
    (refused > 0).then(|| Finding {
        gate: "usage_refused",
        status: Status::Valid,
        blame: PEER,
        evidence: format!(
            "{refused} of {} answers have token counts that cannot be true (negative, fractional, or over any model's length; more reasoning than \
             output, more cached tokens than the prompt has): those counts are in no figure",
            summary.counts.succeeded
        ),
        remedy: "correct the usage that the server reports; name the model's tokenizer (--tokenizer), so that the client counts in its place".into(),
    })
}

fn few_samples(summary: &Summary) -> Option<Finding> {
    let samples = summary.counts.succeeded;
    (samples > 0 && samples < FEW).then(|| Finding {
        gate: "few_samples",
        status: Status::Valid,
        blame: POLICY,
        evidence: format!(
            "{samples} successes: a p99 takes at least {FEW}, and is little more than the largest value here"
        ),
        remedy: "run longer (--request-count, --benchmark-duration), or read no further than p90".into(),
    })
}

/// What fits a few lines of a report; a long one is cut in the middle, since it ends in its remedy.
fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let more = if line.len() < message.len() { "…" } else { "" };
    let long: Vec<char> = line.chars().collect();
    if long.len() <= 2 * HALF {
        return format!("{line}{more}");
    }
    let (front, back) = (&long[..HALF], &long[long.len() - HALF..]);
    let text = |part: &[char]| part.iter().collect::<String>();
    format!("{} … {}{more}", text(front), text(back))
}

const MISMATCH_SUSPECT: f64 = 0.1;
/// Over this share of failures, the latencies of the rest are those of the survivors.
const FAILED_SUSPECT: f64 = 0.1;
/// Share of the run in which nothing came.
const STILL: f64 = 0.1;
/// Requests that were never answered, as a share of all, that make a standstill after the load more than a remark.
const STILL_UNANSWERED: f64 = 0.01;
const FEW: u64 = 100;
const HALF: usize = 150;

#[cfg(test)]
mod tests {
    use super::super::testing::Run;
    use super::*;
    use crate::measure::testing::plan;
    use crate::plan::Cancellation;
    use crate::record::testing::failed;
    use crate::record::{Cause, Outcome};

    #[test]
    fn a_run_whose_requests_were_all_cancelled_has_itself_to_blame() {
        let mut plan = plan();
        plan.cancellation = Some(Cancellation { share: 1.0, delay: 0 });
        let mut run = Run::new(plan, 10);
        for record in &mut run.records {
            record.outcome = Outcome::Cancelled;
        }
        let (plan, summary) = run.summary();
        let finding = no_success(&plan, &summary).unwrap();
        assert_eq!((finding.status, finding.blame), (Status::Suspect, POLICY));
        for words in ["10 of 10", "--request-cancellation-rate 100"] {
            assert!(finding.evidence.contains(words), "{}", finding.evidence);
        }
        // One that failed is the peer's, and the others are said.
        let mut run = Run::new(plan, 10);
        for record in &mut run.records {
            record.outcome = Outcome::Cancelled;
        }
        run.records[0] = failed(run.records[0].clone(), Cause::Reset, 0, "reset");
        let (plan, summary) = run.summary();
        let finding = no_success(&plan, &summary).unwrap();
        assert_eq!(finding.blame, PEER);
        assert!(finding.evidence.contains("9 of them"), "{}", finding.evidence);
    }

    #[test]
    fn a_server_that_stops_answering_is_told_and_a_slow_one_is_not() {
        // Ten requests answered, then all hang until the end of the load.
        let mut run = Run::new(plan(), 20);
        for record in &mut run.records[10..] {
            record.outcome = Outcome::InFlight;
            record.events = 0;
            record.instants.first_token = None;
            record.instants.last_token = None;
            record.instants.end = 10 * crate::clock::SECOND;
        }
        let (_, summary) = run.summary();
        let finding = standstill(&summary).unwrap();
        assert_eq!((finding.status, finding.blame), (Status::Suspect, PEER));
        assert!(finding.evidence.contains("stood still for"), "{}", finding.evidence);
        let (_, summary) = Run::new(plan(), 20).summary();
        assert!(standstill(&summary).is_none());
        // One request at a time that takes the whole run is slow, no more.
        let slow = crate::record::testing::streamed(0, 0, 9 * crate::clock::SECOND, &[]);
        let summary = crate::measure::testing::summary(&plan(), &[slow]);
        assert!(standstill(&summary).is_none());
    }

    #[test]
    fn a_share_is_shown_as_it_was_written() {
        assert_eq!([1.0, 0.333, 0.07].map(percent), [100.0, 33.3, 7.0]);
    }

    #[test]
    fn a_long_message_keeps_its_front_and_its_remedy() {
        let cut = first_line(&format!("TLS failed {}: write --cacert", "x".repeat(500)));
        assert!(cut.starts_with("TLS failed x") && cut.ends_with("x: write --cacert"));
        assert_eq!(cut.chars().count(), 2 * HALF + 3);
        assert_eq!(first_line("busy\ntry later"), "busy…");
        let fits = "é".repeat(2 * HALF);
        assert_eq!(first_line(&fits), fits);
    }
}
