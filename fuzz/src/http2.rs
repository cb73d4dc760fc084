//! Connections over HTTP/2, and HPACK.

use super::cut;
use ringload_engine::api;
use ringload_engine::plan::{Phase, Plan, Target};
use ringload_engine::wire::http2::{self, Connection, Event, Http2Error, Opened, hpack};
use std::collections::HashMap;
use std::sync::OnceLock;

/// A connection says and answers the same however the peer's bytes are cut into reads, and tells each stream's story in
/// order. The first byte seeds the cuts and the second sets the scene.
pub fn http2(data: &[u8]) {
    let [seed, scene, peer @ ..] = data else {
        return;
    };
    let greeting: &[u8] = match scene & 1 {
        0 => &[0, 0, 0, 4, 0, 0, 0, 0, 0],
        _ => &[],
    };
    let peer = [greeting, peer].concat();
    let whole = converse(*scene, [&peer[..]].into_iter());
    assert_eq!(converse(*scene, peer.chunks(1)), whole, "byte by byte");
    assert_eq!(converse(*scene, cut(&peer, *seed)), whole, "cut at random");
}

#[derive(Debug, PartialEq)]
struct Conversation {
    events: Vec<(Option<u32>, Told)>,
    sent: Vec<u8>,
    failed: Option<Http2Error>,
}

fn converse<'a>(scene: u8, reads: impl Iterator<Item = &'a [u8]>) -> Conversation {
    static HEAD: OnceLock<http2::RequestHead> = OnceLock::new();
    let head = HEAD.get_or_init(|| {
        let target = Target::parse("http://server").expect("a URL");
        let plan = Plan::new(vec![target], "m", Phase::closed(1, 1));
        api::http2_head(&plan, &plan.targets[0]).expect("a head")
    });
    let config = http2::Config {
        stream_window: if scene & 0x20 == 0 { 65_535 } else { 100 },
        header_list_bytes: if scene & 0x40 == 0 { 4096 } else { 64 },
        header_fields: 8,
        streams: 4,
    };
    let mut sent = Vec::new();
    let mut connection = Connection::new(config, &mut sent);
    let body = [b'x'; 65_600];
    let length = if scene & 8 == 0 { 2 } else { body.len() };
    for tag in 0..u32::from(scene >> 1 & 3) {
        let opened = connection.open(tag, head, 0, "", &body[..length], 0, &mut sent);
        assert_ne!(opened, Opened::Refused);
    }
    if scene & 0x10 != 0 {
        connection.cancel(0, 0, &mut sent);
    }
    let mut said = Conversation { events: Vec::new(), sent: Vec::new(), failed: None };
    let mut heads = HashMap::new();
    'reads: for mut input in reads {
        loop {
            match connection.receive(&mut input, 0, &mut sent) {
                Ok(None) => break,
                Ok(Some(event)) => {
                    in_order(&mut heads, &event);
                    said.add(event);
                }
                Err(error) => {
                    said.failed = Some(error);
                    break 'reads;
                }
            }
        }
        assert!(input.is_empty(), "bytes are left but wanted");
    }
    for tag in connection.tags() {
        assert_ne!(heads.get(&tag), Some(&None), "an open stream has not ended");
    }
    said.sent = sent;
    said
}

#[derive(Debug, PartialEq)]
enum Told {
    Body(Vec<u8>),
    Else(String),
}

impl Conversation {
    fn add(&mut self, event: Event<'_>) {
        let Event::Body { tag, bytes } = event else {
            self.events.push((event.tag(), Told::Else(format!("{event:?}"))));
            return;
        };
        assert!(!bytes.is_empty());
        match self.events.last_mut() {
            Some((t, Told::Body(body))) if *t == Some(tag) => body.extend_from_slice(bytes),
            _ => self.events.push((Some(tag), Told::Body(bytes.to_vec()))),
        }
    }
}

/// Head, body, end: `None` marks a stream that ended, `Some` one that has its head.
fn in_order(heads: &mut HashMap<u32, Option<()>>, event: &Event<'_>) {
    let Some(tag) = event.tag() else {
        return;
    };
    let before = heads.get(&tag).copied();
    assert_ne!(before, Some(None), "something happens after the end");
    match event {
        Event::Head { .. } => assert!(heads.insert(tag, Some(())).is_none(), "two heads"),
        Event::Body { .. } => assert!(before.is_some(), "a body before its head"),
        Event::End { .. } => {
            assert!(before.is_some(), "an end before the head");
            heads.insert(tag, None);
        }
        Event::Reset { .. } | Event::Unprocessed { .. } | Event::Broken { .. } => {
            heads.insert(tag, None);
        }
        Event::BodySent { .. } | Event::GoAway { .. } | Event::Settings => {}
    }
}

/// What decodes, encodes and decodes to the same. The first byte sets the size of the table.
pub fn hpack(data: &[u8]) {
    let [limit, block @ ..] = data else {
        return;
    };
    let mut fields = Vec::new();
    let mut decoder = hpack::Decoder::new(16 * usize::from(*limit));
    let decoded = decoder.decode(block, |name, value| {
        if fields.len() < 1_000 {
            fields.push((name.to_vec(), value.to_vec()));
        }
    });
    if decoded.is_err() {
        return;
    }
    let mut ours = Vec::new();
    for (name, value) in &fields {
        hpack::field(&mut ours, name, value);
    }
    let mut again = Vec::new();
    hpack::Decoder::new(0)
        .decode(&ours, |name, value| again.push((name.to_vec(), value.to_vec())))
        .expect("what we encode decodes");
    assert_eq!(again, fields);
}
