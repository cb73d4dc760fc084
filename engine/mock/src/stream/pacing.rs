//! When the tokens of one stream are due.

use rand::RngExt as _;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, StandardNormal};

use crate::config::Jitter;

/// The schedule of one stream. It is absolute: nothing that happens to the stream moves it.
#[derive(Debug)]
pub(crate) enum Pacing {
    /// Token i is due at `first_ns` + i · `itl_ns`.
    Fixed { first_ns: u64, itl_ns: u64 },
    /// As `Fixed`, with gaps that vary.
    Jittered(Box<Jittered>),
    /// A token is due when the engine has granted it.
    Granted { tokens: u32 },
    /// Every token is due.
    Unpaced,
}

#[derive(Debug)]
pub(crate) struct Jittered {
    jitter: Jitter,
    random: Xoshiro256PlusPlus,
    itl_ns: u64,
    /// The token that was asked about last, and when it is due.
    token: u32,
    due_ns: u64,
}

impl Pacing {
    /// The schedule of a request that arrived at `arrival_ns`.
    pub(crate) fn fixed(
        arrival_ns: u64,
        ttft_ns: u64,
        itl_ns: u64,
        jitter: Jitter,
        random: impl FnOnce() -> Xoshiro256PlusPlus,
    ) -> Self {
        if jitter == Jitter::None {
            return Self::Fixed { first_ns: arrival_ns.saturating_add(ttft_ns), itl_ns };
        }
        let mut random = random();
        let due_ns = arrival_ns.saturating_add(vary(ttft_ns, jitter, &mut random));
        Self::Jittered(Box::new(Jittered { jitter, random, itl_ns, token: 0, due_ns }))
    }

    /// When `token` is due; `u64::MAX` when it is not known yet. Tokens must be asked about in order.
    pub(crate) fn due_ns(&mut self, token: u32) -> u64 {
        match self {
            Self::Fixed { first_ns, itl_ns } => first_ns.saturating_add(itl_ns.saturating_mul(u64::from(token))),
            Self::Jittered(jittered) => jittered.due_ns(token),
            Self::Granted { tokens } if token < *tokens => 0,
            Self::Granted { .. } => u64::MAX,
            Self::Unpaced => 0,
        }
    }
}

impl Jittered {
    fn due_ns(&mut self, token: u32) -> u64 {
        while self.token < token {
            let gap_ns = vary(self.itl_ns, self.jitter, &mut self.random);
            self.due_ns = self.due_ns.saturating_add(gap_ns);
            self.token += 1;
        }
        self.due_ns
    }
}

fn vary(length_ns: u64, jitter: Jitter, random: &mut Xoshiro256PlusPlus) -> u64 {
    let factor = match jitter {
        Jitter::None => return length_ns,
        Jitter::Uniform { share } => 1.0 + share * (2.0 * random.random::<f64>() - 1.0),
        Jitter::LogNormal { sigma } => {
            let normal: f64 = StandardNormal.sample(random);
            (sigma * normal - sigma * sigma / 2.0).exp()
        }
    };
    (length_ns as f64 * factor) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::of_request;

    fn dues(jitter: Jitter) -> Vec<u64> {
        let mut pacing = Pacing::fixed(1_000, 500, 100, jitter, || of_request(1, 2));
        (0..10_000).map(|token| pacing.due_ns(token)).collect()
    }

    #[test]
    fn without_jitter_token_i_is_due_at_arrival_plus_ttft_plus_i_gaps() {
        assert_eq!(dues(Jitter::None)[..3], [1_500, 1_600, 1_700]);
    }

    #[test]
    fn jitter_keeps_the_mean_the_order_and_the_seed() {
        for jitter in [Jitter::Uniform { share: 0.5 }, Jitter::LogNormal { sigma: 0.5 }] {
            let varied = dues(jitter);
            assert_eq!(varied, dues(jitter));
            assert!(varied.is_sorted());
            let mean = (varied[9_999] - varied[0]) as f64 / 9_999.0;
            assert!((mean - 100.0).abs() < 3.0, "{jitter:?} {mean}");
            let gaps: Vec<u64> = varied.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(gaps.iter().min() < Some(&60) && gaps.iter().max() > Some(&140));
        }
    }
}
