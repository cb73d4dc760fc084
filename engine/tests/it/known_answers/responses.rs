//! What the bytes and instants of a response come to.

use super::*;
use ringload_engine::host::HostFacts;
use ringload_engine::plan::EndpointKind;
use ringload_engine::verdict::judge;

#[test]
fn tokens_every_20_ms_give_an_itl_of_20_ms() {
    let run = play(Phase::closed(1, 3), steady(|_| 50 * MILLI, 20 * MILLI, 11));
    assert_eq!(run.records.len(), 3);
    for r in &run.records {
        assert_eq!(r.outcome, Outcome::Succeeded);
        assert_eq!((r.events, r.gaps.len()), (11, 10));
        assert!(r.gaps.iter().all(|g| *g == 20 * MILLI), "{:?}", r.gaps);
        let first = r.instants.first_token.unwrap();
        assert_eq!(first - r.instants.send_end.unwrap(), 50 * MILLI);
        assert_eq!(r.usage.unwrap().completion, Some(11));
    }
}

#[test]
fn a_role_only_first_chunk_does_not_set_ttft() {
    let peer = Scripted::new(|at, key, script, _| {
        script.send(at, key, head());
        script.send(
            at + 5 * MILLI,
            key,
            event(r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#),
        );
        script.send(at + 70 * MILLI, key, token("a"));
        script.send(at + 80 * MILLI, key, end());
    });
    let run = play(Phase::closed(1, 1), peer);
    let at = &run.records[0].instants;
    assert_eq!(at.first_byte.unwrap() - at.send_end.unwrap(), 0);
    assert_eq!(at.first_token.unwrap() - at.send_end.unwrap(), 70 * MILLI);
}

#[test]
fn five_events_in_one_read_are_four_coalesced() {
    let peer = Scripted::new(|at, key, script, _| {
        let mut bytes = head();
        for _ in 0..5 {
            bytes.extend(token("x"));
        }
        bytes.extend(end());
        script.send(at + MILLI, key, bytes);
    });
    let run = play(Phase::closed(1, 1), peer);
    assert_eq!((run.records[0].events, run.records[0].coalesced), (5, 4));
    assert_eq!(run.records[0].gaps, vec![0; 4], "nothing is interpolated");
}

#[test]
fn an_answer_in_one_event_shows_how_much_of_it_came_at_once() {
    const ANSWER: &str = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"all of it"},"finish_reason":"stop"}],"usage":{"prompt_tokens":4,"completion_tokens":30}}"#;
    let whole = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ANSWER}",
        ANSWER.len()
    );
    for bytes in [[head(), event(ANSWER), end()].concat(), whole.into_bytes()] {
        let peer = Scripted::new(move |at, key, script, _| script.send(at + MILLI, key, bytes.clone()));
        let plan = plan(Phase::closed(1, 20));
        let played = SimulatedRun::new(&plan).play(peer);
        let r = &played.records[0];
        assert_eq!((r.outcome, r.events), (Outcome::Succeeded, 1));
        assert_eq!(r.observed.first_tokens, Some(30));
        let summary = played.summarize(&plan);
        let unseen = &summary.workload.unseen;
        assert_eq!((unseen.bunched, unseen.bunched_tokens), (20, 600));
        let verdict = judge(&plan, &summary, &HostFacts::default(), None);
        let found = verdict.findings.iter().find(|finding| finding.gate == "unseen_tokens");
        assert!(found.is_some_and(|f| f.evidence.contains("20 of 20 responses holds 30.0 tokens")), "{found:?}");
    }
}

#[test]
fn fewer_vectors_than_inputs_are_a_failure() {
    for (body, outcome) in [
        (r#"{"data":[{"embedding":[1]},{"embedding":[2]},{"embedding":[3]}]}"#, Outcome::Succeeded),
        (r#"{"data":[{"embedding":[1]},{"embedding":[2]}]}"#, Outcome::Failed(Cause::NoOutput)),
        (
            r#"{"data":[{"embedding":[1]},{"embedding":null},{"embedding":[null,null]}]}"#,
            Outcome::Failed(Cause::NoOutput),
        ),
    ] {
        let bytes = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let peer = Scripted::new(move |at, key, script, _| script.send(at + MILLI, key, bytes.clone()));
        let mut plan = plan(Phase::closed(1, 2));
        plan.endpoint = EndpointKind::Embeddings;
        plan.custom_endpoint = Some("/v1/chat/completions".into());
        plan.streaming = false;
        plan.payload.texts = 3;
        let played = SimulatedRun::new(&plan).play(peer);
        for r in &played.records {
            assert_eq!(r.outcome, outcome, "{body}");
            let told = r.detail.as_deref().is_none_or(|said| said.contains("of 3 results"));
            assert!(told, "{:?}", r.detail);
        }
    }
}

#[test]
fn fewer_choices_than_were_asked_for_are_a_failure() {
    let choice =
        |index: u32| format!(r#"{{"choices":[{{"index":{index},"delta":{{"content":"a"}},"finish_reason":"stop"}}]}}"#);
    let whole = |choices: u32| {
        let choices = (0..choices).map(|i| format!(r#"{{"index":{i},"message":{{"content":"a"}}}}"#));
        let body = format!(r#"{{"choices":[{}]}}"#, choices.collect::<Vec<_>>().join(","));
        let length = body.len();
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
            .into_bytes()
    };
    for streaming in [true, false] {
        for (asked, came) in [(3, 3), (3, 2), (2, 1), (1, 1)] {
            let bytes = if streaming {
                let events = (0..came).flat_map(|i| event(&choice(i)));
                [head(), events.collect(), end()].concat()
            } else {
                whole(came)
            };
            let peer = Scripted::new(move |at, key, script, _| script.send(at + MILLI, key, bytes.clone()));
            let mut plan = plan(Phase::closed(1, 2));
            plan.streaming = streaming;
            plan.extra_inputs.insert("n".into(), asked.into());
            for r in &SimulatedRun::new(&plan).play(peer).records {
                assert_eq!(r.outcome == Outcome::Succeeded, asked == came, "{streaming} {asked} {came}");
                let told = r.detail.as_deref().is_none_or(|said| said.contains(&format!("{came} of {asked} ")));
                assert!(told, "{:?}", r.detail);
            }
        }
    }
}

#[test]
fn a_whole_response_that_is_still_being_made_is_a_failure() {
    for (status, outcome) in [
        ("completed", Outcome::Succeeded),
        ("incomplete", Outcome::Succeeded),
        ("in_progress", Outcome::Failed(Cause::NoOutput)),
        ("queued", Outcome::Failed(Cause::NoOutput)),
        ("failed", Outcome::Failed(Cause::InBandError)),
    ] {
        let body = format!(
            r#"{{"status":"{status}","output":[{{"type":"message","content":[{{"type":"output_text","text":"a"}}]}}]}}"#
        );
        let bytes = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let peer = Scripted::new(move |at, key, script, _| script.send(at + MILLI, key, bytes.clone()));
        let mut plan = plan(Phase::closed(1, 1));
        plan.endpoint = EndpointKind::Responses;
        plan.custom_endpoint = Some("/v1/chat/completions".into());
        plan.streaming = false;
        let r = &SimulatedRun::new(&plan).play(peer).records[0];
        assert_eq!(r.outcome, outcome, "{status}: {:?}", r.detail);
    }
}

#[test]
fn a_stream_without_output_is_told_with_what_it_says_instead() {
    for (said, detail) in [
        (r#"{"status":"loading","message":"no such adapter"}"#, ": no such adapter"),
        (r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#, ""),
    ] {
        let peer = Scripted::new(|at, key, script, _| {
            script.send(at + MILLI, key, [head(), event(said), end()].concat());
        });
        let run = play(Phase::closed(1, 1), peer);
        let r = &run.records[0];
        assert_eq!(r.outcome, Outcome::Failed(Cause::NoOutput));
        assert_eq!(r.detail.as_deref(), Some(format!("the stream ended in order without any output{detail}").as_str()));
    }
}

#[test]
fn an_error_after_content_is_a_failure_and_keeps_its_first_token() {
    let peer = Scripted::new(|at, key, script, _| {
        let mut bytes = head();
        bytes.extend(token("x"));
        script.send(at + MILLI, key, bytes);
        script.send(at + 2 * MILLI, key, event(r#"{"error":{"message":"out of memory","type":"server_error"}}"#));
        script.send(at + 3 * MILLI, key, end());
    });
    let run = play(Phase::closed(1, 1), peer);
    let r = &run.records[0];
    assert_eq!(r.outcome, Outcome::Failed(Cause::InBandError));
    assert_eq!(r.detail.as_deref(), Some("out of memory"));
    assert!(r.instants.first_token.is_some());
    assert_eq!(run.shard.histogram(HistogramId::InterChunkLatency).len(), 0);
    assert_eq!(run.shard.histogram(HistogramId::PartialTimeToFirstToken).len(), 1);
}

#[test]
fn a_clean_end_of_body_needs_done_or_a_finish_reason() {
    for (last, outcome) in [
        (token("x"), Outcome::Failed(Cause::Truncated)),
        (event(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#), Outcome::Succeeded),
    ] {
        let peer = Scripted::new(move |at, key, script, _| {
            let mut bytes = head();
            bytes.extend(token("x"));
            bytes.extend(last.clone());
            bytes.extend(b"0\r\n\r\n");
            script.send(at + MILLI, key, bytes);
        });
        assert_eq!(play(Phase::closed(1, 1), peer).records[0].outcome, outcome);
    }
}

#[test]
fn a_frozen_client_is_late_and_says_so() {
    let plan = plan(open(1_000.0, Arrival::Constant, None, SECOND));
    let freeze = [(START + 500 * MILLI, 300 * MILLI)];
    let run = play_on(SimulatedRun::new(&plan).frozen(&freeze), steady(|_| MILLI, MILLI, 2));
    let lag = run.shard.histogram(HistogramId::DispatchLag);
    assert!(lag.max() >= 299 * MILLI, "{}", lag.max());
    assert!(run.shard.histogram(HistogramId::ReceiveLag).max() >= 290 * MILLI);
    // What arrived while the client was frozen keeps its arrival.
    for r in run.records.iter().filter(|r| r.outcome == Outcome::Succeeded) {
        assert_eq!(r.gaps, vec![MILLI]);
    }
}

#[test]
fn tokens_that_a_frozen_client_reads_as_one_have_the_interval_of_their_arrivals() {
    // Tokens arrive 50, 70, 90, 110 and 130 ms after the request, with the end of the stream behind the last.
    let five = || steady(|_| 50 * MILLI, 20 * MILLI, 5);
    for (freeze, gaps, first, last, wide) in [
        // Each is read when it arrives: what is behind the last one came with it.
        (None, [20, 20, 20, 20], 0, 0, 0),
        // From 85 to 145 ms: the last three are one read. The client slept until the first of them.
        (Some((85, 60)), [20, 60, 0, 0], 0, 40, 3),
        // From 10 to 210 ms.
        (Some((10, 200)), [0, 0, 0, 0], 80, 80, 5),
    ] {
        let freezes: Vec<(Nanos, Nanos)> =
            (freeze.iter()).map(|(at, length)| (START + at * MILLI, length * MILLI)).collect();
        let run = play_merged(&plan(Phase::closed(1, 1)), five(), &freezes);
        let r = &run.records[0];
        assert_eq!((r.outcome, r.events), (Outcome::Succeeded, 5));
        assert_eq!(r.gaps, gaps.map(|gap| gap * MILLI), "{freeze:?}");
        let i = &r.intervals;
        assert_eq!((i.first, i.last, i.wide), (first * MILLI, last * MILLI, wide));
        assert_eq!(i.widest, last * MILLI);
        let counters = &run.shard.counters;
        assert_eq!(counters.wide_events, u64::from(wide));
        assert_eq!(counters.widest_interval, last * MILLI);
        // The interval holds the arrival of the first token.
        let stamp = r.instants.first_token.unwrap();
        let arrival = r.instants.send_end.unwrap() + 50 * MILLI;
        assert!((stamp - i.first..=stamp).contains(&arrival));
    }
}

#[test]
fn an_event_that_ends_its_read_has_its_own_stamp_however_late_the_read() {
    let note = || chunk(": alive\n\n");
    for (behind, exact) in [(Vec::new(), true), (note(), false), (b"9\r\n".to_vec(), false)] {
        let sent = behind.clone();
        let peer = Scripted::new(move |at, key, script, _| {
            script.send(at + 10 * MILLI, key, [head(), token("a")].concat());
            script.send(at + 30 * MILLI, key, [token("b"), sent.clone()].concat());
            script.close(at + 90 * MILLI, key);
        });
        let freeze = [(START + 5 * MILLI, 60 * MILLI)];
        let run = play_merged(&plan(Phase::closed(1, 1)), peer, &freeze);
        let i = &run.records[0].intervals;
        assert_eq!(run.records[0].events, 2, "{behind:?}");
        assert_eq!(i.first, 20 * MILLI, "another event is behind it");
        assert_eq!(i.last, if exact { 0 } else { 20 * MILLI }, "{behind:?}");
        assert_eq!(i.wide, if exact { 1 } else { 2 });
    }
}

#[test]
fn a_server_that_closes_after_each_answer_costs_no_request() {
    let peer = Scripted::new(|at, key, script, _| {
        let mut bytes = head();
        bytes.extend(token("x"));
        bytes.extend(end());
        script.send(at + MILLI, key, bytes);
        script.close(at + MILLI, key);
    });
    let run = play(Phase::closed(4, 40), peer);
    assert_eq!(run.records.iter().filter(|r| r.outcome == Outcome::Succeeded).count(), 40);
    assert!(run.records.iter().all(|r| !r.connection_reused));
}

#[test]
fn refusals_resets_and_early_closes_are_causes_of_their_own() {
    type PlayOf = fn(Nanos, Key, &mut Script, usize);
    let cases: [(PlayOf, Cause); 3] = [
        (|at, key, script, _| script.reset(at + MILLI, key), Cause::Reset),
        (|at, key, script, _| script.close(at + MILLI, key), Cause::ClosedBeforeResponse),
        (
            |at, key, script, _| {
                script.send(at, key, head());
                script.close(at + MILLI, key);
            },
            Cause::Truncated,
        ),
    ];
    for (play_it, cause) in cases {
        let run = play(Phase::closed(1, 2), Scripted::new(play_it));
        assert_eq!(run.records.len(), 2);
        assert!(run.records.iter().all(|r| r.outcome == Outcome::Failed(cause)), "{cause}: {:?}", run.records[0]);
    }
    let mut refusing = Scripted::new(|_, _, _, _| {});
    refusing.refuse = Some(libc::ECONNREFUSED);
    let run = play(Phase::closed(2, 4), refusing);
    assert!(run.records.iter().all(|r| r.outcome == Outcome::Failed(Cause::ConnectRefused)));
}

#[test]
fn phases_add_up_on_every_record() {
    let run = play(Phase::closed(3, 60), steady(|k| (k % 7) * MILLI, MILLI, 4));
    for r in &run.records {
        let phases = r.instants.phases();
        assert_eq!(phases.total(), r.instants.end - r.instants.issued);
        assert_eq!(phases.receive, r.instants.end - r.instants.first_byte.unwrap());
    }
}
