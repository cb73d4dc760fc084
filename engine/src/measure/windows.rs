//! How much the client had to do, window by window: every event and every request, whatever came of it.

use super::timeline::{Timeline, arrivals};
use crate::clock::{Nanos, SECOND};
use crate::record::{PhaseKind, Record};
use serde::{Deserialize, Serialize};

/// Windows of equal length over the measured phase: of a second, or longer where there would be too many. A run under
/// two seconds has one.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Windows {
    /// Length of each, in seconds; 0 where there is none.
    pub length_s: f64,
    /// The windows, in the order of time.
    pub windows: Vec<Window>,
}

/// The content of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Window {
    /// Output events that arrived in it.
    pub events: u64,
    /// Requests issued in it.
    pub requests: u64,
}

/// Fills [`Windows`]. The order of the records changes nothing.
#[derive(Debug)]
pub(super) struct Watch {
    timeline: Timeline,
    windows: Vec<Window>,
}

impl Watch {
    pub(super) fn new(timeline: Timeline) -> Self {
        let seconds = usize::try_from(timeline.length() / SECOND).unwrap_or(MOST);
        Self { timeline, windows: vec![Window::default(); seconds.clamp(1, MOST)] }
    }

    /// Adds one record; those of the warm-up do not count.
    pub(super) fn add(&mut self, record: &Record) {
        if record.phase != PhaseKind::Profiling {
            return;
        }
        let issued = self.place(record.instants.issued);
        self.windows[issued].requests += 1;
        for arrived in arrivals(record) {
            let at = self.place(arrived);
            self.windows[at].events += 1;
        }
    }

    pub(super) fn finish(self) -> Windows {
        let length = self.timeline.length() as f64 / 1e9;
        if length <= 0.0 {
            return Windows::default();
        }
        Windows { length_s: length / self.windows.len() as f64, windows: self.windows }
    }

    fn place(&self, at: Nanos) -> usize {
        let since = u128::from(at.saturating_sub(self.timeline.start));
        let length = u128::from(self.timeline.length().max(1));
        let last = self.windows.len() - 1;
        ((since * self.windows.len() as u128 / length) as usize).min(last)
    }
}

/// Most windows of a run.
const MOST: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::{failed, streamed};
    use crate::record::{Cause, Outcome};

    fn over(seconds: u64, records: &[Record]) -> Windows {
        let mut watch = Watch::new(Timeline { start: SECOND, end: (1 + seconds) * SECOND });
        records.iter().for_each(|r| watch.add(r));
        watch.finish()
    }

    fn window(events: u64, requests: u64) -> Window {
        Window { events, requests }
    }

    #[test]
    fn requests_count_where_they_begin_and_events_where_they_arrive_whatever_came_of_them() {
        let half = SECOND / 2;
        let mut abandoned = streamed(1, SECOND + half, half / 2, &[SECOND]);
        abandoned.outcome = Outcome::InFlight;
        let warmup = Record { phase: PhaseKind::Warmup, ..streamed(0, SECOND, half, &[half]) };
        let records = [
            streamed(0, SECOND, half, &[half, half, half]),
            abandoned,
            failed(streamed(2, 3 * SECOND, half, &[]), Cause::Truncated, 200, ""),
            warmup,
        ];
        let windows = over(3, &records);
        assert_eq!(windows.length_s, 1.0);
        assert_eq!(windows.windows, [window(2, 2), window(3, 0), window(2, 1)]);
    }

    #[test]
    fn there_is_one_window_in_a_short_run_and_never_too_many() {
        assert_eq!(over(1, &[]).windows.len(), 1);
        let long = over(10_000, &[]);
        assert_eq!((long.windows.len(), long.length_s), (2_000, 5.0));
        assert!(Watch::new(Timeline::default()).finish().windows.is_empty());
    }
}
