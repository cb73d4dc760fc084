//! The gate on servers that leave Nagle's algorithm on, whose events wait for delayed acknowledgements.

use super::buffering;
use super::case::{Case, Found, by_part};
use super::finding::{Direction, Finding, Scope, Status};
use super::wording::shown_ms;
use crate::measure::DelayedAcks;
use crate::plan::metric as tags;
use crate::setting::Setting;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    delayed_ack(case).into_iter().collect()
}

/// That responses came as delayed acknowledgements would have it; not where each read was acknowledged at once, or read
/// late on purpose, nor where bursts hold the first token back by far more than that.
pub(super) fn pattern<'a>(case: &Case<'a>) -> Option<&'a DelayedAcks> {
    let network = &case.plan.network;
    let judged = !network.tcp.quickack && network.read_rate.is_none();
    let by_bursts = buffering::pattern(case.summary).map_or(0.0, |bursts| bursts.first_held_ms);
    case.summary.network.delayed_acks.as_ref().filter(|acks| judged && 2.0 * acks.first_held_ms >= by_bursts)
}

/// Events that waited for an acknowledgement: the first is late by as many as came with it, at the pace of the later
/// ones.
fn delayed_ack(case: &Case<'_>) -> Option<Finding> {
    let seen = pattern(case)?;
    let part = seen.delayed as f64 / (seen.of_reused + seen.of_new) as f64;
    let about = |info, direction, ms: f64| case.estimates(info, direction, by_part(direction, part, ms / part));
    let effects = [
        about(&tags::TIME_TO_FIRST_TOKEN, Direction::Raised, seen.first_held_ms),
        about(&tags::SCHEDULED_TIME_TO_FIRST_TOKEN, Direction::Raised, seen.first_held_ms),
        about(&tags::INTER_TOKEN_LATENCY, Direction::Lowered, seen.token_shorter_ms),
    ];
    let between = [&tags::INTER_CHUNK_LATENCY, &tags::TIME_TO_SECOND_TOKEN];
    let asks_for_gaps = between.iter().any(|info| case.asks_for(info));
    let share = seen.delayed as f64 / seen.of_reused as f64;
    Some(
        Found::new("delayed_ack", Scope::Path)
            .counted(seen.delayed, "requests")
            .at_least(if asks_for_gaps || share > OF_ALL { Status::Suspect } else { Status::Valid })
            .at_most(Status::Suspect)
            .moving(effects.concat())
            .says(
                format!(
                    "{} of {} responses on used connections sent nothing for {} after their first bytes, {} of {} on new ones, and several events came \
                     then in {}: that is how long the client's kernel delays an acknowledgement, and the server, or a proxy between, leaves Nagle's \
                     algorithm on and holds small writes back until it comes; times to the first token and between tokens are then up to 40 ms of that",
                    seen.delayed,
                    seen.of_reused,
                    shown_ms(seen.wait_ms),
                    seen.delayed_on_new,
                    seen.of_new,
                    seen.with_bursts
                ),
                format!(
                    "set TCP_NODELAY at the server or the proxy; to prove it, run again with {}, which acknowledges each read at once: what that takes off \
                     the figures was the path's",
                    Setting::QuickAck
                ),
            ),
    )
}

/// The share of delayed responses from which on a run is suspect, whatever came together.
const OF_ALL: f64 = 0.5;

#[cfg(test)]
mod tests {
    use super::super::testing::{Run, found, judged, of};
    use super::*;
    use crate::clock::MILLI;
    use crate::measure::testing::plan;
    use crate::plan::Statistic;

    /// 200 responses of a head at once and eleven tokens from 20 ms on, one each 5 ms: what is made by 40 ms comes
    /// then, on all connections but the first ten.
    fn run() -> Run {
        let mut run = Run::with_answers(plan(), 200, 20 * MILLI, 5 * MILLI);
        for (k, record) in run.records.iter_mut().enumerate() {
            let at = &mut record.instants;
            at.first_byte = Some(at.issued + MILLI);
            at.head_end = at.first_byte;
            record.connection_reused = k >= 10;
            if k >= 10 {
                at.first_token = Some(at.issued + 41 * MILLI);
                record.gaps[..4].fill(0);
                record.gaps[4] = 4 * MILLI;
                (record.coalesced, record.merged) = (4, 4);
            }
        }
        run
    }

    #[test]
    fn responses_that_wait_for_an_acknowledgement_are_told_with_what_that_made() {
        let verdict = judged(run());
        assert_eq!(found(&verdict, "delayed_ack"), Some((Status::Suspect, Scope::Path)), "{:?}", verdict.findings);
        assert_eq!((found(&verdict, "buffering"), found(&verdict, "coalesced")), (None, None));
        let finding = of(&verdict, "delayed_ack").unwrap();
        assert!(finding.remedy.contains("quickack") && finding.remedy.contains("TCP_NODELAY"), "{}", finding.remedy);
        // 19 of 20 requests: the first token by 20 ms, ten gaps share that.
        for (tag, about) in [("time_to_first_token", 19.0), ("inter_token_latency", 1.9)] {
            let effect = finding.effects.iter().find(|e| (e.tag, e.statistic) == (tag, Statistic::Avg)).unwrap();
            assert!(effect.estimated && (about / 2.0..about * 2.0).contains(&effect.most), "{effect:?}");
        }
    }

    #[test]
    fn where_each_read_is_acknowledged_at_once_there_is_no_such_finding() {
        let mut run = run();
        run.plan.network.tcp.quickack = true;
        assert_eq!(found(&judged(run), "delayed_ack"), None);
        let honest = Run::with_answers(plan(), 200, 41 * MILLI, 5 * MILLI);
        assert_eq!(found(&judged(honest), "delayed_ack"), None);
    }
}
