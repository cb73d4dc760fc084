//! The command line: one table of flags, from which come the help, the man page, the completions and `docs/flags.md`.

mod aiperf;
mod calibrate;
mod campaign;
mod capacity;
mod compare;
mod conversations;
mod dataset;
mod endpoint;
pub(crate) mod environment;
mod files;
pub(crate) mod help;
mod input;
mod load;
mod machine;
mod media;
mod mock;
mod names;
mod network;
mod output;
pub(crate) mod plan;
mod prefix;
mod refusal;
mod report;
mod rules;
mod selftest;
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

pub(crate) use calibrate::CalibrateArgs;
pub(crate) use campaign::{CampaignArgs, Mode, SweepMode};
pub(crate) use capacity::{Axis, CapacityArgs};
pub(crate) use compare::{CompareArgs, Format};
pub(crate) use conversations::ConversationArgs;
pub(crate) use dataset::{AnalyzeArgs, DatasetCommand, FileArgs};
pub(crate) use endpoint::{EndpointArgs, ModelStrategy};
pub(crate) use input::{InputArgs, LengthDistributionArg, Pairs, Ratio};
pub(crate) use load::{CapPolicyArg, Interpolation, LoadArgs, Pattern, RampShape};
pub(crate) use machine::MachineArgs;
pub(crate) use media::MediaArgs;
pub(crate) use mock::MockArgs;
pub(crate) use names::name_settings;
pub(crate) use network::NetworkArgs;
pub(crate) use network::proxy::Proxies;
#[cfg(test)]
pub(crate) use output::artifact_dir;
pub(crate) use output::{BaseName, ExportLevel, OutputArgs, Percentiles, Ui};
pub(crate) use prefix::PrefixArgs;
pub(crate) use report::ReportArgs;
pub(crate) use selftest::SelftestArgs;
pub(crate) use telemetry::{MetricsFormat, TelemetryArgs};
pub(crate) use trace::TraceArgs;
pub(crate) use warmup::WarmupArgs;

use crate::exit::Exit;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;

/// Load engine for LLM inference servers: proves that the client is not in the numbers.
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
    /// Find out how much this machine can drive, for runs of this shape to be held against; takes at most 20 seconds.
    #[command(after_help = CALIBRATE)]
    Calibrate(Box<CalibrateArgs>),
    /// Make report and files of a run again from its record log; of one that was killed, from what it had left.
    #[command(after_help = EXIT_STATUS)]
    Report(ReportArgs),
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
    /// Run the synthetic server, which knows the truth about its own timing.
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
    /// Print the manual page (roff).
    Man,
    /// Print generated documentation.
    #[command(hide = true)]
    Docs {
        /// Which document.
        #[arg(value_enum)]
        document: Document,
    },
}

impl Command {
    /// Whether files are to be their user's alone (`--private`).
    pub(crate) fn keeps_files_private(&self) -> bool {
        match self {
            Self::Profile(args) => args.output.private,
            Self::Capacity(args) => args.profile.output.private,
            Self::Report(args) => args.private,
            _ => false,
        }
    }
}

/// A generated document.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Document {
    /// `docs/flags.md`
    Flags,
}

/// Everything that `ringload profile` takes, by group.
#[derive(Args, Clone, Debug)]
pub(crate) struct ProfileArgs {
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
    /// How often.
    #[command(flatten)]
    pub(crate) campaign: CampaignArgs,
    /// How this machine drives it.
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
    /// The points of a sweep; empty where nothing is swept.
    #[arg(skip)]
    pub(crate) points: Vec<SweepPointArgs>,
}

impl ProfileArgs {
    /// Whether they ask for more than one run.
    pub(crate) fn has_several_runs(&self) -> bool {
        !self.points.is_empty() || self.campaign.num_profile_runs > 1
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

/// Parses a command line.
///
/// # Errors
/// The exit status after help, version or a refusal has been printed.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, Exit> {
    let argv: Vec<OsString> = args.into_iter().collect();
    try_parse(argv.clone()).map_err(|refusal| refusal.print(&argv))
}

/// Parses a command line; what stands in its way is a value.
///
/// # Errors
/// Help, version, or why the line cannot be run.
pub(crate) fn try_parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, refusal::Refusal> {
    let argv: Vec<OsString> = args.into_iter().collect();
    if argv.get(1).is_none_or(|word| word != "profile") {
        return parse_one(&argv);
    }
    let lines = sweep::points(&argv, &profile_command(), sweep::kind(&argv)).map_err(refusal::Refusal::Ours)?;
    let mut parsed = lines.iter().map(|line| parse_one(&line.argv));
    let Some(mut first) = parsed.next().transpose()? else {
        return parse_one(&argv);
    };
    if let Command::Profile(args) = &mut first.command
        && lines.iter().any(|line| !line.values.is_empty())
    {
        let mut points = vec![args.as_ref().clone()];
        for cli in parsed {
            if let Command::Profile(args) = cli?.command {
                points.push(*args);
            }
        }
        let point = |(line, args): (&sweep::SweepPointLine, ProfileArgs)| SweepPointArgs {
            name: line.name.clone(),
            values: line.values.clone(),
            args,
        };
        args.points = lines.iter().zip(points).map(point).collect();
    }
    Ok(first)
}

fn parse_one(argv: &[OsString]) -> Result<Cli, refusal::Refusal> {
    if let [_, name, rest @ ..] = argv
        && rest.iter().take_while(|word| *word != "--").any(|word| word == "-h")
        && let Some(text) = name.to_str().and_then(help::short)
    {
        return Err(refusal::Refusal::Told(text));
    }
    unbuilt()
        .try_get_matches_from(argv)
        .and_then(|matches| Cli::from_arg_matches(&matches))
        .map_err(|e| refusal::Refusal::from_clap(e, argv, &profile_command()))
}

/// The whole command, built.
pub(crate) fn command() -> clap::Command {
    let mut command = unbuilt();
    command.build();
    command
}

/// A single value may be negative, to be refused in words of its own; a list ends where `-4` or `-6` follows.
fn unbuilt() -> clap::Command {
    let describe = |command: clap::Command| {
        command.mut_args(|arg| {
            let single = arg.get_action().takes_values() && arg.get_num_args().is_none();
            if single { arg.allow_negative_numbers(true) } else { arg }
        })
    };
    Cli::command()
        .mut_subcommand("profile", describe)
        .mut_subcommand("capacity", describe)
        .mut_subcommand("calibrate", describe)
        .mut_subcommand("selftest", describe)
}

fn profile_command() -> clap::Command {
    command().find_subcommand("profile").cloned().unwrap_or_default()
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
  4    the run is invalid: the client is in the numbers (--allow-invalid: 0)
  130  interrupted; what was measured has been written";
