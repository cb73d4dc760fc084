//! What stands between the command and the first request: loading the vocabulary and preparing the prompts.

use criterion::{Criterion, criterion_group, criterion_main};
use ringload_engine::plan::*;
use ringload_engine::workload::{Tokenizer, Workload};

fn workload(c: &mut Criterion) {
    let mut group = c.benchmark_group("workload");
    group.sample_size(10);
    group.bench_function("load_builtin", |b| b.iter(|| Tokenizer::builtin().unwrap()));
    for (entries, isl) in [(1, 1.0), (100, 550.0), (1_000, 1_000.0)] {
        let plan = plan(entries, isl);
        group.bench_function(format!("prepare_{entries}x{isl}"), |b| {
            b.iter(|| Workload::prepare(&plan).unwrap());
        });
        let ready = Workload::prepare(&plan).unwrap();
        let texts: Vec<_> = ready.entries.iter().map(|entry| text(entry.body.in_memory())).collect();
        // What preparation would cost at least if each prompt were encoded whole once, on one core.
        group.bench_function(format!("encode_each_once_{entries}x{isl}"), |b| {
            b.iter(|| texts.iter().map(|text| ready.count_tokens(text)).sum::<u32>());
        });
    }
    group.finish();
}

fn text(body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    let from = body.find("\"content\":\"").map_or(0, |i| i + 11);
    body[from..].split('"').next().unwrap_or_default().to_owned()
}

fn plan(entries: usize, mean: f64) -> Plan {
    let mut plan = Plan::new(vec![Target::parse("http://localhost:8000").unwrap()], "m", Phase::closed(1, 1));
    plan.prompts.isl.mean = mean;
    plan.prompts.entries = entries;
    plan
}

criterion_group!(benches, workload);
criterion_main!(benches);
