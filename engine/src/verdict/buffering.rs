//! The gate on output that comes in bursts: the server made several tokens at once, or a proxy between held them back.

use super::case::{Case, Found, SHORTEST_MS};
use super::delayed_ack;
use super::finding::{Direction, Finding, Scope, Status};
use super::lag::{COALESCED, FEW};
use super::wording::{shown_ms, shown_share};
use crate::measure::{Bursts, Summary};
use crate::plan::{Statistic, metric as tags};

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    // Whoever reads slowly on purpose makes the bursts; what waits for an acknowledgement comes in one.
    let others = case.plan.network.read_rate.is_some() || delayed_ack::pattern(case).is_some();
    buffering(case).filter(|_| !others).into_iter().collect()
}

/// The bursts, where they make one.
pub(super) fn pattern(summary: &Summary) -> Option<&Bursts> {
    let bursts = summary.network.bursts.as_ref();
    bursts.filter(|bursts| bursts.share > COALESCED && bursts.period_ms >= SHORTEST_MS)
}

/// Events that came together although they were read in time.
///
/// Which of the two it was cannot be seen from here: a run is never worse than suspect for it. If the tokens were made
/// one by one, the first came later than it was made, by as many tokens as came with it, and the time per token is
/// shorter by that over the length.
fn buffering(case: &Case<'_>) -> Option<Finding> {
    let bursts = pattern(case.summary)?;
    let held = bursts.first_held_ms;
    let itl = case.value(&tags::INTER_TOKEN_LATENCY, Statistic::Avg).unwrap_or(0.0);
    let faster = bursts.token_shorter_ms / (itl + bursts.token_shorter_ms).max(f64::MIN_POSITIVE);
    let effects = [
        case.estimates(&tags::TIME_TO_FIRST_TOKEN, Direction::Raised, |_| held),
        case.estimates(&tags::SCHEDULED_TIME_TO_FIRST_TOKEN, Direction::Raised, |_| held),
        case.estimates(&tags::INTER_TOKEN_LATENCY, Direction::Lowered, |_| bursts.token_shorter_ms),
        case.effects(&tags::OUTPUT_TOKEN_THROUGHPUT_PER_USER, Direction::Raised, faster),
    ];
    // Times between events are of the bursts. So is a time per token too short to be compared with.
    let between = [&tags::INTER_CHUNK_LATENCY, &tags::TIME_TO_SECOND_TOKEN];
    let asks_for_gaps = between.iter().any(|info| case.asks_for(info)) && case.summary.client.events >= FEW;
    let lost = itl < SHORTEST_MS && bursts.token_shorter_ms >= SHORTEST_MS && case.asks_for(&tags::INTER_TOKEN_LATENCY);
    Some(
        Found::new("buffering", Scope::Path)
            .measured(bursts.share, COALESCED, "ratio")
            .at_least(if asks_for_gaps || lost { Status::Suspect } else { Status::Valid })
            .at_most(Status::Suspect)
            .moving(effects.concat())
            .says(seen(case.summary, bursts), remedy(case.summary, bursts)),
    )
}

fn seen(summary: &Summary, bursts: &Bursts) -> String {
    let k = bursts.events_per_burst;
    let whole = if k < 10.0 { format!("{k:.1}") } else { format!("{k:.0}") };
    let held = if bursts.first_held_ms > 0.0 {
        format!(
            "; made one by one, the first token of a response was there {} before it came, and the time per token is {} longer",
            shown_ms(bursts.first_held_ms),
            shown_ms(bursts.token_shorter_ms)
        )
    } else {
        String::new()
    };
    format!(
        "{} of output events ({}) came together with others though they were read in time, about {whole} at once each {} (reported above {}): the server, or \
         a proxy between{}, makes or passes on several at once, and times to and between tokens are those of its bursts{held}",
        bursts.events,
        shown_share(bursts.share),
        shown_ms(bursts.period_ms),
        shown_share(COALESCED),
        named(summary)
    )
}

/// `, which calls itself nginx/1.22.1`
fn named(summary: &Summary) -> String {
    let names = summary.network.targets.iter().flat_map(|target| [&target.server, &target.via]);
    let mut names: Vec<&str> = names.map(String::as_str).filter(|name| !name.is_empty()).collect();
    names.dedup();
    if names.is_empty() { String::new() } else { format!(" (its responses name {})", names.join(", ")) }
}

fn remedy(summary: &Summary, bursts: &Bursts) -> String {
    let cure = cure(summary, bursts);
    format!(
        "measure at the server itself; where events come one by one there, {cure}. Where the server makes several tokens at once (speculative decoding, \
         several steps a turn), the times are its own: read them as times of bursts"
    )
}

/// What makes the proxy that it looks like pass on each event as it comes.
fn cure(summary: &Summary, bursts: &Bursts) -> String {
    let names = summary.network.targets.iter().flat_map(|target| [&target.via, &target.server]);
    let named = |product: &Proxy| names.clone().any(|name| name.to_ascii_lowercase().contains(product.name));
    if let Some(proxy) = PROXIES.iter().find(|proxy| named(proxy)) {
        return format!("stop the proxy's buffering ({}: {})", proxy.title, proxy.cure);
    }
    if CORKED_MS.contains(&bursts.period_ms) {
        return "stop the proxy's buffering (the period is that of a socket that is corked for 200 ms at a time, as HAProxy's are over plain HTTP/1.1 \
                without `option http-no-delay`)"
            .to_owned();
    }
    "stop the proxy's buffering (nginx: `proxy_buffering off`; HAProxy: `option http-no-delay`; lighttpd: `server.stream-response-body = 2`; Apache: \
     `flushpackets=on` of ProxyPass; Caddy: `flush_interval -1`)"
        .to_owned()
}

/// A proxy, known by what it calls itself in `Server` or `Via`.
struct Proxy {
    /// In lower case.
    name: &'static str,
    title: &'static str,
    cure: &'static str,
}

const PROXIES: [Proxy; 12] = [
    Proxy { name: "nginx", title: "nginx", cure: NGINX },
    Proxy { name: "openresty", title: "OpenResty", cure: NGINX },
    Proxy { name: "tengine", title: "Tengine", cure: NGINX },
    Proxy { name: "haproxy", title: "HAProxy", cure: "`option http-no-delay`" },
    Proxy { name: "lighttpd", title: "lighttpd", cure: "`server.stream-response-body = 2`" },
    Proxy { name: "apache/", title: "Apache", cure: "`flushpackets=on` of ProxyPass, and no mod_deflate" },
    Proxy { name: "caddy", title: "Caddy", cure: "`flush_interval -1` of reverse_proxy, and no encode" },
    Proxy { name: "envoy", title: "Envoy", cure: "no buffer or compressor filter on the route" },
    Proxy { name: "varnish", title: "Varnish", cure: "`return (pass)`, or `set beresp.do_stream = true`" },
    Proxy { name: "trafficserver", title: "Traffic Server", cure: "no transforming plugin on the route" },
    Proxy { name: "h2o", title: "h2o", cure: "no compression on the route" },
    Proxy { name: "nghttp", title: "nghttpx", cure: "no compression on the route" },
];
const NGINX: &str = "`proxy_buffering off`, or `X-Accel-Buffering: no` from the server";
/// The kernel sends what is corked after 200 ms (tcp(7)). The time until the next event comes on top; what is behind
/// the first burst may be sent earlier, when that is acknowledged.
const CORKED_MS: std::ops::RangeInclusive<f64> = 150.0..=260.0;

#[cfg(test)]
mod tests;
