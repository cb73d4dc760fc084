//! `ringload`: flags → plan → prepare → run → report → exit status.
#![forbid(unsafe_code)]

mod commands;
mod dashboard;
mod exit;
mod export;
mod flags;
mod live;
mod page;
mod redact;
mod report;
mod result;
mod runner;
mod terminal;
#[cfg(test)]
mod testing;

use commands::calibrate::calibrate;
use commands::capacity::capacity;
use commands::compare::compare;
use commands::fleet::fleet;
use commands::merge::merge;
use commands::mock::mock;
use commands::profile::profile;
use commands::report::report;
use commands::schema::schema;
use commands::selftest::selftest;
use commands::{config, dataset, docs};
use exit::Exit;
use flags::Command;
use live::signals;
use ringload_engine::driver::keep_files_private;
use std::io::{self, Write};
use std::process::ExitCode;
use terminal::{check_write, eprint_line};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    flags::name_settings();
    let cli = match flags::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    if cli.command.keeps_files_private() {
        keep_files_private();
    }
    let ended = act(cli.command);
    flags::config::files::remove();
    match ended {
        Ok(exit) => exit.into(),
        Err(error) => {
            let exit = Exit::of_error(&error);
            let kind = if exit == Exit::Interrupted { "" } else { "error: " };
            let args: Vec<String> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
            eprint_line(format_args!("{kind}{}", redact::message(&format!("{error:#}"), &args)));
            exit.into()
        }
    }
}

fn act(command: Command) -> anyhow::Result<Exit> {
    signals::handle(export::remove_temporaries)?;
    match command {
        Command::Profile(args) => return profile(*args),
        Command::Capacity(args) => return capacity(*args),
        Command::Calibrate(args) => return calibrate(*args),
        Command::Selftest(args) => return selftest(*args),
        Command::Report(args) => return report(&args),
        Command::Merge(args) => return merge(&args),
        Command::Compare(args) => return compare(&args),
        Command::Fleet { command } => return fleet(&command),
        Command::Config { command } => return config::run(&command),
        Command::Dataset { command } => return dataset::run(command),
        Command::AnalyzeTrace(args) => return dataset::analyze(&args),
        Command::Mock(args) => mock(&args)?,
        Command::Help { topic } => {
            let text = flags::help::topic(topic.as_deref())?;
            check_write(io::stdout().write_all(text.as_bytes()))?;
        }
        Command::Completions { shell } => check_write(docs::completions(shell, &mut io::stdout()))?,
        Command::Schema { name } => schema(name.as_deref())?,
        Command::Man { dir: Some(dir) } => docs::man_pages(&dir)?,
        Command::Man { dir: None } => check_write(docs::man(&mut io::stdout()))?,
        Command::Docs { document } => {
            let text = docs::document(document.as_deref())?;
            check_write(io::stdout().write_all(text.as_bytes()))?;
        }
    }
    Ok(Exit::Done)
}
