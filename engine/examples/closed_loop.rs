//! A closed loop: so many requests in flight, until so many were sent.
//!
//! ```text
//! cargo run --release --example closed_loop -- http://127.0.0.1:8000 my-model [requests]
//! ```
//!
//! Prints throughput and what the client itself added to the figures.

use ringload_engine::plan::{Phase, Target};
use ringload_engine::{Plan, Result, Run};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_else(|| "http://127.0.0.1:8000".into());
    let model = args.next().unwrap_or_else(|| "mock".into());
    let requests: u64 = args.next().and_then(|text| text.parse().ok()).unwrap_or(200);

    let plan = Plan::new(vec![Target::parse(&url)?], &model, Phase::closed(16, requests));
    let result = Run::prepare(&plan)?.execute()?;
    let summary = &result.summary;
    println!("{:?}: {} of {} succeeded", result.verdict.status, summary.counts.succeeded, summary.counts.issued);
    for tag in ["request_throughput", "output_token_throughput"] {
        if let Some(metric) = summary.metric(tag) {
            println!("{}: {:.1} {}", metric.info.header, metric.avg, metric.info.unit);
        }
    }
    if let Some(p99) = summary.client.receive_lag.as_ref().and_then(|lag| lag.at("p99")) {
        println!("receive lag of the client, p99: {p99:.3} ms");
    }
    Ok(())
}
