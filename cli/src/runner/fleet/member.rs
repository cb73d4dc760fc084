//! A member that follows: it drives its share of each run, and uploads its records.

use super::digests::digests;
use super::leader::{clock_of, gate_of, head_of};
use super::local_load::LocalLoad;
use super::{exit_of, ours, plans};
use crate::exit::Exit;
use crate::flags::ProfileArgs;
use crate::live::signals;
use crate::result::log_head::{Head, Tail};
use crate::result::run::Identity;
use crate::runner::prepared::Prepared;
use crate::runner::role::Follow;
use crate::terminal::eprint_line;
use ringload_engine::driver;
use ringload_engine::host::HostFacts;
use ringload_engine::plan::Plan;
use ringload_engine::record::{LogWriter, Note};
use ringload_engine::run::{self, Control, Run};
use ringload_engine::{Error, Result};
use ringload_fleet::message::Offer;
use ringload_fleet::{Member, Next};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A member other than the leader.
pub(super) struct Follower {
    member: Arc<Member>,
}

impl Follow for Follower {
    fn follow(&self, args: &ProfileArgs, plans: &dyn Fn(u64) -> anyhow::Result<Vec<Plan>>) -> anyhow::Result<Exit> {
        let announced = self.member.announced().map_err(ours)?;
        let own = plans(announced.seed)?;
        if let Err(why) = plans::same(&own, &announced.plans) {
            self.member.agree(Some(why.clone())).map_err(ours)?;
            return Err(Error::usage(why, "start every member with the same command line").into());
        }
        self.member.agree(None).map_err(ours)?;
        let mut prepared = Prepared::on(args, None);
        let mut log = None;
        for number in 0.. {
            let next = self.member.next(number).map_err(ours);
            // Launchers end a whole job when one of its processes fails: the status of the run is the leader's.
            let failed = match &next {
                Ok(Next::Over(status)) => exit_of(*status) == Exit::Usage,
                Ok(Next::Run(_)) => false,
                Err(_) => true,
            };
            self.let_go(log.take(), failed, args.output.keep_records);
            match next? {
                Next::Over(_) => return Ok(if failed { Exit::Usage } else { Exit::Done }),
                Next::Run(published) => {
                    let plan = plans::adopted(&published, &own);
                    log = self.play((number, announced.by_histograms), plan, args, &mut prepared)?;
                }
            }
        }
        Ok(Exit::Done)
    }
}

impl Follower {
    pub(super) fn new(member: Member) -> Self {
        Self { member: Arc::new(member) }
    }

    /// Removes a record log that the leader has summed up, or says where it is where the leader has not, or where it is
    /// to stay.
    fn let_go(&self, log: Option<PathBuf>, failed: bool, keep: bool) {
        let Some(log) = log else { return };
        if failed || keep {
            self.tell_kept(&log);
            return;
        }
        // A folder with something else in it stays.
        let _ = std::fs::remove_file(&log);
        let _ = log.parent().map(std::fs::remove_dir);
    }

    fn tell_kept(&self, log: &Path) {
        eprint_line(format_args!(
            "the records of member {} are kept in {}; `ringload merge` makes the report of the logs of all members",
            self.member.identity().rank,
            log.display()
        ));
    }

    /// Drives its share of a run: its record log, which is on the bus by then.
    fn play(
        &self,
        (number, by_histograms): (u64, bool),
        plan: std::result::Result<Plan, String>,
        args: &ProfileArgs,
        prepared: &mut Prepared,
    ) -> anyhow::Result<Option<PathBuf>> {
        signals::preparing();
        let identity = self.member.identity();
        let refuse = |why: &str| {
            let offer = Offer { cores: 0, digests: Vec::new(), refused: Some(why.to_owned()) };
            self.member.offer(number, offer).map_err(ours)
        };
        let plan = match plan {
            Ok(plan) => plan,
            Err(why) => return Ok(refuse(&why).map(|_| None)?),
        };
        let made = prepared.workload(&plan).and_then(|workload| {
            let digests = digests(&plan, &workload)?;
            Ok((workload, digests, plans::cores(&plan, identity.size)?))
        });
        let (workload, digests, cores) = match made {
            Ok(made) => made,
            Err(error) => {
                // The leader says which member it was.
                let _ = refuse(&format!("{error:#}"));
                return Err(error);
            }
        };
        let offer = Offer { cores: cores.len(), digests, refused: None };
        let counts = self.member.offer(number, offer).map_err(ours)?;
        let plan = plans::share(&plan, identity.rank, cores.clone(), &counts);
        let log = self.log_path(number, &args.output.folder(&plan))?;
        let host = HostFacts::read_start();
        let mut writer = LogWriter::create(&log)?;
        let head = Head {
            member: Some(head_of(&self.member)),
            ..Head::of(&plan, &workload, &Identity::of(&plan), &args.output, args.output.base_name(), &host.facts)
        };
        writer.note(Note::Head, &serde_json::to_vec(&head)?)?;
        let control = Arc::new(Control::new(cores.len()));
        let own = cores.clone();
        self.member.on_its_thread(move || driver::keep_off(&own));
        let follow = Some(log.as_path()).filter(|_| !by_histograms);
        let counting = self.member.count(number, LocalLoad::new(Arc::clone(&control), cores.len()), follow);
        let driven = {
            let _loading = signals::loading(&control);
            let run = Run::with(&plan, Arc::clone(&workload), Arc::clone(&control));
            run.and_then(|run| run.record_to(writer).begin_by(gate_of(Arc::clone(&self.member), number)).drive(None))
        };
        signals::finishing();
        let mut left = log.clone();
        let (clock, failure) = match driven {
            Ok(mut finished) => {
                let clock = self.member.aligned(finished.facts().profiling.start);
                let tail = Tail { host: host.finish(), member_clock: clock.map(clock_of) };
                let tail = serde_json::to_vec(&tail)?;
                finished.leave(&tail);
                if by_histograms {
                    left = condensed(&log, &serde_json::to_vec(&head)?, &tail, |to| {
                        run::condense(&plan, &workload, &finished, to)
                    });
                }
                (clock, finished.take_failure().map(|error| error.to_string()))
            }
            Err(error) => (None, Some(error.to_string())),
        };
        let said = failure.clone();
        let uploaded = self.member.upload(number, &left, clock, failure).map_err(ours);
        drop(counting);
        if left != log {
            // It can be made again.
            let _ = std::fs::remove_file(&left);
        }
        if let Err(error) = uploaded {
            self.tell_kept(&log);
            return Err(error.into());
        }
        match said {
            Some(failure) => {
                self.tell_kept(&log);
                Err(Error::environment(failure, "see what the leader says of the run").into())
            }
            None => Ok(Some(log)),
        }
    }

    /// Where its records are kept until they are uploaded.
    fn log_path(&self, number: u64, folder: &Path) -> Result<PathBuf> {
        let folder = folder.join(format!("member_{}", self.member.identity().rank));
        std::fs::create_dir_all(&folder).map_err(|e| {
            Error::environment(format!("{}: {e}", folder.display()), "choose an --artifact-dir that is writable")
        })?;
        Ok(folder.join(format!("run_{number}_ringload_records.log")))
    }
}

/// A log of the same run without its records: `sums` leaves what stands in their place. The log itself where that
/// cannot be written: a leader adds records to sums as well, and without either it would wait for this member.
fn condensed(log: &Path, head: &[u8], tail: &[u8], sums: impl FnOnce(&mut LogWriter) -> Result<()>) -> PathBuf {
    let path = log.with_extension("sums");
    let write = || {
        let mut writer = LogWriter::create(&path)?;
        writer.note(Note::Head, head)?;
        sums(&mut writer)?;
        writer.note(Note::Tail, tail)?;
        writer.finish()
    };
    match write() {
        Ok(()) => path,
        Err(error) => {
            // It was not made, or is cut.
            let _ = std::fs::remove_file(&path);
            eprint_line(format_args!(
                "the sums of the records could not be written, the records are uploaded: {error}"
            ));
            log.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_stand_in_for_sums_that_cannot_be_written() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("run_0_ringload_records.log");
        let sums = condensed(&log, b"{}", b"{}", |to| to.note(Note::Sums, b"{}"));
        assert_eq!(sums, log.with_extension("sums"));
        let full = || Error::environment("no space left on device", "make room");
        assert_eq!(condensed(&log, b"{}", b"{}", |_| Err(full())), log);
        assert!(!sums.exists(), "nothing that is cut is left");
        assert_eq!(
            condensed(&dir.path().join("none/run.log"), b"{}", b"{}", |_| Ok(())),
            dir.path().join("none/run.log")
        );
    }
}
