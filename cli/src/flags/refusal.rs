//! Why a command line cannot be run, and what to write instead.

use super::{aiperf, others};
use crate::exit::Exit;
use crate::redact::message;
use crate::terminal::{check_write, eprint_line, printable};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, Write};

/// Help, version, or an error: printed, it yields an exit status.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Help or version, for stdout.
    Answer(Box<clap::Error>),
    /// Help in words of ours, for stdout.
    Told(String),
    /// An error of clap's own words.
    Clap(Box<clap::Error>),
    /// An error of ours.
    Ours(String),
}

impl Refusal {
    /// Gives an unknown flag that AIPerf knows, or nearly knows, words of its own.
    pub(crate) fn from_clap(error: clap::Error, argv: &[OsString], profile: &clap::Command) -> Self {
        match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                return Self::Answer(Box::new(error));
            }
            ErrorKind::UnknownArgument => {}
            _ => return Self::Clap(Box::new(error)),
        }
        let Some(ContextValue::String(written)) = error.get(ContextKind::InvalidArg) else {
            return Self::Clap(Box::new(error));
        };
        if !written.starts_with('-') {
            return Self::Ours(format!(
                "a word that belongs to no flag stands {}: write a value that has blanks in quotes, or leave it out",
                place(written, argv)
            ));
        }
        let flag = written.split('=').next().unwrap_or(written);
        if let Some(known) = aiperf::find(flag) {
            return Self::Ours(format!(
                "{} ({}): known to AIPerf, not supported by ringload yet: {}",
                known.flag, known.group, known.remedy
            ));
        }
        let runs = argv.get(1).and_then(|word| word.to_str()).is_some_and(|name| RUNNING.contains(&name));
        if let Some(ours) = others::ours(flag).filter(|_| runs) {
            return Self::Ours(format!("{flag}: no such flag: write {ours}"));
        }
        // What clap suggests may be far from what was written.
        if own_nearest(flag, profile).is_none()
            && let Some(near) = aiperf::nearest(flag)
        {
            return Self::Ours(format!(
                "{flag}: no such flag; AIPerf has {near}, which ringload does not support yet: leave it out"
            ));
        }
        Self::Clap(Box::new(error))
    }

    /// Prints it where it belongs, without secrets of the command line that it is of.
    pub(crate) fn print(&self, argv: &[OsString]) -> Exit {
        let args: Vec<String> = argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        match self {
            Self::Answer(answer) => {
                // A closed pipe is the reader's choice.
                let _ = answer.print();
                if answer.use_stderr() { Exit::Usage } else { Exit::Done }
            }
            Self::Told(text) => {
                let _ = check_write(io::stdout().write_all(text.as_bytes()));
                Exit::Done
            }
            Self::Clap(error) => {
                let plain = error.render().to_string();
                // What it quotes may come from a variable of the environment, or be a key.
                let shown = message(&plain, &args);
                match printable(&shown) {
                    Cow::Borrowed(same) if same == plain => drop(error.print()),
                    text => eprint_line(text.trim_end()),
                }
                Exit::Usage
            }
            Self::Ours(text) => {
                eprint_line(format_args!("error: {}", message(text, &args)));
                Exit::Usage
            }
        }
    }

    /// The words, for tests.
    #[cfg(test)]
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Answer(e) | Self::Clap(e) => e.to_string(),
            Self::Ours(text) | Self::Told(text) => text.clone(),
        }
    }
}

/// Commands that take the flags of a run.
const RUNNING: [&str; 4] = ["profile", "capacity", "calibrate", "selftest"];

/// Where a word stands that belongs to no flag: it may be half of a secret, and is not repeated.
fn place(word: &str, argv: &[OsString]) -> String {
    let at = argv.iter().position(|arg| arg.to_str() == Some(word)).unwrap_or(0);
    let before = argv[..at].iter().rev().filter_map(|arg| arg.to_str()).find(|arg| arg.starts_with('-'));
    match before {
        Some(flag) => format!("behind {} and its value", flag.split(['=', ':']).next().unwrap_or(flag)),
        None => "in front of all flags".to_owned(),
    }
}

fn own_nearest(flag: &str, profile: &clap::Command) -> Option<String> {
    let name = flag.trim_start_matches('-');
    profile
        .get_arguments()
        .filter_map(clap::Arg::get_long)
        .find(|own| strsim::jaro_winkler(own, name) > 0.92)
        .map(str::to_owned)
}
