//! Where the time of requests went (`--http-trace-metrics`).

use super::layout::{count, line, percent, short};
use super::table::Table;
use crate::outcome::Outcome;
use ringload_engine::measure::{PhaseFigures, Stats};

/// The phases of a request, none counted twice: of all, then apart by whether the connection was new.
pub(super) fn section(outcome: &Outcome) -> String {
    let phases = &outcome.summary.network.phases;
    let of_all = |p: &PhaseFigures| outcome.metric(p.tag).and_then(|m| m.stats);
    let mut out = table("PHASES OF A REQUEST (ms)", phases, of_all);
    let reused = outcome.metric("http_req_connection_reused");
    if let Some(reused) = reused {
        let text = format!(
            "{} of requests had a kept connection: no lookup, connect or handshake; that of the others is in their time to first token",
            percent(reused.avg)
        );
        out += &line("reused", &text);
    }
    if reused.is_some_and(|m| m.avg > 0.0 && m.avg < 1.0) {
        out += &apart("ON A NEW CONNECTION", phases, |p| p.new);
        out += &apart("ON A KEPT CONNECTION", phases, |p| p.reused);
    }
    out
}

fn apart(what: &str, phases: &[PhaseFigures], of: fn(&PhaseFigures) -> Option<Stats>) -> String {
    let requests = phases.first().and_then(of).map_or(0, |s| s.count);
    let noun = if requests == 1 { "request" } else { "requests" };
    let title = format!("{what} (ms, {} {noun})", count(requests));
    table(&title, phases, of)
}

fn table(
    title: &str,
    phases: &[PhaseFigures],
    of: impl Fn(&PhaseFigures) -> Option<Stats>,
) -> String {
    let mut table = Table::new(title, &["avg", "p50", "p90", "p99", "max"]);
    for phase in phases {
        if let Some(s) = of(phase) {
            let name = NAMES.iter().find(|(tag, _)| *tag == phase.tag);
            table.row(
                name.map_or(phase.tag, |(_, name)| name),
                [s.mean(), s.p50, s.p90, s.p99, s.max].map(short).to_vec(),
            );
        }
    }
    table.render()
}

const NAMES: &[(&str, &str)] = &[
    ("http_req_blocked", "queue (for a connection)"),
    ("http_req_dns_lookup", "DNS lookup"),
    ("http_req_connecting", "TCP connect"),
    ("http_req_tls", "TLS handshake"),
    ("http_req_sending", "send"),
    ("http_req_waiting", "wait (to the first byte)"),
    ("http_req_receiving", "receive"),
    ("http_req_total", "total"),
];
