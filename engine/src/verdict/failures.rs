//! Gates on requests that failed, and on a server that stood still.

use super::case::{Case, Found};
use super::finding::{Direction, Finding, Scope, Status};
use super::wording::{first_line, shown_ms, shown_share};
use crate::measure::Summary;
use crate::plan::{Plan, metric as tags};
use crate::record::Cause;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let (plan, summary) = (case.plan, case.summary);
    let all = [no_success(plan, summary), failures(summary), warmup(summary), aborted(summary), standstill(case)];
    all.into_iter().flatten().collect()
}

/// Failures of one cause and status.
#[derive(Debug, PartialEq)]
struct Kind<'a> {
    cause: Cause,
    status: u16,
    count: u64,
    /// What was said most often.
    message: &'a str,
}

impl Kind<'_> {
    /// `http_status 503`
    fn name(&self) -> String {
        match self.status {
            0 => self.cause.to_string(),
            status => format!("{} {status}", self.cause),
        }
    }
}

/// Why requests failed: what explains most of them first.
fn kinds(summary: &Summary) -> Vec<Kind<'_>> {
    let mut kinds: Vec<Kind<'_>> = Vec::new();
    // The groups stand by their size, so that the first message of a kind is its most frequent.
    for group in &summary.errors {
        match kinds.iter_mut().find(|kind| (kind.cause, kind.status) == (group.cause, group.status)) {
            Some(kind) => kind.count += group.count,
            None => kinds.push(Kind {
                cause: group.cause,
                status: group.status,
                count: group.count,
                message: &group.message,
            }),
        }
    }
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind.count));
    kinds
}

/// `connect_refused, 118 of 120: connection refused; then http_status 503 (2)`
fn told(kinds: &[Kind<'_>], failed: u64) -> String {
    let Some((most, others)) = kinds.split_first() else { return String::new() };
    let message = match most.message {
        "" => String::new(),
        message => format!(": {}", first_line(message)),
    };
    let others: Vec<String> =
        others.iter().take(OTHERS).map(|kind| format!("{} ({})", kind.name(), kind.count)).collect();
    let others = if others.is_empty() { String::new() } else { format!("; then {}", others.join(", ")) };
    format!("{}, {} of {failed}{message}{others}", most.name(), most.count)
}

/// A run without a success is FAILED, whatever else it is.
fn no_success(plan: &Plan, summary: &Summary) -> Option<Finding> {
    let counts = &summary.counts;
    if counts.succeeded > 0 {
        return None;
    }
    let kinds = kinds(summary);
    let found = |scope| Found::new("no_success", scope).at_least(Status::Failed).counted(counts.issued, "requests");
    let beside = match counts.cancelled {
        0 => String::new(),
        n => format!(" ({n} of the {} requests were cancelled as planned)", counts.issued),
    };
    if let Some(most) = kinds.first() {
        let own = matches!(most.cause, Cause::PortsExhausted | Cause::DescriptorsExhausted | Cause::MemoryLimit);
        let scope = if own { Scope::Client } else { Scope::Server };
        return Some(found(scope).says(
            format!("every request failed: {}{beside}", told(&kinds, counts.failures())),
            remedy(most.cause, most.status),
        ));
    }
    if plan.cancellation.is_some() && counts.cancelled > 0 {
        return Some(found(Scope::Policy).says(
            format!(
                "no request succeeded, and none failed: {} of {} were cancelled, as the plan asks",
                counts.cancelled, counts.issued
            ),
            "cancel a smaller share, or later than a response takes",
        ));
    }
    if summary.was_cancelled && counts.issued == 0 && summary.warmup_counts.issued > 0 {
        return Some(found(Scope::Policy).says(
            "the run was interrupted in its warm-up, before a request that is measured",
            "let it go on for longer than its warm-up takes",
        ));
    }
    if summary.was_cancelled && counts.issued == 0 {
        return Some(found(Scope::Policy).says(
            "the run was interrupted before its first request",
            "let it begin: connections that are made ahead, or names that are looked up, may take long",
        ));
    }
    let scope = if summary.was_cancelled { Scope::Policy } else { Scope::Server };
    Some(found(scope).says(
        format!(
            "no request succeeded, and none failed: {} of {} were in flight when the run ended",
            counts.in_flight_at_end, counts.issued
        ),
        "run for longer than a response takes, and try one request by hand",
    ))
}

/// What to do about a cause.
fn remedy(cause: Cause, status: u16) -> &'static str {
    match (cause, status) {
        (Cause::ConnectRefused, _) => "nothing listens there: start the server, or correct the address",
        (Cause::ConnectTimeout | Cause::ConnectFailed | Cause::DnsFailed, _) => {
            "correct the address, or what lies between: names, routes, firewalls"
        }
        (Cause::PortsExhausted, _) => {
            "this machine has no local port left: keep connections, use more source addresses, or lower the concurrency"
        }
        (Cause::DescriptorsExhausted, _) => "this process has no descriptor left: raise `ulimit -n`",
        (Cause::MemoryLimit, _) => "bound the responses, or allow them more memory",
        (_, 401 | 403) => "give the key or the headers that the server asks for",
        (_, 404 | 405) => "correct the path, the kind of endpoint, or the model's name",
        (_, 400 | 413 | 422) => "read what the server said: it does not take this request; send one by hand",
        (_, 429 | 503) => "the server turns requests away: lower the load, or raise its limits",
        (Cause::HttpStatus | Cause::InBandError, _) => "read what the server said, and its log",
        (Cause::Timeout | Cause::TtftTimeout | Cause::InterTokenTimeout, _) => {
            "see whether the server answers one request by hand, and whether the time-out is long enough for it"
        }
        _ => "read what was said; send one request by hand to the same address with the same model",
    }
}

fn failures(summary: &Summary) -> Option<Finding> {
    let kinds = kinds(summary);
    let (failed, finished) = (summary.counts.failures(), summary.counts.finished());
    if kinds.is_empty() || summary.counts.succeeded == 0 {
        return None;
    }
    let share = failed as f64 / finished.max(1) as f64;
    let over_half = if share > MOST { ", over half of all, so that the run has failed" } else { "" };
    Some(
        Found::new("failures", Scope::Server)
            .measured(share, FAILED_SUSPECT, "ratio")
            .at_least(Status::over(share, FAILED_SUSPECT, f64::INFINITY))
            .says(
                format!(
                    "{failed} of {finished} requests failed ({}{over_half}; bound: suspect over {}): {}",
                    shown_share(share),
                    shown_share(FAILED_SUSPECT),
                    told(&kinds, failed)
                ),
                "latencies are of the successes only: read them together with the error rate, and the server's log",
            ),
    )
}

/// A warm-up that failed did not warm the server. Where the measured phase has no success either, that says it all.
fn warmup(summary: &Summary) -> Option<Finding> {
    let counts = &summary.warmup_counts;
    let (failed, finished) = (counts.failures(), counts.finished());
    let share = failed as f64 / finished.max(1) as f64;
    if share <= FAILED_SUSPECT || summary.counts.succeeded == 0 {
        return None;
    }
    let mut causes: Vec<(&Cause, &u64)> = counts.failed.iter().collect();
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let causes: Vec<String> = causes.iter().take(OTHERS).map(|(cause, count)| format!("{cause} ({count})")).collect();
    let none = counts.succeeded == 0;
    Some(
        Found::new("warmup_failures", Scope::Server)
            .measured(share, FAILED_SUSPECT, "ratio")
            .at_least(if none { Status::Suspect } else { Status::Valid })
            .says(
                format!(
                    "{failed} of {finished} requests of the warm-up failed ({}): {}{}",
                    shown_share(share),
                    causes.join(", "),
                    if none { "; the measured phase began with a server that was not warm" } else { "" }
                ),
                "find out what the warm-up met (often a server that was still loading), and run again",
            ),
    )
}

fn aborted(summary: &Summary) -> Option<Finding> {
    summary.aborted.map(|aborted| {
        Found::new("aborted", Scope::Server).counted(aborted.failed, "requests").at_least(Status::Suspect).says(
            format!("the run ended early: {aborted}"),
            "read the errors, fix the server or the load, and run again; the figures are of the requests before",
        )
    })
}

/// A stretch in which nothing came, longer than any successful request took: it is in no latency.
fn standstill(case: &Case<'_>) -> Option<Finding> {
    let summary = case.summary;
    let still = summary.standstill?;
    let share = still.length_s / still.run_s;
    if share < STILL || still.length_s <= still.longest_success_s {
        return None;
    }
    let issued = summary.counts.issued.max(1) as f64;
    let suspect = still.under_load_s >= STILL * still.run_s || still.unanswered as f64 > STILL_UNANSWERED * issued;
    // A server that went on would have answered in that time at the rate of the rest.
    let rest_s = summary.benchmark_duration_s - still.under_load_s;
    let missing = if rest_s > 0.0 { still.under_load_s / rest_s } else { 0.0 };
    let rates = [&tags::REQUEST_THROUGHPUT, &tags::OUTPUT_TOKEN_THROUGHPUT, &tags::GOODPUT];
    let effects = rates.into_iter().flat_map(|info| case.effects(info, Direction::Lowered, missing));
    Some(
        Found::new("standstill", Scope::Server)
            .moving(if suspect { effects.collect() } else { Vec::new() })
            .at_most(Status::Suspect)
            .measured(share, STILL, "ratio")
            .at_least(if suspect { Status::Suspect } else { Status::Valid })
            .says(
                format!(
                    "the run stood still for {:.1} of {:.1} s, from {:.1} s on: requests were in flight{}, and nothing \
                     came; no latency shows it, as the longest successful request took {} (bound: {} of the run)",
                    still.length_s,
                    still.run_s,
                    still.from_s,
                    match still.unanswered {
                        0 => String::new(),
                        n => format!(" ({n} of them over all of it, without a response)"),
                    },
                    shown_ms(still.longest_success_s * 1e3),
                    shown_share(STILL)
                ),
                "find out why the server stopped (its log, its queue); latencies are of the requests that it answered before or after",
            ),
    )
}

/// Over this share of failures, the latencies of the rest are those of the survivors.
const FAILED_SUSPECT: f64 = 0.1;
/// Over this share of failures a run has failed, whatever its conditions say.
const MOST: f64 = 0.5;
/// Share of the run in which nothing came.
const STILL: f64 = 0.1;
/// Requests that were never answered, as a share of all, that make a standstill after the load more than a note.
const STILL_UNANSWERED: f64 = 0.01;
/// Causes that are named behind the first.
const OTHERS: usize = 3;

#[cfg(test)]
mod tests;
