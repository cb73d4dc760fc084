//! Which live view a run has, and what that is shown.

use crate::dashboard::{self, Dashboard, Facts, Samples, ServerNow};
use crate::flags::{OutputArgs, Ui};
use crate::live::progress::{self, View};
use crate::report;
use crate::runner::calibrations::StoredCalibrations;
use crate::terminal::printable;
use ringload_engine::host::HostFacts;
use ringload_engine::plan::Plan;
use std::io;
use std::sync::{Arc, Mutex};

/// The live view of a run.
#[derive(Default)]
pub(super) struct LiveView {
    /// What draws it; `None` where nothing is shown.
    pub(super) view: Option<View>,
    /// What takes its records.
    pub(super) samples: Option<Arc<Samples>>,
    /// What takes what its server says, an item for each endpoint that is scraped.
    pub(super) server: Arc<Mutex<Vec<ServerNow>>>,
}

impl LiveView {
    /// As the flags and the terminal have it.
    pub(super) fn of(
        plan: &Plan,
        output: &OutputArgs,
        workers: &[usize],
        place: Option<String>,
        kept: &StoredCalibrations,
        host: &HostFacts,
    ) -> Self {
        if output.quiet {
            return Self::default();
        }
        match output.ui {
            Some(Ui::None) => Self::default(),
            None | Some(Ui::Dashboard) if dashboard::fits() => {
                let samples = Arc::new(Samples::new(plan));
                let dashboard = Dashboard {
                    facts: Facts { ceiling: kept.ceiling(plan, workers.len(), host), ..facts(plan, output, place) },
                    samples: Some(Arc::clone(&samples)),
                    server: Arc::default(),
                    workers: workers.to_vec(),
                };
                let server = Arc::clone(&dashboard.server);
                let view: View = Box::new(move |control, over| dashboard.show(control, over));
                Self { view: Some(view), samples: Some(samples), server }
            }
            None | Some(Ui::Dashboard | Ui::Simple) => Self { view: Some(progress::line(plan)), ..Self::default() },
        }
    }
}

/// What of the plan is shown. Models may be a server's own words.
fn facts(plan: &Plan, output: &OutputArgs, place: Option<String>) -> Facts {
    let servers: Vec<&str> = plan.targets.iter().map(|target| target.url.as_str()).collect();
    let title = format!("{} at {}", plan.models.join(" "), servers.join(" "));
    let percentiles = output.percentiles.0.iter().filter_map(|p| p.name().strip_prefix('p')?.parse().ok());
    Facts {
        title: printable(&title).into_owned(),
        load: printable(&report::phase_words(&plan.profiling)).into_owned(),
        place: place.map(|place| printable(&place).into_owned()),
        requests: plan.profiling.requests,
        duration: plan.profiling.duration,
        streaming: plan.streaming,
        judged: !plan.slos.is_empty(),
        percentiles: as_many_as_fit(percentiles.collect()),
        colour: report::has_colour(&io::stderr()),
        ceiling: None,
    }
}

/// The first and the last ones.
fn as_many_as_fit(mut percentiles: Vec<f64>) -> Vec<f64> {
    let surplus = percentiles.len().saturating_sub(MOST_PERCENTILES);
    percentiles.drain(1.min(percentiles.len())..(1 + surplus).min(percentiles.len()));
    percentiles
}

/// That fit beside each other.
const MOST_PERCENTILES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_in_the_middle_give_way() {
        for (given, kept) in [
            (&[50.0, 90.0, 95.0, 99.0][..], &[50.0, 95.0, 99.0][..]),
            (&[1.0, 5.0, 10.0, 90.0, 99.9], &[1.0, 90.0, 99.9]),
            (&[50.0], &[50.0]),
            (&[], &[]),
        ] {
            assert_eq!(as_many_as_fit(given.to_vec()), kept);
        }
    }
}
