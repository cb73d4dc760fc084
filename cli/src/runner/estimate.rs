//! How long several runs will take, told before they begin.

use ringload_engine::clock::{Nanos, SECOND};
use ringload_engine::plan::{Load, Phase, Plan};
use ringload_engine::record::Record;

/// How fast the server answered a request that it had for itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    /// From the issue to the first output, in seconds.
    first_s: f64,
    /// From one output event to the next.
    event_s: f64,
}

impl Pace {
    /// Of an answered request.
    pub(crate) fn of(record: &Record) -> Option<Self> {
        let at = &record.instants;
        let seconds = |from: Nanos, to: Nanos| to.saturating_sub(from) as f64 / SECOND as f64;
        let (first, last) = at.first_token.zip(at.last_token)?;
        let gaps = record.events.saturating_sub(1);
        let event_s = if gaps > 0 { seconds(first, last) / f64::from(gaps) } else { 0.0 };
        Some(Self { first_s: seconds(at.issued, first), event_s })
    }

    /// An answer of so many tokens, in seconds.
    fn answer_s(self, tokens: f64) -> f64 {
        self.first_s + self.event_s * (tokens - 1.0).max(0.0)
    }
}

/// A line about runs of these plans, each so many times, with so many seconds between them in all; `None` where a plan
/// does not say how long it is.
pub(crate) fn of_runs<'a>(
    plans: impl Iterator<Item = (&'a Plan, u32)>,
    pauses_s: f64,
    pace: Option<Pace>,
) -> Option<String> {
    let (mut all_s, mut runs, mut by_pace) = (pauses_s, 0, false);
    for (plan, times) in plans {
        let phases = plan.warmup.iter().chain(std::iter::once(&plan.profiling));
        for phase in phases {
            let (seconds, paced) = phase_s(plan, phase, pace)?;
            all_s += seconds * f64::from(times);
            by_pace |= paced;
        }
        runs += times;
    }
    let under =
        if by_pace { "; longer, where the server is slower under load than in the request before it" } else { "" };
    Some(format!("estimate: {runs} runs in some {}{under}", in_words(all_s)))
}

/// A line about a search of at most so many probes of at most so many seconds.
pub(crate) fn of_search(probes: usize, longest_s: f64) -> String {
    let all = in_words(probes as f64 * longest_s);
    format!("estimate: at most {probes} probes of at most {} each, {all}; most end earlier", in_words(longest_s))
}

/// Seconds of a phase, and whether they depend on how fast the server answers.
fn phase_s(plan: &Plan, phase: &Phase, pace: Option<Pace>) -> Option<(f64, bool)> {
    let tokens = plan.prompts.osl.map_or(USUAL_TOKENS, |osl| osl.mean);
    let answer_s = pace.map(|pace| pace.answer_s(tokens));
    // The last answers are awaited.
    let drained_s = answer_s.unwrap_or(0.0);
    if let Some(duration) = phase.duration {
        let grace = phase.grace.map_or(f64::INFINITY, |grace| grace as f64 / SECOND as f64);
        return Some((duration as f64 / SECOND as f64 + drained_s.min(grace), false));
    }
    if let Load::Fixed { trace, .. } = &phase.load {
        return Some((trace.0.last().copied().unwrap_or(0) as f64 / SECOND as f64 + drained_s, false));
    }
    let requests = match (phase.requests, phase.sessions) {
        (Some(requests), _) => requests as f64,
        (None, Some(sessions)) => sessions as f64 * plan.prompts.turns.count.mean,
        (None, None) => return None,
    };
    match &phase.load {
        Load::Open { rate, .. } => Some((requests / rate.constant()? + drained_s, false)),
        Load::Users { rate, .. } => Some((requests / rate + drained_s, false)),
        Load::Closed { concurrency, .. } => {
            let rounds = (requests / f64::from(*concurrency)).ceil();
            Some((rounds * answer_s?, true))
        }
        Load::Fixed { .. } => None,
    }
}

/// `42 s`, `6 min 12 s`, `2 h 5 min`
fn in_words(seconds: f64) -> String {
    let whole = seconds.round().max(1.0) as u64;
    match whole {
        s if s < 60 => format!("{s} s"),
        s if s < 3_600 && s % 60 == 0 => format!("{} min", s / 60),
        s if s < 3_600 => format!("{} min {} s", s / 60, s % 60),
        s => format!("{} h {} min", s / 3_600, s % 3_600 / 60),
    }
}

const USUAL_TOKENS: f64 = 128.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::testing::made;

    const PACE: Pace = Pace { first_s: 0.5, event_s: 0.02 };

    fn estimate(line: &str, times: u32, pace: Option<Pace>) -> Option<String> {
        of_runs(std::iter::once((&made(line), times)), 0.0, pace)
    }

    #[test]
    fn a_run_takes_its_schedule_or_its_rounds_of_answers() {
        // Ten rounds of 0.5 s + 99 · 20 ms.
        let closed = estimate("-m x --streaming --concurrency 8 --request-count 80 --osl 100", 3, Some(PACE));
        let slower = "; longer, where the server is slower under load than in the request before it";
        assert_eq!(closed, Some(format!("estimate: 3 runs in some 1 min 14 s{slower}")));
        let open = estimate("-m x --streaming --request-rate 4 --request-count 480 --osl 1", 1, None);
        assert_eq!(open.as_deref(), Some("estimate: 1 runs in some 2 min"));
        assert_eq!(estimate("-m x --concurrency 8 --request-count 80", 1, None), None);
        let timed = estimate("-m x --concurrency 8 --benchmark-duration 30", 2, None);
        assert_eq!(timed.as_deref(), Some("estimate: 2 runs in some 1 min"));
    }

    #[test]
    fn a_time_is_told_in_two_units_at_most() {
        for (seconds, words) in [(0.2, "1 s"), (59.4, "59 s"), (372.0, "6 min 12 s"), (7_500.0, "2 h 5 min")] {
            assert_eq!(in_words(seconds), words);
        }
        let search = of_search(22, 60.0);
        assert_eq!(search, "estimate: at most 22 probes of at most 1 min each, 22 min; most end earlier");
    }
}
