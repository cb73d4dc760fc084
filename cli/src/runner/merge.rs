//! One report from the record logs that the members of a fleet have kept.

use crate::exit::Exit;
use crate::flags::ReportArgs;
use crate::result::log_head::MemberClock;
use crate::runner::reread::{self, ReadLog};
use ringload_engine::measure::{FleetFigures, MemberFigures};
use ringload_engine::record::PhaseKind;
use ringload_engine::run::{Member, Merge, Shift, planned_requests};
use ringload_engine::workload::Workload;
use ringload_engine::{Error, Result};
use std::path::PathBuf;

/// Makes report and files of the logs of all members of a run; they go beside the log of the first member.
///
/// # Errors
/// When a log cannot be read, or they are not of one run.
pub(crate) fn merge(args: &ReportArgs) -> anyhow::Result<Exit> {
    let paths = reread::logs_of_members(&args.paths)?;
    let mut logs = Vec::new();
    for (path, log) in paths.iter().zip(reread::read_all(&paths)) {
        let log = log?;
        logs.push((rank(&log, path)?, path.clone(), log));
    }
    logs.sort_by_key(|(rank, ..)| *rank);
    check(&logs)?;
    let Some((_, first, _)) = logs.first() else {
        return Err(Error::usage("no log was named", "name the folders of the members").into());
    };
    let beside = first.clone();
    let merged = one_run(logs.into_iter().map(|(_, _, log)| log).collect())?;
    reread::report_on(merged, &beside, args)
}

fn rank(log: &ReadLog, path: &std::path::Path) -> Result<usize> {
    log.head.member.as_ref().map(|member| member.rank).ok_or_else(|| {
        Error::usage(
            format!("{}: its run was of one machine", path.display()),
            "`ringload report` makes the report of such a log",
        )
    })
}

/// Whether the logs are of one run, each of another member.
fn check(logs: &[(usize, PathBuf, ReadLog)]) -> Result<()> {
    let of = |log: &ReadLog| {
        log.head.member.as_ref().map(|member| (member.run.clone(), member.size, log.head.plan.core_range.map(|r| r.of)))
    };
    for pair in logs.windows(2) {
        let [(one_rank, one_path, one), (rank, path, other)] = pair else { continue };
        let between = format!("{} and {}", one_path.display(), path.display());
        if one_rank == rank {
            return Err(Error::usage(format!("{between} are both of member {rank}"), "name one log of each member"));
        }
        let (plan, another) = (&one.head.plan, &other.head.plan);
        if of(one) != of(other) || plan.seed != another.seed || plan.profiling.load != another.profiling.load {
            return Err(Error::usage(format!("{between} are of different runs"), "name the logs of one run"));
        }
    }
    Ok(())
}

/// The run that the logs are of, seen from the first of them.
fn one_run(logs: Vec<ReadLog>) -> Result<ReadLog> {
    let prompts = logs.iter().map(|log| log.prompts).max().unwrap_or(0);
    // Clocks are known against that of the leader, whose own log may not be here.
    let origin = logs.first().and_then(clock).map_or(0, |clock| clock.shift(0).at(clock.began.0));
    let mut figures = Vec::new();
    let mut merge: Option<Merge> = None;
    let mut planned = Some(0);
    let (mut head, mut host, mut owner) = (None, None, None);
    for log in logs {
        let clock = clock(&log);
        let whole = log.finished.facts();
        planned = planned.zip(whole.profiling.planned).map(|(sum, own)| sum + own);
        let lost = whole.unfinished.then(|| log.finished.shard().phase(PhaseKind::Profiling).issued);
        let Some(of) = log.head.member.clone() else { continue };
        let cores = log.head.plan.core_range.map_or(0, |range| range.count);
        let requests = log.finished.shard().phase(PhaseKind::Profiling).recorded();
        let shift = clock.map_or_else(|| Shift::constant(-origin), |clock| clock.shift(origin));
        let member = Member { finished: log.finished, shift, lost };
        figures.push(MemberFigures {
            rank: of.rank,
            host: of.host,
            cores,
            requests,
            clock_ahead_ns: clock.map(|clock| clock.ended.1),
            clock_uncertainty_ns: clock.map(|clock| clock.uncertainty_ns()),
            lost: lost.is_some(),
            lost_requests: member.lost_requests(),
            failure: None,
            machine: (!figures.is_empty()).then(|| log.host.clone()),
        });
        merge = Some(match merge.take() {
            None => Merge::new(member.finished),
            Some(mut merge) => {
                merge.add(member);
                merge
            }
        });
        head.get_or_insert(log.head);
        host.get_or_insert(log.host);
        owner.get_or_insert(log.owner);
    }
    let (Some(mut head), Some(host), Some(owner), Some(merge)) = (head, host, owner, merge) else {
        return Err(Error::usage("no log is of a member", "name the folders of the members"));
    };
    let (size, run) = head.member.take().map_or((0, String::new()), |member| (member.size, member.run));
    head.plan.core_range = None;
    // Members without a log had the rest of what was planned.
    let whole = planned_requests(&head.plan, &Workload::of_shape(&head.plan, head.shape.clone(), prompts)?);
    let absent = whole.zip(planned).map_or(0, |(whole, planned)| whole.saturating_sub(planned));
    let missing = (0..size).filter(|rank| !figures.iter().any(|figure| figure.rank == *rank)).collect::<Vec<_>>();
    // Which of several had how many of them is not known: the first line has all.
    for (i, rank) in missing.into_iter().enumerate() {
        figures.push(absent_member(rank, if i == 0 { absent } else { 0 }));
    }
    figures.sort_by_key(|figure| figure.rank);
    let finished = merge.finish(absent);
    let by_histograms = finished.is_condensed();
    let fleet =
        FleetFigures { run, members: figures, start_spread_ns: None, start_after_ready_ns: None, by_histograms };
    let finished = finished.of_fleet(fleet);
    Ok(ReadLog { head, host, member_clock: None, prompts, finished, owner })
}

/// How the clock of a member stood: as its log says at its end, else as it was known at its head.
fn clock(log: &ReadLog) -> Option<MemberClock> {
    log.member_clock.or(log.head.member.as_ref()?.clock_ahead_ns.map(MemberClock::constant))
}

/// A member of which there is no log, with so many requests that are lost with it.
fn absent_member(rank: usize, requests: u64) -> MemberFigures {
    MemberFigures {
        rank,
        host: "unknown".into(),
        cores: 0,
        requests: 0,
        clock_ahead_ns: None,
        clock_uncertainty_ns: None,
        lost: true,
        lost_requests: requests,
        failure: None,
        machine: None,
    }
}
