//! What a response head says of the time that its server took.

/// Durations that a response head tells, in nanoseconds. Each is on the clock of the one that took it: none of them may
/// be subtracted from an instant of another machine.
///
/// | field | from |
/// |---|---|
/// | `queue` | `Server-Timing: queue;dur=MS` or `queued`; `x-queue-time` |
/// | `prefill`, `decode` | the same names in `Server-Timing` |
/// | `inference` | the same name; `x-inference-time` |
/// | `front_end` | `tokenize` or `tokenization`; `x-validation-time`, `x-tokenization-time` |
/// | `total` | the same name; `x-total-time` |
/// | `upstream` | `x-envoy-upstream-service-time` |
///
/// `Server-Timing` is W3C's; `x-…-time` are whole milliseconds of text-generation-inference, text-embeddings-inference
/// and Envoy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeadTimings {
    /// Before work on the request began.
    pub queue: Option<u64>,
    /// Work on the prompt.
    pub prefill: Option<u64>,
    /// Work on the tokens after the first.
    pub decode: Option<u64>,
    /// Both together.
    pub inference: Option<u64>,
    /// Validation and tokenising.
    pub front_end: Option<u64>,
    /// All of it.
    pub total: Option<u64>,
    /// What a gateway waited for the head of its own server's response.
    pub upstream: Option<u64>,
}

type Field = fn(&mut HeadTimings) -> &mut Option<u64>;

/// Fields of heads whose value is a number of milliseconds.
const FIELDS: [(&[u8], Field); 6] = [
    (b"x-queue-time", |t| &mut t.queue),
    (b"x-inference-time", |t| &mut t.inference),
    (b"x-validation-time", |t| &mut t.front_end),
    (b"x-tokenization-time", |t| &mut t.front_end),
    (b"x-total-time", |t| &mut t.total),
    (b"x-envoy-upstream-service-time", |t| &mut t.upstream),
];

/// Names in `Server-Timing` that are understood; the names are free, and all others are passed over.
const TIMING_NAMES: [(&[u8], Field); 8] = [
    (b"queue", |t| &mut t.queue),
    (b"queued", |t| &mut t.queue),
    (b"prefill", |t| &mut t.prefill),
    (b"decode", |t| &mut t.decode),
    (b"inference", |t| &mut t.inference),
    (b"tokenize", |t| &mut t.front_end),
    (b"tokenization", |t| &mut t.front_end),
    (b"total", |t| &mut t.total),
];

impl HeadTimings {
    /// Reads one field of a head, if it is one of these, into `timings`.
    pub(super) fn add(timings: &mut Option<Box<Self>>, name: &[u8], value: &[u8]) {
        // The shortest of the names has 12 bytes.
        if name.len() < 12 {
            return;
        }
        if name.eq_ignore_ascii_case(b"server-timing") {
            return timings.get_or_insert_default().server_timing(value);
        }
        if let Some((_, field)) = FIELDS.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)) {
            *field(timings.get_or_insert_default()) = milliseconds(value);
        }
    }

    /// `metric *( "," metric )`, `metric = name *( ";" parameter )`, `parameter = name [ "=" ( token / quoted ) ]`.
    fn server_timing(&mut self, value: &[u8]) {
        for metric in split(value, b',') {
            let mut parts = split(metric, b';');
            let name = parts.next().unwrap_or_default().trim_ascii();
            let Some((_, field)) = TIMING_NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)) else {
                continue;
            };
            // Of a parameter that comes twice, the first counts.
            let duration = parts.find_map(|part| {
                let at = part.iter().position(|b| *b == b'=')?;
                part[..at].trim_ascii().eq_ignore_ascii_case(b"dur").then(|| milliseconds(unquoted(&part[at + 1..])))
            });
            if let Some(Some(duration)) = duration {
                *field(self) = Some(duration);
            }
        }
    }
}

/// The parts between separators that are not within quotes.
fn split(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |byte| {
        let ends = *byte == separator && !quoted;
        quoted ^= *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && quoted && !escaped;
        ends
    })
}

fn unquoted(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value)
}

/// Milliseconds in nanoseconds; `None` for what is no duration, or one over [`MOST_MS`].
fn milliseconds(value: &[u8]) -> Option<u64> {
    let value = std::str::from_utf8(value.trim_ascii()).ok()?;
    let number: f64 = value.parse().ok()?;
    (0.0..=MOST_MS).contains(&number).then_some((number * 1e6).round() as u64)
}

/// The longest duration that is believed: 11 days.
const MOST_MS: f64 = 1e9;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn of(fields: &[(&str, &str)]) -> HeadTimings {
        let mut timings = None;
        fields.iter().for_each(|(name, value)| HeadTimings::add(&mut timings, name.as_bytes(), value.as_bytes()));
        timings.map_or_else(HeadTimings::default, |timings| *timings)
    }

    #[test]
    fn a_server_timing_field_is_read_by_its_grammar() {
        let read =
            of(&[("Server-Timing", r#"cache;desc="a, b;dur=9", queue;dur=12.3, Prefill ; desc="\"," ; DUR="85""#)]);
        let expected = HeadTimings { queue: Some(12_300_000), prefill: Some(85 * MS), ..HeadTimings::default() };
        assert_eq!(read, expected);
        // Several lines are one list.
        let lines = of(&[("server-timing", "total;dur=3"), ("server-timing", "decode;dur=2;dur=7, tokenize;dur=0.5")]);
        assert_eq!((lines.total, lines.decode, lines.front_end), (Some(3 * MS), Some(2 * MS), Some(MS / 2)));
    }

    #[test]
    fn what_is_no_duration_is_passed_over() {
        for value in
            ["queue", "queue;dur", "queue;dur=", "queue;dur=-1", "queue;dur=NaN", "queue;dur=1e30", "db;dur=5", ""]
        {
            assert_eq!(of(&[("Server-Timing", value)]), HeadTimings::default(), "{value}");
        }
        assert_eq!(of(&[("x-queue-time", "soon"), ("x-queue", "5")]), HeadTimings::default());
    }

    #[test]
    fn fields_of_servers_and_of_a_gateway() {
        let read = of(&[
            ("x-queue-time", "12"),
            ("X-Inference-Time", "340"),
            ("x-validation-time", "1"),
            ("x-total-time", "353"),
            ("x-compute-time", "0.353"),
            ("x-envoy-upstream-service-time", "360"),
        ]);
        assert_eq!((read.queue, read.inference, read.front_end), (Some(12 * MS), Some(340 * MS), Some(MS)));
        assert_eq!((read.total, read.upstream, read.prefill), (Some(353 * MS), Some(360 * MS), None));
    }
}
