//! Where the time of requests went (`--http-trace-metrics`).

use super::latency::p99;
use super::layout::{count, line, short};
use super::table::Table;
use crate::result::run::Outcome;
use ringload_engine::measure::{PhaseFigures, Stats};

/// The phases of a request, none counted twice: of all, then apart by whether the connection was new.
pub(super) fn section(outcome: &Outcome) -> String {
    let phases = &outcome.summary.network.phases;
    let of_all = |p: &PhaseFigures| outcome.metric(p.tag).and_then(|m| m.stats);
    let mut out = table("PHASES OF A REQUEST (ms)", phases, of_all);
    let of = |stats: fn(&PhaseFigures) -> Option<Stats>| phases.first().and_then(stats).map_or(0, |s| s.count);
    let (made, found) = (of(|p| p.new), of(|p| p.reused));
    let text = match (made, found) {
        (_, 0) => "every request made its connection: it is in its time to first token".into(),
        (0, _) => "no request made its connection: all were kept, or made ahead".into(),
        (made, _) => format!(
            "{} requests made their connection, and have it in their time to first token; the others found one, or waited for one of these",
            count(made)
        ),
    };
    if made + found > 0 {
        out += &line("connections", &text);
    }
    if made > 0 && found > 0 {
        out += &apart("NEW CONNECTIONS", phases, |p| p.new);
        out += &apart("REUSED CONNECTIONS", phases, |p| p.reused);
    }
    out
}

fn apart(what: &str, phases: &[PhaseFigures], of: fn(&PhaseFigures) -> Option<Stats>) -> String {
    let requests = phases.first().and_then(of).map_or(0, |s| s.count);
    let noun = if requests == 1 { "request" } else { "requests" };
    let title = format!("{what} (ms, {} {noun})", count(requests));
    table(&title, phases, of)
}

fn table(title: &str, phases: &[PhaseFigures], of: impl Fn(&PhaseFigures) -> Option<Stats>) -> String {
    let mut table = Table::new(title, &["avg", "p50", "p90", "p99", "max"]);
    for phase in phases {
        if let Some(s) = of(phase) {
            let name = NAMES.iter().find(|(tag, _)| *tag == phase.tag);
            table.row(
                name.map_or(phase.tag, |(_, name)| name),
                vec![short(s.mean()), short(s.p50), short(s.p90), p99(&s), short(s.max)],
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
