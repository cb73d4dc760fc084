//! Records and merged shards → the summary.

mod sums;

use super::arrivals::{ArrivalFigures, gap_shifts};
use super::client_share::{ClientShare, Movers};
use super::counts::Counts;
use super::counts::PhaseCounts;
use super::curve::Curves;
use super::distribution::Distribution;
use super::errors::Errors;
use super::facts::CoreFigures;
use super::facts::{PhaseFacts, RunFacts};
use super::goodput::Judge;
use super::goodput::TierFigures;
use super::population::{JudgedMetrics, Population};
use super::rate::RateFigures;
use super::request::RequestMetrics;
use super::request::request_metrics;
use super::seconds::SecondTally;
use super::shard::{HistogramId, Shard};
use super::slices::Slicer;
use super::standstill::Stillness;
use super::steady::RunSeries;
use super::summary::{ClientFigures, Metric, Summary, TokenFigures};
use super::tags::{self, MetricInfo};
use super::thresholds;
use super::timeline::Timeline;
use super::tokens::{TokenCounts, TokenSource};
use super::usage_totals::UsageTotals;
use super::windows::{Watch, Windows};
use super::workload::Workload;
use crate::clock::Nanos;
use crate::plan::{Plan, Stamps, Threshold};
use crate::record::{Outcome, PhaseKind, Record};

/// Adds records one by one, and makes the summary at the end. The order of the records changes nothing.
///
/// Counts come from the shards, values from the records; where the two disagree and no record was lost, the summary has
/// a violation.
#[derive(Debug)]
pub struct Summarizer {
    streaming: bool,
    /// Answers are tokens, which somebody has to count.
    makes_tokens: bool,
    open_loop: bool,
    /// Turns per second that users were asked for.
    asked: Option<f64>,
    warmup: Population,
    profiling: Population,
    slicer: Option<Slicer>,
    series: RunSeries,
    windows: Watch,
    /// Whether each connection is read slowly on purpose.
    slow_reader: bool,
    stillness: Stillness,
    seconds: SecondTally,
    /// How long requests are issued in the measured phase, where the plan says so.
    issue_for: Option<Nanos>,
    tiers: Vec<(String, Judge)>,
    thresholds: Vec<Threshold>,
    /// Conditions that the run cannot decide have failed.
    fail_if_undecided: bool,
    errors: Errors,
    tokens: TokenFigures,
    usage: UsageTotals,
    workload: Workload,
    /// Its requests are summed up: what is told of single ones, or of when they came, is not there.
    summed: bool,
}

impl Summarizer {
    /// A summary of nothing yet, of a measured phase with these bounds. Slices, where the plan wants them, are cut from
    /// the same time, unless [`Self::slicing`] says otherwise.
    #[must_use]
    pub fn new(plan: &Plan, timeline: Timeline) -> Self {
        let exact_gaps = plan.limits.exact_gaps;
        Self {
            streaming: plan.streaming,
            makes_tokens: plan.endpoint.produces_tokens(),
            open_loop: plan.profiling.load.is_scheduled(),
            asked: plan.profiling.load.turns_asked(),
            warmup: Population::new(Vec::new(), exact_gaps, plan.streaming),
            profiling: Population::new(plan.slos.clone(), exact_gaps, plan.streaming),
            slicer: Slicer::new(plan, timeline),
            series: RunSeries::new(plan, timeline),
            windows: Watch::new(timeline),
            slow_reader: plan.network.read_rate.is_some(),
            stillness: Stillness::new(timeline),
            seconds: SecondTally::new(timeline, plan.profiling.load.is_scheduled()),
            issue_for: plan.profiling.duration,
            tiers: plan.tiers.iter().map(|tier| (tier.name.clone(), Judge::new(tier.slos.clone()))).collect(),
            thresholds: plan.thresholds.clone(),
            fail_if_undecided: plan.fail_if_undecided,
            errors: Errors::default(),
            tokens: TokenFigures::default(),
            usage: UsageTotals::default(),
            workload: Workload::new(plan),
            summed: false,
        }
    }

    /// Cuts slices, where the plan wants them, from this time: from the first issue to the last end of the records that
    /// will be added. All else keeps the bounds of the phase, so that slices change no other figure.
    #[must_use]
    pub fn slicing(self, plan: &Plan, timeline: Timeline) -> Self {
        Self { slicer: Slicer::new(plan, timeline), ..self }
    }

    /// Adds one record of either phase, in any state; gives its metrics.
    pub fn add(&mut self, record: &Record, tokens: &TokenCounts) -> RequestMetrics {
        let population = match record.phase {
            PhaseKind::Warmup => &self.warmup,
            PhaseKind::Profiling => &self.profiling,
        };
        let metrics = request_metrics(record, tokens, self.streaming, population.slos());
        self.add_measured(record, tokens, &metrics);
        metrics
    }

    /// As [`Self::add`], of a record whose metrics are known: those of [`request_metrics`] with the plan's objectives,
    /// or with none in the warm-up.
    pub fn add_measured(&mut self, record: &Record, tokens: &TokenCounts, metrics: &RequestMetrics) {
        let population = match record.phase {
            PhaseKind::Warmup => &mut self.warmup,
            PhaseKind::Profiling => &mut self.profiling,
        };
        population.add(record, tokens, metrics);
        self.workload.add(record, tokens);
        self.usage.add(record, self.makes_tokens);
        if record.phase == PhaseKind::Profiling {
            for (_, judge) in &mut self.tiers {
                judge.add(record.outcome, metrics);
            }
            self.series.add(record, tokens, metrics);
            self.windows.add(record);
            self.stillness.add(record);
            self.seconds.add(record);
            if let Some(slicer) = &mut self.slicer {
                slicer.add(record, tokens, metrics);
            }
            match record.outcome {
                Outcome::Succeeded => self.add_source(tokens),
                Outcome::Failed(cause) => self.errors.add(cause, record),
                Outcome::InFlight | Outcome::Cancelled => {}
            }
        }
    }

    fn add_source(&mut self, tokens: &TokenCounts) {
        if !self.makes_tokens {
            return;
        }
        match tokens.source {
            TokenSource::Usage => self.tokens.from_usage += 1,
            TokenSource::Tokenizer => self.tokens.from_tokenizer += 1,
            TokenSource::Unknown => self.tokens.unknown += 1,
        }
        if let Some(mismatch) = tokens.mismatch() {
            self.tokens.compared += 1;
            self.tokens.mismatched += u64::from(mismatch);
        }
    }

    /// The summary, from the sum of all shards and what the run knows of itself.
    #[must_use]
    pub fn finish(mut self, shard: Shard, mut facts: RunFacts) -> Summary {
        let mut counts = counts(&shard.profiling, &facts.profiling);
        counts.http_status = self.errors.by_http_status();
        counts.finish_reasons = self.workload.finish_reasons();
        let warmup_counts = counts_of_warmup(&shard.warmup, facts.warmup.as_ref());
        let records_lost = shard.counters.records_lost + facts.records_lost;
        let violations = self.violations(&shard, &counts, &warmup_counts, records_lost);
        let load_end = self.load_end(&counts, &facts.profiling);
        self.profiling.load_ended(load_end);
        let rate = self.rate(&shard.profiling, &facts.profiling);
        let wall = |at: Nanos| (facts.wall_start_ns + at).saturating_sub(facts.profiling.start);
        let slices = self.slicer.take().map(|slicer| slicer.finish(wall));
        let phase_ns = facts.profiling.end.saturating_sub(facts.profiling.start);
        let thresholds = std::mem::take(&mut self.thresholds);
        let gap_shifts = gap_shifts(&shard);
        let stamped = facts.stamps.by_kernel();
        let receive = stamped && !self.slow_reader;
        // Who reads slowly on purpose comes late to what follows a response in a closed loop.
        let movers = Movers::new([!self.slow_reader || self.open_loop, !self.slow_reader, receive]);
        let judged = self.profiling.judged_metrics(movers, receive.then_some(&gap_shifts), Curves::of(&LATENCIES));
        let JudgedMetrics { metrics, shares, curves, phases } = judged;
        let arrivals = stamped.then(|| ArrivalFigures::of(&shard, &metrics, &shares, &gap_shifts)).flatten();
        let network = self.profiling.network(&shard, &facts, phases);
        let mut summary = Summary {
            started_at_ns: facts.wall_start_ns,
            ended_at_ns: facts.wall_end_ns,
            benchmark_duration_s: self.profiling.duration_s(),
            successes_duration_s: self.profiling.span().successes_s(),
            standstill: self.stillness.finish(self.profiling.span().longest_success(), load_end),
            phase_duration_s: phase_ns as f64 / 1e9,
            counts,
            warmup_counts,
            histograms: self.distributions(&shard, &metrics, curves),
            metrics,
            warmup_metrics: match shard.warmup.issued {
                0 => Vec::new(),
                _ => self.warmup.metrics(),
            },
            goodput: self.profiling.goodput(),
            tiers: self.tiers(),
            thresholds: Vec::new(),
            steady: None,
            confidence: None,
            slices,
            rate,
            network,
            was_cancelled: facts.was_cancelled,
            aborted: facts.aborted,
            log_failure: facts.log_failure.clone(),
            unfinished: facts.unfinished,
            tokens: TokenFigures {
                tokenizer: facts.tokenizer.clone(),
                approximate: facts.tokenizer_approximate,
                ..self.tokens
            },
            workload: self.workload.finish(facts.characters_per_token),
            server: None,
            gpu: None,
            usage: self.usage,
            errors: self.errors.finish(),
            fleet: facts.fleet.take(),
            client: client(&shard, facts, records_lost, arrivals, shares),
            windows: if self.summed { Windows::default() } else { self.windows.finish() },
            violations,
        };
        let end = self.profiling.span().end();
        let requests = self.profiling.requests();
        let known = self.series.finish(requests, &summary.metrics, end);
        (summary.steady, summary.confidence) = known.unzip();
        summary.thresholds = thresholds::judge(&thresholds, self.fail_if_undecided, &summary);
        summary
    }

    /// When the load of the measured phase ended: with the last request of the plan, else when its time was over, else
    /// never.
    fn load_end(&self, counts: &Counts, facts: &PhaseFacts) -> Nanos {
        let all_issued = |planned: u64| counts.issued + counts.dropped >= planned;
        if counts.planned.is_some_and(all_issued) {
            return self.profiling.arrivals.last_issued;
        }
        let after = |length: Nanos| facts.start.saturating_add(length);
        self.issue_for.map_or(Nanos::MAX, after)
    }

    fn tiers(&self) -> Vec<TierFigures> {
        let seconds = self.profiling.duration_s();
        let figures = |(name, judge): &(String, Judge)| {
            Some(TierFigures { name: name.clone(), goodput: judge.figures(seconds)? })
        };
        self.tiers.iter().filter_map(figures).collect()
    }

    fn rate(&self, counts: &PhaseCounts, facts: &PhaseFacts) -> Option<RateFigures> {
        if !self.open_loop {
            return None;
        }
        let arrivals = &self.profiling.arrivals;
        let offered = facts.offered.or_else(|| arrivals.offered(counts.dropped))?;
        let rate = arrivals.rate(offered, self.asked)?;
        Some(RateFigures { missed_seconds: self.seconds.finish(), ..rate })
    }

    /// The latencies among the metrics, and the time to first token of requests that failed after it.
    fn distributions(&self, shard: &Shard, metrics: &[Metric], mut curves: Curves) -> Vec<Distribution> {
        let of_metrics = LATENCIES
            .into_iter()
            .filter_map(|info| metrics.iter().find(|m| m.info.tag == info.tag))
            .filter_map(|metric| Distribution::of_metric(metric, curves.take(metric.info.tag)));
        let partial = HistogramId::PartialTimeToFirstToken;
        let of_failures = self.streaming.then(|| Distribution::of(partial.tag(), &shard.histogram(partial)));
        of_metrics.chain(of_failures.flatten()).collect()
    }

    fn violations(&self, shard: &Shard, counts: &Counts, warmup: &Counts, lost: u64) -> Vec<String> {
        let mut found = Vec::new();
        for (phase, counts) in [("warm-up", warmup), ("measured phase", counts)] {
            if let Err(e) = counts.check() {
                found.push(format!("{phase}: {e}"));
            }
        }
        let mut recorded = 0;
        let mut counted = 0;
        for (phase, of_log, of_shard) in
            [("warm-up", &self.warmup, &shard.warmup), ("measured phase", &self.profiling, &shard.profiling)]
        {
            let log = of_log.outcomes;
            recorded += log.finished() + log.cancelled + log.in_flight;
            counted += of_shard.recorded();
            let counted = (of_shard.succeeded, of_shard.failures(), of_shard.cancelled, of_shard.in_flight_at_end);
            let recorded = (log.succeeded, log.failed, log.cancelled, log.in_flight);
            if lost == 0 && counted != recorded {
                found.push(format!(
                    "{phase}: the cores counted {counted:?} requests (succeeded, failed, cancelled, in flight), the records show {recorded:?}"
                ));
            }
        }
        if lost > 0 && counted != recorded + lost {
            found.push(format!(
                "the cores counted {counted} requests, but there are {recorded} records and {lost} lost"
            ));
        }
        found
    }
}

fn counts(shard: &PhaseCounts, facts: &PhaseFacts) -> Counts {
    Counts { lost_with_member: facts.lost_with_member, ..shard.to_counts(facts.planned, facts.never_due) }
}

fn counts_of_warmup(shard: &PhaseCounts, facts: Option<&PhaseFacts>) -> Counts {
    facts.map_or_else(|| shard.to_counts(None, 0), |facts| counts(shard, facts))
}

fn client(
    shard: &Shard,
    facts: RunFacts,
    records_lost: u64,
    arrivals: Option<ArrivalFigures>,
    shares: Vec<ClientShare>,
) -> ClientFigures {
    let counters = &shard.counters;
    let per_event = |seconds: fn(&CoreFigures) -> f64| {
        let total: f64 = facts.cores.iter().map(seconds).sum();
        (counters.events > 0).then(|| total * 1e9 / counters.events as f64)
    };
    let lag = |of: HistogramId| Distribution::of(of.tag(), &shard.histogram(of));
    let coalesced_share = match counters.events {
        0 => 0.0,
        events => counters.coalesced as f64 / events as f64,
    };
    ClientFigures {
        user_ns_per_event: per_event(|core| core.user_s),
        system_ns_per_event: per_event(|core| core.system_s),
        driver: facts.driver,
        driver_note: facts.driver_note,
        stamps: match facts.stamps {
            Stamps::Kernel => "kernel".into(),
            Stamps::Packet => "packet".into(),
            Stamps::User => "user".into(),
        },
        receive_lag: lag(HistogramId::ReceiveLag),
        dispatch_lag: lag(HistogramId::DispatchLag),
        reads: counters.reads,
        stamp_fallbacks: counters.stamp_fallbacks,
        packets_missed: counters.packets_missed,
        packets_dropped: counters.packets_dropped,
        packets_apart: counters.packets_apart,
        packets_by_card: counters.packets_by_card,
        events: counters.events,
        coalesced: counters.coalesced,
        merged: counters.merged,
        coalesced_share,
        arrivals,
        shares,
        records_lost,
        completions_lost: counters.completions_lost,
        buffer_starved: counters.buffer_starved,
        cores: facts.cores,
        peak_rss_bytes: facts.peak_rss_bytes,
        buffered_limit_bytes: facts.buffered_limit_bytes,
    }
}

/// The metrics of [`Summary::histograms`], in the order of reports.
static LATENCIES: [&MetricInfo; 8] = [
    &tags::TIME_TO_FIRST_TOKEN,
    &tags::TIME_TO_SECOND_TOKEN,
    &tags::INTER_TOKEN_LATENCY,
    &tags::INTER_CHUNK_LATENCY,
    &tags::REQUEST_LATENCY,
    &tags::RESPONSE_TIME,
    &tags::SCHEDULED_TIME_TO_FIRST_TOKEN,
    &tags::TIME_TO_FIRST_TOKEN_FROM_SEND,
];

#[cfg(test)]
mod tests;
