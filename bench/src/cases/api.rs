//! The JSON of an event → what it says: output, usage, error.

use crate::case::Case;
use crate::samples::{ERROR, EVENTS, LAPS, ROUND, USAGE, json, json_with, round_bytes};
use ringload_engine::api::{Scanner, Text};
use ringload_engine::plan::EndpointKind;
use std::hint::black_box;

pub(super) fn cases() -> Vec<Case> {
    let stamped = |i| json_with(i, &format!(",\"ts\":{}", 1_413_856_528_115_u64 + 5_000_017 * i as u64));
    let counted = |i| {
        let usage =
            format!(",\"usage\":{{\"prompt_tokens\":550,\"total_tokens\":{},\"completion_tokens\":{i}}}", 550 + i);
        json_with(i, &usage)
    };
    // A key with an escape is one that only the full parse understands.
    let odd = |i| json_with(i, ",\"usage\\u0020\":null");
    let same = |json: &'static str| move |_| json.to_owned();
    vec![
        case("output, as the last", Reset::Never, json),
        case("output, as the last but for time stamps", Reset::Never, stamped),
        case("output, the first of its kind", Reset::Each, json),
        case("output and usage", Reset::Never, counted),
        case("usage", Reset::Each, same(USAGE)),
        case("error", Reset::Each, same(ERROR)),
        case("output, parsed in full", Reset::Each, odd),
    ]
}

/// When the scanner forgets what it has learned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reset {
    Never,
    Each,
}

fn case(name: &str, reset: Reset, json: impl Fn(usize) -> String) -> Case {
    let events: Vec<String> = (0..EVENTS).map(json).collect();
    Case::new(name, ROUND, round_bytes(&events), move || {
        let events = events.clone();
        let mut scanner = Scanner::new(EndpointKind::Chat);
        let mut text = Text::default();
        move || {
            for event in std::iter::repeat_n(&events, LAPS).flatten() {
                if reset == Reset::Each {
                    scanner.reset();
                }
                text.clear();
                let seen = scanner.event(black_box(event.as_bytes()), Some(&mut text));
                black_box(&seen);
                assert!(seen.is_ok());
            }
        }
    })
}
