//! A model of an inference engine with continuous batching, as a pure state machine over virtual time.
//!
//! Requests queue first in, first out. At the start of a step, waiting requests are admitted up to `max_batch`. The
//! step lasts as long as the prefill of the admitted prompts, plus `decode_step_base`, plus `decode_step_per_seq` for
//! every running sequence; at its end every running sequence has one more token. Steps follow each other without a gap
//! while there is work.
//!
//! The knee follows from the settings: with B sequences running the engine yields B / (base + B · per_seq) tokens per
//! second, and beyond `max_batch` only the queue grows.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::{SECOND, nanos};
use crate::error::{Error, refuse};

/// The capacity of the simulated engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The most sequences that run at once.
    pub max_batch: usize,
    /// Prompt tokens processed per second; they delay the step that admits them.
    pub prefill_tokens_per_s: f64,
    /// The part of a step that does not depend on the batch.
    pub decode_step_base: Duration,
    /// The part of a step that each running sequence adds.
    pub decode_step_per_seq: Duration,
}

impl Default for Settings {
    /// Roughly an 8-billion-parameter model on one large GPU.
    fn default() -> Self {
        Self {
            max_batch: 256,
            prefill_tokens_per_s: 40_000.0,
            decode_step_base: Duration::from_millis(6),
            decode_step_per_seq: Duration::from_micros(40),
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), Error> {
        refuse(self.max_batch == 0, "max_batch", "is 0", "set it to 1 or more")?;
        let rate = self.prefill_tokens_per_s;
        let positive = rate.is_finite() && rate > 0.0;
        refuse(!positive, "prefill_tokens_per_s", &format!("is {rate}"), "set it above 0")?;
        let step = self.decode_step_base + self.decode_step_per_seq;
        let remedy = "set decode_step_base or decode_step_per_seq above 1 µs";
        refuse(step < Duration::from_micros(1), "decode_step_base", "makes an endless number of steps", remedy)
    }
}

/// A request as the engine sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    /// The caller's name for it.
    pub id: u64,
    /// Tokens to prefill.
    pub prompt_tokens: u32,
    /// Tokens to give.
    pub output_tokens: u32,
    /// When it arrived.
    pub arrived_ns: u64,
}

/// One token for one sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// The sequence's id.
    pub id: u64,
    /// The end of the step that made the token.
    pub due_ns: u64,
    /// With the first token: how long the request waited to be admitted.
    pub queued_ns: Option<u64>,
}

/// The engine. Call [`handle_step`](Engine::handle_step) at [`next_ns`](Engine::next_ns), and before every arrival.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    waiting: VecDeque<Sequence>,
    running: Vec<Running>,
    step_end_ns: Option<u64>,
}

#[derive(Debug)]
struct Running {
    id: u64,
    tokens_left: u32,
    queued_ns: Option<u64>,
}

impl Engine {
    /// An idle engine.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let (waiting, running) = (VecDeque::new(), Vec::new());
        Self { settings, waiting, running, step_end_ns: None }
    }

    /// Queues a request. All steps that end before its arrival must have been handled.
    pub fn handle_arrival(&mut self, sequence: Sequence) {
        let now_ns = sequence.arrived_ns;
        self.waiting.push_back(sequence);
        if self.step_end_ns.is_none() {
            self.begin_step(now_ns);
        }
    }

    /// Ends every step that is over at `now_ns` and appends the tokens they gave, in order.
    pub fn handle_step(&mut self, now_ns: u64, grants: &mut Vec<Grant>) {
        while let Some(due_ns) = self.step_end_ns.filter(|&end| end <= now_ns) {
            self.running.retain_mut(|sequence| {
                let queued_ns = sequence.queued_ns.take();
                grants.push(Grant { id: sequence.id, due_ns, queued_ns });
                sequence.tokens_left = sequence.tokens_left.saturating_sub(1);
                sequence.tokens_left > 0
            });
            self.begin_step(due_ns);
        }
    }

    /// Forgets a request, waiting or running. The step under way keeps its length.
    pub fn cancel(&mut self, id: u64) {
        self.waiting.retain(|sequence| sequence.id != id);
        self.running.retain(|sequence| sequence.id != id);
    }

    /// When the step under way ends; `None` when idle.
    #[must_use]
    pub fn next_ns(&self) -> Option<u64> {
        self.step_end_ns
    }

    /// Requests that wait to be admitted.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Requests in the batch.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.len()
    }

    fn begin_step(&mut self, now_ns: u64) {
        let free = self.settings.max_batch.saturating_sub(self.running.len());
        let admitted = free.min(self.waiting.len());
        let mut prompt_tokens = 0;
        for sequence in self.waiting.drain(..admitted) {
            prompt_tokens += u64::from(sequence.prompt_tokens);
            self.running.push(Running {
                id: sequence.id,
                tokens_left: sequence.output_tokens,
                queued_ns: Some(now_ns.saturating_sub(sequence.arrived_ns)),
            });
        }
        let busy = !self.running.is_empty();
        self.step_end_ns = busy.then(|| now_ns + self.step_ns(prompt_tokens));
    }

    fn step_ns(&self, prompt_tokens: u64) -> u64 {
        let prefill = prompt_tokens as f64 / self.settings.prefill_tokens_per_s * SECOND as f64;
        let per_sequence = nanos(self.settings.decode_step_per_seq);
        prefill as u64 + nanos(self.settings.decode_step_base) + per_sequence * self.running.len() as u64
    }
}

#[cfg(test)]
mod tests;
