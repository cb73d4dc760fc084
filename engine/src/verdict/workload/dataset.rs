//! A file of requests that is not sent as it is.

use super::super::case::{Case, Found};
use super::super::finding::{Finding, Scope, Status};
use super::share;
use crate::setting::Setting;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    rows(case).into_iter().collect()
}

/// Rows that are left out or unlike their fields. Blocks of another size and lengths that count a history twice are
/// another workload than the file's.
fn rows(case: &Case<'_>) -> Option<Finding> {
    let replay = case.plan.prompts.replay.as_ref()?;
    let remarks = &replay.remarks;
    let sentences = remarks.sentences();
    if sentences.is_empty() {
        return None;
    }
    let others = remarks.unfit_blocks.max(remarks.cumulative) > 0;
    let off = share(remarks.unfit_blocks, remarks.with_blocks)
        .max(share(remarks.cumulative, remarks.sessions))
        .max(share(remarks.all_left_out(), remarks.rows));
    Some(
        Found::new("dataset", Scope::Workload)
            .measured(off, 0.0, "ratio")
            .at_least(if others { Status::Suspect } else { Status::Valid })
            .says(
                format!("{} is not sent as it is: {}", replay.file.display(), sentences.join("; ")),
                format!("correct the file, or name another ({})", Setting::Dataset),
            ),
    )
}
