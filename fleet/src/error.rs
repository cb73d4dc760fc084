//! What went wrong between the members of a fleet, and what to do.

use std::fmt;

/// A failure of the control plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Whose it is.
    pub blame: Blame,
    /// What went wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// Whose failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// What was asked for cannot be.
    Usage,
    /// The bus, another member or the machine.
    Environment,
    /// A signal came.
    Interrupted,
}

/// A result of the control plane.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// What was asked for cannot be.
    pub fn usage(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { blame: Blame::Usage, what: what.into(), remedy: remedy.into() }
    }

    /// The bus, another member or the machine failed.
    pub fn environment(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { blame: Blame::Environment, what: what.into(), remedy: remedy.into() }
    }

    /// A signal came.
    pub fn interrupted(what: impl Into<String>) -> Self {
        Self { blame: Blame::Interrupted, what: what.into(), remedy: String::new() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.remedy.as_str() {
            "" => f.write_str(&self.what),
            remedy => write!(f, "{}: {remedy}", self.what),
        }
    }
}

impl std::error::Error for Error {}
