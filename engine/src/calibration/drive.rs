//! Whether a machine can drive so many streams at such a rate, and what limits it.

use super::Calibration;
use crate::host::HostFacts;
use serde::{Deserialize, Serialize};

/// The load that a machine is asked to drive.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Asked {
    /// Streams at a time.
    pub streams: u64,
    /// Tokens a second of each.
    pub tokens_per_s: f64,
    /// Tokens of a response: behind it another request begins.
    pub answer_tokens: f64,
}

/// The load that a machine can drive, beside the one that was asked for.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Drive {
    /// What was asked.
    pub asked: Asked,
    /// Cores that would drive them.
    pub cores: usize,
    /// The part of these cores that they would take; over 1 where they would not do.
    pub share: f64,
    /// The most streams at this rate before a limit.
    pub most_streams: u64,
    /// What they reach first.
    pub limit: DriveLimit,
}

/// The limit that more streams reach first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DriveLimit {
    /// The cores: [`QUIET_SHARE`] of them.
    Cpu,
    /// The descriptors that the process may have open.
    OpenFiles,
    /// The local ports, of which each connection to one address takes one.
    LocalPorts,
}

impl Drive {
    /// Whether it can drive what was asked.
    #[must_use]
    pub fn can(&self) -> bool {
        self.asked.streams <= self.most_streams
    }
}

/// Holds streams against what a core can do and, where each is a connection of its own, against what the machine allows
/// of these. `None` where the calibration is not of streams.
#[must_use]
pub fn drive(calibration: &Calibration, cores: usize, host: &HostFacts, asked: Asked) -> Option<Drive> {
    calibration.event.as_ref()?;
    let requests_per_s = asked.tokens_per_s / asked.answer_tokens.max(1.0);
    let each = calibration.share(requests_per_s, asked.tokens_per_s) / cores.max(1) as f64;
    if each <= 0.0 {
        return None;
    }
    let shared = calibration.shape.http == "2";
    let ports = host.local_ports.map(|(low, high)| u64::from(high.saturating_sub(low)) + 1);
    let files = host.open_files_hard.map(|files| files.saturating_sub(OTHER_FILES));
    let limits = [
        (Some((QUIET_SHARE / each) as u64), DriveLimit::Cpu),
        (files.filter(|_| !shared), DriveLimit::OpenFiles),
        (ports.filter(|_| !shared), DriveLimit::LocalPorts),
    ];
    let least = limits.into_iter().filter_map(|(most, limit)| Some((most?, limit))).min_by_key(|(most, _)| *most);
    let (most_streams, limit) = least?;
    Some(Drive { asked, cores, share: each * asked.streams as f64, most_streams, limit })
}

/// The part of its cores up to which the verdict has nothing to say of a run.
pub const QUIET_SHARE: f64 = 0.7;
/// Descriptors that are no connections to a server.
const OTHER_FILES: u64 = 128;
