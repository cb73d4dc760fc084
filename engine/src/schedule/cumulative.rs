//! A rate that moves, as a clock: the cumulative rate Λ(t) = ∫₀ᵗ λ(s) ds counts the arrivals wanted by t.
//!
//! Arrivals of unit rate at u₁ < u₂ < … become arrivals of rate λ at Λ⁻¹(u₁) < Λ⁻¹(u₂) < …: for Poisson arrivals that
//! is the time-rescaling theorem (Papangelou 1972; Brown, Barbieri, Ventura, Kass, Frank 2002), and the exact way to
//! draw an inhomogeneous process (Çinlar 1975; Lewis, Shedler 1979). Every pattern goes through the same Λ⁻¹: the gaps
//! have the pattern's distribution in the time that Λ counts. Both Λ and its inverse are closed forms, piece by piece.

use crate::clock::{Nanos, SECOND};
use crate::plan::{Piece, Rate, Shape};

/// Λ(t): the arrivals wanted from the start of the phase to `at`.
///
/// The error is that of a few operations in `f64`, relative to the result.
#[must_use]
pub fn expected_arrivals(rate: &Rate, at: Nanos) -> f64 {
    let mut left = at;
    let mut sum = 0.0;
    for span in spans(rate) {
        let here = left.min(span.lasting);
        sum += span.mass_until(seconds(here));
        left -= here;
    }
    sum + usable(rate.after()) * seconds(left)
}

/// Λ⁻¹ along a sequence that never goes back.
#[derive(Clone, Debug)]
pub(super) struct Inverse {
    spans: Vec<Span>,
    after: f64,
    /// The piece that the sum is in, and when it began.
    index: usize,
    base: Nanos,
    /// The sum within the piece: whole arrivals, and the rest in [0, 1) or so, so that small gaps are not lost in large
    /// sums.
    whole: f64,
    rest: f64,
    at: Nanos,
}

impl Inverse {
    pub(super) fn of(rate: &Rate) -> Self {
        Self {
            spans: spans(rate).collect(),
            after: usable(rate.after()),
            index: 0,
            base: 0,
            whole: 0.0,
            rest: 0.0,
            at: 0,
        }
    }

    /// Moves on by `gap` arrivals of unit rate. The instant, or `None` where the schedule is over.
    #[inline]
    pub(super) fn after(&mut self, gap: f64) -> Option<Nanos> {
        let rest = self.rest + gap;
        let whole = rest.floor();
        self.whole += whole;
        self.rest = rest - whole;
        while let Some(span) = self.spans.get(self.index) {
            let sum = self.whole + self.rest;
            if sum < span.mass {
                return Some(self.reached(span.time_of(sum)));
            }
            let over = (self.whole - span.mass) + self.rest;
            (self.whole, self.rest) = (over.floor(), over - over.floor());
            self.base = self.base.saturating_add(span.lasting);
            self.index += 1;
        }
        (self.after > 0.0).then(|| self.reached((self.whole + self.rest) / self.after))
    }

    /// The instant `s` seconds into the piece, never before an earlier one: rounding must not reorder arrivals.
    fn reached(&mut self, s: f64) -> Nanos {
        let within = (s * SECOND as f64).round() as Nanos;
        let within = self.spans.get(self.index).map_or(within, |span| within.min(span.lasting));
        self.at = self.at.max(self.base.saturating_add(within));
        self.at
    }
}

/// A piece with what is known of it once: rates that are not positive numbers count as 0.
#[derive(Clone, Copy, Debug)]
struct Span {
    lasting: Nanos,
    from: f64,
    curve: Curve,
    /// Λ at its end.
    mass: f64,
}

#[derive(Clone, Copy, Debug)]
enum Curve {
    /// λ = from + slope · t
    Linear { slope: f64 },
    /// λ = from · exp(growth · t)
    Exponential { growth: f64 },
}

impl Span {
    fn of(piece: &Piece) -> Self {
        let (from, to) = (usable(piece.from), usable(piece.to));
        let lasting = seconds(piece.lasting);
        let moves = lasting > 0.0 && from != to;
        let curve = match piece.shape {
            Shape::Exponential if moves && from > 0.0 && to > 0.0 => {
                Curve::Exponential { growth: (to / from).ln() / lasting }
            }
            _ if moves => Curve::Linear { slope: (to - from) / lasting },
            _ => Curve::Linear { slope: 0.0 },
        };
        let mut span = Self { lasting: piece.lasting, from, curve, mass: 0.0 };
        span.mass = span.mass_until(lasting);
        span
    }

    /// Λ at `t` seconds into the piece.
    fn mass_until(&self, t: f64) -> f64 {
        match self.curve {
            Curve::Linear { slope } => t * (self.from + slope * t / 2.0),
            Curve::Exponential { growth } => self.from * (growth * t).exp_m1() / growth,
        }
    }

    /// The time in seconds at which Λ is `sum`, for a sum below the piece's.
    fn time_of(&self, sum: f64) -> f64 {
        match self.curve {
            // The root without a difference of nearly equal numbers (Press et al., Numerical Recipes, §5.6).
            Curve::Linear { slope } => {
                let root = (self.from * self.from + 2.0 * slope * sum).max(0.0).sqrt();
                let below = self.from + root;
                if below > 0.0 { 2.0 * sum / below } else { 0.0 }
            }
            Curve::Exponential { growth } => (growth * sum / self.from).ln_1p() / growth,
        }
    }
}

fn spans(rate: &Rate) -> impl Iterator<Item = Span> {
    rate.pieces().iter().map(Span::of)
}

fn usable(rate: f64) -> f64 {
    if rate.is_finite() && rate > 0.0 { rate } else { 0.0 }
}

fn seconds(t: Nanos) -> f64 {
    t as f64 / SECOND as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Ramp;

    fn rates() -> Vec<Rate> {
        let exponential = |from, to, lasting| Piece { lasting, from, to, shape: Shape::Exponential };
        let ramp = |shape| Ramp { lasting: 40 * SECOND, shape };
        vec![
            Rate::from(123.4),
            Rate::ramped(250.0, ramp(Shape::Linear)),
            Rate::ramped(250.0, ramp(Shape::Exponential)),
            Rate::new(
                vec![
                    Piece::steady(5.0, 7 * SECOND + 1),
                    Piece::steady(800.0, 3 * SECOND),
                    Piece::linear(800.0, 0.5, 11 * SECOND),
                    exponential(900.0, 2.0, 5 * SECOND),
                    exponential(2.0, 900.0, 5 * SECOND),
                ],
                33.0,
            ),
        ]
    }

    #[test]
    fn the_inverse_undoes_the_cumulative_rate() {
        for rate in rates() {
            let mut last = 0.0;
            let mut inverse = Inverse::of(&rate);
            for i in 1..4_000_u64 {
                // Instants that are not round, 15 ms and a little apart.
                let at = i * 15_000_017;
                let sum = expected_arrivals(&rate, at);
                let back = inverse.after(sum - last).unwrap();
                last = sum;
                // 1 µs: where a rate falls near 0, a rounding of the sum is a longer time.
                assert!(back.abs_diff(at) < 1_000, "{rate:?}: {at} came back as {back}");
            }
        }
    }

    #[test]
    fn known_values_of_a_linear_ramp() {
        let rate = Rate::ramped(10.0, Ramp { lasting: 10 * SECOND, shape: Shape::Linear });
        // λ = t, so that Λ = t²/2 up to 10 s, and 50 + 10 (t − 10) from there.
        for (at, expected) in [(0, 0.0), (2, 2.0), (4, 8.0), (10, 50.0), (13, 80.0)] {
            assert!((expected_arrivals(&rate, at * SECOND) - expected).abs() < 1e-9);
        }
        let mut inverse = Inverse::of(&rate);
        assert_eq!(inverse.after(0.0), Some(0));
        assert_eq!(inverse.after(2.0), Some(2 * SECOND));
        assert_eq!(inverse.after(6.0), Some(4 * SECOND));
        assert_eq!(inverse.after(72.0), Some(13 * SECOND));
    }

    #[test]
    fn an_exponential_ramp_grows_by_equal_factors() {
        let rate = Rate::ramped(100.0, Ramp { lasting: 2 * SECOND, shape: Shape::Exponential });
        // From 1 to 100 in 2 s: ×10 a second, so that Λ(1 s) = (10 − 1) / ln 10.
        let expected = 9.0 / 10.0_f64.ln();
        assert!((expected_arrivals(&rate, SECOND) - expected).abs() < 1e-9);
    }

    #[test]
    fn a_pause_is_jumped_over_and_0_after_the_last_piece_ends_it() {
        let rate = Rate::new(
            vec![
                Piece::steady(0.0, SECOND),
                Piece::steady(2.0, SECOND),
                Piece::steady(0.0, 5 * SECOND),
                Piece::steady(1.0, SECOND),
            ],
            0.0,
        );
        let mut inverse = Inverse::of(&rate);
        let all: Vec<_> =
            std::iter::once(0.0).chain(std::iter::repeat(1.0)).map_while(|gap| inverse.after(gap)).collect();
        assert_eq!(all, [SECOND, 3 * SECOND / 2, 7 * SECOND]);
    }

    #[test]
    fn rates_that_are_no_numbers_count_as_none() {
        let rate = Rate::new(vec![Piece::linear(f64::NAN, -3.0, SECOND)], f64::INFINITY);
        assert_eq!(Inverse::of(&rate).after(0.0), None);
    }
}
