//! The path of a token, stage by stage and whole: nanoseconds per event, and events and bytes per second.
//!
//! The cases are those of `ringload_bench::cases`. A group is a stage:
//! `cargo bench -p ringload-bench --bench path -- whole/`

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use ringload_bench::cases::stages;

fn path(c: &mut Criterion) {
    for stage in stages() {
        let mut group = c.benchmark_group(stage.name);
        // The unit is one event, so that the time is that of one; rounds of many are timed.
        group.sampling_mode(SamplingMode::Flat);
        for case in &stage.cases {
            group.throughput(match case.bytes / case.events {
                0 => Throughput::Elements(1),
                bytes => Throughput::ElementsAndBytes { elements: 1, bytes },
            });
            let mut stopwatch = None;
            group.bench_function(&case.name, |b| {
                let stopwatch = stopwatch.get_or_insert_with(|| case.stopwatch());
                b.iter_custom(|events| stopwatch.time(events));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, path);
criterion_main!(benches);
