//! Where the time of requests went (`--http-trace-metrics`).

use super::layout::{line, percent, short};
use super::table::Table;
use crate::outcome::Outcome;

/// The phases of a request, none counted twice.
pub(super) fn section(outcome: &Outcome) -> String {
    let mut table = Table::new(
        "PHASES OF A REQUEST (ms)",
        &["avg", "p50", "p90", "p99", "max"],
    );
    for (tag, name) in PHASES {
        let Some(metric) = outcome.metric(tag) else {
            continue;
        };
        if let Some(s) = &metric.stats {
            table.row(
                *name,
                [metric.avg, s.p50, s.p90, s.p99, s.max].map(short).to_vec(),
            );
        }
    }
    let mut out = table.render();
    if let Some(reused) = outcome.metric("http_req_connection_reused") {
        let text = format!(
            "{} of requests; connect time is 0 for these, and is in the time to first token of the others",
            percent(reused.avg)
        );
        out += &line("reused", &text);
    }
    out
}

const PHASES: &[(&str, &str)] = &[
    ("http_req_blocked", "queue (for a connection)"),
    ("http_req_dns_lookup", "DNS lookup"),
    ("http_req_connecting", "TCP connect"),
    ("http_req_tls", "TLS handshake"),
    ("http_req_sending", "send"),
    ("http_req_waiting", "wait (to the first byte)"),
    ("http_req_receiving", "receive"),
    ("http_req_total", "total"),
];
