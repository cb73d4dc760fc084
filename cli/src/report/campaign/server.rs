//! The server at each point of a sweep: where requests begin to wait.

use super::super::layout::{line, short, time};
use super::super::table::Table;
use crate::result::campaign::{Campaign, SweepPointOutcome};
use ringload_engine::telemetry::{ServerFigures, ShareFigures};

/// A row a point, the mean of its runs; empty where no run knows of its server.
pub(super) fn table(campaign: &Campaign) -> String {
    let servers = |point: &SweepPointOutcome| -> Vec<ServerFigures> {
        point.runs.iter().filter_map(|run| run.outcome.summary.server.clone()).collect()
    };
    if campaign.points.iter().all(|point| servers(point).is_empty()) {
        return String::new();
    }
    let mut table =
        Table::new("SERVER AT EACH POINT", &["running", "waiting", "wait %", "KV %", "preempt", "queue ms", "TTFT50"]);
    let mut first_to_wait = None;
    let mut before = None;
    for point in &campaign.points {
        let all = servers(point);
        let mean = |of: fn(&ServerFigures) -> Option<f64>| {
            let values: Vec<f64> = all.iter().filter_map(of).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        let known = |value: Option<f64>| value.map_or_else(|| "-".into(), short);
        let share = mean(|s| s.waiting_share);
        let ttft = point.spread("time_to_first_token", "p50").map(|spread| spread.mean);
        if share.is_some_and(|share| share >= WAITED) {
            first_to_wait.get_or_insert((&point.label, ttft));
        } else if first_to_wait.is_none() {
            before = ttft;
        }
        table.row(
            point.label.clone(),
            vec![
                known(mean(|s| s.running.map(|g| g.avg))),
                known(mean(|s| s.waiting.map(|g| g.avg))),
                known(share.map(|share| 100.0 * share)),
                known(mean(|s| s.kv_use.map(|g| 100.0 * g.max))),
                known(mean(|s| s.preemptions.map(|n| n as f64))),
                known(mean(|s| s.queue.map(|q| q.avg_ms))),
                known(ttft),
            ],
        );
    }
    let mut out = table.render();
    let shares = shares_table(campaign, &servers);
    out += "  wait %: scrapes in which a request waited; KV %: the most of the cache in use\n";
    if let Some((label, ttft)) = first_to_wait {
        let leaves = before.zip(ttft).map_or_else(String::new, |(before, from)| {
            format!(", p50 {} where none waits and {} there", time(before), time(from))
        });
        out += &line(
            "queue",
            &format!(
                "requests wait at the server in over half of the scrapes from {label} on: time to first token holds that wait there{leaves}"
            ),
        );
    }
    out + &shares
}

/// What came from the prefix cache, and what speculative decoding accepted, at each point of which either is known.
fn shares_table(campaign: &Campaign, servers: &dyn Fn(&SweepPointOutcome) -> Vec<ServerFigures>) -> String {
    let mut table = Table::new("CACHE AND DRAFTS AT EACH POINT", &["hit %", "accept%", "TTFT50", "ITL50"]);
    for point in &campaign.points {
        let all = servers(point);
        // Of all runs together: a run of few drafts counts for as few.
        let share = |of: fn(&ServerFigures) -> Option<ShareFigures>| {
            let added =
                |a: ShareFigures, b: ShareFigures| ShareFigures { part: a.part + b.part, whole: a.whole + b.whole };
            all.iter().filter_map(of).reduce(added).map(|share| 100.0 * share.share())
        };
        let (hits, accepted) = (share(|s| s.prefix_hits), share(|s| s.accepted_drafts));
        if hits.or(accepted).is_some() {
            let p50 = |tag| point.spread(tag, "p50").map(|spread| spread.mean);
            let cells = [hits, accepted, p50("time_to_first_token"), p50("inter_token_latency")];
            let shown = |value: Option<f64>| value.map_or_else(|| "-".into(), short);
            table.row(point.label.clone(), cells.map(shown).to_vec());
        }
    }
    table.render()
}

/// The share of scrapes with a waiting request from which on a point is said to queue.
const WAITED: f64 = 0.5;
