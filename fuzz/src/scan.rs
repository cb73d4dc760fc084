//! Events of the APIs.

mod reference;

use reference::{KINDS, Said, reference_seen};
use ringload_engine::api::{self, BadJson, Scanner, Text};

/// Events, one a line, say what a reading of their `serde_json` trees says, whatever the scanner has learned from those
/// before them.
pub fn scan(data: &[u8]) {
    let mut learned = KINDS.map(Scanner::new);
    for event in data.split(|b| *b == b'\n') {
        for (scanner, kind) in learned.iter_mut().zip(KINDS) {
            let expected = reference_seen(kind, event);
            check(scanner, event, &expected);
            check(&mut Scanner::new(kind), event, &expected);
        }
    }
}

fn check(scanner: &mut Scanner, event: &[u8], expected: &Option<Result<Said, BadJson>>) {
    let mut text = Text::default();
    let seen = scanner.event(event, Some(&mut text));
    assert_eq!(scanner.event(event, None), seen, "with and without its text");
    let said = seen.map(|seen| Said {
        seen,
        visible: api::unescape(&text.visible),
        reasoning: api::unescape(&text.reasoning),
        ..Said::default()
    });
    if let Some(expected) = expected {
        assert_eq!(said, *expected, "{}", String::from_utf8_lossy(event));
    }
}
