//! The whole path: bytes in, records out. The real worker over the driver of virtual time, less what that driver and
//! the scripted server cost without it.

use crate::case::{Case, Round};
use crate::peer::{Alone, Answers, Carriage, START, Shape};
use crate::samples::plan;
use ringload_engine::clock::Nanos;
use ringload_engine::driver::sim::Sim;
use ringload_engine::internal::WorkerInputs;
use ringload_engine::record::{Outcome, PhaseKind, Record};
use ringload_engine::worker::{Shared, Worker};
use std::sync::atomic::Ordering;

pub(super) fn cases() -> Vec<Case> {
    use Carriage::{Http1, Http2, Http2Together};
    [
        ("http1, 1 stream", Http1, 1, 4_096),
        ("http1, 64 streams", Http1, 64, 256),
        ("http1, 1000 streams", Http1, 1_000, 64),
        ("http2, 64 streams, 1 frame a read", Http2, 64, 256),
        ("http2, 64 streams, 64 frames a read", Http2Together, 64, 256),
        ("http1, requests of one token", Http1, 64, 1),
    ]
    .into_iter()
    .map(|(name, carriage, streams, tokens)| {
        let shape = Shape { carriage, streams, tokens };
        Case::new(name, shape.events(), shape.bytes(), move || Run::new(shape)).less(move || Alone::new(shape))
    })
    .collect()
}

/// A worker that keeps its connections from round to round.
struct Run {
    worker: Worker<'static, Sim<Answers>>,
    shared: &'static Shared<'static>,
    records: rtrb::Consumer<Box<Record>>,
    shape: Shape,
    /// When the last round ended.
    now: Nanos,
}

impl Run {
    fn new(shape: Shape) -> Self {
        let shared = shared(shape);
        let (producer, records) = rtrb::RingBuffer::new(shape.streams as usize);
        let sim = Sim::new(START, Answers::new(shape));
        let room = 2 * shape.streams as usize + 1;
        Self { worker: Worker::new(sim, shared, 0, room, producer), shared, records, shape, now: START }
    }
}

impl Round for Run {
    fn ready(&mut self) {
        while let Ok(record) = self.records.pop() {
            assert_eq!(record.outcome, Outcome::Succeeded, "{:?}", record.detail);
            assert_eq!(record.events as usize, self.shape.tokens);
        }
        self.shared.next[PhaseKind::Profiling as usize].store(0, Ordering::Relaxed);
    }

    fn run(&mut self) {
        let phase = &self.shared.plan.profiling;
        let tally = self.worker.run_phase(phase, PhaseKind::Profiling, self.now);
        self.now = tally.expect("virtual time goes on").ended;
        assert_eq!(self.records.slots(), self.shape.streams as usize);
    }
}

/// What a worker borrows for its life, which is that of the program.
fn shared(shape: Shape) -> &'static Shared<'static> {
    let plan = Box::leak(Box::new(plan(shape.streams)));
    let inputs = Box::leak(Box::new(WorkerInputs::new(plan, shape.carriage != Carriage::Http1, 1, 1)));
    Box::leak(Box::new(inputs.shared(shape.streams.into())))
}
