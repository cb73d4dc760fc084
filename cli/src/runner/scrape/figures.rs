//! Scrapes → the figures of the summary.

use crate::result::telemetry::{Collected, Scraped, ScrapedEndpoint};
use ringload_engine::measure::{Slices, Summary};
use ringload_engine::plan::Plan;
use ringload_engine::telemetry::{Collector, GpuFigures, Served, ServerFigures, SliceOfRun, TokenCheck};
use std::fs::File;

/// Adds what was read of the server and its GPUs to the summary of its run; what is left is for the files.
pub(crate) fn add_figures(plan: &Plan, summary: &mut Summary, scraped: Scraped) -> Collected {
    if let Some(reported) = scraped.reported {
        (summary.server, summary.gpu) = (reported.server, reported.gpu);
        return Collected::default();
    }
    let (server, server_lines) = split(scraped.server);
    let (gpus, gpu_lines) = split(scraped.gpus);
    summary.server = ServerFigures::of(&server).map(|mut figures| {
        let usage = &summary.usage;
        let counted = ServerFigures::tokens_since_first(&server).filter(|_| scraped.is_whole);
        figures.check = counted.map(|counted| TokenCheck {
            server: counted,
            prompt: usage.prompt,
            generation: usage.completion,
            requests: usage.requests,
            unknown: usage.unknown,
        });
        match &summary.slices {
            Some(slices) => figures.cut(&server, each_slice(slices).map(|slice| (slice.index, slice.from, slice.to))),
            None => figures.cut_evenly(&server, summary.started_at_ns, summary.ended_at_ns),
        }
        figures
    });
    summary.gpu = GpuFigures::of(&gpus, summary.phase_duration_s).map(|mut figures| {
        match &summary.slices {
            Some(slices) => figures.cut(&gpus, each_slice(slices)),
            None => figures.cut_evenly(&gpus, summary.started_at_ns, summary.ended_at_ns),
        }
        figures.share_out(&served(plan, summary));
        figures
    });
    let gpu_lines = if summary.gpu.is_some() { gpu_lines } else { Vec::new() };
    let absent = scraped.absent.into_iter().filter(|absent| !absent.gpus).map(|absent| absent.url).collect();
    Collected { server, absent, server_lines, gpu_lines, formats: scraped.formats }
}

/// Each slice, with the tokens that arrived in it.
fn each_slice(slices: &Slices) -> impl Iterator<Item = SliceOfRun> + '_ {
    slices.slices.iter().map(|slice| SliceOfRun {
        index: slice.index,
        from: slice.start_ns,
        to: slice.end_ns,
        output_tokens: slice.output_tokens,
    })
}

/// What the run came to, for its energy to be shared out.
fn served(plan: &Plan, summary: &Summary) -> Served {
    let avg = |tag: &str| summary.metric(tag).map(|metric| metric.avg);
    // Where output is tokens that nobody counted, the input alone is no total.
    let total = match plan.endpoint.produces_tokens() {
        true => avg("total_isl").zip(avg("total_osl")).map(|(input, output)| input + output),
        false => avg("total_isl"),
    };
    Served {
        output_tokens: avg("arrived_output_tokens").or_else(|| avg("total_osl")),
        total_tokens: total,
        requests: summary.counts.succeeded as f64,
        output_throughput: avg("output_token_throughput"),
        request_throughput: avg("request_throughput"),
        goodput: avg("goodput"),
        latency_s: avg("request_latency").map(|ms| ms / 1e3),
        users: plan.profiling.load.most_in_flight().map(f64::from),
    }
}

fn split(endpoints: Vec<ScrapedEndpoint>) -> (Vec<Collector>, Vec<File>) {
    let (collectors, lines): (Vec<_>, Vec<_>) = endpoints.into_iter().map(|e| (e.collector, e.lines)).unzip();
    (collectors, lines.into_iter().flatten().collect())
}
