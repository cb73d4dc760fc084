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
        let texts: Vec<_> = ready
            .entries
            .iter()
            .map(|entry| text(&entry.body))
            .collect();
        // What preparation would cost at least if each prompt were encoded whole once, on one core.
        group.bench_function(format!("encode_each_once_{entries}x{isl}"), |b| {
            b.iter(|| {
                texts
                    .iter()
                    .map(|text| ready.count_tokens(text))
                    .sum::<u32>()
            });
        });
    }
    group.finish();
}

fn text(body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    let from = body.find("\"content\":\"").map_or(0, |i| i + 11);
    body[from..]
        .split('"')
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn plan(entries: usize, mean: f64) -> Plan {
    const SECOND: u64 = 1_000_000_000;
    Plan {
        targets: vec![Target::parse("http://localhost:8000").unwrap()],
        endpoint: EndpointKind::Chat,
        custom_endpoint: None,
        streaming: true,
        models: vec!["m".into()],
        headers: Vec::new(),
        extra_inputs: Default::default(),
        use_legacy_max_tokens: false,
        per_chunk_usage: false,
        use_server_token_count: false,
        prompts: Prompts {
            tokenizer: TokenizerSource::Builtin,
            isl: Length { mean, stddev: 0.0 },
            osl: None,
            entries,
        },
        warmup: None,
        profiling: Phase {
            load: Load::Closed { concurrency: 1 },
            requests: Some(1),
            duration: None,
            grace: None,
        },
        slos: Vec::new(),
        seed: 1,
        timeouts: Timeouts {
            request: SECOND,
            connect: SECOND,
        },
        limits: Limits::default(),
        reuse: Reuse::Pooled,
        io: Io::Auto,
        stamps: Stamps::Kernel,
        cores: Cores::Auto,
        fifo: false,
        batch_wait: 0,
    }
}

criterion_group!(benches, workload);
criterion_main!(benches);
