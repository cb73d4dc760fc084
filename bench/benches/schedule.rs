//! What one arrival costs. Each core iterates over all arrivals of the run, so that this bounds the rate of a schedule.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringload_engine::clock::SECOND;
use ringload_engine::plan::{Arrival, Ramp, Rate, Shape};
use ringload_engine::schedule::arrivals;
use std::hint::black_box;

fn schedule(c: &mut Criterion) {
    const BATCH: u64 = 10_000;
    let mut group = c.benchmark_group("schedule");
    group.throughput(Throughput::Elements(BATCH));
    // Ramps for ever: as dear as an arrival gets.
    let ramp = Rate::ramped(
        100_000.0,
        Ramp {
            lasting: 1_000_000 * SECOND,
            shape: Shape::Exponential,
        },
    );
    for (name, pattern) in [
        ("constant", Arrival::Constant),
        ("poisson", Arrival::Poisson),
    ] {
        let mut all = arrivals(ramp.clone(), pattern, 1);
        group.bench_function(format!("{name}_ramp"), |b| {
            b.iter(|| {
                for _ in 0..BATCH {
                    black_box(all.next());
                }
            });
        });
    }
    for (name, pattern) in [
        ("constant", Arrival::Constant),
        ("poisson", Arrival::Poisson),
        ("gamma_0.3", Arrival::Gamma { smoothness: 0.3 }),
        ("gamma_5", Arrival::Gamma { smoothness: 5.0 }),
    ] {
        let mut all = arrivals(100_000.0, pattern, 1);
        group.bench_function(name, |b| {
            b.iter(|| {
                for _ in 0..BATCH {
                    black_box(all.next());
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, schedule);
criterion_main!(benches);
