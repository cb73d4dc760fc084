//! What a search leaves for the report and the file.

use crate::exit::Exit;
use crate::flags::Axis;
use crate::result::run::Identity;
use crate::result::run::RunOutput;
use ringload_engine::capacity::{Judgement, Search};
use ringload_engine::plan::Slo;
use ringload_engine::verdict::Status;
use std::fmt;

/// A search and all its probes.
pub(crate) struct Capacity {
    /// What was raised.
    pub(crate) axis: Axis,
    /// Share of requests that has to be good.
    pub(crate) target: f64,
    /// Confidence of the probes' intervals.
    pub(crate) level: f64,
    /// What is known of the load.
    pub(crate) search: Search,
    /// Who ran what.
    pub(crate) identity: Identity,
    /// What a good request is.
    pub(crate) slos: Vec<Slo>,
    /// One request after the other.
    pub(crate) base: Base,
    /// Every probe, in order.
    pub(crate) probes: Vec<Probe>,
    /// What ended it early.
    pub(crate) ended_early: Option<EndedEarly>,
}

/// What ended a search before its result was as narrow as asked for.
pub(crate) enum EndedEarly {
    Signal,
    /// A probe that could not be made.
    Error(anyhow::Error),
}

impl EndedEarly {
    /// By a signal, where one was received.
    pub(crate) fn by_signal(received: bool) -> Option<Self> {
        received.then_some(Self::Signal)
    }
}

impl fmt::Display for EndedEarly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal => f.write_str("a signal"),
            Self::Error(error) => write!(f, "{error:#}"),
        }
    }
}

/// One request after the other: what the server does without any load.
pub(crate) struct Base {
    /// Whether any request succeeded.
    pub(crate) answered: bool,
    /// Median of the request latency, in seconds; `None` when no request was answered.
    pub(crate) latency_s: Option<f64>,
    /// Median of the time to the first token, in seconds.
    pub(crate) ttft_s: Option<f64>,
    /// Share of good requests.
    pub(crate) good_fraction: f64,
    /// The client is in the figures of each try: they decide nothing.
    pub(crate) spoiled: bool,
    /// The run.
    pub(crate) run: RunOutput,
}

impl Base {
    /// Whether it is sure that no load holds: what cannot be met one at a time cannot be met under load.
    pub(crate) fn rules_out_all(&self) -> bool {
        self.good_fraction == 0.0 && !(self.answered && self.spoiled)
    }
}

/// One load that was tried.
pub(crate) struct Probe {
    /// Arrivals per second, or requests in flight.
    pub(crate) load: f64,
    /// What it came to.
    pub(crate) judgement: Judgement,
    /// How long it took, in seconds.
    pub(crate) took_s: f64,
    /// Whether a signal ended it: it decides nothing.
    pub(crate) interrupted: bool,
    /// The client is in its figures: it decides nothing.
    pub(crate) spoiled: bool,
    /// The run.
    pub(crate) run: RunOutput,
}

impl Capacity {
    /// The probe that says how much holds.
    pub(crate) fn best(&self) -> Option<&Probe> {
        let load = self.search.holds()?;
        self.judged().rev().find(|p| p.load == load && p.judgement.holds)
    }

    /// The probe that says what is too much.
    pub(crate) fn over(&self) -> Option<&Probe> {
        let load = self.search.fails()?;
        self.judged().rev().find(|p| p.load == load && !p.judgement.holds)
    }

    /// What the intervals of the probes leave open.
    pub(crate) fn sure(&self) -> (Option<f64>, Option<f64>) {
        let judged = self.judged().map(|p| (p.load, p.judgement));
        self.search.sure(judged, self.target)
    }

    /// The probes that decide.
    fn judged(&self) -> impl DoubleEndedIterator<Item = &Probe> + Clone {
        self.probes.iter().filter(|probe| !probe.spoiled && !probe.interrupted)
    }

    /// A probe on which the result rests, and in whose figures the client is (`--allow-invalid`).
    pub(crate) fn spoiled(&self) -> Option<&Probe> {
        let invalid = |p: &&Probe| p.run.outcome.verdict.status == Status::Invalid;
        [self.best(), self.over()].into_iter().flatten().find(invalid)
    }

    /// How the process ends after a search that no error ended, in order: interrupted; nothing was answered; a probe
    /// that bounds the result is invalid, or the client left the upper bound open; no load holds; done.
    pub(crate) fn exit(&self, allow_invalid: bool) -> Exit {
        if self.ended_early.is_some() {
            Exit::Interrupted
        } else if !self.base.answered {
            Exit::Unusable
        } else if (self.spoiled().is_some() || self.search.unjudged().is_some()) && !allow_invalid {
            Exit::Invalid
        } else if self.search.holds().is_none() {
            Exit::Failed
        } else {
            Exit::Done
        }
    }
}
