//! The note on the client's share of its machine's ceiling.

use super::case::{Case, Found};
use super::finding::{Finding, Scope};
use super::wording::shown_share;
use crate::calibration::{Basis, Used};
use crate::setting::Setting;

/// A ceiling that was estimated is a lower bound, and the share an upper one.
pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    case.used.and_then(ceiling).into_iter().collect()
}

fn ceiling(used: &Used) -> Option<Finding> {
    if used.share <= TOLD {
        return None;
    }
    let but = match used.basis {
        Basis::Estimated => {
            "; the ceiling is an estimate from a lighter load, a lower bound, so that this is the most it can have been"
        }
        Basis::Measured => "",
    };
    let events = used.ceiling_events_per_s.map_or_else(String::new, |most| {
        format!("{:.0} output events/s of at most {most:.0}, and ", used.events_per_s)
    });
    let requests = used.ceiling_requests_per_s.unwrap_or_default();
    let cores = if used.cores == 1 { "core" } else { "cores" };
    Some(Found::new("ceiling", Scope::Client).measured(used.share, TOLD, "ratio").says(
        format!(
            "the busiest {:.1} s used {} of the ceiling of {} {cores}: {events}{:.0} requests/s of at most {requests:.0} (calibrated at {}){but}; reported above {}",
            used.window_s,
            shown_share(used.share),
            used.cores,
            used.requests_per_s,
            used.calibrated_at,
            shown_share(TOLD)
        ),
        format!("give the client more cores ({}), spread the load over more machines, or lower {} or {}; if the machine has changed, renew {}", Setting::Cores, Setting::Concurrency, Setting::RequestRate, Setting::Calibration),
    ))
}

const TOLD: f64 = 0.7;
