//! The turns of synthetic conversations: how many, and how long their users think between them.

use super::lengths::draw;
use crate::clock::{MILLI, Nanos};
use crate::plan::Turns;
use crate::random::{ItemRng, Stream};
use rand_distr::{Distribution, StandardNormal};

/// A turn of a conversation, as one number by which all that is random about it is drawn. That of a first turn is its
/// conversation's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item(pub(super) usize);

impl Item {
    pub(super) fn of(conversation: usize, turn: u32) -> Self {
        Self(conversation | (turn as usize) << TURN_BITS)
    }

    pub(super) fn conversation(self) -> usize {
        self.0 & ((1 << TURN_BITS) - 1)
    }

    pub(super) fn turn(self) -> u32 {
        (self.0 >> TURN_BITS) as u32
    }
}

/// All turns of these conversations, conversation after conversation: each depends on (seed, its conversation) alone.
pub(super) fn items(turns: &Turns, seed: u64, conversations: impl Iterator<Item = usize>) -> Vec<Item> {
    conversations
        .flat_map(|i| {
            let n = draw(turns.count, seed, Stream::Turns, i);
            (0..n).map(move |turn| Item::of(i, turn))
        })
        .collect()
}

/// Time between the response of the turn before and this turn: normal, cut at 0, and nothing before a first turn.
pub(super) fn delay(turns: &Turns, seed: u64, item: Item) -> Nanos {
    if item.turn() == 0 || turns.delay_mean_ms == 0.0 && turns.delay_stddev_ms == 0.0 {
        return 0;
    }
    let deviations: f64 = StandardNormal.sample(&mut ItemRng::new(seed, Stream::TurnDelay, item.0 as u64));
    let ms = deviations.mul_add(turns.delay_stddev_ms, turns.delay_mean_ms);
    (ms.max(0.0) * turns.delay_ratio * MILLI as f64).round() as Nanos
}

/// Bits that tell conversations apart.
const TURN_BITS: u32 = 40;
/// What the conversations of warm-ups are numbered from: no measured one has such a number.
pub(super) const WARMUP: usize = 1 << (TURN_BITS - 1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Length;

    fn turns(mean: f64, stddev: f64) -> Turns {
        Turns { count: Length { mean, stddev }, delay_mean_ms: 100.0, delay_stddev_ms: 20.0, delay_ratio: 0.5 }
    }

    #[test]
    fn conversations_have_the_turns_asked_for_and_at_least_one() {
        assert_eq!(items(&turns(3.0, 0.0), 1, 0..2).len(), 6);
        let drawn = items(&turns(4.0, 3.0), 1, 0..1_000);
        let counts: Vec<usize> =
            (0..1_000).map(|i| drawn.iter().filter(|item| item.conversation() == i).count()).collect();
        assert!(counts.iter().all(|n| *n >= 1));
        let mean = counts.iter().sum::<usize>() as f64 / 1e3;
        assert!((mean - 4.2).abs() < 0.3, "{mean}");
        assert!(counts.iter().any(|n| *n > 6));
    }

    #[test]
    fn a_conversation_does_not_depend_on_how_many_there_are() {
        let few = items(&turns(4.0, 2.0), 9, 0..10);
        assert_eq!(items(&turns(4.0, 2.0), 9, 0..1_000)[..few.len()], few);
    }

    #[test]
    fn delays_have_their_mean_and_ratio_and_first_turns_have_none() {
        let all: Vec<Nanos> = (0..2_000).map(|i| delay(&turns(1.0, 0.0), 3, Item::of(i, 1))).collect();
        let mean = all.iter().sum::<u64>() as f64 / 2e3 / MILLI as f64;
        assert!((mean - 50.0).abs() < 1.0, "{mean}");
        assert_eq!(delay(&turns(1.0, 0.0), 3, Item::of(7, 0)), 0);
    }
}
