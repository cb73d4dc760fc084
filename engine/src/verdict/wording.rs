//! Findings in words: figures in units that suit them, and what they moved.

use super::finding::{Direction, Effect};
use crate::plan::Statistic;

/// What was seen, and what it can have moved.
pub(super) fn evidence(seen: String, effects: &[Effect]) -> String {
    if effects.is_empty() {
        return seen;
    }
    let shown: Vec<String> = effects.iter().take(SHOWN).map(effect).collect();
    let more = match effects.len().saturating_sub(SHOWN) {
        0 => String::new(),
        n => format!(", and {n} more"),
    };
    let unasked = if effects.iter().any(|e| e.asked) { "" } else { ", none of which was asked for" };
    let moved = if effects.iter().all(|e| e.estimated) { "moved" } else { "can have moved" };
    format!("{seen}; it {moved} {}{more}{unasked}", shown.join(", "))
}

/// `time_to_first_token p99 by up to +2.60 ms (1.3 %)`
fn effect(effect: &Effect) -> String {
    let figure = match effect.statistic {
        Statistic::Value => effect.tag.to_owned(),
        statistic => format!("{} {}", effect.tag, statistic.name()),
    };
    let sign = match effect.direction {
        Direction::Raised => "+",
        Direction::Lowered => "-",
        Direction::Either => "±",
    };
    let most = match effect.unit {
        "ms" => shown_ms(effect.most),
        unit => format!("{} {unit}", short(effect.most)),
    };
    let share = effect.share.map_or_else(String::new, |share| format!(" ({})", shown_share(share)));
    let decides = if effect.decides { ", past its objective" } else { "" };
    let how = if effect.estimated { "about" } else { "up to" };
    format!("{figure} by {how} {sign}{most}{share}{decides}")
}

/// A number with three digits or so.
fn short(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// Milliseconds in a unit that suits them.
pub(super) fn shown_ms(ms: f64) -> String {
    if ms >= 1_000.0 {
        format!("{:.2} s", ms / 1_000.0)
    } else if ms >= 1.0 {
        format!("{ms:.2} ms")
    } else {
        format!("{:.1} µs", ms * 1_000.0)
    }
}

/// A share in percent.
pub(super) fn shown_share(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// What fits a few lines of a report; a long one is cut in the middle, since it ends in its remedy.
pub(super) fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let more = if line.len() < message.len() { "…" } else { "" };
    let long: Vec<char> = line.chars().collect();
    if long.len() <= 2 * HALF {
        return format!("{line}{more}");
    }
    let (front, back) = (&long[..HALF], &long[long.len() - HALF..]);
    let text = |part: &[char]| part.iter().collect::<String>();
    format!("{} … {}{more}", text(front), text(back))
}

const HALF: usize = 150;
/// Effects that are written out; all are in the file.
const SHOWN: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(tag: &'static str, most: f64, share: f64, asked: bool) -> Effect {
        Effect {
            tag,
            statistic: Statistic::P99,
            direction: Direction::Raised,
            most,
            estimated: false,
            unit: "ms",
            share: Some(share),
            asked,
            decides: false,
        }
    }

    #[test]
    fn effects_are_told_with_figure_direction_and_size() {
        let one = moved("time_to_first_token", 2.6, 0.013, true);
        let text = evidence("reads were late".into(), std::slice::from_ref(&one));
        assert_eq!(text, "reads were late; it can have moved time_to_first_token p99 by up to +2.60 ms (1.3 %)");
        let unasked = moved("inter_chunk_latency", 172.0, 0.9, false);
        assert!(
            evidence(String::new(), std::slice::from_ref(&unasked)).ends_with("(90.0 %), none of which was asked for")
        );
        assert!(evidence(String::new(), &vec![unasked; 5]).contains(", and 2 more"));
        assert_eq!(evidence("quiet".into(), &[]), "quiet");
        let estimate = Effect { estimated: true, ..one };
        let text = evidence("a proxy".into(), std::slice::from_ref(&estimate));
        assert_eq!(text, "a proxy; it moved time_to_first_token p99 by about +2.60 ms (1.3 %)");
    }

    #[test]
    fn figures_are_shown_in_a_unit_that_suits_them() {
        assert_eq!(shown_ms(0.0125), "12.5 µs");
        assert_eq!(shown_ms(1.5), "1.50 ms");
        assert_eq!(shown_ms(2_500.0), "2.50 s");
    }

    #[test]
    fn a_long_message_keeps_its_front_and_its_remedy() {
        let cut = first_line(&format!("TLS failed {}: write a name", "x".repeat(500)));
        assert!(cut.starts_with("TLS failed x") && cut.ends_with("x: write a name"));
        assert_eq!(cut.chars().count(), 2 * HALF + 3);
        assert_eq!(first_line("busy\ntry later"), "busy…");
        let fits = "é".repeat(2 * HALF);
        assert_eq!(first_line(&fits), fits);
    }
}
