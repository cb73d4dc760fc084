//! Where the time to first token went: one sentence, and its parts one below the other.

use super::layout::{count, heading, line, short};
use crate::result::run::Outcome;
use ringload_engine::measure::{FirstTokenFigures, FirstTokenParts, NETWORK_TOLD_OVER, ServerParts};

/// `TTFT 324 ms = network 124 (38 %: DNS 81, TLS 42, round trip 1) + server 200`, where the network has a share worth
/// telling.
pub(super) fn told(outcome: &Outcome) -> Option<String> {
    let figures = outcome.summary.network.first_token.as_ref()?;
    let all = &figures.all;
    (all.network_ms() > NETWORK_TOLD_OVER * all.ttft_ms).then(|| sentence("TTFT", all))
}

/// What the servers say in their responses, on one line: `TTFT at the server: queue 20 + prefill 150 + remainder 30 ms
/// (500 of 500)`.
pub(super) fn reported_by_server(outcome: &Outcome) -> Option<String> {
    let figures = outcome.summary.network.first_token.as_ref()?;
    let server = figures.server.as_ref()?;
    let (told, of) = (count(server.requests), count(figures.all.requests));
    Some(format!("TTFT at the server: {} ms ({told} of {of})", worth_reporting(server).join(" + ")))
}

/// The parts: of all requests, then of each target, and apart by whether the connection was new.
pub(super) fn section(outcome: &Outcome) -> String {
    let Some(figures) = &outcome.summary.network.first_token else {
        return String::new();
    };
    let all = &figures.all;
    let mut out = heading("WHERE THE TIME TO FIRST TOKEN WENT (averages)");
    out += &line("all", &sentence("TTFT", all));
    for (name, parts) in [("new", &figures.new), ("reused", &figures.reused)] {
        if let Some(parts) = parts {
            let what = format!("{} requests, {name} connections: TTFT", count(parts.requests));
            out += &line(name, &sentence(&what, parts));
        }
    }
    for (target, parts) in outcome.plan.targets.iter().zip(&figures.targets) {
        if let Some(parts) = parts {
            out += &line("target", &sentence(&format!("{}: TTFT", target.url), parts));
        }
    }
    if all.with_round_trip < all.requests {
        let text = format!(
            "known of the connections of {} of {} requests: of the others it is in the server's part",
            count(all.with_round_trip),
            count(all.requests)
        );
        out += &line("round trip", &text);
    }
    if all.sooner_than_round_trip > 0 {
        let text = format!(
            "{} responses began sooner after their request than a round trip takes: the kernel's round trip is longer than the network's, or a proxy responds before the server",
            count(all.sooner_than_round_trip)
        );
        out += &line("too soon", &text);
    }
    if let Some(server) = &figures.server {
        out += &reported_by(server, all.requests);
    }
    out + &waterfall(figures)
}

fn reported_by(server: &ServerParts, of: u64) -> String {
    let mut out = line("by server", &server_sentence(server, of));
    let parts = [("queue", server.with_queue), ("prefill", server.with_prefill), ("front end", server.with_front_end)];
    let partly: Vec<String> = parts
        .into_iter()
        .filter(|(_, with)| (1..server.requests).contains(with))
        .map(|(name, with)| format!("{name} by {} of them", count(with)))
        .collect();
    if !partly.is_empty() {
        out += &line("reported", &format!("{}: of the others it is in the remainder", partly.join(", ")));
    }
    if server.negative_remainders > 0 {
        let text = format!(
            "{} responses report more time than passed at the client: their remainder is negative, and counts as it is",
            count(server.negative_remainders)
        );
        out += &line("negative", &text);
    }
    out
}

fn server_sentence(server: &ServerParts, of: u64) -> String {
    format!(
        "TTFT {} ms = before the server {} + {}, reported by {} of {} responses",
        short(server.ttft_ms),
        short(server.before_ms),
        worth_reporting(server).join(" + "),
        count(server.requests),
        count(of)
    )
}

/// The parts that are not next to nothing.
fn worth_reporting(server: &ServerParts) -> Vec<String> {
    let told = of_server(server)
        .into_iter()
        .filter(|(name, ms, is_told)| *name == "remainder" || *is_told && ms.abs() >= LEAST_TOLD * server.ttft_ms);
    told.map(|(name, ms, _)| format!("{name} {}", short(ms))).collect()
}

/// Name, length, and whether any response tells of it; the remainder is always there.
fn of_server(server: &ServerParts) -> [(&'static str, f64, bool); 4] {
    [
        ("queue", server.queue_ms, server.with_queue > 0),
        ("prefill", server.prefill_ms, server.with_prefill > 0),
        ("front end", server.front_end_ms, server.with_front_end > 0),
        ("remainder", server.remainder_ms, true),
    ]
}

/// A line for each part, its bar where the part lies between the issue and the first token.
fn waterfall(figures: &FirstTokenFigures) -> String {
    let parts = &figures.all;
    if parts.ttft_ms <= 0.0 {
        return String::new();
    }
    let mut out = String::new();
    let mut at = 0.0;
    let column = |ms: f64| ((ms / parts.ttft_ms).clamp(0.0, 1.0) * BAR as f64).round() as usize;
    for (name, ms) in named(figures) {
        let (from, to) = (column(at), column(at + ms));
        at += ms;
        let told = ms >= LEAST_TOLD * parts.ttft_ms;
        let bar = if told { "#".repeat(to.saturating_sub(from).max(1)) } else { String::new() };
        let from = from.min(BAR - 1);
        let text = format!("  {name:<24}{:>9} ms {:>6.1} %  {:from$}{bar}", short(ms), 100.0 * ms / parts.ttft_ms, "");
        out += text.trim_end();
        out += "\n";
    }
    out
}

fn named(figures: &FirstTokenFigures) -> Vec<(String, f64)> {
    let parts = &figures.all;
    let ours = [
        ("queue for a connection", parts.queue_ms),
        ("DNS lookup", parts.dns_ms),
        ("TCP connect", parts.tcp_ms),
        ("TLS handshake", parts.tls_ms),
        ("send", parts.send_ms),
        ("round trip", parts.round_trip_ms),
    ];
    let whole = [("to first byte", parts.head_ms), ("to first token", parts.output_ms)];
    // The averages are of the same requests only where every response tells.
    let told = figures.server.as_ref().filter(|server| server.requests == parts.requests).map(of_server);
    let of_server: Vec<(&str, f64)> = match told {
        Some(told) => told.into_iter().filter(|(.., is_told)| *is_told).map(|(name, ms, _)| (name, ms)).collect(),
        None => whole.into(),
    };
    let ours = ours.into_iter().map(|(name, ms)| (name.to_owned(), ms));
    ours.chain(of_server.into_iter().map(|(name, ms)| (format!("server, {name}"), ms))).collect()
}

fn sentence(what: &str, parts: &FirstTokenParts) -> String {
    let total = parts.ttft_ms;
    let worth = |ms: f64| ms >= LEAST_TOLD * total;
    let network = [
        ("DNS", parts.dns_ms),
        ("TCP", parts.tcp_ms),
        ("TLS", parts.tls_ms),
        ("send", parts.send_ms),
        ("round trip", parts.round_trip_ms),
    ];
    let network: Vec<String> =
        network.into_iter().filter(|(_, ms)| worth(*ms)).map(|(name, ms)| format!("{name} {}", short(ms))).collect();
    let share = 100.0 * parts.network_ms() / total;
    let named = if network.is_empty() { String::new() } else { format!(": {}", network.join(", ")) };
    let queue = if worth(parts.queue_ms) { format!("queue {} + ", short(parts.queue_ms)) } else { String::new() };
    format!(
        "{what} {} ms = {queue}network {} ({share:.0} %{named}) + server {}",
        short(total),
        short(parts.network_ms()),
        short(parts.server_ms())
    )
}

/// The share from which on a part is named in a sentence.
const LEAST_TOLD: f64 = 0.005;
/// Columns of the longest bar.
const BAR: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(server: Option<ServerParts>) -> FirstTokenFigures {
        FirstTokenFigures { all: parts(), new: None, reused: None, targets: Vec::new(), server }
    }

    fn parts() -> FirstTokenParts {
        FirstTokenParts {
            requests: 4,
            with_round_trip: 4,
            sooner_than_round_trip: 0,
            ttft_ms: 324.0,
            queue_ms: 0.1,
            dns_ms: 81.0,
            tcp_ms: 0.0,
            tls_ms: 42.0,
            send_ms: 0.0,
            round_trip_ms: 1.0,
            head_ms: 0.9,
            output_ms: 199.0,
        }
    }

    #[test]
    fn what_the_server_reports_replaces_its_part_where_every_response_has_it() {
        let server = ServerParts {
            requests: 4,
            with_queue: 4,
            with_prefill: 4,
            with_front_end: 0,
            negative_remainders: 0,
            ttft_ms: 324.0,
            before_ms: 124.1,
            queue_ms: 20.0,
            prefill_ms: 150.0,
            front_end_ms: 0.0,
            remainder_ms: 29.9,
        };
        let sentence = "TTFT 324.00 ms = before the server 124.10 + queue 20.00 + prefill 150.00 + remainder 29.90";
        assert_eq!(server_sentence(&server, 4), format!("{sentence}, reported by 4 of 4 responses"));
        let all = figures(Some(server));
        let names: Vec<String> = named(&all).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names[6..], ["server, queue", "server, prefill", "server, remainder"]);
        let sum: f64 = named(&all).iter().map(|(_, ms)| ms).sum();
        assert!((sum - 324.0).abs() < 1e-9, "{sum}");
        let some = figures(Some(ServerParts { requests: 3, ..server }));
        assert_eq!(named(&some)[6].0, "server, to first byte");
        assert!(
            reported_by(&ServerParts { with_queue: 3, negative_remainders: 1, ..server }, 4).contains("queue by 3 of")
        );
    }

    #[test]
    fn a_sentence_names_what_is_worth_it() {
        // A round trip of 0.3 % is in the network's part without its name.
        assert_eq!(
            sentence("TTFT", &parts()),
            "TTFT 324.00 ms = network 124.00 (38 %: DNS 81.00, TLS 42.00) + server 199.90"
        );
        let queued = FirstTokenParts { queue_ms: 100.1, ttft_ms: 424.0, ..parts() };
        assert!(sentence("TTFT", &queued).contains("= queue 100.10 + network 124.00 (29 %"));
    }

    #[test]
    fn bars_lie_one_behind_the_other_and_within_the_width() {
        let drawn = waterfall(&figures(None));
        let bars: Vec<(usize, usize)> = drawn.lines().filter_map(|line| Some((line.find('#')?, line.len()))).collect();
        assert!(bars.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{drawn}");
        assert!(drawn.lines().all(|line| line.len() <= 80), "{drawn}");
        assert_eq!(drawn.lines().count(), 8);
        assert!(drawn.lines().last().unwrap().ends_with('#'), "{drawn}");
    }
}
