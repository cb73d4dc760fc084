//! The head of a record log, and its tail.

use crate::flags::{ExportLevel, OutputArgs};
use crate::result::run::{Identity, OfSeveral};
use ringload_engine::host::HostFacts;
use ringload_engine::plan::Plan;
use ringload_engine::run::Shift;
use ringload_engine::workload::{Shape, Workload};
use serde::{Deserialize, Serialize};

/// What stands at the head of a record log: all that the report needs of a run beside its records.
#[derive(Deserialize, Serialize)]
pub(crate) struct Head {
    pub(crate) ringload_version: String,
    pub(crate) plan: Plan,
    pub(crate) host: HostFacts,
    pub(crate) benchmark_id: String,
    pub(crate) command: String,
    pub(crate) of_several: OfSeveral,
    pub(crate) prefix: Option<String>,
    pub(crate) records: bool,
    pub(crate) trace: bool,
    /// Its files were to be readable by their user alone.
    #[serde(default)]
    pub(crate) private: bool,
    pub(crate) shape: Shape,
    /// Which member of a fleet it was, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) member: Option<MemberHead>,
}

/// Which member of which run a log is of.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct MemberHead {
    pub(crate) rank: usize,
    pub(crate) size: usize,
    pub(crate) run: String,
    pub(crate) host: String,
    /// How far the leader's clock stands ahead of its own when the load begins, in nanoseconds: at least, and at most.
    pub(crate) clock_ahead_ns: Option<[i64; 2]>,
}

/// What stands at the end of a record log: what is known after the load.
#[derive(Deserialize, Serialize)]
pub(crate) struct Tail {
    #[serde(flatten)]
    pub(crate) host: HostFacts,
    /// How the clock of a member stood to the leader's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) member_clock: Option<MemberClock>,
}

/// How far the leader's clock stood ahead of a member's: at least and at most, in nanoseconds.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct MemberClock {
    /// When its measured phase began, on its own clock, and how far it was then.
    pub(crate) began: (u64, [i64; 2]),
    /// When its load had ended, and how far it was then.
    pub(crate) ended: (u64, [i64; 2]),
}

impl MemberClock {
    /// What was known at one instant, for the whole run.
    pub(crate) fn constant(ahead: [i64; 2]) -> Self {
        Self { began: (0, ahead), ended: (0, ahead) }
    }

    /// What is added to the instants of the member: the middles of both, and the straight line between them, which is
    /// as wrong as the wider of both can be. `origin`: how far the clock that they are moved to is behind the leader's.
    pub(crate) fn shift(&self, origin: i64) -> Shift {
        let middle = |(at, ahead): (u64, [i64; 2])| (at, ahead[0] + (ahead[1] - ahead[0]) / 2 - origin);
        Shift::between(middle(self.began), middle(self.ended))
    }

    /// How wrong these middles can be.
    pub(crate) fn uncertainty_ns(&self) -> u64 {
        let half = |[least, most]: [i64; 2]| most.abs_diff(least).div_ceil(2);
        half(self.began.1).max(half(self.ended.1))
    }
}

impl Head {
    /// Of a run whose load is about to begin.
    pub(crate) fn of(
        plan: &Plan,
        workload: &Workload,
        identity: &Identity,
        output: &OutputArgs,
        prefix: Option<&str>,
        host: &HostFacts,
    ) -> Self {
        Self {
            ringload_version: env!("CARGO_PKG_VERSION").into(),
            plan: plan.clone(),
            host: host.clone(),
            benchmark_id: identity.benchmark_id.clone(),
            command: identity.command.clone(),
            of_several: identity.of_several.clone(),
            prefix: prefix.map(str::to_owned),
            records: output.export_level != ExportLevel::Summary,
            trace: output.export_http_trace,
            private: output.private,
            shape: workload.shape(),
            member: None,
        }
    }
}
