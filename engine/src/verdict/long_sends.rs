//! The gate on requests that the client's kernel holds back.

use super::case::{Case, Found};
use super::connections::in_times;
use super::finding::{Finding, Scope, Status};
use super::wording::{shown_ms, shown_share};

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    held_sends(case).into_iter().collect()
}

/// Long requests of which the last byte left long after the kernel had taken it: the window of the congestion control,
/// or the pace that it keeps, did not let it go before.
fn held_sends(case: &Case<'_>) -> Option<Finding> {
    let network = &case.summary.network;
    let sends = network.long_sends.as_ref().filter(|sends| sends.held > 0)?;
    let share = sends.held as f64 / case.summary.counts.succeeded.max(1) as f64;
    let effects = in_times(case, share, 0.0, sends.held_each_ms);
    if effects.iter().all(|effect| effect.status() == Status::Valid) {
        return None;
    }
    let mut controls: Vec<&str> = network.targets.iter().map(|target| target.congestion_control.as_str()).collect();
    controls.retain(|name| !name.is_empty());
    controls.dedup();
    let by = if controls.is_empty() { String::new() } else { format!(" ({})", controls.join(", ")) };
    let again = match network.connections.retransmits {
        0 => "no segment was sent again".to_owned(),
        n => format!("{n} segments were sent again"),
    };
    let pacing = controls.iter().any(|name| name.starts_with("bbr"));
    let slower = if pacing { "one that keeps no pace (net.ipv4.tcp_congestion_control=cubic), " } else { "" };
    Some(
        Found::new("held_sends", Scope::Path)
            .counted(sends.held, "requests")
            .at_most(Status::Suspect)
            .moving(effects)
            .says(
                format!(
                    "the congestion control of the client's kernel{by} held the last byte of {} of {} long requests ({} bytes on average) back for {} \
                     each, {} at most, {} of all requests; {again}. That time is in `send`, not in the server's part",
                    sends.held,
                    sends.requests,
                    sends.mean_bytes.round(),
                    shown_ms(sends.held_each_ms),
                    shown_ms(sends.longest_held_ms),
                    shown_share(share),
                ),
                format!(
                    "read time_to_first_token_from_send, which begins when the last byte has left; if users reach the server otherwise, try {slower}\
                     keep the window of idle connections (net.ipv4.tcp_slow_start_after_idle=0), or reduce the loss of packets on the path"
                ),
            ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Run, found, judged, of};
    use super::*;
    use crate::clock::{MILLI, Nanos};
    use crate::measure::testing::plan;
    use crate::measure::{Shard, TargetFacts};
    use crate::plan::Statistic;
    use crate::record::Transmission;

    /// A thousand requests, of which some were held for so long.
    fn held(requests: usize, each: Nanos, control: fn(&mut Shard)) -> Run {
        let mut run = Run::new(plan(), 1_000);
        for (place, record) in run.records.iter_mut().enumerate() {
            let held = if place < requests { each } else { 20_000 };
            record.transmission = Some(Transmission { held, acknowledged: Some(100_000) });
            record.bytes_sent = 126_000;
        }
        run.facts.targets = vec![TargetFacts { http: "1.1", ..TargetFacts::default() }];
        run.shard = control;
        run
    }

    #[test]
    fn requests_that_were_held_are_told_by_what_that_moved() {
        let bbr = |shard: &mut Shard| {
            shard.congestion_control.insert(0, "bbr".into());
            shard.connections.retransmits = 12;
        };
        let verdict = judged(held(1_000, 6 * MILLI, bbr));
        assert_eq!(found(&verdict, "held_sends"), Some((Status::Suspect, Scope::Path)), "{:?}", verdict.findings);
        let finding = of(&verdict, "held_sends").unwrap();
        let ttft = finding.effects.iter().find(|e| e.tag == "time_to_first_token" && e.statistic == Statistic::P50);
        assert!((ttft.unwrap().most - 6.0).abs() < 1e-9);
        for words in ["kernel (bbr) held", "1000 of 1000 long requests (126000 bytes", "12 segments were sent again"] {
            assert!(finding.evidence.contains(words), "{}", finding.evidence);
        }
        assert!(finding.remedy.contains("cubic"), "{}", finding.remedy);
    }

    #[test]
    fn what_moved_no_figure_is_not_told() {
        // 200 ms to the first token: 1.5 ms are under 1 % of it, and nine requests of a thousand are behind no
        // percentile.
        assert_eq!(found(&judged(held(1_000, 1_500_000, |_| {})), "held_sends"), None);
        assert_eq!(found(&judged(held(9, 50 * MILLI, |_| {})), "held_sends"), None);
        assert_eq!(found(&judged(held(0, 0, |_| {})), "held_sends"), None);
        // A CUBIC window is no pace.
        let verdict = judged(held(600, 20 * MILLI, |shard| {
            shard.congestion_control.insert(0, "cubic".into());
        }));
        let finding = of(&verdict, "held_sends").unwrap();
        assert!(finding.evidence.contains("no segment was sent again"), "{}", finding.evidence);
        assert!(!finding.remedy.contains("cubic"), "{}", finding.remedy);
    }
}
