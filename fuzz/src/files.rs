//! Files that are read: datasets and record logs; and what the name service's thread writes.

use super::cut;
use ringload_engine::Blame;
use ringload_engine::plan::Format;
use ringload_engine::record::{LogReader, LogWriter, Record};
use ringload_engine::resolve::{Decoder, Reply, encode};

/// A text is read in each format, or refused with what to do; a line that is named is one of its lines.
pub fn dataset(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = Format::detect(&text);
    let lines = text.lines().count().max(1);
    for format in Format::all() {
        let read = format.read(&mut text.as_bytes(), &mut |_| Ok(()));
        if let Err(e) = read {
            assert_eq!(e.blame, Blame::Usage, "{e}");
            assert!(!e.what.is_empty() && !e.remedy.is_empty(), "{e}");
            let named = e.what.split("line ").nth(1).and_then(|rest| {
                let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
                digits?.parse::<usize>().ok()
            });
            // A JSON value that is not finished ends behind the last line feed.
            assert!(named.is_none_or(|line| (1..=lines + 1).contains(&line)), "{format:?}: {e}");
        }
    }
}

/// A log is read up to where it is damaged, and what was read is written and read again as it was. The first byte says
/// whether the header is given.
pub fn record_log(data: &[u8]) {
    let [headed, body @ ..] = data else {
        return;
    };
    let header = match headed & 1 {
        0 => written(&[]),
        _ => Vec::new(),
    };
    let log = [&header, body].concat();
    let Ok(reader) = LogReader::new(&log[..], "log".into()) else {
        return;
    };
    let mut records = Vec::new();
    let mut reader = reader.peekable();
    while let Some(record) = reader.next() {
        match record {
            Ok(record) => records.push(record),
            Err(e) => {
                assert_eq!(e.blame, Blame::Environment);
                assert!(e.what.contains("at offset"), "{e}");
                assert!(reader.peek().is_none(), "after an error it ends");
            }
        }
    }
    let again = written(&records);
    let again: Vec<Record> =
        LogReader::new(&again[..], "log".into()).and_then(Iterator::collect).expect("what was written is read");
    assert_eq!(again, records);
}

fn written(records: &[Record]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut log = LogWriter::new(&mut out, "log".into()).expect("memory can be written");
    records
        .iter()
        .try_for_each(|record| log.append(record))
        .and_then(|()| log.finish())
        .expect("memory can be written");
    out
}

/// Answers on their way from the name service's thread do not depend on the cuts, and are encoded as they were. The
/// first byte seeds the cuts.
pub fn reply(data: &[u8]) {
    let [seed, bytes @ ..] = data else {
        return;
    };
    let whole = replies([bytes].into_iter());
    assert_eq!(replies(bytes.chunks(1)), whole, "byte by byte");
    assert_eq!(replies(cut(bytes, *seed)), whole, "cut at random");
    let few = |reply: &&Reply| reply.outcome.as_ref().map_or(0, |found| found.addrs.len()) < 255;
    let kept: Vec<Reply> = whole.iter().filter(few).cloned().collect();
    let mut ours = Vec::new();
    kept.iter().for_each(|reply| encode(reply, &mut ours));
    assert_eq!(replies([&ours[..]].into_iter()), kept, "encoded again");
}

fn replies<'a>(reads: impl Iterator<Item = &'a [u8]>) -> Vec<Reply> {
    let mut decoder = Decoder::default();
    let mut replies = Vec::new();
    for read in reads {
        decoder.feed(read);
        replies.extend(std::iter::from_fn(|| decoder.poll()));
    }
    replies
}
