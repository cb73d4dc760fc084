//! Which members have fallen silent. Pure.

use crate::message::Heartbeat;
use std::time::Duration;

/// The last sign of life of each member, in nanoseconds on the clock of who hears them.
#[derive(Debug)]
pub(crate) struct Liveness {
    last: Vec<Option<(u64, Heartbeat)>>,
    /// Since when the bus is there: without it nobody can be heard.
    connected_since: Option<u64>,
    /// Since when it is away.
    away_since: Option<u64>,
}

impl Liveness {
    /// Nothing of so many members yet.
    pub(crate) fn new(size: usize) -> Self {
        Self { last: vec![None; size], connected_since: None, away_since: None }
    }

    /// The bus is there, or gone.
    pub(crate) fn handle_bus(&mut self, connected: bool, now: u64) {
        self.connected_since = connected.then(|| self.connected_since.unwrap_or(now));
        self.away_since = (!connected).then(|| self.away_since.unwrap_or(now));
    }

    /// Whether the bus has been away for longer than `patience`.
    pub(crate) fn bus_is_gone(&self, now: u64, patience: Duration) -> bool {
        let patience = u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
        self.away_since.is_some_and(|since| now.saturating_sub(since) > patience)
    }

    /// A member is there, and is to be heard from now on.
    pub(crate) fn expect(&mut self, rank: usize, now: u64) {
        if let Some(last) = self.last.get_mut(rank) {
            last.get_or_insert((now, Heartbeat { rank, ..Heartbeat::default() }));
        }
    }

    /// A member was heard. Whether it says more than was known.
    pub(crate) fn handle_heartbeat(&mut self, heartbeat: Heartbeat, now: u64) -> bool {
        let Some(last) = self.last.get_mut(heartbeat.rank) else { return false };
        let newer = last.is_none_or(|(_, known)| known.sequence < heartbeat.sequence || known.sequence == 0);
        match last {
            Some((at, known)) => {
                *at = now;
                if newer {
                    *known = heartbeat;
                }
            }
            None => *last = Some((now, heartbeat)),
        }
        newer
    }

    /// What a member said last.
    pub(crate) fn heartbeat(&self, rank: usize) -> Option<Heartbeat> {
        self.last.get(rank).copied().flatten().map(|(_, heartbeat)| heartbeat)
    }

    /// Members that were heard once and have been silent for longer than `patience`. While the bus is gone nobody is.
    pub(crate) fn silent(&self, now: u64, patience: Duration) -> Vec<usize> {
        let Some(since) = self.connected_since else { return Vec::new() };
        let patience = u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
        let silent = |at: u64| now.saturating_sub(at.max(since)) > patience;
        let known = self.last.iter().enumerate();
        known.filter_map(|(rank, last)| last.filter(|(at, _)| silent(*at)).map(|_| rank)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Counters;

    const SECOND: u64 = 1_000_000_000;
    const PATIENCE: Duration = Duration::from_secs(10);

    fn heartbeat(rank: usize, sequence: u64, done: u64) -> Heartbeat {
        Heartbeat { rank, sequence, counters: Counters { done, ..Counters::default() }, ..Heartbeat::default() }
    }

    #[test]
    fn a_member_is_silent_after_its_time_and_only_while_the_bus_is_there() {
        let mut heard = Liveness::new(3);
        heard.handle_bus(true, 0);
        for second in 0..20 {
            heard.handle_heartbeat(heartbeat(0, second, 0), second * SECOND);
            if second < 5 {
                heard.handle_heartbeat(heartbeat(1, second, 0), second * SECOND);
            }
        }
        // The third was never heard: nobody has expected it yet.
        assert!(heard.silent(14 * SECOND, PATIENCE).is_empty());
        assert_eq!(heard.silent(19 * SECOND, PATIENCE), [1]);
        heard.expect(2, 9 * SECOND);
        assert_eq!(heard.silent(20 * SECOND, PATIENCE), [1, 2]);
        heard.handle_bus(false, 20 * SECOND);
        assert!(heard.silent(60 * SECOND, PATIENCE).is_empty());
        heard.handle_bus(false, 25 * SECOND);
        assert!(!heard.bus_is_gone(30 * SECOND, PATIENCE) && heard.bus_is_gone(31 * SECOND, PATIENCE));
        // The time counts from when the bus is back.
        heard.handle_bus(true, 60 * SECOND);
        assert!(heard.silent(70 * SECOND, PATIENCE).is_empty());
        assert!(!heard.bus_is_gone(90 * SECOND, PATIENCE));
        assert_eq!(heard.silent(71 * SECOND, PATIENCE), [0, 1, 2]);
    }

    #[test]
    fn what_comes_late_counts_as_a_sign_of_life_and_changes_no_figure() {
        let mut heard = Liveness::new(1);
        heard.handle_bus(true, 0);
        assert!(heard.handle_heartbeat(heartbeat(0, 7, 70), SECOND));
        assert!(!heard.handle_heartbeat(heartbeat(0, 6, 60), 20 * SECOND));
        assert_eq!(heard.heartbeat(0).map(|b| b.counters.done), Some(70));
        assert!(heard.silent(21 * SECOND, PATIENCE).is_empty());
        assert!(!heard.handle_heartbeat(heartbeat(5, 1, 1), 0), "nobody's");
    }
}
