//! The requests of one turn, or of one target.

use super::super::request::RequestMetrics;
use super::super::tags;
use super::bins::Bins;
use crate::record::{Outcome, Record};

/// Requests that have something in common.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// Those that succeeded.
    pub succeeded: u64,
    /// Those that failed.
    pub failed: u64,
    /// Input tokens of those that succeeded.
    pub input_tokens: f64,
    /// Their output tokens, of those whose number is known.
    pub output_tokens: f64,
    /// How many those are.
    pub counted: u64,
    /// Their times to the first token; empty without a stream.
    pub first_token: Bins,
    /// Their mean times between tokens; empty without a stream.
    pub inter_token: Bins,
    /// Latencies of the requests of the group.
    pub latency: Bins,
}

impl Group {
    /// Requests that ended.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.succeeded + self.failed
    }

    pub(super) fn add(&mut self, record: &Record, metrics: &RequestMetrics, streaming: bool) {
        match record.outcome {
            Outcome::Failed(_) => self.failed += 1,
            Outcome::InFlight | Outcome::Cancelled => {}
            Outcome::Succeeded => {
                self.succeeded += 1;
                self.input_tokens += f64::from(record.isl);
                if let Some(tokens) = metrics.value(&tags::OUTPUT_SEQUENCE_LENGTH) {
                    self.output_tokens += tokens;
                    self.counted += 1;
                }
                let at = &record.instants;
                self.latency.add(at.last_token.unwrap_or(at.end).saturating_sub(at.issued));
                if streaming && let Some(first) = at.first_token {
                    self.first_token.add(first.saturating_sub(at.issued));
                }
                if let Some(ms) = metrics.value(&tags::INTER_TOKEN_LATENCY) {
                    self.inter_token.add((ms * 1e6) as u64);
                }
            }
        }
    }
}
