//! What a scrape of a server's metrics costs: reading its lines, and taking it into the series of an endpoint.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ringload_engine::telemetry::{Collector, Exposition, Item, Window};
use std::fmt::Write as _;

fn exposition(c: &mut Criterion) {
    let pages: Vec<String> = (0..8).map(page).collect();
    let mut group = c.benchmark_group("exposition");
    group.throughput(Throughput::Bytes(pages[0].len() as u64));
    group.bench_function("lines", |b| b.iter(|| sum(&pages[0])));
    group.bench_function("first scrape", |b| {
        let scrape = |mut collector: Collector| {
            collector.handle_scrape(&pages[0], 1, 1, Window::Inside);
            collector
        };
        b.iter_batched(|| Collector::new("http://h/metrics"), scrape, BatchSize::LargeInput);
    });
    let mut collector = Collector::new("http://h/metrics");
    let mut number = 0;
    group.bench_function("later scrape", |b| {
        b.iter(|| {
            number += 1;
            collector.handle_scrape(&pages[number % pages.len()], number as u64, 1, Window::Inside)
        });
    });
    group.finish();
}

fn sum(page: &str) -> f64 {
    let mut lines = Exposition::new(page);
    let mut sum = 0.0;
    while let Some(item) = lines.next(None) {
        if let Item::Sample(sample) = item {
            sum += sample.value;
        }
    }
    sum
}

/// About a megabyte in vLLM's shape: histograms of eight engines.
fn page(scrape: u64) -> String {
    let mut text = String::new();
    for metric in 0..60 {
        let name = format!("vllm:request_{metric}_seconds");
        let _ = writeln!(text, "# HELP {name} Histogram of a part of a request in seconds.\n# TYPE {name} histogram");
        for engine in 0..8 {
            let labels = format!("engine=\"{engine}\",model_name=\"meta-llama/Llama-3.1-8B-Instruct\"");
            for bucket in 0..20_u64 {
                let bound = bucket as f64 * 0.25;
                let _ = writeln!(text, "{name}_bucket{{{labels},le=\"{bound}\"}} {}.0", scrape * 20 + bucket);
            }
            let _ = writeln!(text, "{name}_sum{{{labels}}} {}", scrape as f64 * 0.123_456);
            let _ = writeln!(text, "{name}_count{{{labels}}} {}.0", scrape * 20 + 20);
        }
    }
    text
}

criterion_group!(benches, exposition);
criterion_main!(benches);
