//! What one token costs between the read and the scanner's verdict: `http1`, `sse`, `endpoint`, each alone and all together.
//!
//! The unit is one event of vLLM's, about 230 bytes, one to a chunk. `cargo bench -p ringload-bench --bench wire`

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringload_engine::endpoint::{Scanner, Text};
use ringload_engine::plan::EndpointKind;
use ringload_engine::wire::http1::{Decoder, HeadLimits, Part};
use ringload_engine::wire::sse::Sse;
use std::hint::black_box;

const LIMITS: HeadLimits = HeadLimits {
    bytes: 64 << 10,
    fields: 128,
};
const HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ndate: Tue, 24 Nov 2026 02:12:51 GMT\r\nserver: uvicorn\r\n\
    content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";
const WORDS: [&str; 8] = [
    " the",
    "atic",
    " control",
    " ac",
    " Legal",
    " specify",
    "\\n",
    " caf\u{e9}",
];

/// The JSON of event `i`, with a time stamp behind the text or without.
fn json(i: usize, stamped: bool) -> String {
    let word = WORDS[i % WORDS.len()];
    let stamp = if stamped {
        format!(",\"ts\":{}", 1_413_856_528_115_u64 + 5_000_017 * i as u64)
    } else {
        String::new()
    };
    format!(
        "{{\"id\":\"chatcmpl-9698ab36e1b6465c\",\"object\":\"chat.completion.chunk\",\"created\":1795486372,\
         \"model\":\"tiny\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{word}\"}},\"logprobs\":null,\
         \"finish_reason\":null,\"token_ids\":null}}]{stamp}}}"
    )
}

fn event(i: usize, eol: &str) -> String {
    format!("data: {}{eol}{eol}", json(i, false))
}

fn chunk(payload: &str) -> Vec<u8> {
    format!("{:x}\r\n{payload}\r\n", payload.len()).into_bytes()
}

fn sse(c: &mut Criterion) {
    let mut group = c.benchmark_group("sse");
    for (eol, name) in [("\n", "lf"), ("\r\n", "crlf")] {
        for events in [1, 2, 4, 8] {
            let read: String = (0..events).map(|i| event(i, eol)).collect();
            group.throughput(Throughput::Elements(events as u64));
            group.bench_function(format!("{name}/{events} events a read"), |b| {
                let mut sse = Sse::new(4 << 20);
                b.iter(|| {
                    let mut input = black_box(read.as_bytes());
                    while let Ok(Some(event)) = sse.next(&mut input) {
                        black_box(event);
                    }
                });
            });
        }
    }
    let read = event(0, "\n");
    let (front, back) = read.as_bytes().split_at(100);
    group.throughput(Throughput::Elements(1));
    group.bench_function("lf/1 event in two reads", |b| {
        let mut sse = Sse::new(4 << 20);
        b.iter(|| {
            for mut input in [black_box(front), black_box(back)] {
                while let Ok(Some(event)) = sse.next(&mut input) {
                    black_box(event);
                }
            }
        });
    });
    group.finish();
}

fn http1(c: &mut Criterion) {
    let mut group = c.benchmark_group("http1");
    let read = chunk(&event(0, "\n"));
    group.throughput(Throughput::Elements(1));
    group.bench_function("chunk", |b| {
        let mut decoder = Decoder::new(LIMITS);
        assert!(matches!(
            decoder.next(&mut &HEAD[..]),
            Ok(Some(Part::Head(_)))
        ));
        b.iter(|| {
            let mut input = black_box(&read[..]);
            while let Ok(Some(part)) = decoder.next(&mut input) {
                black_box(part);
            }
        });
    });
    group.bench_function("head", |b| {
        let mut decoder = Decoder::new(LIMITS);
        b.iter(|| {
            decoder.reset();
            black_box(decoder.next(&mut black_box(HEAD))).is_ok()
        });
    });
    group.finish();
}

fn scan(c: &mut Criterion) {
    let mut group = c.benchmark_group("scan");
    group.throughput(Throughput::Elements(1));
    for (name, stamped, relearn) in [
        ("walked", false, true),
        ("template", false, false),
        ("template, time stamps", true, false),
    ] {
        let events: Vec<String> = (0..64).map(|i| json(i, stamped)).collect();
        group.bench_function(name, |b| {
            let mut scanner = Scanner::new(EndpointKind::Chat);
            let mut text = Text::default();
            let mut next = events.iter().cycle();
            b.iter(|| {
                if relearn {
                    scanner.reset();
                }
                text.clear();
                let data = next.next().map_or(&b""[..], |e| e.as_bytes());
                black_box(scanner.event(black_box(data), Some(&mut text)))
            });
        });
    }
    group.finish();
}

/// A response of 64 events, each read on its own, as a server that sends token by token is read.
fn whole_path(c: &mut Criterion) {
    let reads: Vec<Vec<u8>> = (0..64).map(|i| chunk(&event(i, "\n"))).collect();
    let mut group = c.benchmark_group("whole path");
    group.throughput(Throughput::Elements(reads.len() as u64));
    for (name, keep) in [
        ("64 tokens, text kept", true),
        ("64 tokens, text dropped", false),
    ] {
        group.bench_function(name, |b| {
            let mut decoder = Decoder::new(LIMITS);
            let mut sse = Sse::new(4 << 20);
            let mut scanner = Scanner::new(EndpointKind::Chat);
            let mut text = Text::default();
            b.iter(|| {
                decoder.reset();
                sse.reset();
                scanner.reset();
                text.clear();
                let mut outputs = 0;
                for mut input in std::iter::once(HEAD).chain(reads.iter().map(|r| &r[..])) {
                    while let Ok(Some(part)) = decoder.next(&mut input) {
                        let Part::Body(mut body) = part else {
                            continue;
                        };
                        while let Ok(Some(event)) = sse.next(&mut body) {
                            let text = keep.then_some(&mut text);
                            let seen = scanner.event(event.data, text);
                            outputs += usize::from(seen.is_ok_and(|s| s.output));
                        }
                    }
                }
                assert_eq!(outputs, 64);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, sse, http1, scan, whole_path);
criterion_main!(benches);
