//! Whole exchanges: a request's life over HTTP/1 and HTTP/2, and any order of the calls that make it.

use super::cut;
use ringload_engine::api::http2_head;
use ringload_engine::exchange::{Exchange, KeepText, Progress, Request};
use ringload_engine::plan::{EndpointKind, Limits, Phase, Plan, Target};
use ringload_engine::record::{Cause, Handshake, Outcome, PhaseKind, Record, Retry};
use ringload_engine::wire::http2::{Config, Connection, Event, RequestHead};
use std::sync::OnceLock;

/// The same bytes make the same record, but for its instants, however they are cut into reads, on a connection that is
/// new or has served; no order of calls makes a record that contradicts itself. The first byte seeds the cuts, the
/// second sets the scene.
pub fn exchange(data: &[u8]) {
    let [seed, scene, peer @ ..] = data else {
        return;
    };
    let scene = Scene(*scene);
    if scene.http2() {
        let whole = shared(scene, [peer].into_iter());
        assert_eq!(shared(scene, peer.chunks(1)), whole, "byte by byte");
        assert_eq!(shared(scene, cut(peer, *seed)), whole, "cut at random");
    } else {
        let mut fresh = scene.exchange();
        let whole = answer(&mut fresh, [peer].into_iter());
        assert_eq!(answer(&mut fresh, [peer].into_iter()), whole, "used again");
        let mut other = scene.exchange();
        assert_eq!(answer(&mut other, peer.chunks(1)), whole, "byte by byte: {seed}");
        assert_eq!(answer(&mut other, cut(peer, *seed)), whole, "cut at random, used again");
    }
    any_order(scene, peer);
}

/// What is asked for, and under which limits.
#[derive(Clone, Copy)]
struct Scene(u8);

impl Scene {
    fn http2(self) -> bool {
        self.0 & 1 != 0
    }

    fn limits(self) -> Limits {
        match self.0 & 2 {
            0 => Limits::default(),
            _ => Limits {
                head_bytes: 80,
                head_fields: 3,
                event_bytes: 60,
                body_bytes: 120,
                text_bytes: 10,
                ..Limits::default()
            },
        }
    }

    fn exchange(self) -> Exchange {
        let kind = match self.0 & 4 {
            0 => EndpointKind::Chat,
            _ => EndpointKind::Completions,
        };
        let keep = match self.0 >> 4 & 3 {
            0 => KeepText::Never,
            1 => KeepText::WithoutUsage,
            _ => KeepText::Always,
        };
        Exchange::new(kind, self.0 & 8 == 0, keep, self.limits())
    }
}

fn request(now: u64) -> Request {
    Request {
        k: 7,
        turn: 1,
        index: 9,
        threads: true,
        phase: PhaseKind::Profiling,
        worker: 0,
        target: 0,
        entry: 0,
        isl: 1,
        requested_osl: Some(4),
        results: 0,
        request_id: 5,
        scheduled: now - 1,
        issued: now,
        lag: 0,
    }
}

/// What came of a request, without what depends on the cuts.
#[derive(Debug, PartialEq)]
struct Came {
    record: Record,
    text_lost: bool,
    /// The connection may be used again: nothing followed the response either.
    reusable: bool,
}

/// One response over HTTP/1, and the end of the connection where that ends it.
fn answer<'a>(exchange: &mut Exchange, reads: impl Iterator<Item = &'a [u8]>) -> Came {
    let mut now = 100;
    exchange.begin(&request(now));
    exchange.handle_sending(now + 1, 10, true);
    exchange.handle_sent(now + 2);
    let mut progress = Progress::Pending;
    let mut reads = reads.filter(|read| !read.is_empty()).peekable();
    while matches!(progress, Progress::Pending | Progress::Complete | Progress::Refused) {
        now += 10;
        progress = match reads.next() {
            Some(read) => exchange.handle_received(read, &now.into()),
            None => exchange.handle_closed(now, now),
        };
        assert!(now < 10 * u64::from(u32::MAX));
    }
    let more = reads.peek().is_some();
    came(exchange, progress == Progress::Done { reusable: true } && !more)
}

/// Two responses over one HTTP/2 connection.
fn shared<'a>(scene: Scene, reads: impl Iterator<Item = &'a [u8]>) -> Vec<Came> {
    static HEAD: OnceLock<RequestHead> = OnceLock::new();
    let head = HEAD.get_or_init(|| {
        let target = Target::parse("http://server").expect("a URL");
        let plan = Plan::new(vec![target], "m", Phase::closed(1, 1));
        http2_head(&plan, &plan.targets[0]).expect("a head")
    });
    let config = Config {
        stream_window: 65_535,
        header_list_bytes: scene.limits().head_bytes,
        header_fields: scene.limits().head_fields,
        streams: 2,
    };
    let mut out = Vec::new();
    let mut connection = Connection::new(config, &mut out);
    let mut streams = [scene.exchange(), scene.exchange()];
    let (mut now, mut ended) = (100, Vec::new());
    for (tag, stream) in streams.iter_mut().enumerate() {
        stream.begin(&request(now));
        stream.handle_sending(now + 1, 10, false);
        stream.handle_sent(now + 2);
        connection.open(tag as u32, head, 0, "", b"{}", 0, &mut out);
    }
    let mut lost = Cause::ClosedBeforeResponse;
    // A greeting, so that the rest may be anything.
    let greeting: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    'reads: for (number, mut input) in std::iter::once(greeting).chain(reads).enumerate() {
        now += 10;
        let read = number as u64;
        loop {
            let event = match connection.receive(&mut input, now, &mut out) {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(_) => {
                    lost = Cause::Http2Protocol;
                    break 'reads;
                }
            };
            let Some(tag) = event.tag() else {
                continue;
            };
            let stream = &mut streams[tag as usize];
            let progress = match event {
                Event::Head { head, .. } => {
                    stream.handle_head(&head, &now.into(), read);
                    Progress::Pending
                }
                Event::Body { bytes, .. } => {
                    let progress = stream.handle_body(bytes, &now.into(), true, read);
                    if let Progress::Done { .. } = progress {
                        connection.cancel(tag, now, &mut out);
                    }
                    progress
                }
                Event::End { .. } => stream.handle_end(&now.into(), true),
                Event::BodySent { .. } => Progress::Pending,
                other => stream.fail(Cause::Http2Reset, Some(format!("{other:?}")), now),
            };
            if let Progress::Done { .. } = progress {
                ended.push(came(stream, progress == Progress::Done { reusable: true }));
            }
        }
    }
    for stream in streams.iter_mut().filter(|stream| stream.active()) {
        stream.fail(lost, None, now);
        ended.push(came(stream, false));
    }
    ended
}

fn came(exchange: &mut Exchange, reusable: bool) -> Came {
    let mut record = exchange.take_record();
    assert!(!exchange.active());
    consistent(&record);
    let instants = &record.instants;
    if matches!(record.outcome, Outcome::Succeeded) {
        assert!(record.events > 0, "a success without output");
        let tokens = instants.first_token.zip(instants.last_token);
        let (first, last) = tokens.expect("the instants of the output");
        assert_eq!(last - first, record.gaps.iter().sum::<u64>(), "gaps add up");
        let chain =
            [instants.send_start, instants.first_byte, instants.head_end, Some(first), Some(last), Some(instants.end)];
        let chain: Vec<u64> = chain.into_iter().flatten().collect();
        assert!(chain.is_sorted(), "time runs backwards: {chain:?}");
    }
    let instants = &mut record.instants;
    for instant in [
        &mut instants.first_byte,
        &mut instants.head_end,
        &mut instants.first_token,
        &mut instants.first_visible_token,
        &mut instants.last_token,
    ] {
        *instant = instant.map(|_| 0);
    }
    (instants.end, record.reads, record.coalesced, record.merged) = (0, 0, 0, 0);
    record.gaps.fill(0);
    // A read that brings more than the response counts as a whole.
    record.bytes_received = 0;
    Came { record, text_lost: exchange.text_lost(), reusable }
}

/// What holds of any record.
fn consistent(record: &Record) {
    let issued = record.instants.issued;
    assert!(record.instants.end >= issued);
    assert_eq!(record.instants.phases().total(), record.instants.end - issued);
    assert_eq!(record.gaps.len() as u32, record.events.saturating_sub(1));
    assert!(record.coalesced <= record.events.saturating_sub(1));
    assert!(record.merged <= record.coalesced);
    assert!(record.events == 0 || record.reads > 0);
    assert_eq!(record.events > 0, record.instants.first_token.is_some());
    let detail = record.detail.as_deref().unwrap_or_default();
    assert!(detail.chars().count() <= 4_400, "a detail without end");
    assert!(record.text.is_none() || record.outcome == Outcome::Succeeded);
}

/// Calls in the order that `script` says, with its later bytes as the peer's.
fn any_order(scene: Scene, script: &[u8]) {
    let (calls, mut peer) = script.split_at(script.len().min(24));
    let mut exchange = scene.exchange();
    let mut now = 100;
    exchange.begin(&request(now));
    for call in calls {
        now += u64::from(call >> 4);
        let mut progress = Progress::Pending;
        match call & 15 {
            0 => exchange.handle_asking(now),
            1 => exchange.handle_resolved(now - 1, now),
            2 => exchange.handle_connecting(now),
            3 => exchange.handle_connected(now),
            4 => exchange.handle_securing(now),
            5 => exchange.handle_secured(now, Handshake::Full),
            6 => exchange.handle_sending(now, 5, true),
            7 => exchange.handle_sent(now),
            8 if exchange.may_be_retried(1) => {
                exchange.handle_retry(Retry::Unprocessed);
                assert!(!exchange.may_be_retried(1), "a request is retried once");
            }
            9 => progress = exchange.handle_closed(now, now),
            10 => progress = exchange.fail(Cause::Timeout, Some("late".into()), now),
            11 => {
                exchange.cancel(now);
                progress = Progress::Done { reusable: false };
            }
            12 => {
                exchange.abandon(now);
                progress = Progress::Done { reusable: false };
            }
            _ => {
                let (read, rest) = peer.split_at(peer.len().min(8 << (call >> 4)));
                peer = rest;
                progress = exchange.handle_received(read, &now.into());
            }
        }
        if let Progress::Done { .. } = progress {
            consistent(&exchange.take_record());
            exchange.begin(&request(now));
        }
    }
}
