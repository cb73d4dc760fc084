//! Streams of server-sent events.

use super::cut;
use ringload_engine::wire::sse::{BARE, Sse};

/// A stream gives the same events however it is cut into reads, and those of a parser too simple to be wrong.
pub fn sse(data: &[u8]) {
    let [seed, limit, stream @ ..] = data else {
        return;
    };
    let (events, failed) = split_events(usize::MAX, [stream].into_iter());
    assert!(!failed);
    assert_eq!(events, reference_events(stream), "the reference");
    for max in [usize::MAX, usize::from(*limit)] {
        let whole = split_events(max, [stream].into_iter());
        assert_eq!(split_events(max, stream.chunks(1)), whole, "byte by byte");
        assert_eq!(split_events(max, cut(stream, *seed)), whole, "cut at random");
    }
}

type Events = Vec<(Vec<u8>, Vec<u8>)>;

fn split_events<'a>(max: usize, reads: impl Iterator<Item = &'a [u8]>) -> (Events, bool) {
    let mut sse = Sse::new(max);
    let mut events = Events::new();
    for mut input in reads {
        loop {
            match sse.next(&mut input) {
                Ok(Some(event)) => events.push((event.data.to_vec(), event.name.to_vec())),
                Ok(None) => break,
                Err(_) => {
                    assert_eq!(sse.finish(), Ok(None), "nothing is held of what is over the limit");
                    return (events, true);
                }
            }
        }
        assert!(input.is_empty());
    }
    loop {
        match sse.finish() {
            Ok(Some(event)) => events.push((event.data.to_vec(), event.name.to_vec())),
            Ok(None) => return (events, false),
            Err(_) => return (events, true),
        }
    }
}

/// The grammar of the WHATWG standard on a stream that is all there, with the event that the end of the body completes.
fn reference_events(stream: &[u8]) -> Events {
    let stream = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    let (mut lines, mut line, mut after_cr) = (vec![], vec![], false);
    for byte in stream {
        match byte {
            b'\n' if after_cr => {}
            b'\n' | b'\r' => lines.push(std::mem::take(&mut line)),
            _ => line.push(*byte),
        }
        after_cr = *byte == b'\r';
    }
    lines.extend([line, vec![]]);
    let (mut events, mut data, mut name) = (Events::new(), Vec::<Vec<u8>>::new(), vec![]);
    let mut comments = vec![];
    for line in lines {
        let mut parts = line.splitn(2, |b| *b == b':');
        let field = parts.next().unwrap_or_default();
        let value = parts.next().unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value).to_vec();
        let begins = |with: &[&[u8]]| with.iter().any(|w| line.starts_with(w));
        // JSON without a field name.
        if name == BARE && begins(&[b"data:", b"event:", b"id:", b"retry:", b":"]) {
            (data, name) = Default::default();
        }
        let opens = begins(&[b"{", b"["]) && name.is_empty() && data.is_empty();
        if (opens || name == BARE) && !line.is_empty() {
            let last = line.trim_ascii_end().last().copied();
            let first = line.first().copied();
            name = BARE.to_vec();
            data.push(line);
            let closing = if data[0][0] == b'{' { b'}' } else { b']' };
            let closes = if opens { last } else { first } == Some(closing);
            if closes {
                let whole = std::mem::take(&mut data).join(&b'\n');
                events.push((whole, std::mem::take(&mut name)));
            }
            continue;
        }
        match field {
            b"data" => data.push(value),
            b"error" => {
                data.push(value);
                name = b"error".to_vec();
            }
            b"event" => {
                comments.clear();
                name = value;
            }
            _ if line.is_empty() && data.is_empty() && name == b"error" => {
                events.push((std::mem::take(&mut comments), std::mem::take(&mut name)));
            }
            b"" if !line.is_empty() && name == b"error" => {
                if !comments.is_empty() {
                    comments.push(b'\n');
                }
                comments.extend(value);
            }
            _ if line.is_empty() && data.is_empty() => name.clear(),
            _ if line.is_empty() => {
                events.push((std::mem::take(&mut data).join(&b'\n'), std::mem::take(&mut name)));
            }
            _ => {}
        }
    }
    events
}
