//! Why a command line cannot be run, and what to write instead.

use super::aiperf;
use crate::exit::Exit;
use crate::terminal::{check_write, eprint_line, printable};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::borrow::Cow;
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
    pub(crate) fn from_clap(error: clap::Error, profile: &clap::Command) -> Self {
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
        let flag = written.split('=').next().unwrap_or(written);
        if let Some(known) = aiperf::find(flag) {
            return Self::Ours(format!(
                "{} ({}): known to AIPerf, not supported by ringload yet: {}",
                known.flag, known.group, known.remedy
            ));
        }
        if error.get(ContextKind::SuggestedArg).is_none()
            && own_nearest(flag, profile).is_none()
            && let Some(near) = aiperf::nearest(flag)
        {
            return Self::Ours(format!(
                "{flag}: no such flag; AIPerf has {near}, which ringload does not support yet: leave it out"
            ));
        }
        Self::Clap(Box::new(error))
    }

    /// Prints it where it belongs.
    pub(crate) fn print(&self) -> Exit {
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
                // What it quotes may come from a variable of the environment.
                match printable(&plain) {
                    Cow::Borrowed(_) => drop(error.print()),
                    Cow::Owned(text) => eprint_line(text.trim_end()),
                }
                Exit::Usage
            }
            Self::Ours(text) => {
                eprint_line(format_args!("error: {text}"));
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

fn own_nearest(flag: &str, profile: &clap::Command) -> Option<String> {
    let name = flag.trim_start_matches('-');
    profile
        .get_arguments()
        .filter_map(clap::Arg::get_long)
        .find(|own| strsim::jaro_winkler(own, name) > 0.92)
        .map(str::to_owned)
}
