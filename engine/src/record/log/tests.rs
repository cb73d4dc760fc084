use super::writer::MOST_HELD;
use super::*;
use crate::record::testing::{any_record, streamed};
use proptest::prelude::*;
use std::io::Write;

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
    fn what_is_skimmed_is_what_is_read(records in prop::collection::vec(any_record(), 0..8)) {
        let bytes = written(&records);
        let mut skimmed = reader(&bytes).unwrap();
        for record in &records {
            prop_assert_eq!(skimmed.skim().unwrap(), Some(Skimmed::Record { entry: record.entry }));
        }
        prop_assert_eq!(skimmed.skim().unwrap(), None);
        prop_assert_eq!(skimmed.offset(), bytes.len() as u64);
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
        if let Ok(mut reader) = reader(&bytes) {
            while let Ok(Some(_)) = reader.skim() {}
        }
    }
}

#[test]
fn a_log_cut_anywhere_gives_whole_records_and_then_an_error_with_the_offset() {
    let records: Vec<Record> = (0..3).map(|k| streamed(k, 1_000, 2_000, &[10, 20, 30])).collect();
    let bytes = written(&records);
    let mut ends = vec![12];
    let mut at = 12;
    while at < bytes.len() {
        at += 5 + u32::from_le_bytes(bytes[at + 1..at + 5].try_into().unwrap()) as usize;
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
                assert!(e.what.contains(&format!("at offset {}", ends[whole])), "{e}");
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
    bytes.push(RECORD);
    bytes.extend((MAX_ENTRY as u32).to_le_bytes());
    bytes.extend([1, 2, 3]);
    let mut reader = reader(&bytes).unwrap();
    assert!(reader.next().unwrap().is_err());
    assert!(reader.next().is_none());
    assert!(reader.body.capacity() < 1 << 20);
}

/// A disk of so many bytes.
struct Disk(Vec<u8>, usize);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.1 - self.0.len();
        if room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let n = bytes.len().min(room);
        self.0.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_a_full_disk_does_not_take_is_held_and_what_it_took_is_whole_but_for_one_entry() {
    let records: Vec<Record> = (0..40).map(|k| streamed(k, 1_000, 2_000, &[7; 20])).collect();
    for room in [12, 13, 100, 1_000, 3_001] {
        let mut log = LogWriter::new(Disk(Vec::new(), room), "log".into()).unwrap();
        for record in &records {
            log.append(record).unwrap();
            log.flush();
        }
        assert!(log.failure().is_some());
        assert_eq!((log.output.0.len(), log.written), (room, room as u64));
        let taken: Vec<Record> = reader(&log.output.0).unwrap().map_while(Result::ok).collect();
        assert_eq!(taken, records[..taken.len()]);
        let all = [&log.output.0[..], &log.pending].concat();
        let back: Vec<Record> = reader(&all).unwrap().collect::<Result<_>>().unwrap();
        assert_eq!(back, records);
    }
}

#[test]
fn a_log_whose_disk_is_full_holds_no_more_than_its_limit() {
    let record = streamed(0, 1_000, 2_000, &[1 << 40; 100_000]);
    let mut log = LogWriter::new(Disk(Vec::new(), 12), "log".into()).unwrap();
    let kept = (0..200).take_while(|_| log.append(&record).is_ok()).count();
    assert!(kept > 10 && log.pending.len() <= MOST_HELD + 10, "{kept}");
    let e = log.append(&record).unwrap_err();
    assert_eq!(e.blame, crate::Blame::Environment);
}

#[test]
fn a_log_is_read_by_its_descriptor_as_often_as_wanted_and_notes_are_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut log = LogWriter::create(&path).unwrap();
    let records: Vec<Record> = (0..3).map(|k| streamed(k, 1, 2, &[3])).collect();
    log.note(Note::Head, b"{}").unwrap();
    records.iter().for_each(|record| log.append(record).unwrap());
    log.note(Note::Ended, b"[1]").unwrap();
    std::fs::remove_file(&path).unwrap();
    let log = log.finish_to_read();
    assert_eq!(log.failure(), None);
    for _ in 0..2 {
        let back: Vec<Record> = log.read().unwrap().collect::<Result<_>>().unwrap();
        assert_eq!(back, records);
    }
    let mut entries = log.read().unwrap();
    let mut notes = Vec::new();
    while let Some(entry) = entries.next_entry().unwrap() {
        if let Entry::Note(kind, body) = entry {
            notes.push((kind, body));
        }
    }
    assert_eq!(notes, [(Note::Head, b"{}".to_vec()), (Note::Ended, b"[1]".to_vec())]);
}
