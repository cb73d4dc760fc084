//! What came of a comparison of runs.

use crate::exit::Exit;
use ringload_engine::comparison::{Difference, Held, Limit};
use serde::Serialize;

/// Runs against a base.
#[derive(Serialize)]
pub(crate) struct Comparison {
    /// The folder of the base.
    pub(crate) base: String,
    /// Successful requests of the base.
    pub(crate) requests: u64,
    /// The verdict on the base, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verdict: Option<String>,
    /// Confidence of all intervals of a pair together.
    pub(crate) confidence: f64,
    /// Each of the other runs.
    pub(crate) pairs: Vec<Pair>,
    /// How each metric is spread in every run.
    #[serde(skip)]
    pub(crate) curves: Vec<Curves>,
}

/// How a metric is spread in every run.
pub(crate) struct Curves {
    /// Of the metric.
    pub(crate) name: String,
    /// Each run's name and values at 0 %, 1 % … 100 %: the base first.
    pub(crate) runs: Vec<(String, Vec<f64>)>,
}

/// One run against the base.
#[derive(Serialize)]
pub(crate) struct Pair {
    /// Its folder.
    pub(crate) name: String,
    /// Its successful requests.
    pub(crate) requests: u64,
    /// The verdict on it, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verdict: Option<String>,
    /// What was planned or is of the machine, and differs.
    pub(crate) changed: Vec<Changed>,
    /// What of the two cannot be compared, or means something else.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
    /// Its figures against those of the base.
    pub(crate) differences: Vec<Difference>,
    /// What came of the conditions.
    pub(crate) held: Vec<(Limit, Held)>,
}

/// A fact that differs.
#[derive(Serialize)]
pub(crate) struct Changed {
    /// Its path.
    pub(crate) what: String,
    /// In the base; none where it has none.
    pub(crate) base: Option<String>,
    /// In the new run.
    pub(crate) new: Option<String>,
}

impl Comparison {
    /// How the process ends: 1 where a condition has failed.
    pub(crate) fn exit(&self, undecided_fails: bool) -> Exit {
        let failed = |held: Held| match held {
            Held::Failed | Held::Absent => true,
            Held::Undecided => undecided_fails,
            Held::Passed => false,
        };
        let any = self.pairs.iter().flat_map(|pair| &pair.held).any(|(_, held)| failed(*held));
        if any { Exit::Failed } else { Exit::Done }
    }
}
