//! The command line: one table of flags, from which come the help, the man page, the completions and `docs/flags.md`.

mod adaptive;
mod aiperf;
mod calibrate;
mod campaign;
mod capacity;
pub(crate) mod check_output;
mod compare;
pub(crate) mod config;
mod conversations;
mod dataset;
mod endpoint;
pub(crate) mod environment;
mod examples;
mod files;
mod fleet;
pub(crate) mod help;
mod hooks;
mod input;
mod load;
mod machine;
mod media;
mod mlflow;
mod mock;
mod names;
mod network;
mod others;
mod output;
mod parse;
pub(crate) mod plan;
mod prefix;
mod public;
mod recipes;
mod refusal;
mod report;
mod rules;
mod scenario;
mod selftest;
mod spelling;
mod sweep;
mod telemetry;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod trace;
mod units;
pub(crate) mod values;
pub(crate) mod variants;
mod warmup;

pub(crate) use adaptive::{AdaptiveArgs, AdaptiveSearch, Bound, ScaleArgs, SearchAxis, Tier, Varied};
pub(crate) use aiperf::table_without_effect;
pub(crate) use calibrate::CalibrateArgs;
pub(crate) use campaign::{CampaignArgs, Mode, SweepMode};
pub(crate) use capacity::{Axis, CapacityArgs, SearchArgs};
pub(crate) use compare::{CompareArgs, Format};
pub(crate) use conversations::ConversationArgs;
pub(crate) use dataset::{AnalyzeArgs, DatasetCommand, FileArgs};
pub(crate) use endpoint::{EndpointArgs, ModelStrategy};
#[cfg(feature = "fleet")]
pub(crate) use fleet::BusTlsArgs;
#[cfg(feature = "fleet")]
pub(crate) use fleet::OnLossArg;
pub(crate) use fleet::{FleetArgs, FleetCommand, ResultsArgs, StatusArgs, UpArgs};
pub(crate) use hooks::HookArgs;
pub(crate) use input::{InputArgs, LengthDistributionArg, Pairs, Ratio};
pub(crate) use load::{CapPolicyArg, Interpolation, LoadArgs, Pattern, RampShape};
pub(crate) use machine::MachineArgs;
pub(crate) use media::MediaArgs;
pub(crate) use mlflow::MlflowArgs;
pub(crate) use mock::MockArgs;
pub(crate) use names::name_settings;
pub(crate) use network::NetworkArgs;
pub(crate) use network::proxy::Proxies;
#[cfg(test)]
pub(crate) use output::artifact_dir;
pub(crate) use output::{Annotations, BaseName, ExportLevel, OutputArgs, Percentiles, Ui};
pub(crate) use parse::{command, parse};
#[cfg(test)]
pub(crate) use parse::{profile_command, try_parse};
pub(crate) use prefix::PrefixArgs;
pub(crate) use public::{PublicArgs, PublicDataset, Row as PublicRow, Source as PublicSource};
pub(crate) use recipes::{Degradation, RecipeArgs};
pub(crate) use report::{ReportArgs, ReportFile};
pub(crate) use scenario::ScenarioArgs;
pub(crate) use selftest::SelftestArgs;
pub(crate) use telemetry::{MetricsFormat, TelemetryArgs};
pub(crate) use trace::TraceArgs;
pub(crate) use warmup::WarmupArgs;

use clap::{Args, Parser, Subcommand};
use ringload_engine::plan::Plan;
use std::path::PathBuf;

/// Load engine for LLM inference servers: shows how far the client itself is in the figures.
#[derive(Debug, Parser)]
#[command(name = "ringload", version, disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Load a server and report what it did, and whether the figures may be believed.
    #[command(after_help = EXIT_STATUS)]
    Profile(Box<ProfileArgs>),
    /// Find the largest load under which enough requests meet every objective.
    #[command(after_help = EXIT_STATUS)]
    Capacity(Box<CapacityArgs>),
    /// Say whether this machine can drive so many streams, and how true what it says of them is; takes at most 30
    /// seconds.
    #[command(after_help = SELFTEST)]
    Selftest(Box<SelftestArgs>),
    /// Find out how much this machine can drive, for comparison with runs of this shape; takes at most 20 seconds.
    #[command(after_help = CALIBRATE)]
    Calibrate(Box<CalibrateArgs>),
    /// Make report and files of a run again from its record log; of one that was killed, from what it had left.
    #[command(after_help = EXIT_STATUS)]
    Report(ReportArgs),
    /// Make one report of a run of a fleet from the record logs that its members have kept.
    #[command(after_help = EXIT_STATUS)]
    Merge(ReportArgs),
    /// Run a fleet on this machine, or look at one.
    Fleet {
        /// What to do.
        #[command(subcommand)]
        command: FleetCommand,
    },
    /// Begin, check and show configuration files.
    Config {
        /// What to do.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Compare runs with a base: by how much each figure differs, how sure that is, and what was planned differently.
    #[command(after_help = EXIT_STATUS)]
    Compare(CompareArgs),
    /// Print what a dataset holds, or write it in another format.
    Dataset {
        /// What to do.
        #[command(subcommand)]
        command: DatasetCommand,
    },
    /// Print how long the requests of a trace are, how they arrive, and how much of them a prefix cache could serve.
    AnalyzeTrace(AnalyzeArgs),
    /// Run the synthetic server, which records its own timing.
    #[command(allow_negative_numbers = true)]
    Mock(Box<MockArgs>),
    /// Print help: of a command, or the flags of a group (`ringload help load`).
    Help {
        /// A command or a group of flags.
        topic: Option<String>,
    },
    /// Print a completion script for a shell.
    Completions {
        /// bash, elvish, fish, powershell or zsh.
        shell: clap_complete::Shell,
    },
    /// Print the JSON schema of a file, or which files have one.
    Schema {
        /// Name of the file, such as ringload_report.json.
        name: Option<String>,
    },
    /// Print the manual page (roff), or write a page for each command.
    Man {
        /// Folder for the pages.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
    /// Print a guide (capacity, network, client, replay, gate, kubernetes, switch) or the reference of flags; without a
    /// name, which there are.
    Docs {
        /// Which document.
        document: Option<String>,
    },
}

impl Command {
    /// The flags of a run, of the commands that have them.
    fn profile_args(&mut self) -> Option<&mut ProfileArgs> {
        match self {
            Self::Profile(args) => Some(args),
            Self::Capacity(args) => Some(&mut args.profile),
            Self::Calibrate(args) => Some(&mut args.profile),
            _ => None,
        }
    }

    /// Whether files are to be their user's alone (`--private`).
    pub(crate) fn keeps_files_private(&self) -> bool {
        match self {
            Self::Profile(args) => args.output.private,
            Self::Capacity(args) => args.profile.output.private,
            Self::Report(args) | Self::Merge(args) => args.private,
            _ => false,
        }
    }
}

/// What to do with configuration files.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print a configuration to begin with, or write it to a file that is not there yet.
    Init {
        /// File to write.
        output: Option<PathBuf>,
    },
    /// Check a file: that it can be run, and as how many runs.
    Validate {
        /// The file.
        file: PathBuf,
    },
    /// Print the command line of each run of a file.
    #[command(alias = "expand")]
    Show {
        /// The file.
        file: PathBuf,
    },
}

/// Everything that `ringload profile` takes, by group.
#[derive(Args, Clone, Debug)]
pub(crate) struct ProfileArgs {
    /// Which file says it.
    #[command(flatten)]
    pub(crate) file: ConfigArgs,
    /// Where to.
    #[command(flatten)]
    pub(crate) endpoint: EndpointArgs,
    /// How it gets there.
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    /// What is sent.
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// What it holds beside a prompt.
    #[command(flatten)]
    pub(crate) media: MediaArgs,
    /// What stands before it.
    #[command(flatten)]
    pub(crate) prefixes: PrefixArgs,
    /// What a file says of it.
    #[command(flatten)]
    pub(crate) trace: TraceArgs,
    /// A file that others have made.
    #[command(flatten)]
    pub(crate) public: PublicArgs,
    /// What else it asks for.
    #[command(flatten)]
    pub(crate) scenario: ScenarioArgs,
    /// In which conversations.
    #[command(flatten)]
    pub(crate) conversation: ConversationArgs,
    /// When it is sent.
    #[command(flatten)]
    pub(crate) load: LoadArgs,
    /// What is sent before.
    #[command(flatten)]
    pub(crate) warmup: WarmupArgs,
    /// What comes out.
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// What is read of the server beside it.
    #[command(flatten)]
    pub(crate) telemetry: TelemetryArgs,
    /// What is asked of the server around it.
    #[command(flatten)]
    pub(crate) hooks: HookArgs,
    /// How often.
    #[command(flatten)]
    pub(crate) campaign: CampaignArgs,
    /// What is searched for.
    #[command(flatten)]
    pub(crate) recipe: RecipeArgs,
    /// The same, in settings and figures of the user's.
    #[command(flatten)]
    pub(crate) adaptive: AdaptiveArgs,
    /// The same, by AIPerf's name for one run.
    #[command(flatten)]
    pub(crate) scale: ScaleArgs,
    /// How this machine drives it.
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
    /// With which other machines.
    #[command(flatten)]
    pub(crate) fleet: FleetArgs,
    /// The points of a sweep; empty where nothing is swept.
    #[arg(skip)]
    pub(crate) points: Vec<SweepPointArgs>,
    /// What is to be said of flags that were taken and change nothing.
    #[arg(skip)]
    pub(crate) notes: Vec<String>,
    /// The plan of an earlier run, in the place of one that flags make.
    #[arg(skip)]
    pub(crate) given_plan: Option<Box<Plan>>,
}

/// A file that says what is run.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Configuration file")]
pub(crate) struct ConfigArgs {
    /// File that says what is run, in AIPerf's YAML (schema 2.0), or the JSON of a plan or a report; flags of the line
    /// replace what the YAML says. `ringload config init` prints one to begin with.
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl ProfileArgs {
    /// Whether they ask for more than one run.
    pub(crate) fn has_several_runs(&self) -> bool {
        !self.points.is_empty() || self.campaign.num_profile_runs > 1 || !self.adaptive.search_space.is_empty()
    }

    /// Puts what is to be said of the line before what is said already; of a sweep its first point says it.
    fn say_first(&mut self, notes: Vec<String>) {
        self.notes = [notes, std::mem::take(&mut self.notes)].concat();
        if let Some(point) = self.points.first_mut() {
            point.args.notes.clone_from(&self.notes);
        }
    }

    /// Sweeps over points.
    fn sweep_over(&mut self, points: Vec<SweepPointArgs>) {
        self.points = points;
    }

    /// Runs a plan in the place of one that flags make.
    fn run_plan(&mut self, plan: Plan) {
        self.given_plan = Some(Box::new(plan));
    }

    /// Whether they say when requests are due, whatever is in flight.
    pub(crate) fn is_scheduled(&self) -> bool {
        let load = &self.load;
        load.request_rate.is_some()
            || load.request_rate_series.is_some()
            || load.user_centric_rate.is_some()
            || !load.stage.is_empty()
            || self.trace.input_file.is_some() && !self.trace.no_fixed_schedule
    }
}

/// One point of a sweep.
#[derive(Clone, Debug)]
pub(crate) struct SweepPointArgs {
    /// Its name, where the user gave one.
    pub(crate) name: Option<String>,
    /// Flag (without dashes) and value of each axis.
    pub(crate) values: Vec<(String, String)>,
    /// What it asks for.
    pub(crate) args: ProfileArgs,
}

const CALIBRATE: &str = "\
Give it the flags of the run: they say what is driven. Nothing is sent to --url.
Exit status: 0 done; 2 a usage or environment error to fix first; 130 interrupted, and nothing kept.";
const SELFTEST: &str = "\
Give it the flags of the run, or none. Nothing is sent to --url; the built-in server answers over loopback. What a
core can drive is kept for later runs, as by ringload calibrate.
Exit status: 0 this machine can drive it; 1 it cannot, or what ringload said was not what the server did; 2 a usage or
environment error to fix first; 130 interrupted, and nothing kept.";
const EXIT_STATUS: &str = "\
Exit status:
  0    done
  1    a condition of --fail-if holds
  2    the command line or this machine has to be fixed first
  3    no request succeeded
  4    the run is invalid: the client's overhead is in the figures (--allow-invalid: 0)
  130  interrupted; what was measured has been written";
