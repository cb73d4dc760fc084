//! Scrapes → the figures of the summary.

use crate::result::telemetry::{Collected, Scraped, ScrapedEndpoint};
use ringload_engine::clock::Nanos;
use ringload_engine::measure::{Slices, Summary};
use ringload_engine::telemetry::{Collector, GpuFigures, ServerFigures, TokenCheck};
use std::fs::File;

/// Adds what was read of the server and its GPUs to the summary of its run; what is left is for the files.
pub(crate) fn add_figures(summary: &mut Summary, scraped: Scraped) -> Collected {
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
            Some(slices) => figures.cut(&server, bounds(slices)),
            None => figures.cut_evenly(&server, summary.started_at_ns, summary.ended_at_ns),
        }
        figures
    });
    summary.gpu = GpuFigures::of(&gpus, summary.phase_duration_s).map(|mut figures| {
        let tokens = ["arrived_output_tokens", "total_osl"].iter().find_map(|tag| summary.metric(tag));
        match &summary.slices {
            Some(slices) => figures.cut(&gpus, bounds(slices)),
            None => figures.cut_evenly(&gpus, summary.started_at_ns, summary.ended_at_ns),
        }
        figures.share_out(tokens.map_or(0.0, |metric| metric.avg), summary.counts.succeeded as f64);
        figures
    });
    let gpu_lines = if summary.gpu.is_some() { gpu_lines } else { Vec::new() };
    Collected { server, server_lines, gpu_lines, formats: scraped.formats }
}

/// The index, start and end of each slice.
fn bounds(slices: &Slices) -> impl Iterator<Item = (u64, Nanos, Nanos)> + '_ {
    slices.slices.iter().map(|slice| (slice.index, slice.start_ns, slice.end_ns))
}

fn split(endpoints: Vec<ScrapedEndpoint>) -> (Vec<Collector>, Vec<File>) {
    let (collectors, lines): (Vec<_>, Vec<_>) = endpoints.into_iter().map(|e| (e.collector, e.lines)).unzip();
    (collectors, lines.into_iter().flatten().collect())
}
