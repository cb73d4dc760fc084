//! `ringload mock`

use crate::flags::MockArgs;
use crate::live::signals;
use crate::runner::server::{allowed_cores, start};
use ringload_engine::{Error, Result};
use ringload_mock::truth::Truth;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Serves until SIGINT, SIGTERM or SIGHUP.
///
/// # Errors
/// When it cannot listen.
pub(crate) fn mock(args: &MockArgs) -> anyhow::Result<()> {
    let config = args.config(allowed_cores())?;
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let log = args.truth_log.as_deref().map(TruthLog::create).transpose()?;
    let server = start(config)?;
    // A reader that closed the pipe does not stop the server.
    let _ = writeln!(io::stdout(), "{scheme}://{}", server.addr());
    signals::serve();
    let truth = log.as_ref().map(|_| server.truth());
    server.stop();
    if let (Some(log), Some(truth)) = (log, truth) {
        log.write(&truth)?;
    }
    Ok(())
}

/// Where `--truth-log` points: made at the start, so that it does not fail at the end over its path.
struct TruthLog {
    path: PathBuf,
    file: File,
}

impl TruthLog {
    fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(|e| unwritable(path, &e))?;
        let path = path.to_owned();
        Ok(Self { path, file })
    }

    fn write(self, truth: &Truth) -> Result<()> {
        truth.write(BufWriter::new(self.file)).map_err(|e| unwritable(&self.path, &e))
    }
}

fn unwritable(path: &Path, e: &io::Error) -> Error {
    Error::environment(
        format!("{}: cannot write the truth log: {e}", path.display()),
        "choose a --truth-log that is writable and has space",
    )
}
