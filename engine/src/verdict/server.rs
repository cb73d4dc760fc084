//! Notes on what the server and its GPUs said of themselves: none of them makes the figures another's.

use super::case::{Case, Found};
use super::finding::{Finding, Scope};
use super::wording::{shown_ms, shown_share};
use crate::plan::{Statistic, metric as tags};
use crate::telemetry::{EndpointFigures, QueueFigures, ServerFigures};

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let server = case.summary.server.as_ref();
    let of_server = server.into_iter().flat_map(|server| {
        [queue(case, server), preemptions(server), tokens(server), unread(server)].into_iter().flatten()
    });
    of_server.chain(thermal(case)).chain(slow_exporter(case)).collect()
}

/// Requests waited at the server: time to first token holds that wait.
fn queue(case: &Case<'_>, server: &ServerFigures) -> Option<Finding> {
    let (waiting, share) = (server.waiting?, server.waiting_share?);
    if share < WAITED {
        return None;
    }
    let beside = server.running.map_or_else(String::new, |running| format!(" beside {:.1} that ran", running.avg));
    let ttft = case.value(&tags::TIME_TO_FIRST_TOKEN, Statistic::Avg);
    Some(Found::new("server_queue", Scope::Server).measured(share, WAITED, "ratio").says(
        format!(
            "requests waited at the server in {} of the scrapes: {:.1} on average, {:.0} at most{beside}{}",
            shown_share(share),
            waiting.avg,
            waiting.max,
            server.queue.map_or_else(String::new, |queue| of_ttft(queue, ttft)),
        ) + &in_slices(case, server),
        "lower the load until none waits, to see the time of the server without its queue; or let the server take more requests at once",
    ))
}

fn of_ttft(queue: QueueFigures, ttft: Option<f64>) -> String {
    let part = ttft.filter(|ttft| *ttft > 0.0).map_or_else(String::new, |ttft| {
        format!(" of the {} to the first token, {}", shown_ms(ttft), shown_share(queue.avg_ms / ttft))
    });
    format!("; by its own clock a request waited {} on average{part}", shown_ms(queue.avg_ms))
}

/// What the time to first token was in the slices of the run in which requests waited, and in the others.
fn in_slices(case: &Case<'_>, server: &ServerFigures) -> String {
    let slices = case.summary.slices.iter().flat_map(|slices| &slices.slices);
    let known = slices.filter_map(|slice| {
        let waiting = server.slices.iter().find(|of_server| of_server.index == slice.index)?.waiting?;
        Some((waiting > 0.0, slice.time_to_first_token_p50?))
    });
    let (waited, others): (Vec<_>, Vec<_>) = known.partition(|(waited, _)| *waited);
    if waited.len() < LEAST_SLICES || others.len() < LEAST_SLICES {
        return String::new();
    }
    let mean = |of: &[(bool, f64)]| of.iter().map(|(_, p50)| p50).sum::<f64>() / of.len() as f64;
    format!(
        "; in the {} slices in which requests waited, p50 of the time to first token was {} on average, in the {} others {}",
        waited.len(),
        shown_ms(mean(&waited)),
        others.len(),
        shown_ms(mean(&others))
    )
}

/// Requests lost their place in the batch.
fn preemptions(server: &ServerFigures) -> Option<Finding> {
    let preempted = server.preemptions.filter(|n| *n > 0)?;
    let kv = server
        .kv_use
        .map_or_else(String::new, |kv| format!("; its key-value cache was used to {} at most", shown_share(kv.max)));
    Some(Found::new("preemptions", Scope::Server).counted(preempted, "requests").says(
        format!("the server took {preempted} requests out of its batch and began them again later: their tokens stood still meanwhile{kv}"),
        "lower the load or the lengths, or give the server more memory for its key-value cache",
    ))
}

/// The server's count of tokens and that of its responses differ.
fn tokens(server: &ServerFigures) -> Option<Finding> {
    let check = server.check?;
    let [prompt, generation] = check.off();
    let off = [
        ("prompt", prompt, check.server.prompt, check.prompt),
        ("output", generation, check.server.generation, check.generation),
    ];
    let named: Vec<_> = off
        .into_iter()
        .filter_map(|(name, off, server, ours)| Some((name, off?, server?, ours)))
        .filter(|(_, off, _, _)| off.abs() > DIFFERS)
        .collect();
    let worst = named.iter().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))?;
    let words: Vec<String> = named
        .iter()
        .map(|(name, off, server, ours)| {
            format!("{server:.0} {name} tokens, its responses {ours} ({:+.1} %)", off * 100.0)
        })
        .collect();
    let (why, remedy) = if worst.1 > 0.0 {
        (
            "another client can have loaded it meanwhile",
            "keep other clients off the server, or name the metrics of the servers under this load alone",
        )
    } else {
        (
            "the metrics can be those of a part of the servers, or the responses can say more than was made",
            "name the metrics of all servers behind the URL",
        )
    };
    Some(
        Found::new("server_tokens", Scope::Server).measured(worst.1.abs(), DIFFERS, "ratio").says(
            format!("from before the load to its end the server counted {}: {why}", words.join(", and ")),
            remedy,
        ),
    )
}

/// Lines of the metrics could not be read.
fn unread(server: &ServerFigures) -> Option<Finding> {
    let lost = |e: &&EndpointFigures| e.bad_lines + e.left_out > 0 && e.fetches > 0;
    let endpoint = server.endpoints.iter().find(lost)?;
    let first =
        endpoint.first_bad_line.as_ref().map_or_else(String::new, |line| format!(", the first of them `{line}`"));
    Some(Found::new("unread_metrics", Scope::Server).counted(endpoint.bad_lines + endpoint.left_out, "lines").says(
        format!(
            "{} lines of {} are no metrics{first}, and {} samples were over the limit of series: they are in no figure",
            endpoint.bad_lines, endpoint.url, endpoint.left_out
        ),
        "read the page by hand: an exporter may be broken",
    ))
}

/// A GPU ran slower since it was hot.
fn thermal(case: &Case<'_>) -> Option<Finding> {
    let gpu = case.summary.gpu.as_ref()?;
    let hot: Vec<_> = gpu.gpus.iter().filter(|gpu| gpu.thermal_share.is_some_and(|share| share > 0.0)).collect();
    let worst = hot.iter().filter_map(|gpu| gpu.thermal_share).fold(0.0, f64::max);
    let first = hot.first()?;
    let celsius = first.metrics.get("nvidia_temperature").map_or_else(String::new, |temperature| {
        format!(", {:.0} °C at most", temperature.max.unwrap_or(temperature.avg))
    });
    Some(Found::new("thermal_throttling", Scope::Server).measured(worst, 0.0, "ratio").says(
        format!(
            "{} of {} GPUs lowered their clocks since they were hot, the worst in {} of the scrapes (GPU {} {}{celsius}): a cooler server is faster",
            hot.len(),
            gpu.gpus.len(),
            shown_share(worst),
            first.index,
            first.name
        ),
        "let the server cool between runs, better its cooling, or lower its power limit; compare runs of like temperature only",
    ))
}

/// An exporter has a new value less often than it is read.
fn slow_exporter(case: &Case<'_>) -> Option<Finding> {
    let gpu = case.summary.gpu.as_ref()?;
    let slow = |endpoint: &&EndpointFigures| {
        endpoint.fetches >= LEAST_FETCHES && endpoint.updates.saturating_mul(SLOWER) < endpoint.fetches
    };
    let endpoint = gpu.endpoints.iter().find(slow)?;
    let every = endpoint.last_at.saturating_sub(endpoint.first_at) as f64 / 1e9 / endpoint.updates.max(1) as f64;
    Some(Found::new("slow_exporter", Scope::Statistics).counted(endpoint.updates, "updates").says(
        format!(
            "{} had something new in {} of {} scrapes, about every {every:.1} s: power and energy of this run have as few values",
            endpoint.url, endpoint.updates, endpoint.fetches
        ),
        "let the exporter collect more often (dcgm-exporter: `-c 1000`, or DCGM_EXPORTER_INTERVAL), or make the run longer",
    ))
}

/// The share of scrapes in which requests waited from which on it is told.
const WAITED: f64 = 0.05;
/// Slices of each kind from which on they are compared.
const LEAST_SLICES: usize = 2;
/// The difference of token counts from which on it is told.
const DIFFERS: f64 = 0.01;
/// Scrapes for each update, from which on an exporter is slow; of so many scrapes at least.
const SLOWER: u64 = 4;
const LEAST_FETCHES: u64 = 6;

#[cfg(test)]
mod tests {
    use super::super::testing::{Run, of};
    use super::super::{Verdict, judge};
    use super::*;
    use crate::host::HostFacts;
    use crate::measure::testing::plan;
    use crate::telemetry::{GaugeFigures, Gpu, GpuFigures, GpuMetric, ServerTokens, TokenCheck};

    fn judged(server: Option<ServerFigures>, gpu: Option<GpuFigures>) -> Verdict {
        let (plan, mut summary) = Run::new(plan(), 200).summary();
        (summary.server, summary.gpu) = (server, gpu);
        judge(&plan, &summary, &HostFacts::default(), None)
    }

    fn gauge(avg: f64, max: f64) -> Option<GaugeFigures> {
        Some(GaugeFigures { avg, min: 0.0, max })
    }

    #[test]
    fn a_queue_at_the_server_is_told_with_its_part_of_the_first_token() {
        let queue = QueueFigures { count: 200.0, avg_ms: 50.0, ..QueueFigures::default() };
        let server = ServerFigures {
            running: gauge(8.0, 8.0),
            waiting: gauge(3.2, 7.0),
            waiting_share: Some(0.6),
            queue: Some(queue),
            ..ServerFigures::default()
        };
        let quiet = judged(Some(ServerFigures { waiting_share: Some(0.01), ..server.clone() }), None);
        assert!(of(&quiet, "server_queue").is_none());
        let told = judged(Some(server), None);
        let finding = of(&told, "server_queue").unwrap();
        for part in ["60.0 %", "3.2 on average, 7 at most", "beside 8.0 that ran", "50.00 ms", "25.0 %"] {
            assert!(finding.evidence.contains(part), "{part}: {}", finding.evidence);
        }
        assert_eq!(finding.status, super::super::Status::Valid, "it is a note");
    }

    #[test]
    fn preemptions_are_told() {
        let server = ServerFigures { preemptions: Some(4), kv_use: gauge(0.7, 0.99), ..ServerFigures::default() };
        let verdict = judged(Some(server), None);
        let finding = of(&verdict, "preemptions").unwrap();
        assert!(finding.value == Some(4.0) && finding.evidence.contains("99.0 %"), "{}", finding.evidence);
    }

    #[test]
    fn token_counts_over_one_per_cent_apart_are_told_and_only_what_is_known_is_compared() {
        let check = |prompt: f64, generation: f64, unknown| {
            let server = ServerTokens { prompt: Some(prompt), generation: Some(generation) };
            let check = TokenCheck { server, prompt: 1_000, generation: 2_000, requests: 10, unknown };
            judged(Some(ServerFigures { check: Some(check), ..ServerFigures::default() }), None)
        };
        for (prompt, generation, unknown, told) in [
            (1_000.0, 2_000.0, 0, None),
            (1_009.0, 1_985.0, 0, None),
            (1_020.0, 2_000.0, 0, Some("+2.0 %")),
            (1_000.0, 1_900.0, 0, Some("-5.0 %")),
            // What a request without usage took is not known: more than ours is no difference, less is.
            (1_500.0, 2_000.0, 1, None),
            (500.0, 2_000.0, 1, Some("-50.0 %")),
        ] {
            let verdict = check(prompt, generation, unknown);
            let found = of(&verdict, "server_tokens").map(|finding| finding.evidence.as_str());
            assert_eq!(found.is_some(), told.is_some(), "{prompt} {generation} {unknown}: {found:?}");
            assert!(told.is_none_or(|part| found.unwrap().contains(part)), "{found:?}");
        }
    }

    #[test]
    fn heat_and_a_slow_exporter_are_told() {
        let temperature = GpuMetric { unit: "°C".into(), avg: 80.0, max: Some(91.0), ..GpuMetric::default() };
        let gpu = Gpu {
            index: 3,
            name: "H100".into(),
            thermal_share: Some(0.25),
            metrics: [("nvidia_temperature".to_owned(), temperature)].into(),
            ..Gpu::default()
        };
        let slow = EndpointFigures {
            url: "http://h:9400/metrics".into(),
            fetches: 90,
            updates: 1,
            first_at: 0,
            last_at: 30_000_000_000,
            ..EndpointFigures::default()
        };
        let figures = GpuFigures { endpoints: vec![slow], gpus: vec![gpu, Gpu::default()], ..GpuFigures::default() };
        let verdict = judged(None, Some(figures));
        let heat = of(&verdict, "thermal_throttling").unwrap();
        assert!(heat.evidence.contains("1 of 2 GPUs") && heat.evidence.contains("91 °C"), "{}", heat.evidence);
        let slow = of(&verdict, "slow_exporter").unwrap();
        assert!(slow.evidence.contains("every 30.0 s"), "{}", slow.evidence);
    }
}
