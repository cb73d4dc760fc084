use super::*;
use crate::clock::MILLI;
use crate::plan::{Length, Phase, Plan, Target, Turns};
use crate::record::Cause;

fn workload(turns: f64) -> Workload {
    let target = Target::parse("http://localhost:1").expect("a URL");
    let mut plan = Plan::new(vec![target], "m", Phase::closed(1, 1));
    plan.prompts.entries = 2;
    plan.prompts.isl.mean = 3.0;
    plan.prompts.turns = Turns { count: Length { mean: turns, stddev: 0.0 }, delay_mean_ms: 10.0, ..Turns::ONE };
    Workload::prepare(&plan).expect("a workload")
}

fn budget() -> Budget {
    Budget::new(1 << 20, 1)
}

fn end(outcome: Outcome, at: Nanos, text: Option<&[u8]>) -> RequestEnd {
    RequestEnd {
        session: None,
        user_turn: 0,
        outcome,
        history: Vec::new(),
        text: text.map(<[u8]>::to_vec),
        connection: None,
        unconnected_at: None,
        at,
        freed_at: at,
        freed_earlier: 0,
        lag: 0,
    }
}

impl Sessions {
    /// A turn of session `id` ends: when the next one is ready.
    fn ends(&mut self, id: usize, mut turn: RequestEnd, workload: &Workload, budget: &Budget) -> Option<Nanos> {
        turn.history = self.live.get_mut(id).map(|s| std::mem::take(&mut s.history)).unwrap_or_default();
        let at = turn.at;
        self.handle_end(id, &mut turn, workload, budget, Some(at)).ready
    }
}

#[test]
fn each_turn_follows_its_response_and_carries_it() {
    let workload = workload(3.0);
    let mut sessions = Sessions::new(0, u64::MAX);
    let id = sessions.begin(7, 3..6);
    for turn in 1..3 {
        let at = turn * 1_000 * MILLI;
        let ready = sessions.ends(id, end(Outcome::Succeeded, at, Some(b"yes")), &workload, &budget());
        assert_eq!(ready, Some(at + 10 * MILLI));
        assert_eq!(sessions.poll(at + 10 * MILLI - 1), None);
        let next = sessions.poll(at + 10 * MILLI).expect("a turn");
        assert_eq!((next.k, next.entry), (7, 3 + turn as u32));
        let history = String::from_utf8(sessions.live[id].history.clone()).expect("UTF-8");
        assert_eq!(history.matches(r#"{"role":"assistant","content":"yes"},"#).count(), turn as usize);
    }
    assert_eq!(sessions.ends(id, end(Outcome::Succeeded, 0, None), &workload, &budget()), None);
    assert!(sessions.is_over());
    let (tally, _) = sessions.finish(&budget());
    assert_eq!((tally.begun, tally.completed, tally.broken), (1, 1, 0));
}

#[test]
fn a_turn_that_fails_or_whose_text_is_lost_ends_its_session() {
    let workload = workload(2.0);
    let mut sessions = Sessions::default();
    let failed = end(Outcome::Failed(Cause::Timeout), 5, Some(b"x"));
    let lost = end(Outcome::Succeeded, 5, None);
    for turn in [failed, lost] {
        let id = sessions.begin(0, 0..2);
        assert_eq!(sessions.ends(id, turn, &workload, &budget()), None);
    }
    assert!(sessions.is_over());
    let (tally, _) = sessions.finish(&budget());
    assert_eq!((tally.broken, tally.unkept), (2, 1));
}

#[test]
fn what_is_kept_of_sessions_is_bounded_and_given_back() {
    let workload = workload(3.0);
    let budget = Budget::new(1200 << 10, 1);
    let text = vec![b'x'; 30 << 10];
    for round in 0..2 {
        let mut sessions = Sessions::default();
        let went_on: Vec<bool> = (0..4)
            .map(|k| {
                let id = sessions.begin(k, 0..3);
                sessions.ends(id, end(Outcome::Succeeded, 5, Some(&text)), &workload, &budget).is_some()
            })
            .collect();
        assert_eq!(went_on, [true, true, false, false], "round {round}");
        sessions.finish(&budget);
    }
}

#[test]
fn a_turn_with_a_timestamp_was_wanted_then_however_late() {
    let mut workload = workload(2.0);
    workload.entries[1].at = Some(100 * MILLI);
    for (ended, ready) in [(20, 100), (400, 410)] {
        let mut sessions = Sessions::new(1_000 * MILLI, u64::MAX);
        let id = sessions.begin(0, 0..2);
        let at = (1_000 + ended) * MILLI;
        sessions.ends(id, end(Outcome::Succeeded, at, Some(b"")), &workload, &budget());
        let turn = sessions.poll(Nanos::MAX).expect("a turn");
        let since = |at: Nanos| at / MILLI - 1_000;
        assert_eq!((since(turn.wanted), since(turn.ready)), (100, ready));
    }
}

#[test]
fn after_the_close_no_session_goes_on() {
    let workload = workload(2.0);
    let mut sessions = Sessions::default();
    let thinking = sessions.begin(0, 0..2);
    sessions.ends(thinking, end(Outcome::Succeeded, 5, Some(b"")), &workload, &budget());
    let under_way = sessions.begin(1, 2..4);
    sessions.close();
    assert!(sessions.is_over() && sessions.poll(Nanos::MAX).is_none());
    assert_eq!(sessions.ends(under_way, end(Outcome::Succeeded, 5, Some(b"")), &workload, &budget()), None);
    let (tally, _) = sessions.finish(&budget());
    assert_eq!((tally.begun, tally.completed, tally.broken), (2, 0, 0));
}
