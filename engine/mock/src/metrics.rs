//! `GET /metrics`: Prometheus text under vLLM's names, so that a scraper needs no second table.

use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;

use crate::clock::SECOND;
use crate::config::Timing;
use crate::histogram::{BOUNDS_NS, Histogram};
use crate::shared::Shared;

/// The whole page.
pub(crate) fn render(shared: &Shared) -> String {
    let (state, counters) = (shared.state(), &shared.counters);
    // Without a model of an engine all that is in flight runs.
    let running = match shared.config.timing {
        Timing::Batching(_) => counters.running.load(Relaxed),
        Timing::Fixed { .. } | Timing::Unpaced => state.in_flight,
    };
    let mut page = Page { text: String::new(), model: &shared.config.model };
    page.single("gauge", "vllm:num_requests_running", running);
    page.single("gauge", "vllm:num_requests_waiting", counters.waiting.load(Relaxed));
    page.single("counter", "vllm:prompt_tokens_total", state.prompt_tokens);
    page.single("counter", "vllm:generation_tokens_total", state.output_tokens);
    page.single("counter", "vllm:request_success_total", state.finished);
    // The model of an engine never takes a request out of its batch.
    page.single("counter", "vllm:num_preemptions_total", 0);
    page.histogram("vllm:request_queue_time_seconds", &counters.queue);
    page.single("counter", "mock:requests_total", state.requests);
    page.single("counter", "mock:requests_cancelled_total", state.cancelled);
    page.single("counter", "mock:requests_refused_total", state.refused);
    page.single("gauge", "mock:requests_in_flight_peak", state.peak_in_flight);
    page.single("counter", "mock:connections_accepted_total", state.connections_accepted);
    page.single("gauge", "mock:connections_open", state.connections_open);
    page.single("gauge", "mock:late_max_nanoseconds", state.late_max_ns);
    page.text
}

struct Page<'a> {
    text: String,
    model: &'a str,
}

impl Page<'_> {
    fn single(&mut self, kind: &str, name: &str, value: u64) {
        let model = self.model;
        self.line(format_args!("# TYPE {name} {kind}"));
        self.line(format_args!("{name}{{model_name={model:?}}} {value}"));
    }

    fn histogram(&mut self, name: &str, histogram: &Histogram) {
        let model = self.model;
        self.line(format_args!("# TYPE {name} histogram"));
        let mut count = 0;
        for (index, bucket) in histogram.buckets.iter().enumerate() {
            count += bucket.load(Relaxed);
            let bound = BOUNDS_NS.get(index).map_or("+Inf".to_owned(), |&bound| seconds(bound));
            self.line(format_args!("{name}_bucket{{model_name={model:?},le=\"{bound}\"}} {count}"));
        }
        let sum = seconds(histogram.sum_ns.load(Relaxed));
        self.line(format_args!("{name}_sum{{model_name={model:?}}} {sum}"));
        self.line(format_args!("{name}_count{{model_name={model:?}}} {count}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.text.write_fmt(line).expect("a String takes all text");
        self.text.push('\n');
    }
}

fn seconds(length_ns: u64) -> String {
    (length_ns as f64 / SECOND as f64).to_string()
}
