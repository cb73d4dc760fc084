//! What share of its machine's ceiling a run used.

use super::{Basis, Calibration, Ceiling};
use crate::measure::{Summary, Window};
use serde::{Deserialize, Serialize};

/// The share of its machine's ceiling that a run used.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Used {
    /// Of its cores' ceiling, in its busiest window; over 1 where it did more than the calibration holds possible.
    pub share: f64,
    /// The same over the whole measured phase.
    pub mean_share: f64,
    /// Length of the window in seconds.
    pub window_s: f64,
    /// Output events a second in the window.
    pub events_per_s: f64,
    /// Requests a second in the window.
    pub requests_per_s: f64,
    /// Cores of the run.
    pub cores: usize,
    /// Output events a second that fill all of them, if nothing else did; absent where responses are not streamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ceiling_events_per_s: Option<f64>,
    /// Requests a second that fill all of them, each with a response of one event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ceiling_requests_per_s: Option<f64>,
    /// What the larger part of the share rests on. With [`Basis::Estimated`] the ceiling is a lower bound, and the
    /// share an upper one.
    pub basis: Basis,
    /// When the calibration was made, in UTC.
    pub calibrated_at: String,
    /// What it is of, in words.
    pub calibrated_for: String,
}

/// Holds a run against a calibration. A run without any work in it used nothing.
#[must_use]
pub fn used(calibration: &Calibration, summary: &Summary) -> Used {
    let cores = summary.client.cores.len().max(1);
    let of = |window: Window, seconds: f64| {
        let rate = |n: u64| {
            if seconds > 0.0 { n as f64 / seconds } else { 0.0 }
        };
        let (requests, events) = (rate(window.requests), rate(window.events));
        let share = calibration.share(requests, events) / cores as f64;
        (share, requests, events)
    };
    let all = &summary.windows;
    let busiest =
        all.windows.iter().map(|w| of(*w, all.length_s)).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or_default();
    let mut total = Window::default();
    for window in &all.windows {
        total.events += window.events;
        total.requests += window.requests;
    }
    let (mean_share, ..) = of(total, all.length_s * all.windows.len() as f64);
    let (share, requests_per_s, events_per_s) = busiest;
    let by_events = calibration.share(0.0, events_per_s) >= calibration.share(requests_per_s, 0.0);
    let main: &Ceiling = match &calibration.event {
        Some(event) if by_events => event,
        _ => &calibration.request,
    };
    let ceiling = |rate: Option<f64>| rate.map(|rate| rate * cores as f64);
    Used {
        share,
        mean_share,
        window_s: all.length_s,
        events_per_s,
        requests_per_s,
        cores,
        ceiling_events_per_s: ceiling(calibration.events_per_s()),
        ceiling_requests_per_s: ceiling(calibration.requests_per_s()),
        basis: main.basis,
        calibrated_at: calibration.made_at.clone(),
        calibrated_for: calibration.shape.to_string(),
    }
}
