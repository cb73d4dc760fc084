//! The thread that keeps the records.

use super::drain::drain;
use super::seen::RecordSpan;
use crate::clock::{self, Nanos, SECOND};
use crate::error::Result;
use crate::record::{LogWriter, Record};
use std::cell::RefCell;
use std::convert::Infallible;
use std::io::Write;
use std::sync::atomic::AtomicBool;

/// What the writer does with records beside writing them.
pub(super) struct Observers<'a> {
    /// Sees each before it is written.
    pub(super) ready: &'a mut dyn FnMut(&mut Record),
    /// Sees each after that.
    pub(super) observe: &'a mut dyn FnMut(&Record),
    /// Called once, when the log's file takes no more.
    pub(super) full: &'a mut dyn FnMut(),
}

/// Moves records from the workers' rings to the log until all workers are done and all rings are empty, as [`drain`]
/// does; how many were kept, and what was seen of them. What is written reaches the kernel within [`OFTEN`], so that
/// little is lost when the process is killed.
pub(super) fn write<W: Write>(
    consumers: &mut [rtrb::Consumer<Box<Record>>],
    log: &mut LogWriter<W>,
    done: &AtomicBool,
    observers: Observers<'_>,
) -> (u64, RecordSpan) {
    let log = RefCell::new(Flushing { log, at: clock::monotonic(), failed: false, full: observers.full });
    let (mut lost, mut seen) = (0, RecordSpan::default());
    let kept = drain(
        consumers,
        |ring| ring.pop().ok(),
        done,
        |mut record| {
            (observers.ready)(&mut record);
            match log.borrow_mut().append(&record) {
                Ok(()) => seen.add(&record),
                Err(_) => lost += 1,
            }
            (observers.observe)(&record);
            Ok::<_, Infallible>(())
        },
        || log.borrow_mut().look(),
    );
    (kept.unwrap_or(0) - lost, seen)
}

/// A log that is flushed often.
struct Flushing<'a, W> {
    log: &'a mut LogWriter<W>,
    /// When it was flushed last.
    at: Nanos,
    failed: bool,
    full: &'a mut dyn FnMut(),
}

impl<W: Write> Flushing<'_, W> {
    fn append(&mut self, record: &Record) -> Result<()> {
        let appended = self.log.append(record);
        self.look();
        appended
    }

    fn look(&mut self) {
        let now = clock::monotonic();
        if now.saturating_sub(self.at) >= OFTEN {
            self.log.flush();
            self.at = now;
        }
        if !self.failed && self.log.failure().is_some() {
            self.failed = true;
            (self.full)();
        }
    }
}

/// Longest time for which a record may wait to be handed to the kernel.
const OFTEN: Nanos = SECOND / 2;

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
        let (producers, mut consumers): (Vec<_>, Vec<_>) = (0..2).map(|_| rtrb::RingBuffer::new(4)).unzip();
        let mut out = Vec::new();
        let mut log = LogWriter::new(&mut out, "log".into()).unwrap();
        let mut seen = 0;
        let written = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let observers =
                    Observers { ready: &mut |_| (), observe: &mut |_| seen += 1, full: &mut || unreachable!() };
                write(&mut consumers, &mut log, &done, observers).0
            });
            let workers: Vec<_> = producers
                .into_iter()
                .zip(0..)
                .map(|(mut ring, worker)| {
                    let lost = &lost;
                    scope.spawn(move || {
                        for k in 0..each {
                            let record = Record { worker, ..streamed(k, 0, 1, &[]) };
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
            writer.join().unwrap()
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
