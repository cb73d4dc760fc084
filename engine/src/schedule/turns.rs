//! The turns of users who keep their own pace.

use super::constant::Period;
use crate::clock::Nanos;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Users who each take a turn every `users / rate` seconds, the first of user i at i / rate, and none while an earlier
/// one of their own is unfinished. While none has to wait, turn k of all is due at k / rate and is user k modulo
/// `users`'s.
///
/// A turn that falls due while its user's last one is unfinished is taken when that ends, and all later turns of this
/// user move by as much: the time between the beginnings of two turns of a user is never shorter than `users / rate`.
/// (As AIPerf's `--user-centric-rate` and the user sessions of LMBenchmark.)
///
/// Order of calls: [`Self::next`] until it gives nothing; [`Self::handle_end`] for each turn that ended.
#[derive(Debug)]
pub struct Turns {
    period: Period,
    users: u64,
    limit: u64,
    /// Idle users whose next turn is known, by the instant at which they take it.
    ready: BinaryHeap<Reverse<(Nanos, u64)>>,
    /// Users of this core, by their number over `cores`.
    mine: Vec<User>,
    cores: u64,
    core: u64,
}

#[derive(Clone, Copy, Debug)]
struct User {
    /// Index of their next turn among all.
    k: u64,
    /// By how much their turns have moved.
    moved: Nanos,
    busy: bool,
}

/// A turn that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Its index among all.
    pub k: u64,
    /// When its user wanted it, from the start of the phase.
    pub wanted: Nanos,
    /// From when on they could take it, from the start of the phase.
    pub ready: Nanos,
    /// It waited for its user's last one.
    pub waited: bool,
}

impl Turns {
    /// The users of core `core` of `cores`, out of `users`, who take `rate` turns a second together and no turn from
    /// index `limit` on.
    #[must_use]
    pub fn new(rate: f64, users: u32, limit: u64, core: usize, cores: usize) -> Self {
        let (core, cores) = (core as u64, cores.max(1) as u64);
        let period = Period::of_rate(rate);
        let mine: Vec<User> =
            (core..u64::from(users)).step_by(cores as usize).map(|k| User { k, moved: 0, busy: false }).collect();
        let ready =
            mine.iter().filter(|user| user.k < limit).map(|user| Reverse((period.times(user.k), user.k))).collect();
        Self { period, users: u64::from(users.max(1)), limit, ready, mine, cores, core }
    }

    /// The next turn that is taken by `now`.
    pub fn next(&mut self, now: Nanos) -> Option<Turn> {
        let Reverse((at, k)) = *self.ready.peek().filter(|r| r.0.0 <= now)?;
        self.ready.pop();
        let (period, users) = (self.period, self.users);
        let user = self.user(k);
        let wanted = period.times(k).saturating_add(user.moved);
        user.moved += at - wanted;
        user.busy = true;
        user.k = k + users;
        Some(Turn { k, wanted, ready: at, waited: at > wanted })
    }

    /// Turn `k` is not taken, and its user takes none any more.
    pub fn retire(&mut self, k: u64) {
        let user = self.user(k);
        user.busy = false;
        user.k = u64::MAX;
    }

    /// Turn `k` ended at `at`.
    pub fn handle_end(&mut self, k: u64, at: Nanos) {
        let (period, limit) = (self.period, self.limit);
        let user = self.user(k);
        user.busy = false;
        let next = user.k;
        let wanted = period.times(next).saturating_add(user.moved);
        if next < limit {
            self.ready.push(Reverse((wanted.max(at), next)));
        }
    }

    /// When the next turn of an idle user is taken.
    #[must_use]
    pub fn next_at(&self) -> Option<Nanos> {
        self.ready.peek().map(|r| r.0.0)
    }

    /// Whether no turn is left to take, those of busy users included.
    #[must_use]
    pub fn exhausted(&self) -> bool {
        self.ready.is_empty() && self.waiting().next().is_none()
    }

    /// When users wanted turns that they had not taken before `at`, and whether it was their own last turn that kept
    /// them. No turn is left after that.
    pub fn end(&mut self, at: Nanos) -> Vec<(Nanos, bool)> {
        let late = |wanted: &Nanos| *wanted < at;
        let wanted = |user: &User| self.period.times(user.k).saturating_add(user.moved);
        let busy = self.waiting().map(wanted).filter(late).map(|w| (w, true));
        let idle = self.ready.iter().filter(|r| r.0.0 < at).map(|r| {
            let user = &self.mine[self.place(r.0.1)];
            (wanted(user), r.0.0 > wanted(user))
        });
        let missed = busy.chain(idle).collect();
        self.ready.clear();
        self.limit = 0;
        missed
    }

    /// Busy users with a turn left.
    fn waiting(&self) -> impl Iterator<Item = &User> {
        self.mine.iter().filter(|u| u.busy && u.k < self.limit)
    }

    fn place(&self, k: u64) -> usize {
        ((k % self.users - self.core) / self.cores) as usize
    }

    fn user(&mut self, k: u64) -> &mut User {
        let place = self.place(k);
        &mut self.mine[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{MILLI, SECOND};

    /// Plays all turns of `cores` cores, each answered after `service(k)`: when each was wanted and taken, by k.
    fn play(
        (rate, users): (f64, u32),
        limit: u64,
        cores: usize,
        service: impl Fn(u64) -> Nanos,
    ) -> Vec<(u64, Nanos, Nanos)> {
        let mut all = Vec::new();
        for core in 0..cores {
            let mut turns = Turns::new(rate, users, limit, core, cores);
            let mut ends: BinaryHeap<Reverse<(Nanos, u64)>> = BinaryHeap::new();
            while !turns.exhausted() {
                let end = ends.peek().map(|r| r.0);
                let next = turns.next_at();
                if let Some((at, k)) = end.filter(|(at, _)| next.is_none_or(|n| *at <= n)) {
                    ends.pop();
                    turns.handle_end(k, at);
                } else if let Some(now) = next {
                    let turn = turns.next(now).unwrap();
                    assert_eq!(turn.waited, now > turn.wanted);
                    ends.push(Reverse((now + service(turn.k), turn.k)));
                    all.push((turn.k, turn.wanted, now));
                }
            }
        }
        all.sort_unstable();
        all
    }

    #[test]
    fn users_with_quick_answers_keep_the_rate_and_their_own_gap() {
        let all = play((4.0, 3), 100, 1, |_| 10 * MILLI);
        for (i, (k, wanted, taken)) in all.iter().enumerate() {
            assert_eq!((*k, *wanted), (i as u64, i as u64 * 250 * MILLI));
            assert_eq!(wanted, taken);
        }
        assert_eq!(all.len(), 100);
    }

    #[test]
    fn a_slow_answer_moves_the_later_turns_of_its_user_alone() {
        // 2 users, one turn of each every 2 s. Turn 2 is user 0's second: it takes 5 s instead of the 2 s there are.
        let all = play((1.0, 2), 10, 1, |k| if k == 2 { 5 * SECOND } else { MILLI });
        let taken = |k: usize| all[k].2 / SECOND;
        assert_eq!([0, 2, 4, 6, 8].map(taken), [0, 2, 7, 9, 11]);
        assert_eq!([1, 3, 5, 7, 9].map(taken), [1, 3, 5, 7, 9]);
        assert_eq!(all[4].1, 4 * SECOND, "it was wanted when the gap was over");
        assert_eq!(all[6].1, 9 * SECOND, "nothing is caught up with");
    }

    #[test]
    fn the_turns_do_not_depend_on_the_number_of_cores() {
        let service = |k: u64| (k * 7919 % 400) * 10 * MILLI;
        let one = play((10.0, 7), 300, 1, service);
        for cores in [2, 3, 7, 12] {
            assert_eq!(play((10.0, 7), 300, cores, service), one, "{cores} cores");
        }
    }

    #[test]
    fn an_end_tells_which_turns_were_wanted_and_not_taken() {
        let mut turns = Turns::new(1.0, 3, u64::MAX, 0, 1);
        assert_eq!(turns.next(0).map(|t| t.k), Some(0));
        assert_eq!(turns.next(SECOND).map(|t| t.k), Some(1));
        turns.handle_end(1, SECOND + MILLI);
        // At 4.5 s user 0 has wanted another turn since 3 s, user 2 the first since 2 s, and user 1 another since 4 s.
        let mut missed = turns.end(4_500 * MILLI);
        missed.sort_unstable();
        assert_eq!(missed, [(2 * SECOND, false), (3 * SECOND, true), (4 * SECOND, false)]);
        assert!(turns.exhausted() && turns.next_at().is_none());
    }
}
