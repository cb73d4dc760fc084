//! Proxies before a server that makes 32 tokens, one each 20 ms, under virtual time: what each passes on and when was
//! seen of the packages of Debian 12 (2026). The verdict has to say whose times the figures are, and by how much.

use crate::simulated::{START, end, event, plan, token};
use crate::verdicts::{FINISH, closed, finding, judged_against, pauses};
use ringload_engine::clock::{MILLI, Nanos, SECOND};
use ringload_engine::driver::Key;
use ringload_engine::driver::sim::{Peer, Script};
use ringload_engine::plan::Statistic;
use ringload_engine::verdict::{Direction, Scope, Status, Verdict};

/// Tokens of a response, and the time in which each is made.
const TOKENS: u64 = 32;
const MADE: Nanos = 20 * MILLI;

/// A proxy: what its responses name, and after how many milliseconds it passes on how many events at once; none where
/// it passes on each as it comes.
struct Proxy {
    name: &'static str,
    fields: &'static str,
    bursts: &'static [(u64, u64)],
    /// What stops it; nothing where it needs none.
    remedy: &'static str,
}

const PROXIES: [Proxy; 9] = [
    Proxy {
        name: "lighttpd",
        fields: "Server: lighttpd/1.4.69\r\n",
        bursts: &[(643, 32)],
        remedy: "server.stream-response-body = 2",
    },
    Proxy { name: "Apache", fields: "Server: Apache/2.4.71 (Debian)\r\n", bursts: &[], remedy: "" },
    Proxy { name: "Caddy", fields: "Server: Caddy\r\n", bursts: &[], remedy: "" },
    Proxy { name: "HAProxy", fields: "", bursts: &[(205, 10), (433, 11), (642, 11)], remedy: "option http-no-delay" },
    Proxy { name: "h2o", fields: "server: h2o/2.2.5\r\n", bursts: &[], remedy: "" },
    Proxy { name: "Varnish", fields: "Via: 1.1 varnish (Varnish/7.1)\r\n", bursts: &[], remedy: "" },
    Proxy { name: "Traffic Server", fields: "Server: ATS/9.2.9\r\n", bursts: &[], remedy: "" },
    Proxy { name: "nghttpx", fields: "Via: 1.1 nghttpx\r\n", bursts: &[], remedy: "" },
    Proxy {
        name: "nginx",
        fields: "Server: nginx/1.22.1\r\n",
        bursts: &[(382, 19), (643, 13)],
        remedy: "proxy_buffering off",
    },
];

#[test]
fn nine_proxies_are_found_with_their_defaults_and_remedied() {
    for proxy in &PROXIES {
        for remedied in [true, false] {
            for seed in 0..3 {
                let holds = !remedied && !proxy.bursts.is_empty();
                let what = format!("{} remedied: {remedied}, seed {seed}", proxy.name);
                let peer = Behind { fields: proxy.fields, bursts: if holds { proxy.bursts } else { &[] } };
                // Of a machine that does something else now and then.
                let pauses = pauses(seed, 8 * SECOND);
                let (_, verdict, _) = judged_against(peer, &plan(closed(8, 6 * SECOND)), &pauses);
                let all = format!("{what}: {:?}", verdict.findings);
                assert!(!all.contains("trust inter_token_latency"), "{all}");
                assert!(finding(&verdict, "coalesced").is_none(), "{all}");
                if !holds {
                    assert_eq!(verdict.status, Status::Valid, "{all}");
                    assert!(finding(&verdict, "buffering").is_none(), "{all}");
                    continue;
                }
                let found = finding(&verdict, "buffering").unwrap_or_else(|| panic!("{all}"));
                assert_eq!(
                    (verdict.status, found.status, found.scope),
                    (Status::Suspect, Status::Suspect, Scope::Path)
                );
                assert!(found.remedy.contains(proxy.remedy), "{all}");
                let by_client = |f: &&ringload_engine::verdict::Finding| f.scope == Scope::Client;
                assert!(verdict.findings.iter().filter(by_client).all(|f| f.status == Status::Valid), "{all}");
                check_effects(proxy, &verdict, &what);
            }
        }
    }
}

/// The sizes that are said are within a factor of two of what the server knows.
fn check_effects(proxy: &Proxy, verdict: &Verdict, what: &str) {
    let found = finding(verdict, "buffering").unwrap();
    let first = proxy.bursts[0].0 as f64;
    let last = proxy.bursts.last().unwrap().0 as f64;
    let made = MADE as f64 / 1e6;
    let expected = [
        ("time_to_first_token", Direction::Raised, first - made),
        ("inter_token_latency", Direction::Lowered, made - (last - first) / (TOKENS - 1) as f64),
    ];
    for (tag, direction, size) in expected {
        let effect = found.effects.iter().find(|e| (e.tag, e.statistic) == (tag, Statistic::Avg)).unwrap();
        assert_eq!(effect.direction, direction, "{what}: {effect:?}");
        assert!((size / 2.0..size * 2.0).contains(&effect.most), "{what}: {size} true, {effect:?}");
    }
}

#[test]
fn a_client_that_reads_late_is_not_taken_for_a_proxy() {
    // 60 ms of every 100: tokens wait for the client.
    let stops: Vec<(Nanos, Nanos)> = (0..120).map(|i| (START + i * 100 * MILLI, 60 * MILLI)).collect();
    let peer = Behind { fields: "Server: nginx/1.22.1\r\n", bursts: &[] };
    let (summary, verdict, _) = judged_against(peer, &plan(closed(8, 6 * SECOND)), &stops);
    let client = &summary.client;
    assert!(client.coalesced_share > 0.2 && client.merged * 10 < client.coalesced, "{client:?}");
    let coalesced = finding(&verdict, "coalesced").unwrap();
    assert_eq!(coalesced.scope, Scope::Client);
    assert!(finding(&verdict, "buffering").is_none(), "{:?}", verdict.findings);
}

/// A server behind a proxy: it writes `fields` into the heads, and passes on `bursts`.
struct Behind {
    fields: &'static str,
    bursts: &'static [(u64, u64)],
}

impl Peer for Behind {
    fn on_connect(&mut self, key: Key, now: Nanos, script: &mut Script) {
        script.accept(now, key);
    }

    fn on_bytes(&mut self, key: Key, _bytes: &[u8], now: Nanos, script: &mut Script) {
        let head = format!(
            "HTTP/1.1 200 OK\r\n{}content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
            self.fields
        );
        let one_by_one: Vec<(u64, u64)> = (1..=TOKENS).map(|k| (k * MADE / MILLI, 1)).collect();
        let bursts = if self.bursts.is_empty() { &one_by_one } else { self.bursts };
        let mut bytes = Vec::new();
        for (place, (after_ms, events)) in bursts.iter().enumerate() {
            bytes.clear();
            if place == 0 {
                bytes.extend(head.as_bytes());
            }
            (0..*events).for_each(|_| bytes.extend(token("t")));
            if place + 1 == bursts.len() {
                let usage = format!(r#"{{"choices":[],"usage":{{"prompt_tokens":4,"completion_tokens":{TOKENS}}}}}"#);
                [event(FINISH), event(&usage), end()].iter().for_each(|piece| bytes.extend(piece));
            }
            script.send(now + after_ms * MILLI, key, bytes.clone());
        }
    }
}
