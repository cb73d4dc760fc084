use super::*;
use crate::record::testing::{any_record, streamed};
use proptest::prelude::*;

fn written(records: &[Record]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut log = LogWriter::create(&path).unwrap();
    for record in records {
        log.append(record).unwrap();
    }
    log.finish().unwrap();
    std::fs::read(&path).unwrap()
}

fn reader(bytes: &[u8]) -> Result<LogReader<&[u8]>> {
    LogReader::new(bytes, "log".into())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn records_come_back_as_they_were_written(records in prop::collection::vec(any_record(), 0..8)) {
        let back: Vec<Record> = reader(&written(&records)).unwrap().collect::<Result<_>>().unwrap();
        prop_assert_eq!(back, records);
    }

    #[test]
    fn damaged_bytes_never_panic(
        records in prop::collection::vec(any_record(), 1..4),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = written(&records);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(reader) = reader(&bytes) {
            // Twelve bytes of header, at least four an entry.
            prop_assert!(reader.count() <= bytes.len() / 4);
        }
    }
}

#[test]
fn a_log_cut_anywhere_gives_whole_records_and_then_an_error_with_the_offset() {
    let records: Vec<Record> = (0..3)
        .map(|k| streamed(k, 1_000, 2_000, &[10, 20, 30]))
        .collect();
    let bytes = written(&records);
    let mut ends = vec![12];
    let mut at = 12;
    while at < bytes.len() {
        at += 4 + u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        ends.push(at);
    }
    for cut in 0..bytes.len() {
        let Ok(reader) = reader(&bytes[..cut]) else {
            assert!(cut < 12, "a whole header is readable");
            continue;
        };
        let items: Vec<Result<Record>> = reader.collect();
        let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
        assert_eq!(items.iter().filter(|item| item.is_ok()).count(), whole);
        match items.last() {
            Some(Err(e)) => {
                assert!(
                    e.what.contains(&format!("at offset {}", ends[whole])),
                    "{e}"
                );
            }
            _ => assert!(ends.contains(&cut), "a cut entry at {cut} went unseen"),
        }
    }
}

#[test]
fn another_version_is_refused_with_a_remedy() {
    let mut bytes = written(&[]);
    bytes[8] = 99;
    let e = reader(&bytes).unwrap_err();
    assert!(e.what.contains("version 99"), "{e}");
    assert!(e.remedy.contains("run again"), "{e}");
}

#[test]
fn another_file_is_refused() {
    assert!(reader(b"{\"not\": \"a log\"}").is_err());
    assert!(reader(b"").is_err());
}

#[test]
fn a_length_that_promises_too_much_reserves_nothing() {
    let mut bytes = written(&[]);
    bytes.extend((MAX_ENTRY as u32).to_le_bytes());
    bytes.extend([1, 2, 3]);
    let mut reader = reader(&bytes).unwrap();
    assert!(reader.next().unwrap().is_err());
    assert!(reader.next().is_none());
    assert!(reader.body.capacity() < 1 << 20);
}
