//! An open loop against an OpenAI-compatible server, judged by a service level objective:
//!
//! ```text
//! cargo run --release --example open_loop_with_slo -- http://127.0.0.1:8000 my-model [seconds]
//! ```
//!
//! Twenty requests a second, whatever the server does, so that a slow server cannot lower the load. Ctrl-C ends the run
//! early, and what was measured is reported. The exit status is 1 where the verdict is INVALID.

use ringload_engine::clock::SECOND;
use ringload_engine::plan::{Length, Phase, Slo, Target};
use ringload_engine::verdict::Status;
use ringload_engine::{Plan, Result, Run, RunResult};
use std::process::ExitCode;
use std::thread;

fn main() -> Result<ExitCode> {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_else(|| "http://127.0.0.1:8000".into());
    let model = args.next().unwrap_or_else(|| "mock".into());
    let seconds: u64 = args.next().and_then(|text| text.parse().ok()).unwrap_or(30);

    let mut plan = Plan::new(vec![Target::parse(&url)?], &model, Phase::open(20.0, seconds * SECOND));
    plan.seed = 7;
    plan.prompts.isl = Length { mean: 128.0, stddev: 0.0 };
    plan.prompts.osl = Some(Length { mean: 64.0, stddev: 0.0 });
    plan.slos = Slo::parse_all(&["time_to_first_token:200".into()])?;

    let run = match Run::prepare(&plan) {
        Ok(run) => run,
        Err(error) => {
            eprintln!("{}; {}", error.what, error.remedy);
            return Ok(ExitCode::from(2));
        }
    };
    let control = run.control();
    if let Ok(mut signals) = signal_hook::iterator::Signals::new([signal_hook::consts::SIGINT]) {
        #[allow(clippy::disallowed_methods, reason = "a program of its own waits for its signals")]
        thread::spawn(move || signals.forever().for_each(|_| control.stop()));
    }
    print(&run.execute()?)
}

/// Prints the verdict with its reasons, the latencies, the goodput, and each request that failed.
fn print(result: &RunResult) -> Result<ExitCode> {
    println!("{:?}", result.verdict.status);
    for finding in &result.verdict.findings {
        println!("  {}: {}", finding.evidence, finding.remedy);
    }
    for tag in ["time_to_first_token", "inter_token_latency"] {
        if let Some(stats) = result.summary.metric(tag).and_then(|metric| metric.stats) {
            println!("{tag}: p50 {:.1} ms, p99 {:.1} ms", stats.p50, stats.p99);
        }
    }
    if let Some(goodput) = &result.summary.goodput {
        let interval = goodput.interval.as_ref().map(|i| format!(" (95 %: {:.3} to {:.3} of them)", i.low, i.high));
        println!("{:.2} good requests/s{}", goodput.goodput, interval.unwrap_or_default());
    }
    for record in result.records()? {
        let record = record?;
        if let ringload_engine::record::Outcome::Failed(cause) = record.outcome {
            println!("{:032x}: {cause:?}: {}", record.request_id, record.detail.unwrap_or_default());
        }
    }
    Ok(ExitCode::from(u8::from(result.verdict.status == Status::Invalid)))
}
