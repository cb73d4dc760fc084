//! Records are read back, counted and summed.

use super::finished::{Finished, Log, read_all};
use crate::driver;
use crate::error::Result;
use crate::measure::{RequestMetrics, Summarizer, Summary, Timeline, TokenCounts, TokenSource, request_metrics};
use crate::plan::Plan;
use crate::record::{Outcome, PhaseKind, Record};
use crate::workload::Workload;
use std::collections::HashMap;
use std::sync::mpsc;
use std::thread;

/// Reads the records back, counts tokens, sums. `on_record` sees each record of the measured phase with its metrics, in
/// log order.
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
    let bound = finished.facts.buffered_limit_bytes / OF_A_GAP;
    let mut plan = plan.clone();
    plan.limits.exact_gaps = plan.limits.exact_gaps.min(bound as usize);
    let plan = &plan;
    let mut summarizer = Summarizer::new(plan, timeline(plan, &finished)?);
    counted(plan, workload, &finished.logs, &mut |record, counts| {
        let metrics = summarizer.add(record, counts);
        if record.phase == PhaseKind::Profiling {
            on_record(record, &metrics);
        }
    })?;
    let mut summary = summarizer.finish(finished.shard, finished.facts);
    if finished.here {
        // Sums take memory too.
        summary.client.peak_rss_bytes = driver::peak_rss_bytes();
    }
    Ok((summary, finished.logs))
}

/// Reads the records of all logs, one log after the other, and gives each with its tokens to `on`. Each log is read,
/// and its tokens are counted, on a thread of its own, as far ahead as [`AHEAD`] batches, so that the sums wait for
/// neither; a log that got no thread is read here.
fn counted(plan: &Plan, workload: &Workload, logs: &[Log], on: &mut dyn FnMut(&Record, &TokenCounts)) -> Result<()> {
    thread::scope(|scope| {
        let mut streams = Vec::with_capacity(logs.len());
        for log in logs {
            let records = log.records()?;
            let (batches, stream) = mpsc::sync_channel(AHEAD);
            let read = move || read_ahead(plan, workload, records, &batches);
            let started = thread::Builder::new().name("records".into()).spawn_scoped(scope, read);
            streams.push(started.is_ok().then_some(stream));
        }
        for (log, stream) in logs.iter().zip(streams) {
            let Some(stream) = stream else {
                each_counted(plan, workload, log.records()?, &mut |record, counts| on(&record, &counts))?;
                continue;
            };
            for batch in stream {
                batch?.iter().for_each(|(record, counts)| on(record, counts));
            }
        }
        Ok(())
    })
}

/// Some records with their tokens.
type Batch = Vec<(Record, TokenCounts)>;

/// Sends the records of one log on in batches, until nobody takes them any more.
fn read_ahead(
    plan: &Plan,
    workload: &Workload,
    records: impl Iterator<Item = Result<Record>>,
    batches: &mpsc::SyncSender<Result<Batch>>,
) {
    let mut batch = Batch::new();
    let read = each_counted(plan, workload, records, &mut |record, counts| {
        batch.push((record, counts));
        if batch.len() == BATCH {
            // Nobody waits for it where the sums have ended on an error.
            let _ = batches.send(Ok(std::mem::take(&mut batch)));
        }
    });
    let _ = batches.send(read.map(|()| batch));
}

/// Counts the tokens of the records of one log, in their order.
fn each_counted(
    plan: &Plan,
    workload: &Workload,
    records: impl Iterator<Item = Result<Record>>,
    on: &mut dyn FnMut(Record, TokenCounts),
) -> Result<()> {
    let mut answers = Answers::default();
    for record in records {
        let mut record = record?;
        let counts = count_tokens(plan, workload, &record);
        answers.count_in(&mut record, &counts, workload);
        on(record, counts);
    }
    Ok(())
}

/// Records that go from thread to thread at once.
const BATCH: usize = 64;
/// Batches that are read ahead of the sums, of each log.
const AHEAD: usize = 2;

/// Bytes that a gap which is kept exactly may take: in a buffer that doubles, in its slice once more, in the warm-up
/// and in the measured phase.
const OF_A_GAP: u64 = 64;

/// The tokens of the answers that are sent back with later turns, by phase, session and conversation: without
/// reasoning, which is not sent back. Sessions are of one process, so that those of a log are all in it.
#[derive(Default)]
struct Answers(HashMap<(PhaseKind, u64, u32), u32>);

impl Answers {
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
        record.isl += before;
        let after = before + counts.output.unwrap_or(0);
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

/// What the summary is cut from. Slices begin with the first request, which only the records know; the rest of the
/// summary does with the phase's own bounds, and spares reading the log twice.
fn timeline(plan: &Plan, finished: &Finished) -> Result<Timeline> {
    let phase = &finished.facts.profiling;
    let mut line = None;
    if plan.slice.is_some() {
        for record in read_all(&finished.logs)? {
            Timeline::stretch(&mut line, &record?);
        }
    }
    Ok(line.unwrap_or(Timeline { start: phase.start, end: phase.end }))
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
