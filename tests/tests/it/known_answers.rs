//! Servers that know the truth, and a client that is asked for it.

use ringload_engine::clock::MILLI;
use ringload_engine::record::{Cause, Outcome, Record};
use ringload_mock::{Config, Jitter, Server, Timing, start};
use ringload_tests::engine::{ask_for, closed, drive, keep_text, wish};
use ringload_tests::peer::{self, Peer};
use ringload_tests::profile::Profile;
use ringload_tests::statistics::median;
use ringload_tests::{on_both, until};
use serde_json::json;
use std::time::Duration;

/// A server whose first token comes after `ttft_ms`, the others `itl_ms` apart.
pub(crate) fn paced(ttft_ms: u64, itl_ms: u64) -> Server {
    start(pacing(ttft_ms, itl_ms)).expect("a server")
}

pub(crate) fn pacing(ttft_ms: u64, itl_ms: u64) -> Config {
    Config {
        timing: Timing::Fixed {
            ttft: Duration::from_millis(ttft_ms),
            itl: Duration::from_millis(itl_ms),
            jitter: Jitter::None,
        },
        ..Config::default()
    }
}

#[test]
fn tokens_every_20_ms_give_an_itl_of_20_ms() {
    on_both(|io| {
        let server = start(Config { truth: true, ..pacing(50, 20) }).expect("a server");
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", "8", "--request-count", "16", "--osl", "30"])
            .args(["--allow-invalid"])
            .run()
            .all_well();
        until("the last request is over", || server.truth().served.len() == 16);
        // On a machine that is busy with something else the server is late, and the truth is what it did.
        let (mut means, mut gaps) = (Vec::new(), Vec::new());
        for served in &server.truth().served {
            let written: Vec<f64> = served.events().map(|write| write.begun_ns as f64 / 1e6).collect();
            means.push((written[29] - written[0]) / 29.0);
            gaps.extend(written.windows(2).map(|pair| pair[1] - pair[0]));
        }
        for (tag, truth) in [("inter_token_latency", median(&means)), ("inter_chunk_latency", median(&gaps))] {
            let p50 = ended.metric(tag, "p50");
            assert!((p50 - truth).abs() < 1.0 && truth >= 19.0, "{tag} {p50}, {truth} by the server's log");
        }
        // Token 30 is due at 50 + 29 · 20 ms and never sent before.
        assert!(ended.metric("time_to_first_token", "min") >= 50.0);
        assert!(ended.metric("request_latency", "min") >= 630.0);
        assert_eq!(ended.report()["summary"]["client"]["driver"], io.reported());
    });
}

#[test]
fn every_token_is_stamped_and_counted_as_the_server_counts() {
    on_both(|io| {
        let server = paced(10, 2);
        let mut plan = closed(server.addr(), io, 8, 40);
        ask_for(&mut plan, 25);
        let run = drive(&plan);
        assert_eq!(server.state().output_tokens, 40 * 25);
        assert_eq!(run.summary.client.events, 40 * 25);
        assert_eq!(run.records.len(), 40);
        for r in &run.records {
            assert_eq!(r.outcome, Outcome::Succeeded);
            assert_eq!((r.events, r.gaps.len()), (25, 24));
            assert_eq!(r.usage.and_then(|u| u.completion), Some(25));
            let at = &r.instants;
            let last = at.first_token.unwrap() + r.gaps.iter().sum::<u64>();
            assert_eq!(Some(last), at.last_token, "the gaps lead to the last token");
            assert!(last - at.send_start.unwrap() >= (10 + 24 * 2) * MILLI);
        }
        let prompts: u64 = usage(&run.records, |u| u.prompt);
        assert_eq!(prompts, server.state().prompt_tokens);
        assert_eq!(run.summary.tokens.from_usage, 40);
    });
}

#[test]
fn kernel_stamps_lie_between_the_peers_own_clock_reads() {
    on_both(|io| {
        let server = Peer::start(|to, _| {
            peer::write(to, peer::STREAM)?;
            for _ in 0..20 {
                // The truth travels as the token's text.
                peer::write(to, &peer::token(&ringload_mock::now_ns().to_string()))?;
                std::thread::sleep(Duration::from_millis(2));
            }
            peer::write(to, &peer::finish(20))
        });
        let mut plan = closed(server.addr(), io, 2, 10);
        keep_text(&mut plan);
        let run = drive(&plan);
        let mut late = Vec::new();
        for r in &run.records {
            assert_eq!((r.outcome, r.events), (Outcome::Succeeded, 20), "{r:?}");
            let text = r.text.as_deref().expect("the text is kept");
            let written: Vec<u64> =
                (0..20).map(|i| text[i * text.len() / 20..(i + 1) * text.len() / 20].parse().unwrap()).collect();
            let mut arrived = r.instants.first_token.unwrap();
            for (i, written) in written.iter().enumerate() {
                if i > 0 {
                    arrived += r.gaps[i - 1];
                }
                // The wall clock's offset is known to well under a millisecond.
                assert!(arrived + MILLI >= *written, "token {i} arrived before it was sent");
                late.push(arrived as f64 - *written as f64);
            }
        }
        assert!(median(&late) < 20e6, "{}", median(&late));
    });
}

#[test]
fn a_role_only_first_chunk_does_not_set_ttft() {
    on_both(|io| {
        let server = start(Config { early_role: true, ..pacing(120, 5) }).expect("a server");
        let mut plan = closed(server.addr(), io, 2, 4);
        ask_for(&mut plan, 3);
        for r in drive(&plan).records {
            let at = &r.instants;
            assert_eq!(r.events, 3);
            assert!(at.first_token.unwrap() - at.send_start.unwrap() >= 120 * MILLI);
            assert!(at.first_byte.unwrap() < at.first_token.unwrap());
        }
    });
}

#[test]
fn five_events_in_a_write_are_four_coalesced() {
    on_both(|io| {
        let server = start(Config { events_per_write: 5, ..pacing(20, 10) }).expect("a server");
        let mut plan = closed(server.addr(), io, 2, 9);
        ask_for(&mut plan, 16);
        let run = drive(&plan);
        // The first token is written alone, then three times five.
        let coalesced: Vec<f64> = run.records.iter().map(|r| f64::from(r.coalesced)).collect();
        assert_eq!(median(&coalesced) as u32, 12, "{coalesced:?}");
        assert!(run.records.iter().all(|r| r.events == 16));
        let sum: u64 = run.records.iter().map(|r| u64::from(r.coalesced)).sum();
        assert_eq!(run.summary.client.coalesced, sum);
    });
}

#[test]
fn five_events_in_one_segment_share_their_time() {
    on_both(|io| {
        let server = Peer::start(|to, _| peer::write(to, &peer::chat(5)));
        let run = drive(&closed(server.addr(), io, 1, 3));
        for r in run.records {
            assert_eq!((r.events, r.coalesced), (5, 4));
            assert_eq!(r.gaps, [0; 4], "nothing is interpolated");
        }
    });
}

#[test]
fn an_error_after_content_is_a_failure_and_keeps_its_first_token() {
    on_both(|io| {
        let server = paced(15, 5);
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--concurrency", "4", "--request-count", "12", "--osl", "9"])
            .mock(&json!({"fail_after": 4}))
            .run()
            .exits(3);
        assert_eq!(ended.failures(), [("in_band_error".to_owned(), 12)].into());
        let error = &ended.summary()["error_summary"][0];
        assert_eq!(error["error_details"]["type"], "in_band_error");
        assert_eq!(error["error_details"]["message"], "scripted failure");
        assert_eq!(error["count"], 12);
        let report = ended.report();
        let histograms = report["summary"]["histograms"].as_array().unwrap();
        let of = |tag: &str| histograms.iter().find(|h| h["tag"] == tag);
        assert_eq!(of("partial_time_to_first_token").unwrap()["count"], 12);
        assert!(of("time_to_first_token").is_none_or(|h| h["count"] == 0));

        let mut plan = closed(server.addr(), io, 1, 2);
        wish(&mut plan, &json!({"fail_after": 4}));
        for r in drive(&plan).records {
            assert_eq!(r.outcome, Outcome::Failed(Cause::InBandError));
            assert_eq!(r.events, 4);
            let at = &r.instants;
            assert!(at.first_token.unwrap() - at.send_start.unwrap() >= 15 * MILLI);
        }
    });
}

#[test]
fn a_stream_that_is_cut_short_is_truncated_and_a_reset_is_a_reset() {
    on_both(|io| {
        let server = paced(5, 2);
        for (wish, cause) in [("close_after", "truncated"), ("reset_after", "reset")] {
            let ended = Profile::of(server.addr())
                .on(io)
                .args(["--concurrency", "3", "--request-count", "9", "--osl", "8"])
                .mock(&json!({ wish: 3 }))
                .run()
                .exits(3);
            assert_eq!(ended.failures(), [(cause.to_owned(), 9)].into());
        }
    });
}

#[test]
fn an_error_status_carries_the_servers_words() {
    on_both(|io| {
        let server = paced(5, 2);
        let ended = Profile::of(server.addr())
            .on(io)
            .args(["--request-count", "5"])
            .mock(&json!({"status": 503}))
            .run()
            .exits(3);
        assert_eq!(ended.failures(), [("http_status".to_owned(), 5)].into());
        let error = ended.summary()["error_summary"][0].clone();
        assert_eq!(
            error["error_details"],
            json!({"code": 503, "type": "http_status", "message": "scripted status 503"})
        );
        assert_eq!(server.state().connections_accepted, 1, "the connection is kept");
    });
}

fn usage(records: &[Record], of: impl Fn(ringload_engine::record::Usage) -> Option<u32>) -> u64 {
    let counts = records.iter().filter_map(|r| r.usage.and_then(&of));
    counts.map(u64::from).sum()
}
