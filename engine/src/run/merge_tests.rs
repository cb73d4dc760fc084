//! The figures of merged logs against those of one log with all records.

use super::finished::{Finished, Log};
use super::merge::{Member, Merge, condense};
use super::reread::{note_begun, note_ended, reread, reread_all};
use super::seen::RecordSpan;
use super::shift::Shift;
use super::summarize::summarize;
use crate::clock::{MILLI, RealtimeOffset, SECOND};
use crate::host::HostFacts;
use crate::measure::testing::{facts, open_plan, plan};
use crate::measure::{FleetFigures, RunFacts, Shard, Summary};
use crate::plan::Plan;
use crate::record::testing::{failed, streamed};
use crate::record::{Cause, Handshake, LogWriter, Note, Outcome, PhaseKind, Record, Timings, Transmission, Usage};
use crate::verdict::{Status, Verdict, judge};
use crate::workload::Workload;
use serde_json::Value;
use std::path::{Path, PathBuf};

const BASE: u64 = 8_000 * SECOND;
/// What is added to the clocks of the members.
const AHEAD: [i64; 3] = [0, 1_800 * SECOND as i64, -3_600 * SECOND as i64];

/// The requests of a member, on the clock of the first.
fn records(rank: u64) -> Vec<Record> {
    let mut all: Vec<Record> = (0..150)
        .map(|i| {
            let k = i * 3 + rank;
            let gaps: Vec<u64> = (0..2 + k % 5).map(|gap| MILLI + k * 7_919 % 90_000 + gap * 1_000).collect();
            let usage = Usage { prompt: Some(20), completion: Some(gaps.len() as u32 + 1), ..Usage::default() };
            let first = 3 * MILLI + k * k % 977 * 1_000;
            Record { usage: Some(usage), entry: (k % 5) as u32, ..streamed(k, BASE + k * MILLI, first, &gaps) }
        })
        .collect();
    all[7] = failed(all[7].clone(), Cause::Reset, 200, "reset");
    all[149].outcome = Outcome::InFlight;
    all[0].phase = PhaseKind::Warmup;
    all
}

fn shard_of(records: &[Record]) -> Shard {
    let mut shard = Shard::new();
    for record in records {
        shard.issued(record.phase);
        shard.record(record);
    }
    shard
}

/// The log that a member leaves, on its own clock.
fn log(dir: &Path, rank: u64, with_seen: bool) -> PathBuf {
    let path = dir.join(format!("{rank}-{with_seen}"));
    log_of(records(rank), &path, rank, with_seen);
    path
}

/// The same of these requests.
fn log_of(records: Vec<Record>, path: &Path, rank: u64, with_seen: bool) {
    let mut log = LogWriter::create(path).unwrap();
    log.note(Note::Head, b"{}").unwrap();
    note_begun(&mut log, RealtimeOffset::sample(), &facts()).unwrap();
    let own: Vec<Record> = records.into_iter().map(|record| record.shifted(-AHEAD[rank as usize])).collect();
    let mut seen = RecordSpan::default();
    for record in &own {
        log.append(record).unwrap();
        seen.add(record);
    }
    // Gaps are kept exactly within this memory.
    let mut facts = RunFacts { buffered_limit_bytes: 1 << 30, ..facts() };
    facts.profiling.start = (BASE as i64 - AHEAD[rank as usize]) as u64;
    facts.profiling.end = own.iter().map(|record| record.instants.end).max().unwrap();
    match with_seen {
        true => note_ended(&mut log, (&shard_of(&own), &facts), Some(seen)).unwrap(),
        false => {
            let body = serde_json::json!({ "shard": shard_of(&own), "facts": facts });
            log.note(Note::Ended, body.to_string().as_bytes()).unwrap();
        }
    }
    log.finish().unwrap();
}

/// What a member leaves in the place of the records of its log.
fn condensed(plan: &Plan, finished: &Finished, path: &Path) -> Finished {
    let mut to = LogWriter::create(path).unwrap();
    to.note(Note::Head, b"{}").unwrap();
    condense(plan, &workload(plan), finished, &mut to).unwrap();
    to.finish().unwrap();
    let reread = reread(path).unwrap();
    assert!(reread.finished.is_condensed());
    assert_eq!(reread.prompts, 0, "no record names one");
    reread.finished
}

fn merged(left: Vec<Finished>) -> Finished {
    let mut left = left.into_iter().zip(AHEAD);
    let (first, _) = left.next().unwrap();
    let mut merge = Merge::new(first);
    left.for_each(|(finished, ahead)| merge.add(Member { finished, shift: Shift::constant(ahead), lost: None }));
    merge.finish(0)
}

fn workload(plan: &Plan) -> Workload {
    Workload::of_shape(plan, serde_json::from_str(r#"{"conversations":5}"#).unwrap(), 5).unwrap()
}

fn summed(plan: &Plan, finished: Finished) -> (Summary, Vec<u64>) {
    let mut seen = Vec::new();
    let summary = summarize(plan, &workload(plan), finished, &mut |record, _| seen.push(record.k)).unwrap();
    (summary, seen)
}

fn sliced() -> Plan {
    Plan { slice: Some(100 * MILLI), ..plan() }
}

#[test]
#[cfg_attr(miri, ignore)]
fn figures_of_merged_logs_are_those_of_one_log_digit_for_digit() {
    let (dir, plan) = (tempfile::tempdir().unwrap(), sliced());
    for with_seen in [true, false] {
        let paths: Vec<PathBuf> = (0..3).map(|rank| log(dir.path(), rank, with_seen)).collect();
        let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        let merged = merged(reread_all(&paths).into_iter().map(|one| one.unwrap().finished).collect());
        let mut whole = LogWriter::create(&dir.path().join("whole")).unwrap();
        let all: Vec<Record> = (0..3).flat_map(records).collect();
        let mut seen = RecordSpan::default();
        for record in &all {
            whole.append(record).unwrap();
            seen.add(record);
        }
        let one = Finished {
            shard: shard_of(&all),
            facts: merged.facts().clone(),
            logs: vec![Log::here(whole.finish_to_read(), Some(seen))],
            sums: None,
            offset: merged.offset(),
            here: false,
            failure: None,
        };
        let ((merged, order), (one, order_of_one)) = (summed(&plan, merged), summed(&plan, one));
        assert_eq!(order, order_of_one);
        let (merged, one) = (serde_json::to_value(&merged).unwrap(), serde_json::to_value(&one).unwrap());
        for part in ["metrics", "slices", "steady", "confidence", "histograms"] {
            assert!(!merged[part].is_null(), "{part} is there");
        }
        assert_eq!(merged, one);
    }
}

#[test]
#[cfg_attr(miri, ignore)]
fn a_log_is_read_the_same_whatever_it_says_of_its_records_and_where_it_was_cut() {
    let dir = tempfile::tempdir().unwrap();
    let [told, asked] = [true, false].map(|with_seen| reread(&log(dir.path(), 1, with_seen)).unwrap());
    assert_eq!((told.prompts, asked.prompts), (5, 5));
    let json = |finished: &Finished| serde_json::to_value(finished.shard()).unwrap();
    assert_eq!(json(&told.finished), json(&asked.finished));
    assert_eq!(told.finished.logs[0].seen, RecordSpan::of(asked.finished.logs[0].log.read().unwrap()).ok());
    assert_eq!(asked.finished.logs[0].seen, None);
    let whole = std::fs::read(log(dir.path(), 1, true)).unwrap();
    let cut = dir.path().join("cut");
    std::fs::write(&cut, &whole[..whole.len() * 2 / 3]).unwrap();
    let cut = reread(&cut).unwrap().finished;
    let records = cut.logs[0].log.read().unwrap().count() as u64;
    let counted = [PhaseKind::Warmup, PhaseKind::Profiling].map(|phase| cut.shard().phase(phase).recorded());
    assert!(records > 50 && records < 150 && counted.iter().sum::<u64>() == records, "{records} {counted:?}");
}

#[test]
#[cfg_attr(miri, ignore)]
fn sums_of_members_have_the_counts_and_means_of_all_records_and_bucketed_percentiles() {
    let (dir, plan) = (tempfile::tempdir().unwrap(), plan());
    let read = |rank| reread(&log(dir.path(), rank, true)).unwrap().finished;
    let (exact, _) = summed(&plan, merged((0..3).map(read).collect()));
    let condensed = |rank: u64| condensed(&plan, &read(rank), &dir.path().join(format!("{rank}.sums")));
    // The first has its records, as the member that leads.
    let left = vec![read(0), condensed(1), condensed(2)];
    let (sums, seen) = summed(&plan, merged(left));
    assert_eq!(seen, Vec::<u64>::new(), "those of the first alone are shown to nobody");
    let json = |of: &Summary, part: &str| serde_json::to_value(of).unwrap()[part].clone();
    for part in ["counts", "warmup_counts", "benchmark_duration_s", "errors", "tokens", "goodput", "rate"] {
        assert_eq!(json(&sums, part), json(&exact, part), "{part}");
    }
    assert_eq!(sums.violations, Vec::<String>::new());
    assert!(sums.steady.is_none() && sums.windows.windows.is_empty());
    let near = |a: f64, b: f64, share: f64| (a - b).abs() <= b.abs() * share + 1e-9;
    for metric in &sums.metrics {
        let of_all = exact.metric(metric.info.tag).unwrap();
        assert!(near(metric.avg, of_all.avg, 1e-12), "{}: {} {}", metric.info.tag, metric.avg, of_all.avg);
        let (Some(mine), Some(theirs)) = (metric.stats, of_all.stats) else { continue };
        assert_eq!((mine.count, mine.min, mine.max), (theirs.count, theirs.min, theirs.max), "{}", metric.info.tag);
        for (a, b) in [(mine.p50, theirs.p50), (mine.p99, theirs.p99), (mine.std, theirs.std)] {
            assert!(near(a, b, 0.001), "{}: {a} {b}", metric.info.tag);
        }
    }
    let absent: Vec<_> = exact.metrics.iter().filter(|of| sums.metric(of.info.tag).is_none()).collect();
    assert!(absent.iter().all(|of| of.info.tag == "effective_concurrency"), "{absent:?}");
    assert_ne!(json(&sums, "metrics"), Value::Null);
}

/// 32 tokens that were made 20 ms apart and came four at a time; of every fifth request the connection took over a
/// second, and was seen late.
fn in_bursts(rank: u64) -> Vec<Record> {
    let gaps: Vec<u64> = (0..8).flat_map(|_| [80 * MILLI, 0, 0, 0]).skip(1).collect();
    let request = |i: u64| {
        let k = i * 3 + rank;
        let usage = Usage { completion: Some(32), ..Usage::default() };
        let mut record = streamed(k, BASE + k * 100 * MILLI, 80 * MILLI, &gaps);
        record.round_trip = Some(MILLI);
        if k.is_multiple_of(5) {
            let at = &mut record.instants;
            (at.issued, at.scheduled) = (at.issued - 2 * SECOND, at.scheduled - 2 * SECOND);
            (at.tcp_start, at.tcp_end) = (Some(at.issued), Some(at.issued + (1_000 + k) * MILLI));
            (at.tls_start, at.tls_end) = (at.tcp_end, at.tcp_end.map(|end| end + (3 + rank) * MILLI));
            record.lags.connect = 500 * MILLI;
            record.handshake = Some(if k.is_multiple_of(2) { Handshake::Full } else { Handshake::Resumed });
            record.connection_reused = false;
        }
        record.transmission = Some(Transmission { held: (40 + k) * MILLI, acknowledged: Some(MILLI) });
        record.timings =
            Some(Box::new(Timings { queue: Some(MILLI), prefill: Some(30 * MILLI), ..Timings::default() }));
        Record { usage: Some(usage), entry: (k % 5) as u32, coalesced: 24, merged: 24, ..record }
    };
    (0..100).map(request).collect()
}

/// Five tokens at once as an acknowledgement came that was delayed, and three more.
fn behind_delayed_acks(rank: u64) -> Vec<Record> {
    let request = |i: u64| {
        let k = i * 3 + rank;
        let gaps = [vec![0; 4], vec![5 * MILLI; 3]].concat();
        let mut record = streamed(k, BASE + k * 100 * MILLI, 41 * MILLI, &gaps);
        record.instants.first_byte = Some(record.instants.issued + MILLI);
        record.instants.head_end = record.instants.first_byte;
        Record { entry: (k % 5) as u32, coalesced: 4, merged: 4, ..record }
    };
    (0..100).map(request).collect()
}

/// The requests of a member, by its rank.
type Requests = fn(u64) -> Vec<Record>;

/// Whether two documents are the same but for the rounding of sums, and for percentiles of handshakes.
fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            let of_bucket = |key: &str| key.starts_with('p') && key[1..].parse::<u8>().is_ok();
            let alike = |(key, a): (&String, &Value)| {
                let b = &b[key];
                let near = |share| a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| (a - b).abs() <= a.abs() * share);
                if of_bucket(key) { near(0.001) } else { near(1e-12) || alike(a, b) }
            };
            a.keys().eq(b.keys()) && a.iter().all(alike)
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        _ => one == other,
    }
}

#[test]
#[cfg_attr(miri, ignore)]
fn a_fleet_of_sums_is_suspect_of_what_the_path_did_as_one_of_records() {
    let (dir, plan) = (tempfile::tempdir().unwrap(), plan());
    let loads: [(Requests, &[&str]); 2] = [
        (in_bursts, &["buffering", "slow_connects", "set_up_lag", "held_sends"]),
        (behind_delayed_acks, &["delayed_ack"]),
    ];
    for (records, gates) in loads {
        let path = |rank| dir.path().join(format!("{}-{rank}", gates[0]));
        (0..3).for_each(|rank| log_of(records(rank), &path(rank), rank, true));
        let read = |rank| reread(&path(rank)).unwrap().finished;
        let by_sums = |rank| condensed(&plan, &read(rank), &path(rank).with_extension("sums"));
        let (exact, _) = summed(&plan, merged((0..3).map(read).collect()));
        let left = merged(vec![read(0), by_sums(1), by_sums(2)]).of_fleet(FleetFigures {
            run: "r".into(),
            members: Vec::new(),
            start_spread_ns: None,
            start_after_ready_ns: None,
            by_histograms: true,
        });
        let (sums, _) = summed(&plan, left);
        let network = |of: &Summary| {
            let mut network = serde_json::to_value(&of.network).unwrap();
            network.as_object_mut().unwrap().remove("phases");
            network
        };
        assert!(alike(&network(&sums), &network(&exact)), "{:#}\n{:#}", network(&sums), network(&exact));
        let [of_sums, of_records] = [&sums, &exact].map(|of| judge(&plan, of, &HostFacts::default(), None));
        for gate in gates {
            let status = |of: &Verdict| of.findings.iter().find(|f| f.gate == *gate).map(|f| f.status);
            let is_told = |of| status(of).is_some_and(|status| status >= Status::Suspect);
            assert!(is_told(&of_records), "{gate}: {:?}", of_records.findings);
            assert!(is_told(&of_sums), "{gate}: {:?}", of_sums.findings);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore)]
fn a_member_that_ended_before_the_measured_phase_does_not_move_its_start() {
    let dir = tempfile::tempdir().unwrap();
    let cut = dir.path().join("cut");
    let mut log_of_warmup = LogWriter::create(&cut).unwrap();
    log_of_warmup.note(Note::Head, b"{}").unwrap();
    note_begun(&mut log_of_warmup, RealtimeOffset::sample(), &facts()).unwrap();
    log_of_warmup.append(&records(1)[0].clone().shifted(-AHEAD[1])).unwrap();
    log_of_warmup.flush();
    let whole = |rank| reread(&log(dir.path(), rank, true)).unwrap().finished;
    let start = merged(vec![whole(0), whole(1)]).facts().profiling.start;
    let (one, other) = (reread(&cut).unwrap().finished, reread(&cut).unwrap().finished);
    assert_eq!(one.shard().phase(PhaseKind::Warmup).issued, 1, "it is of the warm-up alone");
    assert_eq!(merged(vec![whole(0), one]).facts().profiling.start, start);
    // Nor where its log is the first.
    let mut merge = Merge::new(other);
    merge.add(Member { finished: whole(0), shift: Shift::constant(0), lost: None });
    assert_eq!(merge.finish(0).facts().profiling.start, start);
}

#[test]
#[cfg_attr(miri, ignore)]
fn slices_change_no_other_figure_of_a_run_whose_first_request_was_late() {
    let late: Vec<Record> = (0..400)
        .map(|k| {
            let mut record = streamed(k, BASE + k * 10 * MILLI, 3 * MILLI, &[MILLI; 4]);
            // Nothing is sent for the first second and a half.
            let late = (BASE + 1_500 * MILLI).saturating_sub(record.instants.issued);
            record = record.shifted(late as i64);
            record.entry = (k % 5) as u32;
            record.instants.scheduled -= late;
            record
        })
        .collect();
    let figures = |slice| {
        let plan = Plan { slice, ..open_plan(100.0) };
        let mut log = LogWriter::create(&tempfile::tempdir().unwrap().path().join("log")).unwrap();
        late.iter().for_each(|record| log.append(record).unwrap());
        let mut facts = RunFacts { buffered_limit_bytes: 1 << 30, ..facts() };
        (facts.profiling.start, facts.profiling.end) = (BASE, BASE + 4 * SECOND);
        let finished = Finished {
            shard: shard_of(&late),
            facts,
            logs: vec![Log::here(log.finish_to_read(), None)],
            sums: None,
            offset: RealtimeOffset::sample(),
            here: false,
            failure: None,
        };
        let mut figures = serde_json::to_value(summed(&plan, finished).0).unwrap();
        (figures["slices"].take(), figures)
    };
    let ((slices, sliced), (none, whole)) = (figures(Some(500 * MILLI)), figures(None));
    assert!(none.is_null());
    let first = &slices["slices"][0];
    assert_eq!(
        first["start_ns"].as_u64().unwrap() % SECOND,
        500 * MILLI,
        "slices begin with the first request: {first}"
    );
    assert_eq!(whole["rate"]["missed_seconds"]["worst_second"], 0, "{}", whole["rate"]);
    assert_eq!(sliced, whole);
}
