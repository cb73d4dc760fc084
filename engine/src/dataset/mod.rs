//! Pure: what files say of requests: what they ask, when they came, how long they and their responses were. One file of
//! code for each format, and one line in `Format::spec`.
//!
//! Files are read as a stream: a line at a time, or an element at a time where a file is one JSON value.

mod azure;
mod bailian;
mod baseten;
mod branching;
mod burst_gpt;
mod consistency;
mod dag;
mod fields;
mod inputs_json;
mod lines;
mod mooncake;
mod multi_turn;
mod openai_batch;
mod otel;
mod parts;
mod random_pool;
mod raw_payload;
mod sagemaker;
pub mod servegen;
mod sharegpt;
mod single_turn;
mod speed_bench;
mod synthesis;
#[cfg(test)]
mod tests;
mod trace;
mod vllm;
mod weka;

pub use branching::{Branching, roots};
pub use consistency::Consistency;
pub use fields::compact;
pub use parts::chat_messages;
pub use synthesis::synthesize;
pub use trace::{Analysis, Spread, analyze};

use crate::clock::Nanos;
use crate::error::{Error, Result};
use crate::plan::{Format, LeftOut, Message, Remarks};
use lines::{Line, State};
use serde_json::{Map, Value};
use std::io::BufRead;

/// One request of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Whose turn it is.
    pub session: Session,
    /// Its place among the turns of its session, where the file says it; else they are in the file's order.
    pub order: i64,
    /// It says all of its context itself: the earlier turns of its session are not sent with it.
    pub alone: bool,
    /// Instructions that stand before all turns of the session.
    pub system: Option<String>,
    /// The path that it was sent to, where the file says so.
    pub path: Option<String>,
    /// What it asks.
    pub turn: Turn,
    /// Conversations that it begins.
    pub branches: Vec<Branching>,
    /// Tokens of a block of its `hash_ids`, where the file says it.
    pub block: Option<u32>,
}

/// The session of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Session {
    /// One of its own.
    #[default]
    Fresh,
    /// That of the row before.
    Same,
    /// The session of this id.
    Named(String),
}

/// One turn of a session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turn {
    /// When it came, nanoseconds on the file's own clock.
    pub at: Option<Nanos>,
    /// Time between the response of the turn before and this turn.
    pub delay: Option<Nanos>,
    /// What it says.
    pub content: Content,
    /// Output length in tokens.
    pub osl: Option<u32>,
    /// The response that it was given: its length is the output length, where that is not said.
    pub answer: Option<String>,
    /// Fields of its request body alone.
    pub extra: Option<Map<String, Value>>,
    /// Which of the models it asks: the first that its session names, the second …; else as the plan deals them.
    pub model: Option<u32>,
}

/// The content of a turn.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A synthetic text of this many tokens. Equal ids stand for equal blocks of text, from its beginning on.
    Length {
        /// Tokens.
        isl: u32,
        /// Blocks of a number of tokens that the format or the user says.
        hash_ids: Vec<u64>,
    },
    /// Messages.
    Messages(Vec<Message>),
    /// A whole request body, JSON, sent as it is.
    Payload(Vec<u8>),
}

impl Default for Content {
    fn default() -> Self {
        Self::Messages(Vec::new())
    }
}

impl Row {
    /// A request that stands for itself.
    fn single(turn: Turn) -> Self {
        Self {
            session: Session::Fresh,
            order: 0,
            alone: true,
            system: None,
            path: None,
            turn,
            branches: Vec::new(),
            block: None,
        }
    }
}

/// A line of the table of formats.
#[derive(Debug)]
struct Spec {
    /// What it is, for the help.
    what: &'static str,
    /// Whether a file begins as one of this format.
    looks_like: fn(&Head<'_>) -> bool,
    /// The fields of a row, where a row of any others is unlike the format; none where they are not looked at.
    fields: &'static [&'static str],
    read: Read,
}

/// The way in which a file is read.
#[derive(Debug)]
enum Read {
    /// Line by line; empty lines are left out.
    Lines(fn(&Line<'_>, &mut State, &mut Vec<Row>) -> Result<()>),
    /// As one JSON value.
    Whole(fn(&mut dyn BufRead, &mut Remarks, Each<'_>) -> Result<()>),
}

/// What takes the rows.
type Each<'a> = &'a mut dyn FnMut(Row) -> Result<()>;

/// The beginning of a file.
struct Head<'a> {
    /// Its beginning.
    text: &'a str,
    /// Its first line that is not empty.
    line: &'a str,
    /// That line as a JSON object.
    object: Option<Map<String, Value>>,
}

impl Head<'_> {
    /// The first line is an object with this field.
    fn has(&self, field: &str) -> bool {
        self.object.as_ref().is_some_and(|o| o.contains_key(field))
    }
}

impl Format {
    fn spec(self) -> &'static Spec {
        match self {
            Self::InputsJson => &inputs_json::SPEC,
            Self::ShareGpt => &sharegpt::SPEC,
            Self::OpenAiBatch => &openai_batch::SPEC,
            Self::SpeedBench(_) => &speed_bench::SPEC,
            Self::Dag => &dag::SPEC,
            Self::Weka => &weka::SPEC,
            Self::OtelGenAi => &otel::SPEC,
            Self::Baseten => &baseten::SPEC,
            Self::VllmCustom => &vllm::SPEC,
            Self::SageMaker => &sagemaker::SPEC,
            Self::Bailian => &bailian::SPEC,
            Self::MultiTurn => &multi_turn::SPEC,
            Self::RawPayload => &raw_payload::SPEC,
            Self::Mooncake => &mooncake::SPEC,
            Self::BurstGpt => &burst_gpt::SPEC,
            Self::Azure => &azure::SPEC,
            Self::SingleTurn => &single_turn::SPEC,
            Self::RandomPool => &random_pool::SPEC,
            Self::ServeGen => &servegen::SPEC,
        }
    }

    /// What it is, in a few words.
    #[must_use]
    pub fn what(self) -> &'static str {
        self.spec().what
    }

    /// Finds the format of a file by its beginning.
    #[must_use]
    pub fn detect(head: &str) -> Option<Self> {
        let text = head.trim_start_matches('\u{feff}');
        let line = text.lines().find(|line| !line.trim().is_empty())?;
        let head = Head { text, line, object: serde_json::from_str(line).ok() };
        Self::all().find(|format| (format.spec().looks_like)(&head))
    }

    /// Reads a file, row by row, in its own order.
    ///
    /// # Errors
    /// [`crate::Blame::Usage`], with the number of the line or element that is wrong; those of `each`.
    pub fn read(self, input: &mut dyn BufRead, each: Each<'_>) -> Result<()> {
        self.read_with(input, &mut Remarks::default(), each)
    }

    /// As [`Self::read`]; notes which rows are left out, and which fields are not read.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_with(self, input: &mut dyn BufRead, remarks: &mut Remarks, each: Each<'_>) -> Result<()> {
        let mut any = false;
        let mut each = |row| {
            any = true;
            each(row)
        };
        match self.spec().read {
            Read::Lines(read) => lines::read(input, (self.spec().fields, read), self.category(), remarks, &mut each)?,
            Read::Whole(read) => read(input, remarks, &mut each)?,
        }
        if any {
            return Ok(());
        }
        Err(match remarks.left_out.get(&LeftOut::OtherCategory) {
            Some(n) => Error::usage(
                format!("none of its {n} lines is of the category {}", self.category().unwrap_or_default()),
                "name the format of a category that it has, or of all: speed_bench_qualitative, speed_bench_throughput_1k",
            ),
            None => Error::usage("it has no requests", format!("write {}", self.spec().what)),
        })
    }
}
