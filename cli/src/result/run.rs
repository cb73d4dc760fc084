//! What a run leaves for the report and the files.

use crate::exit::Exit;
use crate::redact::{self, Secrets};
use jiff::tz::TimeZone;
use ringload_engine::calibration::Used;
use ringload_engine::measure::{Metric, Summary};
use ringload_engine::plan::Plan;
use ringload_engine::verdict::Verdict;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// Everything that is rendered. Renderers read it and compute nothing.
pub(crate) struct Outcome {
    /// What was asked.
    pub(crate) plan: Plan,
    /// What it came to.
    pub(crate) summary: Summary,
    /// Whether it may be believed.
    pub(crate) verdict: Verdict,
    /// What it used of its machine's ceiling.
    pub(crate) ceiling_usage: CeilingUsage,
    /// Facts of the machine.
    pub(crate) host: Value,
    /// Who ran what.
    pub(crate) identity: Identity,
}

/// How often a run that the client spoiled is made again.
pub(crate) const MOST_AGAIN: usize = 2;

/// A run that came to its end.
pub(crate) struct RunOutput {
    /// What it came to.
    pub(crate) outcome: Outcome,
    /// Its files.
    pub(crate) files: Vec<PathBuf>,
    /// The verdicts of tries before it that the client spoiled.
    pub(crate) spoiled_tries: Vec<Verdict>,
}

impl RunOutput {
    /// How the process ends after it; `interrupted` where a signal came.
    pub(crate) fn exit(&self, allow_invalid: bool, interrupted: bool) -> Exit {
        Exit::of_run(&self.outcome.summary, &self.outcome.verdict, allow_invalid, interrupted)
    }
}

/// How a run stands to its machine's ceiling.
#[derive(Clone, Debug)]
pub(crate) enum CeilingUsage {
    /// What it used of it.
    Known(Used),
    /// No calibration fits: why, and what to do.
    Unknown(String),
}

impl CeilingUsage {
    /// What it used, where that is known.
    pub(crate) fn used(&self) -> Option<&Used> {
        match self {
            Self::Known(used) => Some(used),
            Self::Unknown(_) => None,
        }
    }
}

/// What tells this run from others.
pub(crate) struct Identity {
    /// 12 hexadecimal digits.
    pub(crate) benchmark_id: String,
    /// The command line, redacted.
    pub(crate) command: String,
    /// Where local times are.
    pub(crate) zone: TimeZone,
    /// What must not be shown.
    pub(crate) secrets: Secrets,
    /// Which of several runs.
    pub(crate) of_several: OfSeveral,
}

/// Which of several runs it is: AIPerf's `run_info`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct OfSeveral {
    /// Repeats before it.
    pub(crate) trial: usize,
    /// `run_0001`; empty for a single run.
    pub(crate) run_label: String,
    /// Sweep point; `base` without a sweep.
    pub(crate) variation: Option<String>,
    /// Cells before it.
    pub(crate) variation_index: usize,
    /// Flag and value of each axis.
    pub(crate) variation_values: Vec<(String, String)>,
    /// 12 hexadecimal digits that all points of a sweep share.
    pub(crate) sweep_id: Option<String>,
}

impl Identity {
    /// A new identity for a run of this plan, by this process.
    pub(crate) fn of(plan: &Plan) -> Self {
        let secrets = Secrets::of(plan);
        let words: Vec<String> = std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect();
        let command = redact::command_line(words.iter().map(String::as_str));
        Self {
            benchmark_id: fresh_id(),
            command: secrets.scrub(&command).into_owned(),
            zone: TimeZone::system(),
            secrets,
            of_several: OfSeveral::default(),
        }
    }
}

/// 12 hexadecimal digits.
pub(crate) fn fresh_id() -> String {
    format!("{:012x}", rand::random::<u64>() >> 16)
}

impl Outcome {
    /// What a reader of AIPerf's files must know and no field of theirs can say.
    pub(crate) fn notes(&self) -> Vec<&'static str> {
        let unverified = self.plan.network.tls.insecure && self.plan.targets.iter().any(|t| t.tls);
        unverified.then_some("server identity not verified (--insecure)").into_iter().collect()
    }

    /// A metric of the measured phase.
    pub(crate) fn metric(&self, tag: &str) -> Option<&Metric> {
        self.summary.metric(tag)
    }
}
