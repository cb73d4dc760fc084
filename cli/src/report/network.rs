//! The network as the kernel and the protocols report it: no request was sent for it.

use super::layout::{count, heading, line, time};
use crate::result::run::Outcome;
use ringload_engine::measure::{ConnectionCounts, Counts, Distribution, LongSends, NetworkFigures, Stats, TargetFacts};
use ringload_engine::record::Retry;

/// Protocol, connections, handshakes, round trips, HTTP/2.
pub(super) fn section(outcome: &Outcome) -> String {
    let (network, summary) = (&outcome.summary.network, &outcome.summary);
    let c = &network.connections;
    let mut out = heading("NETWORK");
    for text in protocols(&network.targets) {
        out += &line("protocol", &text);
    }
    out += &line("connections", &connections(c, &network.targets));
    for failed in &network.failed_addresses {
        let text = format!(
            "{} did not connect ({}, {} times): the target's other addresses were used",
            failed.address,
            failed.error,
            count(failed.times)
        );
        out += &line("addresses", &text);
    }
    for reason in Retry::ALL {
        let of = |counts: &Counts| counts.retries.get(&reason).copied().unwrap_or(0);
        let retried = of(&summary.counts) + of(&summary.warmup_counts);
        if retried > 0 {
            out += &line("retried", &format!("{} requests, once each: {reason}", count(retried)));
        }
    }
    if c.handshakes_full + c.handshakes_resumed > 0 {
        out += &line("handshakes", &handshakes(network));
    }
    if let Some(round_trip) = &network.round_trip {
        out += &line("round trip", &times(round_trip));
    }
    if let Some(sends) = &network.long_sends {
        out += &line("long requests", &long_sends(sends));
    }
    if c.retransmits > 0 {
        let text = format!(
            "{} TCP segments, on {} of {} connections: lost, or sent again by the kernel to be sure",
            count(c.retransmits),
            count(c.with_retransmits),
            count(c.asked)
        );
        out += &line("retransmits", &text);
    }
    if network.targets.iter().any(|t| t.http == "2") {
        out += &line("HTTP/2", &http2(c));
    }
    out
}

/// What was spoken: once for all targets where it was the same.
fn protocols(targets: &[TargetFacts]) -> Vec<String> {
    let Some(first) = targets.first() else {
        return Vec::new();
    };
    let alike = |t: &TargetFacts| TargetFacts { url: first.url.clone(), ..t.clone() } == *first;
    if targets.iter().all(alike) {
        return vec![protocol(first)];
    }
    let each = |t: &TargetFacts| format!("{} with {}", protocol(t), t.url);
    targets.iter().map(each).collect()
}

fn protocol(spoken: &TargetFacts) -> String {
    let tls = if spoken.tls { " under TLS" } else { "" };
    let how = if spoken.negotiated { ", as ALPN agreed" } else { "" };
    let note = spoken.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
    let names = [("Server", &spoken.server), ("Via", &spoken.via)].into_iter().filter(|(_, name)| !name.is_empty());
    let software: String = names.map(|(field, name)| format!(", {field}: {name}")).collect();
    format!("HTTP/{}{tls}{how}{note}{software}", spoken.http)
}

fn connections(c: &ConnectionCounts, targets: &[TargetFacts]) -> String {
    let mut text = format!("{} made", count(c.made));
    if c.tried > c.made {
        text += &format!(", {} failed", count(c.tried - c.made));
    }
    let mut controls: Vec<&str> = targets.iter().map(|target| target.congestion_control.as_str()).collect();
    controls.retain(|name| !name.is_empty());
    controls.sort_unstable();
    controls.dedup();
    if !controls.is_empty() {
        text += &format!("; congestion control {}", controls.join(", "));
    }
    text
}

fn long_sends(sends: &LongSends) -> String {
    let mut text = format!(
        "{} of {:.0} bytes on average: the last byte left {} after the kernel had taken it (max {})",
        count(sends.requests),
        sends.mean_bytes,
        time(sends.held_ms),
        time(sends.longest_held_ms)
    );
    if let Some(after) = sends.acknowledged_ms {
        text += &format!(", and was acknowledged {} later", time(after));
    }
    text
}

fn handshakes(network: &NetworkFigures) -> String {
    let c = &network.connections;
    let took = |stats: &Option<Stats>| stats.map_or_else(String::new, |s| format!(" (p50 {})", time(s.p50)));
    let mut text = format!(
        "{} full{}, {} resumed{}",
        count(c.handshakes_full),
        took(&network.full_handshake_ms),
        count(c.handshakes_resumed),
        took(&network.resumed_handshake_ms)
    );
    for (n, version) in [(c.tls12, "TLS 1.2"), (c.tls13, "TLS 1.3")] {
        if n > 0 {
            text += &format!("; {version}");
        }
    }
    text
}

fn times(d: &Distribution) -> String {
    let at = |name: &str| d.percentile(name).map_or_else(|| "-".into(), |p| time(p.ms));
    format!("p50 {}, max {} (minimum RTT of each of {} connections, TCP_INFO)", at("p50"), at("max"), count(d.count))
}

fn http2(c: &ConnectionCounts) -> String {
    let ms = |ns: u64| time(ns as f64 / 1e6);
    let goaways = match c.goaways {
        0 => "no GOAWAY".into(),
        n => format!("GOAWAY on {} of them", count(n)),
    };
    let sent = match c.window_zero_ns {
        0 => "no request waited for the server's window".into(),
        ns => format!("requests waited {} for the server's window", ms(ns)),
    };
    let received = match c.receive_window_zero_ns {
        0 => "nor the server for ours".into(),
        ns => format!("the server waited at most {} for ours (--h2-window)", ms(ns)),
    };
    let streams = match (c.max_streams_least, c.max_streams_most) {
        (Some(least), Some(most)) if least == most => {
            format!("the server allows {} a connection; ", streams(least))
        }
        (Some(least), Some(most)) => {
            format!("the server allows {} to {} a connection; ", count(least.into()), streams(most))
        }
        _ => String::new(),
    };
    format!("{streams}{goaways}; {sent}; {received}")
}

fn streams(n: u32) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{} stream{s}", count(n.into()))
}
