//! One run from many machines: flags and checks.

use super::{ExportLevel, ProfileArgs, values};
use clap::{Args, Subcommand, ValueEnum};
use ringload_engine::{Error, Result};
use std::path::PathBuf;

/// One run from many machines.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Fleet")]
pub(crate) struct FleetArgs {
    /// Be a member of a fleet that shares the load: the NATS bus on which its members meet, as nats://host:4222; a user
    /// and a password, or a token, before an @. Needs JetStream.
    #[arg(long, value_name = "URL", env = "RINGLOAD_FLEET", hide_env_values = true)]
    pub(crate) fleet: Option<String>,

    /// Members of the fleet [default: what mpirun or srun started].
    #[arg(long, value_name = "N", value_parser = values::one_total)]
    pub(crate) fleet_size: Option<u64>,

    /// Which member this is, from 0, which leads [default: OMPI_COMM_WORLD_RANK, PMI_RANK, SLURM_PROCID,
    /// JOB_COMPLETION_INDEX].
    #[arg(long, value_name = "N")]
    pub(crate) fleet_rank: Option<usize>,

    /// Name of the run, the same for all members and another one for each run [default: PMIX_NAMESPACE, or Slurm's job
    /// and step].
    #[arg(long, value_name = "NAME", env = "RINGLOAD_FLEET_RUN")]
    pub(crate) fleet_run: Option<String>,

    /// Take the index of a Slurm job array for the rank.
    #[arg(long)]
    pub(crate) fleet_by_array: bool,

    /// How long a member may be silent before it counts as lost.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = values::seconds)]
    pub(crate) fleet_silence: f64,

    /// What becomes of the run when a member is lost: either way it is INVALID, and the requests of the member are
    /// counted as lost with it.
    #[arg(long, value_enum, default_value = "abort")]
    pub(crate) fleet_on_loss: OnLossArg,

    /// What the figures of the fleet are made from: all records, so that each figure is that of all requests; or, where
    /// there are too many of them, sums and histograms that the members make of their own, so that percentiles are
    /// bucketed, to 3 significant digits. As the leader has it.
    #[arg(long, value_enum, default_value = "records")]
    pub(crate) fleet_merge: MergeArg,

    /// How long the bus and the other members are waited for.
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = values::seconds)]
    pub(crate) fleet_wait: f64,

    /// Keep the files of the results on the bus, from where `ringload fleet results` fetches them: for a leader whose
    /// disk goes with it.
    #[arg(long)]
    pub(crate) fleet_keep_results: bool,

    #[command(flatten)]
    pub(crate) tls: BusTlsArgs,
}

/// Files of TLS on the way to the bus.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct BusTlsArgs {
    /// Certificates of the authorities that the bus is trusted by, in PEM.
    #[arg(long, value_name = "FILE")]
    pub(crate) fleet_ca: Option<PathBuf>,

    /// The member's own certificate, in PEM.
    #[arg(long, value_name = "FILE", requires = "fleet_key")]
    pub(crate) fleet_cert: Option<PathBuf>,

    /// The key of --fleet-cert.
    #[arg(long, value_name = "FILE", requires = "fleet_cert")]
    pub(crate) fleet_key: Option<PathBuf>,
}

/// What to do with a fleet.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum FleetCommand {
    /// Run a command as a fleet of several processes on this machine, for a first try; a nats-server is started for
    /// them where no bus is named.
    Up(UpArgs),
    /// Print who has joined a run, who is alive, and how far they are.
    Status(StatusArgs),
    /// Fetch the files of the results that a leader with --fleet-keep-results has left on the bus.
    Results(ResultsArgs),
}

/// A fleet on this machine.
#[derive(Args, Clone, Debug)]
pub(crate) struct UpArgs {
    /// How many members.
    #[arg(short = 'n', long = "members", value_name = "N", default_value = "2", value_parser = members)]
    pub(crate) members: usize,

    /// The bus on which they meet [default: a nats-server of their own, which has to be in PATH].
    #[arg(long, value_name = "URL")]
    pub(crate) fleet: Option<String>,

    /// What each of them runs: `profile` and its flags.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// Which run.
#[derive(Args, Clone, Debug)]
pub(crate) struct StatusArgs {
    /// Name of the run (--fleet-run).
    pub(crate) run: String,

    /// The bus on which its members meet.
    #[arg(long, value_name = "URL", env = "RINGLOAD_FLEET", hide_env_values = true)]
    pub(crate) fleet: String,

    #[command(flatten)]
    pub(crate) tls: BusTlsArgs,
}

/// Which run's results, and where to.
#[derive(Args, Clone, Debug)]
pub(crate) struct ResultsArgs {
    #[command(flatten)]
    pub(crate) of: StatusArgs,

    /// The folder that they are written into, with the paths that they had in the leader's.
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub(crate) artifact_dir: PathBuf,
}

fn members(text: &str) -> std::result::Result<usize, String> {
    text.parse().ok().filter(|n| (1..=1_000).contains(n)).ok_or_else(|| "write 1 to 1000".into())
}

/// What becomes of a run when a member is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnLossArg {
    /// It ends, with what was measured.
    Abort,
    /// It goes on without the member.
    Continue,
}

/// What the figures of a fleet are made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MergeArg {
    /// The records of all members.
    Records,
    /// Sums and histograms that the members make of their records.
    Histograms,
}

impl FleetArgs {
    /// Whether the figures are made from sums and histograms.
    pub(crate) fn by_histograms(&self) -> bool {
        self.fleet.is_some() && self.fleet_merge == MergeArg::Histograms
    }

    /// Refuses what belongs to a fleet that is not there.
    ///
    /// # Errors
    /// The flag, and what to do.
    pub(crate) fn check(&self) -> Result<()> {
        let orphans = [
            ("--fleet-size", self.fleet_size.is_some()),
            ("--fleet-rank", self.fleet_rank.is_some()),
            ("--fleet-by-array", self.fleet_by_array),
            ("--fleet-keep-results", self.fleet_keep_results),
            ("--fleet-merge", self.fleet_merge == MergeArg::Histograms),
            ("--fleet-ca", self.tls.fleet_ca.is_some()),
            ("--fleet-cert", self.tls.fleet_cert.is_some()),
        ];
        let orphan = orphans.iter().find(|(_, given)| *given).filter(|_| self.fleet.is_none());
        match orphan {
            Some((flag, _)) => Err(Error::usage(
                format!("{flag} without --fleet"),
                format!("add --fleet nats://host:4222, or drop {flag}"),
            )),
            None => Ok(()),
        }
    }

    /// Refuses a fleet where a command has no use for one.
    ///
    /// # Errors
    /// When there is one.
    pub(crate) fn refuse(&self, command: &str) -> Result<()> {
        match self.fleet {
            Some(_) => Err(Error::usage(
                format!("--fleet with `ringload {command}`: it is of one machine"),
                "run it on each machine without --fleet",
            )),
            None => Ok(()),
        }
    }
}

impl ProfileArgs {
    /// Refuses what needs the records of single requests where there are only sums of them. `searches`: the command
    /// makes probes.
    ///
    /// # Errors
    /// The flag, and what to do.
    pub(crate) fn check_histograms(&self, searches: bool) -> Result<()> {
        let output = &self.output;
        let needs = [
            ("--slice-duration", output.slice_duration.is_some()),
            ("--export-level raw", output.export_level == ExportLevel::Raw),
            ("--check-output", output.check_output.is_some()),
            ("a command of several runs", searches || self.has_several_runs()),
        ];
        match needs.iter().find(|(_, given)| *given).filter(|_| self.fleet.by_histograms()) {
            Some((what, _)) => Err(Error::usage(
                format!("{what} with --fleet-merge histograms: it needs the records of all requests"),
                format!("write --fleet-merge records, or leave out {what}"),
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::flags::testing::{args, refused};

    #[test]
    fn flags_of_a_fleet_belong_to_one() {
        let fleet = args("-m x --fleet nats://bus --fleet-size 8 --fleet-rank 3 --fleet-on-loss continue").fleet;
        assert_eq!((fleet.fleet_size, fleet.fleet_rank, fleet.fleet_silence), (Some(8), Some(3), 10.0));
        fleet.check().unwrap();
        let error = args("-m x --fleet-rank 1").fleet.check().unwrap_err().to_string();
        assert!(error.contains("--fleet-rank without --fleet"), "{error}");
        assert!(fleet.refuse("calibrate").is_err());
        assert!(!fleet.by_histograms());
        assert!(refused("-m x --fleet nats://bus --fleet-cert a.pem").contains("--fleet-key"));
    }

    #[test]
    fn histograms_are_of_one_run_without_what_needs_single_requests() {
        let fleet = "-m x --fleet nats://bus --fleet-size 2 --fleet-rank 1 --fleet-merge histograms";
        let check = |more: &str| args(&format!("{fleet} {more}")).check_histograms(false).map_err(|e| e.to_string());
        assert_eq!(check(""), Ok(()));
        for (more, named) in [
            ("--slice-duration 1", "--slice-duration"),
            ("--export-level raw", "--export-level raw"),
            ("--concurrency 1,2", "several runs"),
        ] {
            let error = check(more).unwrap_err();
            assert!(error.contains(named) && error.contains("--fleet-merge records"), "{error}");
        }
        let orphan = args("-m x --fleet-merge histograms").fleet.check().unwrap_err().to_string();
        assert!(orphan.contains("--fleet-merge without --fleet"), "{orphan}");
    }
}
