//! How a trace is changed before it is sent: AIPerf's `synthesis`.

use serde::{Deserialize, Serialize};

/// What is changed about the rows of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Synthesis {
    /// Timestamps are divided by this.
    pub speedup: f64,
    /// The blocks at the beginning of a prompt that other prompts have too become this many times as many.
    pub prefix_len: f64,
    /// Sessions are dealt, at random, to this many copies of the blocks, which share nothing.
    pub prefix_roots: u32,
    /// The rest of each prompt becomes this many times as long.
    pub prompt_len: f64,
    /// Output lengths are multiplied by this.
    pub output_len: f64,
    /// Rows of longer inputs are left out, before all else.
    pub max_isl: Option<u32>,
    /// Longer outputs are cut to this, after all else.
    pub max_osl: Option<u32>,
}

impl Default for Synthesis {
    fn default() -> Self {
        Self {
            speedup: 1.0,
            prefix_len: 1.0,
            prefix_roots: 1,
            prompt_len: 1.0,
            output_len: 1.0,
            max_isl: None,
            max_osl: None,
        }
    }
}

impl Synthesis {
    /// It needs all rows at once: which blocks are shared is not known before.
    #[must_use]
    pub fn needs_all(&self) -> bool {
        self.prefix_len != 1.0 || self.prefix_roots > 1 || self.prompt_len != 1.0
    }
}
