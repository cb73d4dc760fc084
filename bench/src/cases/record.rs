//! Records ↔ the bytes of the log, counted in the gaps of a record.

use crate::case::{Case, Round};
use crate::samples::ROUND;
use ringload_engine::clock::{MICRO, MILLI, SECOND};
use ringload_engine::exchange::{Exchange, KeepText, Request};
use ringload_engine::plan::{EndpointKind, Limits};
use ringload_engine::record::{LogReader, LogWriter, Outcome, PhaseKind, Record};
use std::hint::black_box;
use std::path::Path;

pub(super) fn cases() -> Vec<Case> {
    let bytes = log_of(&record()).len();
    vec![
        Case::new("encoded", ROUND, bytes, || {
            let mut log = LogWriter::create(Path::new("/dev/null")).expect("it is always there");
            let record = record();
            move || log.append(black_box(&record)).expect("it takes all")
        }),
        Case::new("decoded", ROUND, bytes, || Decoded { log: log_of(&record()) }),
    ]
}

struct Decoded {
    log: Vec<u8>,
}

impl Round for Decoded {
    fn run(&mut self) {
        let log = LogReader::new(black_box(&self.log[..]), String::new()).expect("a whole log");
        assert_eq!(log.filter(|record| black_box(record).is_ok()).count(), 1);
    }
}

fn log_of(record: &Record) -> Vec<u8> {
    let path = std::env::temp_dir().join(format!("ringload-bench-{}", std::process::id()));
    let written = LogWriter::create(&path).and_then(|mut log| {
        log.append(record)?;
        log.finish()
    });
    let log = std::fs::read(&path);
    let _ = std::fs::remove_file(&path);
    written.expect("a place for temporary files");
    log.expect("it was just written")
}

/// The record of a request that had [`ROUND`] gaps of about 20 ms.
pub(super) fn record() -> Record {
    let mut exchange = Exchange::new(EndpointKind::Chat, true, KeepText::Never, Limits::default());
    exchange.begin(&Request {
        k: 17,
        turn: 0,
        index: 0,
        threads: false,
        phase: PhaseKind::Profiling,
        worker: 0,
        target: 0,
        entry: 3,
        isl: 550,
        requested_osl: Some(ROUND as u32 + 1),
        results: 0,
        request_id: 1 << 100,
        scheduled: SECOND,
        issued: SECOND,
        lag: 0,
    });
    exchange.handle_sending(SECOND, 3_000, true);
    exchange.handle_sent(SECOND + 30 * MICRO);
    let mut record = exchange.take_record();
    record.gaps = (0..ROUND as u64).map(|i| 19 * MILLI + (i * 7_919 * MICRO) % (2 * MILLI)).collect();
    record.outcome = Outcome::Succeeded;
    record.events = ROUND as u32 + 1;
    record.reads = ROUND as u32 + 2;
    record.bytes_received = 250 * ROUND as u64;
    let at = &mut record.instants;
    let last = SECOND + 100 * MILLI + record.gaps.iter().sum::<u64>();
    (at.first_byte, at.head_end) = (Some(SECOND + 90 * MILLI), Some(SECOND + 90 * MILLI));
    (at.first_token, at.first_visible_token) = (Some(SECOND + 100 * MILLI), Some(SECOND + 100 * MILLI));
    (at.last_token, at.end) = (Some(last), last);
    record
}
