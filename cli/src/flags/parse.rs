//! A command line → what it asks for: spelled as the table of flags, then one line for each run of a configuration, a
//! sweep or a recipe, each parsed by the table.

use super::{Cli, ProfileArgs, SweepPointArgs, config, examples, help, refusal, spelling, sweep};
use crate::exit::Exit;
use clap::{CommandFactory, FromArgMatches};
use ringload_engine::plan::Plan;
use std::ffi::OsString;

/// Parses a command line.
///
/// # Errors
/// The exit status after help, version or a refusal has been printed.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, Exit> {
    let argv: Vec<OsString> = args.into_iter().collect();
    let parsed = match &argv[..] {
        // Needs no table of flags, which takes longer to build than the program to start.
        [_, only] if only == "--version" || only == "-V" => Err(refusal::Refusal::Told(VERSION.to_owned())),
        _ => try_parse(argv.clone()),
    };
    parsed.map_err(|refusal| refusal.print(&argv))
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
        args.say_first(notes);
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
                args.say_first(notes);
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

/// A run of a plan that is given: the flags of the line say what is shown and written, and give the secrets that the
/// plan hides.
fn with_plan(plan: Plan, argv: &[OsString], profile: &clap::Command) -> Result<Cli, refusal::Refusal> {
    let fits = |arg: &clap::Arg| {
        let heading = arg.get_help_heading().unwrap_or_default();
        ["Output", "Telemetry", "Control hooks"].contains(&heading) || BESIDE_A_PLAN.contains(&arg.get_id().as_str())
    };
    let ids = ids(&argv[2.min(argv.len())..], profile);
    let strangers = profile.get_arguments().filter(|arg| ids.iter().any(|id| arg.get_id() == id.as_str()));
    if let Some(flag) = strangers.into_iter().find(|arg| !fits(arg)).and_then(clap::Arg::get_long) {
        return Err(refusal::Refusal::Ours(format!(
            "--{flag} with the plan of a report: the plan says it: drop it, or write the flags of the run instead of --config"
        )));
    }
    let mut cli = parse_one(argv)?;
    if let Some(args) = cli.command.profile_args() {
        args.run_plan(plan);
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
    args.sweep_over(lines.iter().zip(points).map(point).collect());
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

/// What `--version` prints.
const VERSION: &str = concat!("ringload ", env!("CARGO_PKG_VERSION"), "\n");

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
    let described = ["profile", "capacity", "calibrate", "selftest"]
        .into_iter()
        .fold(Cli::command(), |command, name| command.mut_subcommand(name, describe));
    examples::with_examples(described)
}

pub(crate) fn profile_command() -> clap::Command {
    command().find_subcommand("profile").cloned().unwrap_or_default()
}

/// The flags of a command line, by the names of their fields.
pub(crate) fn ids(words: &[OsString], profile: &clap::Command) -> Vec<String> {
    let of = |word: &OsString| {
        let text = word.to_str()?;
        let name = text.split('=').next().unwrap_or(text);
        match name.strip_prefix("--") {
            Some(long) => id(long, profile),
            None => {
                let short = name.strip_prefix('-')?.chars().next()?;
                profile.get_arguments().find(|arg| arg.get_short() == Some(short)).map(|arg| arg.get_id().to_string())
            }
        }
    };
    words.iter().filter_map(of).collect()
}

/// The name of the field of a flag, which is given without dashes.
pub(crate) fn id(name: &str, profile: &clap::Command) -> Option<String> {
    let named = |arg: &&clap::Arg| {
        arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
    };
    profile.get_arguments().find(named).map(|arg| arg.get_id().to_string())
}
