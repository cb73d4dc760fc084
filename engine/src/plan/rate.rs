//! How many arrivals a second are wanted, over the time of a phase.

use super::{Ramp, Shape};
use crate::clock::Nanos;
use serde::{Deserialize, Serialize};

/// Mean arrivals per second as a function of the time since the start of the phase: pieces one after the other, then a
/// rate that stays. 0 after the last piece ends the schedule.
///
/// Written as a number where it never changes, else as `{"pieces": […], "after": …}`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(into = "Shown", from = "Shown")]
pub struct Rate {
    pieces: Vec<Piece>,
    after: f64,
}

/// A stretch of time in which the rate stays or moves in one way.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Piece {
    /// How long it lasts, nanoseconds.
    pub lasting: Nanos,
    /// Arrivals per second at its start.
    pub from: f64,
    /// Arrivals per second at its end.
    pub to: f64,
    /// How it gets there. An exponential piece begins and ends above 0.
    pub shape: Shape,
}

impl Piece {
    /// A stretch at one rate.
    #[must_use]
    pub fn steady(rate: f64, lasting: Nanos) -> Self {
        Self::linear(rate, rate, lasting)
    }

    /// A stretch in which the rate moves by equal amounts in equal times.
    #[must_use]
    pub fn linear(from: f64, to: f64, lasting: Nanos) -> Self {
        Self { lasting, from, to, shape: Shape::Linear }
    }
}

impl Rate {
    /// `pieces` in order, then `after` for as long as the phase lasts.
    #[must_use]
    pub fn new(pieces: Vec<Piece>, after: f64) -> Self {
        Self { pieces, after }
    }

    /// A gradual start: linear from 0, or exponential from a hundredth of `rate`; then `rate`.
    #[must_use]
    pub fn ramped(rate: f64, ramp: Ramp) -> Self {
        let from = match ramp.shape {
            Shape::Linear => 0.0,
            Shape::Exponential => rate * EXPONENTIAL_START,
        };
        let piece = Piece { lasting: ramp.lasting, from, to: rate, shape: ramp.shape };
        Self::new(vec![piece], rate)
    }

    /// The rate, where it never changes.
    #[must_use]
    pub fn constant(&self) -> Option<f64> {
        self.pieces.is_empty().then_some(self.after)
    }

    /// The pieces, in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The rate after the last piece; 0 ends the schedule.
    #[must_use]
    pub fn after(&self) -> f64 {
        self.after
    }

    /// The highest rate that it ever reaches.
    #[must_use]
    pub fn highest(&self) -> f64 {
        let ends = self.pieces.iter().flat_map(|p| [p.from, p.to]);
        ends.fold(self.after, f64::max)
    }

    /// Whether it is another at one time than at another; the end of the schedule is no rate.
    #[must_use]
    pub fn moves(&self) -> bool {
        let after = Some(self.after).filter(|after| *after > 0.0);
        let mut ends = self.pieces.iter().flat_map(|p| [p.from, p.to]).chain(after);
        let first = ends.next();
        ends.any(|rate| Some(rate) != first)
    }

    /// The time of all pieces together.
    #[must_use]
    pub fn lasting(&self) -> Nanos {
        self.pieces.iter().fold(0, |sum, p| sum.saturating_add(p.lasting))
    }
}

impl From<f64> for Rate {
    /// A rate that never changes.
    fn from(rate: f64) -> Self {
        Self::new(Vec::new(), rate)
    }
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Shown {
    Number(f64),
    Pieces { pieces: Vec<Piece>, after: f64 },
}

impl From<Shown> for Rate {
    fn from(shown: Shown) -> Self {
        match shown {
            Shown::Number(rate) => rate.into(),
            Shown::Pieces { pieces, after } => Self::new(pieces, after),
        }
    }
}

impl From<Rate> for Shown {
    fn from(rate: Rate) -> Self {
        match rate.constant() {
            Some(number) => Self::Number(number),
            None => Self::Pieces { pieces: rate.pieces, after: rate.after },
        }
    }
}

/// Where an exponential ramp begins, as a share of where it ends: growth by equal factors cannot begin at 0.
const EXPONENTIAL_START: f64 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND;

    #[test]
    fn a_rate_that_never_changes_is_written_as_a_number() {
        assert_eq!(serde_json::to_string(&Rate::from(2.5)).unwrap(), "2.5");
        let stages = Rate::new(vec![Piece::steady(5.0, SECOND)], 0.0);
        assert_eq!(
            serde_json::to_string(&stages).unwrap(),
            r#"{"pieces":[{"lasting":1000000000,"from":5.0,"to":5.0,"shape":"linear"}],"after":0.0}"#
        );
    }

    #[test]
    fn a_rate_moves_within_a_stage_or_between_two() {
        let of = |pieces: &[Piece], after| Rate::new(pieces.to_vec(), after).moves();
        let (slow, fast) = (Piece::steady(5.0, SECOND), Piece::steady(9.0, SECOND));
        assert!(!Rate::from(5.0).moves() && !of(&[slow], 0.0) && !of(&[slow, slow], 5.0));
        assert!(of(&[slow, fast], 0.0) && of(&[slow], 9.0));
        assert!(of(&[Piece::linear(40.0, 130.0, SECOND)], 0.0));
    }

    #[test]
    fn ramps_end_at_the_rate_and_stay_there() {
        for (shape, from) in [(Shape::Linear, 0.0), (Shape::Exponential, 0.5)] {
            let rate = Rate::ramped(50.0, Ramp { lasting: 3 * SECOND, shape });
            assert_eq!((rate.pieces()[0].from, rate.pieces()[0].to), (from, 50.0));
            assert_eq!((rate.after(), rate.lasting()), (50.0, 3 * SECOND));
            assert_eq!((rate.highest(), rate.constant()), (50.0, None));
        }
    }
}
