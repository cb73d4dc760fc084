//! `ringload config`

use crate::exit::Exit;
use crate::flags::config::{TEMPLATE, variations};
use crate::flags::{Command, ConfigCommand, parse};
use crate::runner::environment::{environment, planned};
use crate::terminal::print;
use ringload_engine::Error;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

/// Begins, checks or shows a configuration file.
///
/// # Errors
/// What is wrong with the file, and where.
pub(crate) fn run(command: &ConfigCommand) -> anyhow::Result<Exit> {
    match command {
        ConfigCommand::Init { output: None } => print(TEMPLATE)?,
        ConfigCommand::Init { output: Some(file) } => {
            let made =
                fs::File::create_new(file).and_then(|mut to| std::io::Write::write_all(&mut to, TEMPLATE.as_bytes()));
            made.map_err(|e| {
                Error::environment(
                    format!("{}: {e}", file.display()),
                    "name a file that is not there yet, in a folder that is",
                )
            })?;
            print(&format!("{} is written: correct it, then `ringload profile --config {0}`\n", file.display()))?;
        }
        ConfigCommand::Validate { file } => return validate(file),
        ConfigCommand::Show { file } => {
            let text = fs::read_to_string(file)
                .map_err(|e| Error::environment(format!("{}: {e}", file.display()), "name a file that can be read"))?;
            let all = variations(&text, &|name| std::env::var(name).ok())
                .map_err(|e| Error::usage(format!("{}: {e}", file.display()), "correct it, and try again"))?;
            for one in all {
                let what: Vec<String> = one.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let what = if what.is_empty() { String::new() } else { format!("# {}\n", what.join(" ")) };
                print(&format!("{what}{}\n", one.command_line()))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// Makes the plan of every run of a file.
fn validate(file: &Path) -> anyhow::Result<Exit> {
    let words = ["ringload".into(), "profile".into(), "--config".into(), OsString::from(file)];
    let cli = match parse(words) {
        Ok(cli) => cli,
        Err(exit) => return Ok(exit),
    };
    let Command::Profile(args) = cli.command else {
        return Ok(Exit::Done);
    };
    let runs = args.points.len().max(1);
    match args.points.is_empty() {
        true => drop(planned(&args, environment())?),
        false => {
            for point in &args.points {
                planned(&point.args, environment())?;
            }
        }
    }
    let each = args.campaign.num_profile_runs;
    let repeated = if each > 1 { format!(", each {each} times") } else { String::new() };
    print(&format!("{}: valid; {runs} run{}{repeated}\n", file.display(), if runs == 1 { "" } else { "s" }))?;
    Ok(Exit::Done)
}
