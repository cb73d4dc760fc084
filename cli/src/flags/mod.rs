//! The command line: one table of flags, from which come the help, the man page, the completions and `docs/flags.md`.

mod aiperf;
mod calibrate;
mod campaign;
mod capacity;
mod compare;
pub(crate) mod config;
mod conversations;
mod dataset;
mod endpoint;
pub(crate) mod environment;
mod files;
pub(crate) mod help;
mod hooks;
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
mod recipes;
mod refusal;
mod report;
mod rules;
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

pub(crate) use aiperf::table_without_effect;
pub(crate) use calibrate::CalibrateArgs;
pub(crate) use campaign::{CampaignArgs, Mode, SweepMode};
pub(crate) use capacity::{Axis, CapacityArgs, SearchArgs};
pub(crate) use compare::{CompareArgs, Format};
pub(crate) use conversations::ConversationArgs;
pub(crate) use dataset::{AnalyzeArgs, DatasetCommand, FileArgs};
pub(crate) use endpoint::{EndpointArgs, ModelStrategy};
pub(crate) use hooks::HookArgs;
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
pub(crate) use output::{Annotations, BaseName, ExportLevel, OutputArgs, Percentiles, Ui};
pub(crate) use prefix::PrefixArgs;
pub(crate) use recipes::RecipeArgs;
pub(crate) use report::ReportArgs;
pub(crate) use selftest::SelftestArgs;
pub(crate) use telemetry::{MetricsFormat, TelemetryArgs};
pub(crate) use trace::TraceArgs;
pub(crate) use warmup::WarmupArgs;

use crate::exit::Exit;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use ringload_engine::plan::Plan;
use std::ffi::OsString;
use std::path::PathBuf;

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
            Self::Report(args) => args.private,
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

/// A generated document.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Document {
    /// `docs/flags.md`
    Flags,
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
    /// How this machine drives it.
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
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
    let built = command();
    let asked = argv.get(1).and_then(|word| word.to_str());
    let Some(sub) = asked.filter(|name| ["profile", "capacity", "calibrate"].contains(name)).map(str::to_owned) else {
        return parse_one(&argv);
    };
    let spelled = built
        .find_subcommand(&sub)
        .map(|sub| spelling::spell(&argv, sub))
        .unwrap_or_else(|| Ok(spelling::Spelled::default()));
    let spelling::Spelled { argv, notes } = spelled.map_err(refusal::Refusal::Ours)?;
    let mut cli = parse_spelled(&argv, sub == "profile")?;
    if let Some(args) = cli.command.profile_args() {
        args.notes = [notes, std::mem::take(&mut args.notes)].concat();
        if let Some(point) = args.points.first_mut() {
            point.args.notes.clone_from(&args.notes);
        }
    }
    Ok(cli)
}

/// Parses a command line in the spellings of the table; comma lists and curves of recipes are points of a sweep.
fn parse_spelled(argv: &[OsString], sweeps: bool) -> Result<Cli, refusal::Refusal> {
    if !sweeps {
        let mut cli = parse_one(argv)?;
        let given = cli.command.profile_args().is_some_and(|args| args.file.config.is_some());
        return match given {
            true => Err(refusal::Refusal::Ours(format!(
                "--config goes with `ringload profile`, and this is {}",
                command_of(argv)
            ))),
            false => Ok(cli),
        };
    }
    let profile = profile_command();
    match config::load(argv, &profile).map_err(refusal::Refusal::Ours)? {
        None => {}
        Some(config::Loaded::Plan(plan, argv)) => return with_plan(*plan, &argv, &profile),
        Some(config::Loaded::Lines(lines, notes)) => {
            let Some(line) = lines.first() else { return parse_one(argv) };
            let mut cli = with_points(parse_one(&line.argv)?, &lines)?;
            if let Some(args) = cli.command.profile_args() {
                args.notes = notes;
            }
            return Ok(cli);
        }
    }
    let points = |argv: &[OsString]| sweep::points(argv, &profile, sweep::kind(argv)).map_err(refusal::Refusal::Ours);
    let mut lines = points(argv)?;
    let Some(mut first) = lines.first().map(|line| parse_one(&line.argv)).transpose()? else {
        return parse_one(argv);
    };
    if let Some(cells) = first.command.profile_args().and_then(|args| args.recipe.points(argv, &profile)) {
        lines.clear();
        for cell in cells {
            let each = points(&cell.argv)?.into_iter();
            lines.extend(
                each.map(|line| sweep::SweepPointLine { values: [cell.values.clone(), line.values].concat(), ..line }),
            );
        }
        if let Some(line) = lines.first() {
            first = parse_one(&line.argv)?;
        }
    }
    with_points(first, &lines)
}

/// The command of a line, as a user writes it.
fn command_of(argv: &[OsString]) -> String {
    let name = argv.get(1).map(|word| word.to_string_lossy()).unwrap_or_default();
    format!("`ringload {name}`")
}

/// A run of a plan that is given: the flags of the line say what is shown and written, and give the secrets that the plan
/// hides.
fn with_plan(plan: Plan, argv: &[OsString], profile: &clap::Command) -> Result<Cli, refusal::Refusal> {
    let fits = |arg: &clap::Arg| {
        let heading = arg.get_help_heading().unwrap_or_default();
        ["Output", "Telemetry", "Control hooks"].contains(&heading) || BESIDE_A_PLAN.contains(&arg.get_id().as_str())
    };
    let ids = sweep::ids(&argv[2.min(argv.len())..], profile);
    let strangers = profile.get_arguments().filter(|arg| ids.iter().any(|id| arg.get_id() == id.as_str()));
    if let Some(flag) = strangers.into_iter().find(|arg| !fits(arg)).and_then(clap::Arg::get_long) {
        return Err(refusal::Refusal::Ours(format!(
            "--{flag} with the plan of a report: the plan says it: drop it, or write the flags of the run instead of --config"
        )));
    }
    let mut cli = parse_one(argv)?;
    if let Some(args) = cli.command.profile_args() {
        args.given_plan = Some(Box::new(plan));
    }
    Ok(cli)
}

/// Flags that go with a plan that is given, by the names of their fields.
const BESIDE_A_PLAN: [&str; 6] = ["api_key", "api_key_file", "header", "header_file", "no_probe", "wait_for_server"];

/// A parsed first line, and the points of all lines where something is swept.
fn with_points(mut first: Cli, lines: &[sweep::SweepPointLine]) -> Result<Cli, refusal::Refusal> {
    let Some(args) = first.command.profile_args().filter(|_| lines.iter().any(|line| !line.values.is_empty())) else {
        return Ok(first);
    };
    let mut points = vec![args.clone()];
    for line in &lines[1..] {
        points.extend(parse_one(&line.argv)?.command.profile_args().cloned());
    }
    let point = |(line, args): (&sweep::SweepPointLine, ProfileArgs)| SweepPointArgs {
        name: line.name.clone(),
        values: line.values.clone(),
        args,
    };
    args.points = lines.iter().zip(points).map(point).collect();
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
