//! The member that leads: it makes the runs of its command line, and sums up what all members leave.

use super::digests::digests;
use super::local_load::LocalLoad;
use super::results::written_since;
use super::{ours, plans};
use crate::exit::Exit;
use crate::result::log_head::{MemberClock, MemberHead, Tail};
use crate::runner::role::{Lead, Shared};
use crate::terminal::eprint_line;
use ringload_engine::clock::shifted;
use ringload_engine::measure::{FleetFigures, MemberFigures};
use ringload_engine::plan::Plan;
use ringload_engine::record::PhaseKind;
use ringload_engine::run::{self, Control, Finished, Gate, Merge, Shift};
use ringload_engine::workload::Workload;
use ringload_engine::{Error, Result};
use ringload_fleet::message::{Aligned, Announcement, Offer};
use ringload_fleet::{Interval, Member, MemberResult};
use std::any::Any;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// The member of rank 0.
pub(super) struct Leader {
    member: Arc<Member>,
    /// The number of the next run.
    next: AtomicU64,
    /// The others have been told how it ended.
    told: AtomicBool,
    /// Whether results are left on the bus: those that were written since.
    keeps: Option<SystemTime>,
    /// The others leave sums and histograms of their records, and not the records.
    by_histograms: bool,
}

impl Leader {
    pub(super) fn new(member: Member, keeps_results: bool, by_histograms: bool) -> Self {
        // Clocks of disks are coarser than that of the machine.
        let keeps = keeps_results.then(|| SystemTime::now() - Duration::from_secs(1));
        let (next, told) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { member: Arc::new(member), next, told, keeps, by_histograms }
    }
}

impl Lead for Leader {
    fn announce(&self, seed: u64, plans: &[&Plan], quiet: bool) -> Result<()> {
        let size = self.member.identity().size;
        if let Some(why) = plans.iter().find_map(|plan| plans::unshareable(plan, size)) {
            return Err(Error::usage(why, "raise the cap, or start fewer members"));
        }
        if !quiet {
            let run = &self.member.identity().run;
            eprint_line(format_args!("fleet: run `{run}` waits for its {size} members"));
        }
        let plans = serde_json::to_value(plans).map_err(|e| Error::bug(e.to_string()))?;
        self.member.announce(Announcement { seed, plans, by_histograms: self.by_histograms }).map_err(ours)
    }

    fn share(&self, plan: &Plan, workload: &Workload) -> Result<Shared> {
        if let Some(rank) = self.member.lost().first() {
            return Err(Error::environment(
                format!("member {rank} was lost: no run follows"),
                "start all members again",
            ));
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let size = self.member.identity().size;
        if let Some(why) = plans::unshareable(plan, size) {
            return Err(Error::usage(why, "raise the cap, or start fewer members"));
        }
        let published = serde_json::to_value(plan).map_err(|e| Error::bug(e.to_string()))?;
        self.member.publish(number, published).map_err(ours)?;
        let cores = plans::cores(plan, size)?;
        let unread =
            |e| Error::environment(format!("request bodies cannot be read back ({e})"), "free space in TMPDIR");
        let digests = digests(plan, workload).map_err(unread)?;
        let offer = Offer { cores: cores.len(), digests, refused: None };
        let counts = self.member.offer(number, offer).map_err(ours)?;
        Ok(Shared { number, plan: plans::share(plan, 0, cores, &counts), counts })
    }

    fn others(&self) -> usize {
        self.member.identity().size - 1
    }

    fn head(&self) -> MemberHead {
        head_of(&self.member)
    }

    fn has_records(&self) -> bool {
        !self.by_histograms
    }

    fn begin(&self, shared: &Shared, control: &Arc<Control>, workers: &[usize]) -> (Gate, Box<dyn Any>) {
        let own = workers.to_vec();
        self.member.on_its_thread(move || ringload_engine::driver::keep_off(&own));
        let load = LocalLoad::new(Arc::clone(control), workers.len());
        let counting = self.member.count(shared.number, load, None);
        (gate_of(Arc::clone(&self.member), shared.number), Box::new(counting))
    }

    fn merge(&self, shared: Shared, own: Finished, workload: &Workload, folder: &Path) -> Result<Finished> {
        let Shared { number, plan, counts } = shared;
        let unwritable =
            |e| Error::environment(format!("{}: {e}", folder.display()), "choose a writable --artifact-dir");
        let folder = tempfile::Builder::new().prefix(".ringload-members-").tempdir_in(folder).map_err(unwritable)?;
        let left = self.member.collect(number, folder.path()).map_err(ours)?;
        let mut figures = vec![MemberFigures {
            rank: 0,
            host: self.member.host().to_owned(),
            cores: counts[0],
            requests: own.shard().phase(PhaseKind::Profiling).recorded(),
            clock_ahead_ns: Some([0, 0]),
            clock_uncertainty_ns: Some(0),
            lost: false,
            lost_requests: 0,
            failure: None,
            machine: None,
        }];
        let mut starts = vec![own.facts().profiling.start];
        let mut merge = Merge::new(own);
        let mut absent = 0;
        for left in left {
            let reread = run::reread(&left.log);
            let shift = left.clock.map(clock_of).map_or_else(Shift::default, |clock| clock.shift(0));
            let mut figure = figure(&left, counts[left.rank]);
            match reread {
                Ok(reread) => {
                    let tail = reread.tail.and_then(|tail| serde_json::from_slice::<Tail>(&tail).ok());
                    figure.machine = tail.map(|tail| tail.host);
                    let finished = reread.finished;
                    figure.requests = finished.shard().phase(PhaseKind::Profiling).recorded();
                    let member = run::Member { shift, lost: left.lost.then_some(left.counters.issued), finished };
                    figure.lost_requests = member.lost_requests();
                    let start = member.finished.facts().profiling.start;
                    if figure.requests > 0 {
                        starts.push(shifted(start, shift.at(start)));
                    }
                    merge.add(member);
                }
                Err(error) if !left.lost => return Err(error),
                Err(_) => {
                    let part = plans::share(&plan, left.rank, Vec::new(), &counts);
                    figure.lost_requests = run::planned_requests(&part, workload).unwrap_or(left.counters.issued);
                    absent += figure.lost_requests;
                }
            }
            figures.push(figure);
        }
        let spread = starts.iter().max().zip(starts.iter().min()).map(|(last, first)| last - first);
        let run = self.member.identity().run.clone();
        let after_ready = self.member.start_after_ready(number);
        let finished = merge.finish(absent);
        let by_histograms = finished.is_condensed();
        let fleet = FleetFigures {
            run,
            members: figures,
            start_spread_ns: spread,
            start_after_ready_ns: after_ready,
            by_histograms,
        };
        Ok(finished.of_fleet(fleet))
    }

    fn keep_results(&self, folder: &Path) -> Result<()> {
        let Some(since) = self.keeps else { return Ok(()) };
        let large = self.member.keep_results(written_since(folder, since)?).map_err(ours)?;
        for name in large {
            eprint_line(format_args!("note: {name} is too large for the bus, and stays here alone"));
        }
        Ok(())
    }

    fn over(&self, exit: Exit) {
        if !self.told.swap(true, Ordering::Relaxed)
            && let Err(error) = self.member.over(exit as u8)
        {
            eprint_line(format_args!("note: the other members do not know that the run is over: {error}"));
        }
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.over(Exit::Usage);
    }
}

/// What says when the phases of a run begin.
pub(super) fn gate_of(member: Arc<Member>, number: u64) -> Gate {
    Box::new(move |kind| {
        let phase = match kind {
            PhaseKind::Warmup => "warm-up",
            PhaseKind::Profiling => "measurement",
        };
        member.start(number, phase).map_err(ours)
    })
}

/// How the clock of a member stood, as record logs have it.
pub(super) fn clock_of(clock: Aligned) -> MemberClock {
    let ends = |of: Interval| [of.least, of.most];
    MemberClock { began: (clock.began, ends(clock.then)), ended: (clock.ended, ends(clock.at_end)) }
}

fn figure(left: &MemberResult, cores: usize) -> MemberFigures {
    MemberFigures {
        rank: left.rank,
        host: left.host.clone(),
        cores,
        requests: 0,
        clock_ahead_ns: left.clock.map(clock_of).map(|clock| clock.ended.1),
        clock_uncertainty_ns: left.clock.map(clock_of).map(|clock| clock.uncertainty_ns()),
        lost: left.lost,
        lost_requests: 0,
        failure: left.failure.clone(),
        machine: None,
    }
}

/// What the log of a member's share says of it.
pub(super) fn head_of(member: &Member) -> MemberHead {
    let identity = member.identity();
    MemberHead {
        rank: identity.rank,
        size: identity.size,
        run: identity.run.clone(),
        host: member.host().to_owned(),
        clock_ahead_ns: member.clock().map(|clock| [clock.least, clock.most]),
    }
}
