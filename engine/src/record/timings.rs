//! What a server says of the time that it took for a request.

use crate::clock::Nanos;
use crate::wire::HeadTimings;
use serde::{Deserialize, Serialize};

/// Durations that the server measured, in nanoseconds, each on its own clock: none of them is ever subtracted from an
/// instant of another machine. What it does not tell is absent. Which field of which server is which:
/// `docs/ENDPOINTS.md`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// Before work on the request began.
    pub queue: Option<Nanos>,
    /// Work on the prompt: from its beginning to the first token.
    pub prefill: Option<Nanos>,
    /// First token → last token.
    pub decode: Option<Nanos>,
    /// Prefill and decode together, where the server tells them as one.
    pub inference: Option<Nanos>,
    /// Validation and tokenising, before the queue.
    pub front_end: Option<Nanos>,
    /// Request received → first token.
    pub first_token: Option<Nanos>,
    /// Request received → response complete.
    pub total: Option<Nanos>,
    /// What a gateway waited for the head of its own server's response.
    pub upstream: Option<Nanos>,
}

/// A field of [`Timings`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// [`Timings::queue`]
    Queue,
    /// [`Timings::prefill`]
    Prefill,
    /// [`Timings::decode`]
    Decode,
    /// [`Timings::inference`]
    Inference,
    /// [`Timings::first_token`]
    FirstToken,
    /// [`Timings::total`]
    Total,
}

impl Timings {
    /// Whether the server tells nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Notes a duration.
    pub fn put(&mut self, timing: Timing, length: Nanos) {
        let field = match timing {
            Timing::Queue => &mut self.queue,
            Timing::Prefill => &mut self.prefill,
            Timing::Decode => &mut self.decode,
            Timing::Inference => &mut self.inference,
            Timing::FirstToken => &mut self.first_token,
            Timing::Total => &mut self.total,
        };
        *field = Some(length);
    }

    /// These, with what `newer` tells in the place of what they do.
    #[must_use]
    pub fn updated(self, newer: Self) -> Self {
        Self {
            queue: newer.queue.or(self.queue),
            prefill: newer.prefill.or(self.prefill),
            decode: newer.decode.or(self.decode),
            inference: newer.inference.or(self.inference),
            front_end: newer.front_end.or(self.front_end),
            first_token: newer.first_token.or(self.first_token),
            total: newer.total.or(self.total),
            upstream: newer.upstream.or(self.upstream),
        }
    }

    /// What of the time to the first token the server tells apart: queue, prefill, and the front end, which is what is
    /// left of its own time to first token where it tells that and not the front end. That can be negative; the others
    /// are 0 where they are not told. `None` where it tells nothing of the time to the first token.
    #[must_use]
    pub fn before_first_token(&self) -> Option<[i128; 3]> {
        let known = self.queue.is_some() || self.prefill.is_some() || self.front_end.is_some();
        let length = |length: Option<Nanos>| length.map_or(0, i128::from);
        let (queue, prefill) = (length(self.queue), length(self.prefill));
        let front_end = match (self.front_end, self.first_token) {
            (None, Some(first)) => i128::from(first) - queue - prefill,
            (front_end, _) => length(front_end),
        };
        (known || self.first_token.is_some()).then_some([queue, prefill, front_end])
    }
}

impl From<HeadTimings> for Timings {
    fn from(head: HeadTimings) -> Self {
        Self {
            queue: head.queue,
            prefill: head.prefill,
            decode: head.decode,
            inference: head.inference,
            front_end: head.front_end,
            first_token: None,
            total: head.total,
            upstream: head.upstream,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_tells_apart_before_the_first_token() {
        let vllm = Timings { queue: Some(12), prefill: Some(85), decode: Some(1_240), ..Timings::default() };
        assert_eq!(vllm.before_first_token(), Some([12, 85, 0]));
        let dynamo = Timings { queue: Some(4), prefill: Some(28), first_token: Some(35), ..Timings::default() };
        assert_eq!(dynamo.before_first_token(), Some([4, 28, 3]));
        let told = Timings { front_end: Some(2), ..dynamo };
        assert_eq!(told.before_first_token(), Some([4, 28, 2]), "what is told counts");
        let at_odds = Timings { first_token: Some(30), ..dynamo };
        assert_eq!(at_odds.before_first_token(), Some([4, 28, -2]));
        let gateway = Timings { upstream: Some(5), total: Some(9), inference: Some(7), ..Timings::default() };
        assert_eq!(gateway.before_first_token(), None);
    }

    #[test]
    fn what_comes_later_replaces_what_came_before() {
        let head = Timings { queue: Some(1), total: Some(9), ..Timings::default() };
        let body = Timings { queue: Some(2), prefill: Some(3), ..Timings::default() };
        let both = Timings { queue: Some(2), prefill: Some(3), total: Some(9), ..Timings::default() };
        assert_eq!(head.updated(body), both);
        assert!(Timings::default().is_empty() && !both.is_empty());
    }
}
