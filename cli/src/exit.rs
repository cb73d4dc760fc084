//! Exit statuses: part of the interface.

use ringload_engine::measure::Summary;
use ringload_engine::verdict::{Status, Verdict};
use ringload_engine::{Blame, Error};
use std::process::ExitCode;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// A condition of `--fail-if` holds, or over half of the requests failed.
    Failed = 1,
    /// The command line or this machine has to be fixed first.
    Usage = 2,
    /// No request succeeded: the run is FAILED.
    Unusable = 3,
    /// The run is invalid, or ringload failed.
    Invalid = 4,
    /// A signal ended the run early; what was measured has been written.
    Interrupted = 130,
}

impl Exit {
    /// Of a run that came to its end, in order: a request accounting mismatch (a bug of ringload, whatever is allowed),
    /// interrupted (by then, or after its load: `interrupted`), nothing succeeded, invalid, failed by the user's own
    /// conditions, done.
    pub(crate) fn of_run(summary: &Summary, verdict: &Verdict, allow_invalid: bool, interrupted: bool) -> Self {
        if !summary.violations.is_empty() {
            Self::Invalid
        } else if summary.was_cancelled || interrupted {
            Self::Interrupted
        } else if summary.counts.succeeded == 0 {
            Self::Unusable
        } else if verdict.status == Status::Invalid && !allow_invalid {
            Self::Invalid
        } else if summary.thresholds.iter().any(|t| t.failed) || mostly_failed(summary) {
            Self::Failed
        } else {
            Self::Done
        }
    }

    /// Of several runs, in order: none had a success; one is invalid; a condition of one does not hold, or over half of
    /// its requests, or all of them, failed; done.
    pub(crate) fn of_runs(each: &[Self]) -> Self {
        if each.iter().all(|exit| *exit == Self::Unusable) {
            Self::Unusable
        } else if each.contains(&Self::Invalid) {
            Self::Invalid
        } else if each.iter().any(|exit| matches!(exit, Self::Failed | Self::Unusable)) {
            Self::Failed
        } else {
            Self::Done
        }
    }

    /// Of an error, by who has to act.
    pub(crate) fn of_error(error: &anyhow::Error) -> Self {
        match error.downcast_ref::<Error>().map(|e| e.blame) {
            Some(Blame::Usage | Blame::Environment) => Self::Usage,
            Some(Blame::Peer) => Self::Unusable,
            Some(Blame::Bug) => Self::Invalid,
            Some(Blame::Interrupted) => Self::Interrupted,
            None => Self::Usage,
        }
    }
}

/// Whether over half of the requests that finished failed: no run of that kind is done.
fn mostly_failed(summary: &Summary) -> bool {
    summary.counts.failures() > summary.counts.succeeded
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample::outcome;

    #[test]
    fn a_mismatch_of_the_accounting_is_exit_4_whatever_else_is() {
        let mut outcome = outcome();
        for cancelled in [false, true] {
            outcome.summary.was_cancelled = cancelled;
            let of = |summary: &Summary| Exit::of_run(summary, &outcome.verdict, true, false);
            assert_ne!(of(&outcome.summary), Exit::Invalid);
            let mut unbalanced = outcome.summary.clone();
            unbalanced.violations.push("1 request went missing".into());
            assert_eq!(of(&unbalanced), Exit::Invalid);
        }
    }

    #[test]
    fn a_run_of_several_in_which_all_requests_failed_is_not_passed_over() {
        use Exit::{Done, Failed, Invalid, Unusable};
        for (each, expected) in [
            (&[Done, Done][..], Done),
            (&[Done, Unusable], Failed),
            (&[Done, Failed], Failed),
            (&[Unusable, Invalid, Failed], Invalid),
            (&[Unusable, Unusable], Unusable),
        ] {
            assert_eq!(Exit::of_runs(each), expected, "{each:?}");
        }
    }
}
