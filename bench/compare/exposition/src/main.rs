//! Megabytes of an exposition that are parsed in a second of CPU, by ringload and by the crate prometheus-parse:
//!
//!     cargo run --release --manifest-path bench/compare/exposition/Cargo.toml
//!
//! The pages have vLLM's shape and about a megabyte, and differ in all their values, as two scrapes do. Their names
//! have `_` in the place of vLLM's `:`, for prometheus-parse reads no name that has one. Rounds alternate, and each is
//! timed by the CPU clock of its thread: what else runs on the machine takes caches, and no time.

use ringload_engine::telemetry::{Collector, Exposition, Item, Window};
use rustix::time::{ClockId, clock_gettime};
use std::fmt::Write as _;
use std::hint::black_box;

fn main() {
    let pages: Vec<String> = (0..8).map(page).collect();
    let mut collector = Collector::new("http://h/metrics");
    let first = cpu(|| collector.handle_scrape(&pages[7], 1, 1, Window::Before).samples);
    let mut number = 1;
    let mut rounds: Vec<[f64; 3]> = Vec::new();
    for round in 0..ROUNDS {
        let page = &pages[round % pages.len()];
        let rate = |seconds: f64| page.len() as f64 / 1e6 / seconds;
        let lines = rate(cpu(|| lines(page)));
        let scrape = rate(cpu(|| {
            number += 1;
            collector.handle_scrape(page, number, 1, Window::Inside).samples
        }));
        let other = rate(cpu(|| {
            let lines = page.lines().map(|line| Ok(line.to_owned()));
            prometheus_parse::Scrape::parse(lines).map_or(0, |scrape| scrape.samples.len() as u64)
        }));
        rounds.push([lines, scrape, other]);
    }
    println!("{} rounds of a page of {} bytes; MB per second of CPU: least, median, most", ROUNDS, pages[0].len());
    for (at, name) in ["ringload, lines", "ringload, a scrape taken into its series", "prometheus-parse"].iter().enumerate() {
        let mut rates: Vec<f64> = rounds.iter().map(|round| round[at]).collect();
        rates.sort_by(f64::total_cmp);
        println!("{name:<42}{:>8.0}{:>8.0}{:>8.0}", rates[0], rates[ROUNDS / 2], rates[ROUNDS - 1]);
    }
    let mut ratios: Vec<f64> = rounds.iter().map(|round| round[1] / round[2]).collect();
    ratios.sort_by(f64::total_cmp);
    println!("{:<42}{:>8.0}", "the first scrape, which makes the series", pages[7].len() as f64 / 1e6 / first);
    println!("a scrape against prometheus-parse, round by round: {:.1} (least {:.1})", ratios[ROUNDS / 2], ratios[0]);
}

/// Seconds of CPU that a parse takes; how many samples it found is not optimised away.
fn cpu(parse: impl FnOnce() -> u64) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let begun = now();
    assert!(black_box(parse()) > 0);
    now() - begun
}

fn lines(page: &str) -> u64 {
    let mut lines = Exposition::new(page);
    let mut samples = 0;
    let mut sum = 0.0;
    while let Some(item) = lines.next(None) {
        if let Item::Sample(sample) = item {
            samples += 1;
            sum += sample.value;
        }
    }
    black_box(sum);
    samples
}

/// About a megabyte in vLLM's shape: histograms of eight engines.
fn page(scrape: u64) -> String {
    let mut text = String::new();
    for metric in 0..60 {
        let name = format!("vllm_request_{metric}_seconds");
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

const ROUNDS: usize = 41;
