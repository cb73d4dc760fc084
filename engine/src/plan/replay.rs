//! What is taken from a file of requests, and when it is sent.

use super::{Format, Remarks, Synthesis};
use crate::clock::Nanos;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A file of requests.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Replay {
    /// The file or folder.
    #[serde(serialize_with = "shown")]
    pub file: PathBuf,
    /// Format of the file.
    pub format: Format,
    /// Tokens of a block of `hash_ids`.
    pub block: u32,
    /// How many conversations are drawn from it, where its rows are drawn from.
    pub draws: usize,
    /// When its requests are sent.
    pub timing: Timing,
    /// What is changed about them.
    pub synthesis: Synthesis,
    /// Which files of this machine they may name.
    #[serde(default, skip_serializing_if = "LocalMedia::is_default")]
    pub media: LocalMedia,
    /// How requests are drawn, where it has classes of clients in their place.
    #[serde(default, skip_serializing_if = "ClientClasses::is_default")]
    pub clients: ClientClasses,
    /// What of it is not sent as it is.
    #[serde(default, skip_serializing_if = "Remarks::is_empty")]
    pub remarks: Remarks,
    /// Most requests of one conversation that can be in flight at a time: more than one where its turns begin others.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub width: u32,
}

fn one() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_one(width: &u32) -> bool {
    *width == 1
}

/// Which files of this machine the rows of a dataset may name.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LocalMedia {
    /// Those in the dataset's own folder; relative paths begin there.
    #[default]
    Beside,
    /// Those in this folder; relative paths begin there.
    Under(#[serde(serialize_with = "shown")] PathBuf),
    /// All; relative paths begin in the dataset's folder.
    Anywhere,
}

impl LocalMedia {
    fn is_default(&self) -> bool {
        *self == Self::Beside
    }
}

/// How requests are drawn from classes of clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct ClientClasses {
    /// Seed of when they come, and how long they are.
    pub seed: u64,
    /// Requests per second of all clients together, on average over the part that is sent; else as they were recorded.
    pub rate: Option<f64>,
}

impl ClientClasses {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Replay {
    /// The file as it is, its timestamps left out.
    #[must_use]
    pub fn of(file: PathBuf, format: Format) -> Self {
        Self {
            file,
            format,
            block: format.block(),
            draws: 100,
            timing: Timing::default(),
            synthesis: Synthesis::default(),
            media: LocalMedia::default(),
            clients: ClientClasses::default(),
            remarks: Remarks::default(),
            width: 1,
        }
    }
}

fn shown<S: serde::Serializer>(path: &Path, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(&path.display())
}

/// When the requests of a file are sent.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Timing {
    /// At their timestamps; else conversations begin by the load, and only delays between turns are the file's.
    pub fixed: bool,
    /// Requests before this instant of the file's clock are left out, and the schedule begins with it.
    pub from: Option<Nanos>,
    /// Requests after this instant of the file's clock are left out.
    pub until: Option<Nanos>,
    /// The schedule begins with the first request.
    pub from_first: bool,
    /// Neither timestamps nor delays count.
    pub ignored: bool,
    /// Timestamps and delays are divided by this.
    pub speedup: f64,
    /// Longer delays are cut to this.
    pub delay_cap: Option<Nanos>,
    /// Longer gaps between two timestamps that follow each other, of whatever sessions, are cut to this.
    pub gap_cap: Option<Nanos>,
}

impl Timing {
    /// Whether what came then is in the part of the schedule that is asked for; what has no time is.
    #[must_use]
    pub fn takes(&self, at: Option<Nanos>) -> bool {
        let before = |at: Nanos| self.from.is_some_and(|from| at < from);
        let after = |at: Nanos| self.until.is_some_and(|until| at > until);
        !at.is_some_and(|at| before(at) || after(at))
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            fixed: false,
            from: None,
            until: None,
            from_first: false,
            ignored: false,
            speedup: 1.0,
            delay_cap: None,
            gap_cap: None,
        }
    }
}
