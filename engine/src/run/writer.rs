//! The thread that keeps the records.

use super::drain::drain;
use crate::error::Result;
use crate::record::{LogWriter, Record};
use std::io::Write;
use std::sync::atomic::AtomicBool;

/// Moves records from the workers' rings to the log until all workers are done and all rings are empty, as [`drain`] does; `ready` sees each before it is written, `look_on` after.
pub(super) fn write<W: Write>(
    consumers: &mut [rtrb::Consumer<Box<Record>>],
    log: &mut LogWriter<W>,
    done: &AtomicBool,
    ready: &mut dyn FnMut(&mut Record),
    look_on: &mut dyn FnMut(&Record),
) -> Result<u64> {
    drain(
        consumers,
        |ring| ring.pop().ok(),
        done,
        |mut record| {
            ready(&mut record);
            log.append(&record)?;
            look_on(&record);
            Ok(())
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::LogReader;
    use crate::record::testing::streamed;
    use std::sync::atomic::{AtomicU64, Ordering};

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
            let writer = scope.spawn(|| {
                write(&mut consumers, &mut log, &done, &mut |_| (), &mut |_| {
                    seen += 1
                })
            });
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
