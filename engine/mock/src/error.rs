//! Why the server could not start, and what to do about it.

use std::io;
use std::net::SocketAddr;

/// A server that did not start. Every message ends with the next step.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value of the configuration makes no sense.
    #[error("{field} {problem}; {remedy}")]
    Config {
        /// The field of [`Config`](crate::Config).
        field: &'static str,
        /// What is wrong with it.
        problem: String,
        /// What to set it to.
        remedy: &'static str,
    },
    /// The address could not be listened on.
    #[error("cannot listen on {address}: {source}; free the port (`ss -ltnp`), or use port 0 to be given one")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A poll, timer or thread could not be made.
    #[error("cannot set up {what}: {source}; raise the limits on open files and threads (`ulimit -n`, `ulimit -u`)")]
    Setup {
        /// What was being made.
        what: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// Turns an I/O error of the start into one with a remedy.
pub(crate) fn setup(what: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Setup { what, source }
}

/// An error about `field` when `wrong`.
pub(crate) fn refuse(wrong: bool, field: &'static str, problem: &str, remedy: &'static str) -> Result<(), Error> {
    if wrong {
        let problem = problem.to_owned();
        return Err(Error::Config { field, problem, remedy });
    }
    Ok(())
}
