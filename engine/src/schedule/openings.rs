//! When the slots of a bound open.

use crate::clock::Nanos;
use crate::plan::{Ramp, Shape};

/// When each of the slots opens that core `core` of `cores` looks after, from the start of the phase: slots j of
/// `slots` in the whole run with j modulo `cores` = `core`, in order. Without a ramp all open at 0.
///
/// A linear ramp has 1 slot open at 0, and j more at j/(slots − 1) of its time; an exponential one has j open at ln
/// j/ln slots of it. All are open at its end, and exactly `slots` over all cores.
pub fn openings(slots: u32, ramp: Option<Ramp>, core: usize, cores: usize) -> impl Iterator<Item = Nanos> {
    (core as u64..u64::from(slots))
        .step_by(cores.max(1))
        .map(move |j| ramp.map_or(0, |ramp| opens(ramp, j as f64, f64::from(slots))))
}

fn opens(ramp: Ramp, slot: f64, slots: f64) -> Nanos {
    let share = match ramp.shape {
        _ if slot < 1.0 => 0.0,
        Shape::Linear => slot / (slots - 1.0),
        Shape::Exponential => (slot + 1.0).ln() / slots.ln(),
    };
    (ramp.lasting as f64 * share).round() as Nanos
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND;
    use crate::schedule::closed_split;

    const fn ramp(shape: Shape) -> Option<Ramp> {
        Some(Ramp { lasting: 10 * SECOND, shape })
    }

    #[test]
    fn known_openings() {
        let all = |n, shape| openings(n, ramp(shape), 0, 1).collect::<Vec<_>>();
        assert_eq!(all(5, Shape::Linear), [0, 25, 50, 75, 100].map(|tenth| tenth * SECOND / 10));
        // 1, 2 and 4 of 4 slots at 0, 1/2 and the whole of the time.
        let exponential = all(4, Shape::Exponential);
        assert_eq!([exponential[0], exponential[1], exponential[3]], [0, 5 * SECOND, 10 * SECOND]);
        assert_eq!(all(1, Shape::Linear), [0]);
        assert_eq!(openings(3, None, 0, 1).collect::<Vec<_>>(), [0; 3]);
    }

    #[test]
    fn cores_share_the_openings_as_they_share_the_slots() {
        for shape in [Shape::Linear, Shape::Exponential] {
            for slots in 1..40 {
                let whole: Vec<_> = openings(slots, ramp(shape), 0, 1).collect();
                assert!(whole.is_sorted());
                for parts in (1..9).map(|cores| closed_split(slots, cores)) {
                    let mut merged = Vec::new();
                    for (core, part) in parts.iter().enumerate() {
                        let mine: Vec<_> = openings(slots, ramp(shape), core, parts.len()).collect();
                        assert_eq!(mine.len(), *part as usize);
                        merged.extend(mine);
                    }
                    merged.sort_unstable();
                    assert_eq!(merged, whole);
                }
            }
        }
    }
}
