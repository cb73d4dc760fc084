//! The thread that keeps the records.

use crate::error::Result;
use crate::record::{LogWriter, Record};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Moves records from the workers' rings to the log until all workers are done and all rings are empty; `look_on` sees each. While none
/// come it looks less and less often, as each look is a wake-up that counts among what the client costs. Whoever sets `done` unparks its thread.
pub(super) fn write<W: Write>(
    consumers: &mut [rtrb::Consumer<Box<Record>>],
    log: &mut LogWriter<W>,
    done: &AtomicBool,
    look_on: &mut dyn FnMut(&Record),
) -> Result<u64> {
    let mut written = 0;
    let mut pause = OFTEN;
    loop {
        let last = done.load(Ordering::Acquire);
        let mut moved = false;
        for consumer in consumers.iter_mut() {
            while let Ok(record) = consumer.pop() {
                log.append(&record)?;
                look_on(&record);
                written += 1;
                moved = true;
            }
        }
        if last && !moved {
            return Ok(written);
        }
        pause = if moved { OFTEN } else { SELDOM.min(2 * pause) };
        if !moved {
            std::thread::park_timeout(pause);
        }
    }
}

/// How long the log's writer rests when there are no records: at first, and when none have come for some time. A ring that is empty takes far longer
/// to fill.
const OFTEN: Duration = Duration::from_millis(2);
const SELDOM: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::LogReader;
    use crate::record::testing::streamed;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn every_record_that_a_ring_took_is_written_in_its_order_and_the_others_are_counted() {
        let each = if cfg!(miri) { 30 } else { 20_000 };
        let (done, lost) = (AtomicBool::new(false), AtomicU64::new(0));
        let (producers, mut consumers): (Vec<_>, Vec<_>) =
            (0..2).map(|_| rtrb::RingBuffer::new(4)).unzip();
        let mut out = Vec::new();
        let mut log = LogWriter::new(&mut out, "log".into()).unwrap();
        let mut seen = 0;
        let written = std::thread::scope(|scope| {
            let writer = scope.spawn(|| write(&mut consumers, &mut log, &done, &mut |_| seen += 1));
            let workers: Vec<_> = producers
                .into_iter()
                .zip(0..)
                .map(|(mut ring, worker)| {
                    let lost = &lost;
                    scope.spawn(move || {
                        for k in 0..each {
                            let record = Record {
                                worker,
                                ..streamed(k, 0, 1, &[])
                            };
                            // As a worker does: a ring that is full loses the record.
                            if ring.push(Box::new(record)).is_err() {
                                lost.fetch_add(1, Ordering::Relaxed);
                            }
                            if k % 3 == 0 {
                                std::thread::yield_now();
                            }
                        }
                    })
                })
                .collect();
            for worker in workers {
                worker.join().unwrap();
            }
            done.store(true, Ordering::Release);
            writer.join().unwrap().unwrap()
        });
        log.finish().unwrap();
        assert_eq!((written, seen), (2 * each - lost.into_inner(), written));
        let mut last = [None; 2];
        let mut read = 0;
        for record in LogReader::new(&out[..], "log".into()).unwrap() {
            let record = record.unwrap();
            let last = &mut last[record.worker as usize];
            assert!(last.is_none_or(|k| k < record.k), "out of order");
            *last = Some(record.k);
            read += 1;
        }
        assert_eq!(read, written);
    }
}
