//! Records are read back, counted and summed.

use super::finished::{Finished, Log};
use super::seen::RecordSpan;
use crate::driver;
use crate::error::Result;
use crate::measure::{RequestMetrics, Summarizer, Summary, Sums, Timeline, TokenCounts, TokenSource, request_metrics};
use crate::plan::{Plan, Slo};
use crate::record::{Outcome, PhaseKind, Record};
use crate::workload::Workload;
use std::collections::{HashMap, VecDeque};
use std::sync::mpsc;
use std::thread;

/// Reads the records back, counts tokens, sums. `on_record` sees each record of the measured phase with its metrics, in
/// log order; none where of some requests there are only sums.
///
/// # Errors
/// When the log cannot be read.
pub fn summarize(
    plan: &Plan,
    workload: &Workload,
    finished: Finished,
    on_record: &mut dyn FnMut(&Record, &RequestMetrics),
) -> Result<Summary> {
    sum_up(plan, workload, finished, on_record).map(|(summary, _)| summary)
}

/// As [`summarize`]; hands the logs back too.
pub(super) fn sum_up(
    plan: &Plan,
    workload: &Workload,
    finished: Finished,
    on_record: &mut dyn FnMut(&Record, &RequestMetrics),
) -> Result<(Summary, Vec<Log>)> {
    let plan = &bounded(plan, &finished);
    let phase = phase_of(&finished);
    let mut summarizer = summarizer(plan, &finished)?;
    let all_are_here = finished.sums.is_none();
    measured(plan, workload, &finished.logs, &mut |record, counts, metrics| {
        summarizer.add_measured(record, counts, metrics);
        if all_are_here && record.phase == PhaseKind::Profiling {
            on_record(record, metrics);
        }
    })?;
    if let Some(mut sums) = finished.sums {
        // Of requests of both kinds no figure is exact.
        sums.add(&summarizer.sums());
        summarizer = Summarizer::of_sums(plan, phase, sums);
    }
    let mut summary = summarizer.finish(finished.shard, finished.facts);
    if finished.here {
        // Sums take memory too.
        summary.client.peak_rss_bytes = driver::peak_rss_bytes();
    }
    Ok((summary, finished.logs))
}

/// A plan whose gaps take no more memory than what the responses of the run could hold.
fn bounded(plan: &Plan, finished: &Finished) -> Plan {
    let bound = finished.facts.buffered_limit_bytes / OF_A_GAP;
    let mut plan = plan.clone();
    plan.limits.exact_gaps = plan.limits.exact_gaps.min(bound as usize);
    plan
}

/// The requests of a run summed up, so that they can be added to those of other processes.
pub(super) fn sums(plan: &Plan, workload: &Workload, finished: &Finished) -> Result<Sums> {
    let plan = &bounded(plan, finished);
    let mut summarizer = summarizer(plan, finished)?;
    measured(plan, workload, &finished.logs, &mut |record, counts, metrics| {
        summarizer.add_measured(record, counts, metrics);
    })?;
    Ok(summarizer.sums())
}

/// Observes a record with its tokens and its metrics.
type OnMeasured<'a> = &'a mut dyn FnMut(&Record, &TokenCounts, &RequestMetrics);

/// Reads the records of all logs, one log after the other, and gives each with its tokens and its metrics to `on`. A
/// log is read, and its requests are measured, on a thread of its own, as far ahead as [`AHEAD`] batches, so that the
/// sums wait for neither, and that of the next log meanwhile; a log that got no thread is read here.
fn measured(plan: &Plan, workload: &Workload, logs: &[Log], on: OnMeasured<'_>) -> Result<()> {
    thread::scope(|scope| {
        let start = |log| -> Result<_> {
            let records = Log::records(log)?;
            let (batches, stream) = mpsc::sync_channel(AHEAD);
            let read = move || read_ahead(plan, workload, records, &batches);
            let started = thread::Builder::new().name("records".into()).spawn_scoped(scope, read);
            Ok((log, started.is_ok().then_some(stream)))
        };
        let mut rest = logs.iter();
        let mut started = VecDeque::new();
        loop {
            while started.len() < LOGS_AT_A_TIME
                && let Some(log) = rest.next()
            {
                started.push_back(start(log)?);
            }
            let Some((log, stream)) = started.pop_front() else { return Ok(()) };
            let Some(stream) = stream else {
                each_measured(plan, workload, log.records()?, &mut |(record, counts, metrics)| {
                    on(&record, &counts, &metrics);
                })?;
                continue;
            };
            for batch in stream {
                batch?.iter().for_each(|(record, counts, metrics)| on(record, counts, metrics));
            }
        }
    })
}

/// A record with its tokens and its metrics.
type Measured = (Record, TokenCounts, RequestMetrics);

/// Some of them.
type Batch = Vec<Measured>;

/// Sends the records of one log on in batches, until nobody takes them any more.
fn read_ahead(
    plan: &Plan,
    workload: &Workload,
    records: impl Iterator<Item = Result<Record>>,
    batches: &mpsc::SyncSender<Result<Batch>>,
) {
    let mut batch = Batch::with_capacity(BATCH);
    let read = each_measured(plan, workload, records, &mut |measured| {
        batch.push(measured);
        if batch.len() == BATCH {
            // Nobody waits for it where the sums have ended on an error.
            let _ = batches.send(Ok(std::mem::replace(&mut batch, Batch::with_capacity(BATCH))));
        }
    });
    let _ = batches.send(read.map(|()| batch));
}

/// Counts the tokens of the records of one log, in their order, and measures their requests.
fn each_measured(
    plan: &Plan,
    workload: &Workload,
    records: impl Iterator<Item = Result<Record>>,
    on: &mut dyn FnMut(Measured),
) -> Result<()> {
    let mut outputs = SessionOutputs::default();
    for record in records {
        let mut record = record?;
        let counts = count_tokens(plan, workload, &record);
        outputs.count_in(&mut record, &counts, workload);
        let slos: &[Slo] = match record.phase {
            PhaseKind::Warmup => &[],
            PhaseKind::Profiling => &plan.slos,
        };
        let metrics = request_metrics(&record, &counts, plan.streaming, slos);
        on((record, counts, metrics));
    }
    Ok(())
}

/// Records that go from thread to thread at once.
const BATCH: usize = 64;
/// Batches that are read ahead of the sums, of each log.
const AHEAD: usize = 4;
/// Logs that are read at a time: the one that is summed up, and the next.
const LOGS_AT_A_TIME: usize = 2;

/// Bytes that a gap which is kept exactly may take: in a buffer that doubles, in its slice once more, in the warm-up
/// and in the measured phase.
const OF_A_GAP: u64 = 64;

/// The tokens of the responses that are sent back with later turns, by phase, session and conversation: without
/// reasoning, which is not sent back. Sessions are of one process, so that those of a log are all in it.
#[derive(Default)]
struct SessionOutputs(HashMap<(PhaseKind, u64, u32), u32>);

impl SessionOutputs {
    /// Adds those of the earlier turns to the input of a request, and notes its own for the next. The records of a
    /// session come in the order of its turns: all are of one worker.
    fn count_in(&mut self, record: &mut Record, counts: &TokenCounts, workload: &Workload) {
        let entry = &workload.entries[record.entry as usize];
        let turns = &workload.conversations[entry.conversation as usize].turns;
        let forks = workload.branches.of(record.entry).iter().filter(|branch| branch.forked);
        let is_begun = workload.is_begun(record.entry);
        if turns.len() < 2 && !is_begun && forks.clone().next().is_none() || entry.body.own.is_none() {
            return;
        }
        let key = (record.phase, record.k, entry.conversation);
        let before = self.0.get(&key).copied().unwrap_or(0);
        record.isl = record.isl.saturating_add(before);
        let after = before.saturating_add(counts.output.unwrap_or(0));
        if record.outcome != Outcome::Succeeded {
            self.0.remove(&key);
            return;
        }
        // What a turn forks has all that was said until then before it.
        for branch in forks {
            self.0.insert((record.phase, record.k, branch.child), after);
        }
        match record.entry + 1 == turns.end {
            true => self.0.remove(&key),
            false => self.0.insert(key, after),
        };
    }
}

/// The bounds of the measured phase.
fn phase_of(finished: &Finished) -> Timeline {
    let phase = &finished.facts.profiling;
    Timeline { start: phase.start, end: phase.end }
}

/// A summary of no request yet. Its slices begin with the first request, which a log tells at its end, or its records
/// do.
fn summarizer(plan: &Plan, finished: &Finished) -> Result<Summarizer> {
    let summarizer = Summarizer::new(plan, phase_of(finished));
    let mut whole: Option<Timeline> = None;
    for log in finished.logs.iter().filter(|_| plan.slice.is_some()) {
        let seen = match log.seen {
            Some(seen) => seen,
            None => RecordSpan::of(log.log.read()?)?,
        };
        let Some(line) = seen.timeline(&log.shift) else { continue };
        whole = Some(whole.map_or(line, |known| known.with(line)));
    }
    Ok(match whole {
        Some(line) => summarizer.slicing(plan, line),
        None => summarizer,
    })
}

/// The metrics of one record, as [`summarize`] finds them.
#[must_use]
pub fn metrics_of(plan: &Plan, workload: &Workload, record: &Record) -> RequestMetrics {
    let counts = count_tokens(plan, workload, record);
    request_metrics(record, &counts, plan.streaming, &plan.slos)
}

fn count_tokens(plan: &Plan, workload: &Workload, record: &Record) -> TokenCounts {
    // The built-in vocabulary is nobody's model: it stands in only where the server says nothing.
    let (_, approximate) = workload.tokenizer();
    let usage = record.usage.and_then(|u| u.completion).is_some();
    let counted = TokenCounts::of(record, Some(&mut |text| workload.count_tokens(text)));
    if !(plan.use_server_token_count || approximate && usage) {
        return counted;
    }
    // The server alone counts; text that was kept all the same tells how much of its count was reasoning.
    let counted = match counted.source {
        TokenSource::Usage => TokenCounts { client: None, ..counted },
        TokenSource::Tokenizer | TokenSource::Unknown => TokenCounts::UNKNOWN,
    };
    let prompt = record.usage.and_then(|usage| usage.prompt).filter(|n| *n > 0);
    TokenCounts { input: prompt.filter(|_| plan.use_server_token_count), ..counted }
}
