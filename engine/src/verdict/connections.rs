//! Gates on connections: those that were long in coming, and those that were not kept.

use super::case::{Case, Found, by_part};
use super::finding::{Direction, Effect, Finding, Scope, Status};
use super::wording::{shown_ms, shown_share};
use crate::measure::{MARKED, Stats};
use crate::plan::{MetricInfo, Reuse, Statistic, metric as tags};
use crate::setting::Setting;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    [slow_connects(case), not_kept(case), stream_limit(case)].into_iter().flatten().collect()
}

/// Connections that took as long as the kernel waits before it sends a SYN again (1 s; RFC 6298 §2.1): the first was
/// lost, or met a full listen queue.
fn slow_connects(case: &Case<'_>) -> Option<Finding> {
    let slow = case.summary.network.slow_connects.as_ref()?;
    let share = slow.requests as f64 / case.summary.counts.finished().max(1) as f64;
    Some(
        Found::new("slow_connects", Scope::Path)
            .counted(slow.requests, "requests")
            .at_most(Status::Suspect)
            .moving(in_times(case, share, 0.0, slow.mean_ms))
            .says(
                format!(
                    "{} of {} connects took 1 s and more, {} on average and {} at most: their first SYN was not answered, and the kernel sent it again",
                    slow.requests,
                    slow.of,
                    shown_ms(slow.mean_ms),
                    shown_ms(slow.slowest_ms)
                ),
                "enlarge the server's listen backlog (and net.core.somaxconn, which bounds it), or look for loss on the way; or make the connections \
                 ahead of the load",
            ),
    )
}

/// A server that closes connections although requests were to share them.
fn not_kept(case: &Case<'_>) -> Option<Finding> {
    let (plan, summary) = (case.plan, case.summary);
    let http1 = summary.network.targets.iter().all(|target| target.http == "1.1");
    if plan.reuse != Reuse::Pooled || !http1 {
        return None;
    }
    let of = |info: &MetricInfo| summary.network.phases.iter().find(|phase| phase.tag == info.tag);
    let count = |stats: Option<Stats>| stats.map_or(0, |stats| stats.count);
    let connecting = of(&tags::HTTP_REQ_CONNECTING)?;
    let (new, kept) = (count(connecting.new), count(connecting.reused));
    // As many as are in flight at once have to be made, and a few more where that moves.
    let most = case.value(&tags::EFFECTIVE_CONCURRENCY, Statistic::Max).unwrap_or(0.0);
    let share = new as f64 / (new + kept).max(1) as f64;
    if new < FEW || share <= MADE_ANEW || new as f64 <= 2.0 * most {
        return None;
    }
    let phases = [&tags::HTTP_REQ_DNS_LOOKUP, &tags::HTTP_REQ_CONNECTING, &tags::HTTP_REQ_TLS];
    let set_up: f64 = phases.iter().filter_map(|info| of(info)?.new).map(|stats| stats.mean()).sum();
    Some(
        Found::new("not_kept", Scope::Server)
            .measured(share, MADE_ANEW, "ratio")
            .at_most(Status::Suspect)
            .moving(in_times(case, share, most / (new + kept).max(1) as f64, set_up))
            .says(
                format!(
                    "{new} of {} requests ({}) had to make their connection, {} each, though at most {most:.0} were in flight: the server, or a proxy \
                     between, closes connections that requests were to share (reported above {})",
                    new + kept,
                    shown_share(share),
                    shown_ms(set_up),
                    shown_share(MADE_ANEW)
                ),
                format!(
                    "switch keep-alive on, or raise its bound on requests or idle time, at the server or the proxy; where connections are to be new each \
                     time, say so ({})",
                    Setting::Reuse
                ),
            ),
    )
}

/// A server that allows fewer streams of HTTP/2 than were in flight: requests wait for one, or for another connection.
fn stream_limit(case: &Case<'_>) -> Option<Finding> {
    let allowed = case.summary.network.connections.max_streams_least?;
    let most = case.value(&tags::EFFECTIVE_CONCURRENCY, Statistic::Max).unwrap_or(0.0);
    let waited = |statistic| case.value(&tags::HTTP_REQ_BLOCKED, statistic).unwrap_or(0.0);
    let latency = case.value(&tags::REQUEST_LATENCY, Statistic::Avg)?;
    let share = waited(Statistic::Avg) / latency.max(f64::MIN_POSITIVE);
    if f64::from(allowed) >= most || share <= MARKED {
        return None;
    }
    let times = [&tags::TIME_TO_FIRST_TOKEN, &tags::REQUEST_LATENCY];
    let effects = times.into_iter().flat_map(|info| case.effects_by(info, Direction::Raised, waited));
    Some(
        Found::new("stream_limit", Scope::Server)
            .measured(share, MARKED, "ratio")
            .at_most(Status::Suspect)
            .moving(effects)
            .moving(case.rates_of_slower(waited(Statistic::Avg), 1.0))
            .says(
                format!(
                    "requests waited {} on average and {} at p99 for a stream or a connection, as the server allowed {allowed} streams on one at the \
                     least, and up to {most:.0} were in flight (reported above {} of the latency)",
                    shown_ms(waited(Statistic::Avg)),
                    shown_ms(waited(Statistic::P99)),
                    shown_share(MARKED)
                ),
                "let the server allow more streams on a connection, or make the connections ahead of the load; what waited is in `http_req_blocked`",
            ),
    )
}

/// What a share of the requests that took `ms` longer made of the times from the issue, and of the rates of a closed
/// loop; of them `anyway` would have taken it in any case.
pub(super) fn in_times(case: &Case<'_>, share: f64, anyway: f64, ms: f64) -> Vec<Effect> {
    let of = |part| by_part(Direction::Raised, part, ms);
    let times = [&tags::TIME_TO_FIRST_TOKEN, &tags::REQUEST_LATENCY];
    let times = times.into_iter().flat_map(|info| {
        case.effects_by(info, Direction::Raised, |statistic| of(share)(statistic) - of(anyway)(statistic))
    });
    times.chain(case.rates_of_slower((share - anyway) * ms, 1.0)).collect()
}

/// New connections under which nothing is said.
const FEW: u64 = 20;
/// Share of the requests that may make a connection of their own.
const MADE_ANEW: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::super::testing::{Run, found, judged, of};
    use super::*;
    use crate::clock::{MILLI, Nanos, SECOND};
    use crate::measure::testing::plan;

    /// A thousand requests of which some made their connection, in so long.
    fn connected(requests: usize, each: Nanos) -> Run {
        let mut run = Run::new(plan(), 1_000);
        for record in &mut run.records[..requests] {
            let at = &mut record.instants;
            (at.tcp_start, at.tcp_end) = (Some(at.issued), Some(at.issued + each));
            (at.send_start, at.send_end) = (at.tcp_end, at.tcp_end.map(|end| end + 100));
            for cut in [&mut at.first_byte, &mut at.head_end, &mut at.first_token, &mut at.last_token] {
                *cut = cut.map(|cut| cut + each);
            }
            at.end += each;
            record.connection_reused = false;
        }
        run.facts.targets = vec![crate::measure::TargetFacts { http: "1.1", ..crate::measure::TargetFacts::default() }];
        run
    }

    #[test]
    fn connects_that_sent_a_syn_again_are_told_by_what_they_moved() {
        // 200 ms to the first token without: five of a thousand raise its mean by 2.5 %, twenty its p99 by a second.
        for (requests, status, moved) in
            [(5, Status::Suspect, &[Statistic::Avg][..]), (20, Status::Suspect, &[Statistic::P99, Statistic::Avg])]
        {
            let verdict = judged(connected(requests, 1_005 * MILLI));
            assert_eq!(found(&verdict, "slow_connects"), Some((status, Scope::Path)), "{:?}", verdict.findings);
            let finding = of(&verdict, "slow_connects").unwrap();
            assert!(
                finding.evidence.starts_with(&format!("{requests} of {requests} connects")),
                "{}",
                finding.evidence
            );
            let ttft = finding.effects.iter().filter(|e| e.tag == "time_to_first_token");
            assert_eq!(ttft.map(|e| e.statistic).collect::<Vec<_>>(), moved);
        }
        assert_eq!(found(&judged(connected(20, 300 * MILLI)), "slow_connects"), None);
    }

    #[test]
    fn a_server_that_keeps_no_connection_is_told_by_what_that_costs() {
        for (requests, each, expected) in [
            (1_000, 100_000, Some(Status::Valid)),
            (1_000, 10 * MILLI, Some(Status::Suspect)),
            (500, 10 * MILLI, Some(Status::Suspect)),
            // One in a hundred is a proxy's bound on requests.
            (10, 10 * MILLI, None),
            (80, 10 * MILLI, None),
        ] {
            let verdict = judged(connected(requests, each));
            let got = found(&verdict, "not_kept");
            assert_eq!(
                got,
                expected.map(|status| (status, Scope::Server)),
                "{requests} {each}: {:?}",
                verdict.findings
            );
        }
        let mut asked = connected(1_000, 10 * MILLI);
        asked.plan.reuse = Reuse::Never;
        assert_eq!(found(&judged(asked), "not_kept"), None);
        // All at once: each needs a connection.
        let mut at_once = connected(1_000, 10 * MILLI);
        at_once.records.iter_mut().for_each(|record| record.instants.end += 30 * SECOND);
        assert_eq!(found(&judged(at_once), "not_kept"), None);
    }
}
