//! The rules by which a response is read: which key, where, means what.
//!
//! A dialect states them as nested tables. The walker ([`super::walk`]) applies them to bytes in one pass, and the full
//! parse ([`super::full`]) to a tree; both must agree wherever the walker does not decline.

use super::choices::Choices;
use super::failed::failed;
use super::scan::ParsedEvent;
use super::text::Text;
use crate::record::{FinishReason, Timing, Timings, Usage};

/// The keys of an object that mean something; all others are skipped.
#[derive(Debug)]
pub(super) struct Node {
    rows: &'static [(&'static str, Rule)],
    /// The first row whose key has this [`hash`]; [`NO_ROW`] where there is none: most keys of an event mean nothing.
    first: [u8; 64],
}

/// What stands in [`Node::first`] for no row.
const NO_ROW: u8 = u8::MAX;

/// A number below 64 of a key that is not empty, by its length, its first and its last byte.
#[inline]
const fn hash(key: &[u8]) -> usize {
    let (first, last) = (key[0] as usize, key[key.len() - 1] as usize);
    (key.len() + 16 * first + 45 * last) & 63
}

/// The meaning of a key's value. `null` never means anything.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// An object with keys of its own.
    Object(&'static Node),
    /// An array of such objects.
    List(&'static Node),
    /// An array of such objects, each of which is one of the responses that were asked for (`n`).
    Choices(&'static Node),
    /// Which of these responses it is, if it is an integer of 32 bits.
    Index,
    /// Output, if it is a string that is not empty.
    Text(OutputKind),
    /// Output that is a string, as with [`Self::Text`], or a list of parts: objects, and strings among them. Of
    /// reasoning in one object, only what comes first counts.
    Parts(OutputKind, &'static Node),
    /// Output that has no text to keep (a vector, a ranking, a sound), if it is not an empty list, object or string, or
    /// a list that begins with `null` (a vector of what is no number).
    Given,
    /// Output that is a string, as with [`Self::Text`], or an object that is not empty, whose JSON is the text.
    Tree(OutputKind),
    /// The name of the kind of the whole object: where it is one of these, those rules hold for the object instead of
    /// its own. Must be the first row of its node, under [`KIND`].
    Kinds(&'static [(&'static str, &'static Node)]),
    /// Why the response stopped: a string, or an object whose `type` is one. It is finished, and an error where the
    /// reason is one of [`FAILED`](super::failed::FAILED).
    Reason,
    /// What became of a whole response: [`Self::Reason`], but for `queued` and `in_progress`, which say that it is not
    /// complete.
    Status,
    /// The whole response, as of a body, in an event.
    Whole,
    /// The response is over with this event, whatever the value.
    Last,
    /// The response is over with this event, if it is this string; it is an error, if it
    /// [`names_error`](super::failed::names_error).
    LastIf(&'static str),
    /// The response is an error, unless the value is empty, `false` or 0.
    Error,
    /// The response is an error, if it is one of these strings.
    ErrorIf(&'static [&'static str]),
    /// The response is an error, if it is a string that [`names_error`](super::failed::names_error).
    ErrorName,
    /// A sign of an error, unless the value is empty, `false`, 0 or 200: where signs add up to [`SURE`], and the
    /// response has no choices, output, reason or counts, it is an error.
    Sign(u8),
    /// Such a sign, if it is `false`, a number of 400 or more, or a string that says `failure` or [`failed`].
    Denial(u8),
    /// A count of tokens, if it is an integer of 32 bits; what else it is, is refused.
    Count(Count),
    /// A duration that the server measured, in so many nanoseconds each, if it is a number that can be one.
    Duration(Timing, f64),
}

/// Whose output a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutputKind {
    /// Content, and the text of tool calls.
    Visible,
    /// Reasoning. Of several in one object, the first that is not empty counts.
    Reasoning,
}

/// A field of [`Usage`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Count {
    Prompt,
    Completion,
    Total,
    Reasoning,
    Cached,
    CacheWritten,
}

/// The key that names the kind of an object.
pub(super) const KIND: &str = "type";

/// Usage as OpenAI's Responses and Anthropic's Messages name it. What Anthropic's say of a cache is not in
/// `input_tokens`.
pub(super) static INPUT_OUTPUT_USAGE: Node = Node::of(&[
    ("input_tokens", Rule::Count(Count::Prompt)),
    ("output_tokens", Rule::Count(Count::Completion)),
    ("total_tokens", Rule::Count(Count::Total)),
    ("cache_read_input_tokens", Rule::Count(Count::Cached)),
    ("cache_creation_input_tokens", Rule::Count(Count::CacheWritten)),
    ("input_tokens_details", Rule::Object(&PROMPT_DETAILS)),
    ("output_tokens_details", Rule::Object(&COMPLETION_DETAILS)),
]);

/// OpenAI's usage object, with DeepSeek's and Moonshot's names of what came from a cache.
pub(super) static USAGE: Node = Node::of(&[
    ("prompt_tokens", Rule::Count(Count::Prompt)),
    ("completion_tokens", Rule::Count(Count::Completion)),
    ("total_tokens", Rule::Count(Count::Total)),
    ("prompt_tokens_details", Rule::Object(&PROMPT_DETAILS)),
    ("prompt_cache_hit_tokens", Rule::Count(Count::Cached)),
    ("cached_tokens", Rule::Count(Count::Cached)),
    ("completion_tokens_details", Rule::Object(&COMPLETION_DETAILS)),
]);

/// Usage of APIs whose responses are no tokens: some say that they made none.
pub(super) static INPUT_USAGE: Node =
    Node::of(&[("prompt_tokens", Rule::Count(Count::Prompt)), ("total_tokens", Rule::Count(Count::Total))]);

static PROMPT_DETAILS: Node = Node::of(&[
    ("cached_tokens", Rule::Count(Count::Cached)),
    ("cache_write_tokens", Rule::Count(Count::CacheWritten)),
    ("cache_creation_tokens", Rule::Count(Count::CacheWritten)),
]);

static COMPLETION_DETAILS: Node = Node::of(&[("reasoning_tokens", Rule::Count(Count::Reasoning))]);

/// The sum of signs that make an error.
pub(super) const SURE: u8 = 2;

/// A node whose responses also say in the usual ways that they failed. The ways are in `docs/ENDPOINTS.md`.
macro_rules! response {
    ($($row:expr),* $(,)?) => {
        Node::of(&[
            $($row,)*
            ("error", Rule::Error),
            ("object", Rule::ErrorName),
            ("type", Rule::ErrorName),
            ("error_message", Rule::Error),
            ("error_type", Rule::Sign(SURE)),
            ("errors", Rule::Sign(SURE)),
            ("detail", Rule::Sign(SURE)),
            ("message", Rule::Sign(1)),
            ("code", Rule::Sign(1)),
            ("statusCode", Rule::Sign(1)),
            ("fault", Rule::Sign(SURE)),
            ("error_code", Rule::Sign(SURE)),
            ("error_msg", Rule::Sign(SURE)),
            ("msg", Rule::Sign(1)),
            ("Message", Rule::Sign(1)),
            ("Code", Rule::Sign(1)),
            ("errcode", Rule::Sign(1)),
            ("errmsg", Rule::Sign(1)),
            ("title", Rule::Sign(1)),
            ("success", Rule::Denial(SURE)),
            ("status", Rule::Denial(1)),
            ("ErrorMsg", Rule::Error),
            ("Response", Rule::Object(&crate::api::failed::TENCENT)),
            ("internalServerException", Rule::Sign(SURE)),
            ("modelStreamErrorException", Rule::Sign(SURE)),
            ("modelTimeoutException", Rule::Sign(SURE)),
            ("serviceUnavailableException", Rule::Sign(SURE)),
            ("throttlingException", Rule::Sign(SURE)),
            ("validationException", Rule::Sign(SURE)),
            ("base_resp", Rule::Object(&crate::api::failed::BASE_RESP)),
            ("x_groq", Rule::Object(&crate::api::failed::X_GROQ)),
            ("metrics", Rule::Object(&crate::api::timings::METRICS)),
            ("timings", Rule::Object(&crate::api::timings::TIMINGS)),
            ("stats", Rule::Object(&crate::api::timings::STATS)),
            ("nvext", Rule::Object(&crate::api::timings::NVEXT)),
        ])
    };
}
pub(super) use response;

impl Node {
    /// The rules of these keys, none of them empty, at most 64: as many bits say which of them were seen.
    pub(super) const fn of(rows: &'static [(&'static str, Rule)]) -> Self {
        assert!(rows.len() <= 64, "more keys than bits");
        let mut first = [NO_ROW; 64];
        let mut i = rows.len();
        while i > 0 {
            i -= 1;
            first[hash(rows[i].0.as_bytes())] = i as u8;
        }
        Self { rows, first }
    }

    /// Its kinds, if it tells kinds apart.
    #[inline]
    pub(super) fn kinds(&self) -> Option<&'static [(&'static str, &'static Node)]> {
        match self.rows.first() {
            Some((_, Rule::Kinds(kinds))) => Some(kinds),
            _ => None,
        }
    }

    /// The rule of a key, and its place in the table.
    #[inline]
    pub(super) fn rule(&self, key: &[u8]) -> Option<(usize, Rule)> {
        if key.is_empty() {
            return None;
        }
        let first = usize::from(self.first[hash(key)]);
        let rows = self.rows.get(first..)?;
        rows.iter().position(|(name, _)| name.as_bytes() == key).map(|i| (first + i, rows[i].1))
    }
}

/// The rules for an object of this kind: those of one of `kinds`, else its `own`.
#[inline]
pub(super) fn of_kind(
    own: &'static Node,
    kinds: &'static [(&'static str, &'static Node)],
    kind: Option<&[u8]>,
) -> &'static Node {
    kind.and_then(|kind| kinds.iter().find(|(name, _)| name.as_bytes() == kind)).map_or(own, |(_, node)| node)
}

/// The content of one event or body, as far as it has been read.
#[derive(Debug)]
pub(super) struct Found<'t> {
    pub(super) seen: ParsedEvent,
    pub(super) text: Option<&'t mut Text>,
    /// Texts that were not empty, those included that did not count.
    pub(super) texts: usize,
    /// Reasoning of this object has come under another name: more of it does not count.
    pub(super) muted: bool,
    /// Reasoning texts that counted.
    pub(super) thoughts: usize,
    /// A list of the dialect's (choices, results) has an item.
    pub(super) items: bool,
    /// Results without a text: vectors, scores, audio.
    pub(super) results: u32,
    /// The sum of the signs of an error.
    pub(super) signs: u8,
    /// The choices, and which of them are finished.
    pub(super) choices: Choices,
    /// What the server says of the time that it took: of few events, and not small.
    pub(super) timings: Option<Box<Timings>>,
    /// The choice that is being read: its index, and whether it is finished.
    choice: (u32, bool),
}

impl<'t> Found<'t> {
    pub(super) fn new(text: Option<&'t mut Text>) -> Self {
        Self {
            seen: ParsedEvent::default(),
            text,
            texts: 0,
            muted: false,
            thoughts: 0,
            items: false,
            results: 0,
            signs: 0,
            choices: Choices::default(),
            timings: None,
            choice: (0, false),
        }
    }

    /// Begins one of the choices.
    #[inline]
    pub(super) fn enter_choice(&mut self) {
        self.choice = (0, false);
    }

    /// Notes which it is.
    #[inline]
    pub(super) fn index(&mut self, index: u32) {
        self.choice.0 = index;
    }

    /// Ends it.
    #[inline]
    pub(super) fn leave_choice(&mut self) {
        self.choices.note(self.choice);
    }

    /// All was read: whether the signs make an error.
    pub(super) fn conclude(&mut self) {
        let seen = &mut self.seen;
        seen.error |= self.signs >= SURE && !(self.items || seen.output || seen.finish || seen.usage.is_some());
    }

    /// Notes a text that is not empty: the body of a JSON string, still escaped.
    #[inline]
    pub(super) fn output(&mut self, kind: OutputKind, escaped: &[u8]) {
        self.seen.output = true;
        match kind {
            OutputKind::Visible => self.seen.visible = true,
            OutputKind::Reasoning => self.thoughts += 1,
        }
        if let Some(text) = &mut self.text {
            text.buffer(kind).extend_from_slice(escaped);
        }
    }

    /// Begins a list of parts in an object of which reasoning has come or not.
    pub(super) fn enter(&mut self, reasoned: bool) -> (bool, usize) {
        let outer = (self.muted, self.thoughts);
        self.muted |= reasoned;
        outer
    }

    /// Ends it: whether reasoning came in it.
    pub(super) fn leave(&mut self, (muted, thoughts): (bool, usize)) -> bool {
        self.muted = muted;
        self.thoughts > thoughts
    }

    /// Notes why the response stopped.
    pub(super) fn reason(&mut self, reason: &[u8]) {
        // Some servers write that there is none yet as words.
        if reason.is_empty() || reason.eq_ignore_ascii_case(b"null") || reason.eq_ignore_ascii_case(b"none") {
            return;
        }
        self.seen.finish = true;
        self.choice.1 = true;
        self.seen.error |= failed(reason);
        // A status ("incomplete") is followed by the reason itself.
        if self.seen.reason.is_none_or(|said| said == FinishReason::Other) {
            self.seen.reason = Some(FinishReason::of(reason));
        }
    }

    /// Notes what became of a whole response.
    pub(super) fn status(&mut self, status: &[u8]) {
        match status {
            b"queued" | b"in_progress" => self.seen.unfinished = true,
            reason => self.reason(reason),
        }
    }

    /// Notes a sign of an error.
    pub(super) fn sign(&mut self, weight: u8) {
        self.signs = self.signs.saturating_add(weight);
    }

    /// Notes output without a text.
    pub(super) fn given(&mut self) {
        self.texts += 1;
        self.results = self.results.saturating_add(1);
        self.seen.output = true;
        self.seen.visible = true;
    }

    pub(super) fn count(&mut self, count: Count, tokens: u32) {
        let usage = self.seen.usage.get_or_insert_with(Usage::default);
        count.put(usage, tokens);
    }
}

impl Count {
    pub(super) fn put(self, usage: &mut Usage, tokens: u32) {
        let field = match self {
            Self::Prompt => &mut usage.prompt,
            Self::Completion => &mut usage.completion,
            Self::Total => &mut usage.total,
            Self::Reasoning => &mut usage.reasoning,
            Self::Cached => &mut usage.cached,
            Self::CacheWritten => &mut usage.cache_written,
        };
        *field = Some(tokens);
    }
}
