//! What a verdict says, as data.

use crate::interned::Name;
use crate::plan::Statistic;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whether the figures may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Nothing moved a figure that was asked for. Of a finding: it is a note.
    Valid,
    /// A figure that was asked for can be off by over 1 %, or by more than its distance to an objective; or the run
    /// answers another question than was asked.
    Suspect,
    /// One can be off by over 10 %, or the accounting is broken.
    Invalid,
    /// No request succeeded: there is no figure.
    Failed,
}

impl Status {
    /// Its word: `VALID` …
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Valid => "VALID",
            Self::Suspect => "SUSPECT",
            Self::Invalid => "INVALID",
            Self::Failed => "FAILED",
        }
    }

    /// What a figure makes of the run: over `invalid`, over `suspect`, or neither.
    pub(super) fn over(figure: f64, suspect: f64, invalid: f64) -> Self {
        if figure > invalid {
            Self::Invalid
        } else if figure > suspect {
            Self::Suspect
        } else {
            Self::Valid
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The client and its machine.
    #[serde(alias = "host")]
    Client,
    /// What lies between client and server.
    Path,
    /// What was sent, and whether it is what was asked for.
    Workload,
    /// The server.
    #[serde(alias = "peer")]
    Server,
    /// How much the samples can say.
    Statistics,
    /// What the plan itself asked for.
    Policy,
}

impl Scope {
    /// Its name, as in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Path => "path",
            Self::Workload => "workload",
            Self::Server => "server",
            Self::Statistics => "statistics",
            Self::Policy => "policy",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The verdict with its reasons.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Verdict {
    /// The worst of the findings.
    pub status: Status,
    /// Worst first.
    pub findings: Vec<Finding>,
}

impl Verdict {
    /// Whether the client is in the figures, so that they may decide nothing, and another try may do better.
    #[must_use]
    pub fn is_spoiled_by_the_client(&self) -> bool {
        let own = |finding: &Finding| finding.status == Status::Invalid && finding.scope == Scope::Client;
        self.status == Status::Invalid && self.findings.iter().any(own)
    }
}

/// One reason.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Finding {
    /// Stable name: `dispatch_lag`, `receive_lag`, `busy_core` …
    #[serde(deserialize_with = "crate::interned::name")]
    pub gate: Name,
    /// What it makes of the run; [`Status::Valid`] is a note.
    pub status: Status,
    /// What it is about. Results before schema 1.1 call it `blame`.
    #[serde(alias = "blame")]
    pub scope: Scope,
    /// The figure that was held against the bound, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The bound that it crossed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<f64>,
    /// The unit of both.
    #[serde(default, deserialize_with = "crate::interned::optional", skip_serializing_if = "Option::is_none")]
    pub unit: Option<Name>,
    /// Which printed figures it can have moved, those that were asked for and the largest first.
    #[serde(default)]
    pub effects: Vec<Effect>,
    /// All of that in words.
    pub evidence: String,
    /// What to do next.
    pub remedy: String,
}

/// How far a finding can have moved one printed figure.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Effect {
    /// Tag of the metric.
    #[serde(deserialize_with = "crate::interned::name")]
    pub tag: Name,
    /// Which statistic of it.
    pub statistic: Statistic,
    /// Which way it was moved.
    pub direction: Direction,
    /// By how much at most, in `unit`.
    pub most: f64,
    /// Whether `most` is no bound, but by about how much it was moved.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
    /// Display unit of the metric.
    #[serde(deserialize_with = "crate::interned::name")]
    pub unit: Name,
    /// `most` over the printed figure; absent for figures that are too small to be compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Whether the figure was asked for.
    pub asked: bool,
    /// Whether `most` is more than the figure's distance to an objective or a condition.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decides: bool,
}

/// Which way a figure was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The printed figure is higher than the true one.
    Raised,
    /// It is lower.
    Lowered,
    /// Either.
    Either,
}

impl Effect {
    /// What it makes of the run: nothing, where the figure was not asked for.
    #[must_use]
    pub fn status(&self) -> Status {
        if !self.asked {
            return Status::Valid;
        }
        let by_size = Status::over(self.share.unwrap_or(0.0), SUSPECT, INVALID);
        if self.decides { by_size.max(Status::Suspect) } else { by_size }
    }
}

/// The part of a figure that was asked for from which on a run is suspect.
pub(super) const SUSPECT: f64 = 0.01;
/// The part from which on it is invalid.
pub(super) const INVALID: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_from_before_effects_are_read() {
        let text = r#"{"status": "SUSPECT", "findings": [
            {"gate": "failures", "status": "SUSPECT", "blame": "peer", "evidence": "e", "remedy": "r"},
            {"gate": "governor", "status": "VALID", "blame": "host", "evidence": "e", "remedy": "r"}]}"#;
        let verdict: Verdict = serde_json::from_str(text).unwrap();
        assert_eq!(verdict.findings[0].scope, Scope::Server);
        assert_eq!(verdict.findings[1].scope, Scope::Client);
        assert!(verdict.findings.iter().all(|f| f.effects.is_empty() && f.value.is_none()));
    }

    #[test]
    fn the_status_follows_from_the_effect_on_what_was_asked_for() {
        let effect = |share: f64, asked, decides| Effect {
            tag: "time_to_first_token",
            statistic: Statistic::P99,
            direction: Direction::Raised,
            most: share * 200.0,
            estimated: false,
            unit: "ms",
            share: Some(share),
            asked,
            decides,
        };
        for (share, asked, decides, status) in [
            (0.01, true, false, Status::Valid),
            (0.02, true, false, Status::Suspect),
            (0.11, true, false, Status::Invalid),
            (0.9, false, false, Status::Valid),
            (0.001, true, true, Status::Suspect),
            (0.2, true, true, Status::Invalid),
        ] {
            assert_eq!(effect(share, asked, decides).status(), status, "{share} {asked} {decides}");
        }
    }
}
