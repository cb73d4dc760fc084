//! Errors by blame: who has to act.

use std::fmt;

/// The party that has to act for the error to go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The user: a setting, a value, a combination.
    Usage,
    /// The machine: a limit, a permission, a missing file.
    Environment,
    /// The server under test.
    Peer,
    /// ringload itself: a fault of its own, to be reported.
    Bug,
    /// Nobody: a signal ended it before there was anything to measure.
    Interrupted,
}

/// An error: the problem and its remedy.
#[derive(Debug)]
pub struct Error {
    /// Who has to act.
    pub blame: Blame,
    /// What went wrong.
    pub what: String,
    /// What the reader can do next.
    pub remedy: String,
}

/// A result with the engine's error.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The same, with its place in front.
    #[must_use]
    pub fn within(mut self, place: impl fmt::Display) -> Self {
        self.what = format!("{place}: {}", self.what);
        self
    }

    /// An error that the user fixes by writing something else.
    pub fn usage(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { blame: Blame::Usage, what: what.into(), remedy: remedy.into() }
    }

    /// An error of the machine or its set-up.
    pub fn environment(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { blame: Blame::Environment, what: what.into(), remedy: remedy.into() }
    }

    /// An error of the server under test.
    pub fn peer(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { blame: Blame::Peer, what: what.into(), remedy: remedy.into() }
    }

    /// A signal ended what was under way before anything was measured.
    pub fn interrupted(what: impl Into<String>) -> Self {
        Self {
            blame: Blame::Interrupted,
            what: what.into(),
            remedy: "nothing was measured, and no file was written".into(),
        }
    }

    /// An error of ringload itself.
    pub fn bug(what: impl Into<String>) -> Self {
        Self {
            blame: Blame::Bug,
            what: what.into(),
            remedy: "this is a bug of ringload: please report it with the command line".into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.remedy)
    }
}

impl std::error::Error for Error {}
