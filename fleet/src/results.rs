//! The files of the results on the bus, from where whoever has no access to the leader's disk fetches them.

use crate::address::Address;
use crate::bus::Bus;
use crate::error::{Error, Result};
use crate::member::Member;
use crate::message::Results;
use crate::thread::ControlThread;
use std::path::PathBuf;

impl Member {
    /// As the leader: leaves files on the bus, each by its name; those that are too large are passed over, and named.
    ///
    /// # Errors
    /// When one cannot be read, or the bus refuses it or does not answer.
    pub fn keep_results(&self, files: Vec<(String, PathBuf)>) -> Result<Vec<String>> {
        self.ask(|inner| async move {
            let (mut names, mut large) = (Vec::new(), Vec::new());
            for (name, path) in files {
                let unreadable = |e: std::io::Error| {
                    Error::environment(format!("{}: {e}", path.display()), "see that it is still there and readable")
                };
                if std::fs::metadata(&path).map_err(unreadable)?.len() > LARGEST {
                    large.push(name);
                    continue;
                }
                inner.bus.keep_result(&name, &std::fs::read(&path).map_err(unreadable)?).await?;
                names.push(name);
            }
            inner.bus.say("lead.results", &Results { names }, inner.options.silence).await?;
            Ok(large)
        })
    }
}

/// Reads the files that a run has left on the bus, and gives each to `on`, with its name.
///
/// # Errors
/// When the bus does not answer, knows no such run or no files of it, or `on` gives an error.
pub fn fetch_results(
    address: &Address,
    run: &str,
    mut on: impl FnMut(&str, &[u8]) -> Result<()> + Send + 'static,
) -> Result<()> {
    let (address, run) = (address.clone(), run.to_owned());
    ControlThread::start()?.ask(async move {
        let bus = Bus::look(&address, &run).await?;
        let none = |what: &str| {
            Error::usage(
                format!("the run `{run}` has left no {what} on the bus"),
                "its leader leaves them there where it is asked to, and when it has ended",
            )
        };
        let index = bus.values.get("lead.results").await.ok().flatten().ok_or_else(|| none("results"))?;
        let Results { names } = bus.value("lead.results", &index).await?;
        for name in names {
            let bytes = bus.result(&name).await?.ok_or_else(|| none(&name))?;
            on(&name, &bytes)?;
        }
        Ok(())
    })?
}

/// Bytes of the largest file that is kept: each is read whole.
const LARGEST: u64 = 512 << 20;
