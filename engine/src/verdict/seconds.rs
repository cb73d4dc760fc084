//! The gate on the load of each second.

use super::case::{Case, Found};
use super::finding::{Finding, Scope, Status};
use super::wording::shown_share;
use crate::measure::MissedSeconds;
use crate::setting::Setting;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    missed_seconds(case).into_iter().collect()
}

/// Seconds of the schedule whose arrivals were not sent in them, however well the mean of the run was kept.
///
/// What the client alone was late with is judged by its lags; here it is told.
fn missed_seconds(case: &Case<'_>) -> Option<Finding> {
    let missed = case.summary.rate.as_ref()?.missed_seconds.as_ref()?;
    let (scope, why, remedy) = cause(case, missed);
    let other_load = scope != Scope::Client && missed.share > OTHER_LOAD;
    Some(
        Found::new("missed_seconds", scope)
            .counted(missed.missed, "s")
            .at_least(if other_load { Status::Suspect } else { Status::Valid })
            .says(
                format!(
                    "{} of the {} seconds of the schedule missed over 1 % of their arrivals, {} of all arrivals, because {why}; second {} sent {} of {}",
                    missed.missed,
                    missed.of,
                    shown_share(missed.share),
                    missed.worst_second + 1,
                    missed.worst_sent,
                    missed.worst_scheduled
                ),
                remedy,
            ),
    )
}

/// What most of the arrivals that were sent in another second waited for.
fn cause(case: &Case<'_>, missed: &MissedSeconds) -> (Scope, String, String) {
    let MissedSeconds { taken_up_late, connecting, waiting, .. } = *missed;
    if connecting > taken_up_late.max(waiting) {
        let remedy =
            "make connections before the load (prewarm), or look at the server's listen backlog and at the way"
                .to_owned();
        return (Scope::Path, "their connections were long in coming".to_owned(), remedy);
    }
    if waiting > taken_up_late {
        let streams = case.summary.network.connections.max_streams_least;
        let limit = streams.map_or_else(String::new, |n| format!(" (the server allows {n} streams on one)"));
        return (
            Scope::Server,
            format!("they waited for a connection or a stream{limit}"),
            "let the server allow more connections, or more streams on each, or lower the rate: what waited is in `http_req_blocked` and in every latency"
                .to_owned(),
        );
    }
    if case.summary.counts.queued + case.summary.counts.dropped > 0 {
        return (
            Scope::Policy,
            "a bound, or the response before them, held them back while the server was slow".to_owned(),
            format!(
                "raise {} ({}) or leave it out, or read the times that count from the schedule: the server got more load than the schedule's in other seconds",
                Setting::Concurrency,
                Setting::PrefillConcurrency
            ),
        );
    }
    let remedy = format!("give the client more cores ({}), or lower the rate", Setting::Cores);
    (Scope::Client, "the client took them up late".to_owned(), remedy)
}

/// The share of arrivals in another second than scheduled that makes it another load.
const OTHER_LOAD: f64 = 0.01;

#[cfg(test)]
mod tests {
    use super::super::testing::{Run, found, judged, of};
    use super::*;
    use crate::clock::{MILLI, SECOND};
    use crate::measure::testing::open_plan;

    /// A hundred requests a second for ten seconds; those of 1.5 s of every 4 are sent at the end of these, as they
    /// were issued late, or waited after that.
    fn run(issued_late: bool) -> Run {
        let mut run = Run::with_answers(open_plan(100.0), 1_000, 20 * MILLI, MILLI);
        for record in &mut run.records {
            let at = &mut record.instants;
            let (scheduled, into) = (at.issued, at.issued % (4 * SECOND));
            let slow = 2 * SECOND..3_500 * MILLI;
            let late = if slow.contains(&into) { slow.end - into } else { 0 };
            for cut in [
                &mut at.send_start,
                &mut at.send_end,
                &mut at.first_byte,
                &mut at.head_end,
                &mut at.first_token,
                &mut at.last_token,
            ] {
                *cut = cut.map(|cut| cut + late);
            }
            at.end += late;
            at.scheduled = scheduled;
            if issued_late {
                at.issued += late;
            }
        }
        run
    }

    #[test]
    fn seconds_that_were_missed_are_counted_and_their_cause_is_told() {
        let mut held = run(true);
        held.shard = |shard| shard.profiling.queued = 300;
        let verdict = judged(held);
        assert_eq!(found(&verdict, "missed_seconds"), Some((Status::Suspect, Scope::Policy)), "{:?}", verdict.findings);
        let finding = of(&verdict, "missed_seconds").unwrap();
        assert_eq!(finding.value, Some(2.0), "{}", finding.evidence);
        assert!(
            finding.evidence.contains("2 of the 10 seconds") && finding.evidence.contains("second 3 sent 0 of 100"),
            "{}",
            finding.evidence
        );

        let mut streams = run(false);
        streams.shard = |shard| shard.connections.allows(8);
        let verdict = judged(streams);
        assert_eq!(found(&verdict, "missed_seconds"), Some((Status::Suspect, Scope::Server)));
        assert!(of(&verdict, "missed_seconds").unwrap().evidence.contains("8 streams"));

        // A client that was late is judged by its lag.
        assert_eq!(found(&judged(run(true)), "missed_seconds"), Some((Status::Valid, Scope::Client)));
    }

    #[test]
    fn a_schedule_that_is_kept_misses_no_second() {
        let kept = Run::with_answers(open_plan(100.0), 1_000, 20 * MILLI, MILLI);
        assert_eq!(found(&judged(kept), "missed_seconds"), None);
    }
}
