//! The rules by which an answer is read: which key, where, means what.
//!
//! A dialect states them as nested tables. The walker ([`super::walk`]) applies them to bytes in one pass, and the full parse
//! ([`super::full`]) to a tree; both must agree wherever the walker does not decline.

use super::scan::Seen;
use super::text::Text;
use crate::record::Usage;

/// The keys of an object that mean something; all others are skipped.
#[derive(Debug)]
pub(super) struct Node(pub(super) &'static [(&'static str, Rule)]);

/// What the value of a key means. `null` never means anything.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// An object with keys of its own.
    Object(&'static Node),
    /// An array of such objects.
    List(&'static Node),
    /// Output, if it is a string that is not empty.
    Text(Slot),
    /// Output that has no text to keep (a vector, a ranking, a sound), if it is not an empty list, object or string.
    Given,
    /// Output, if it is an object that is not empty: its JSON is the text.
    Tree(Slot),
    /// The name of the kind of the whole object: where it is one of these, those rules hold for the object instead of its own. Must
    /// be the first row of its node, under [`KIND`].
    Kinds(&'static [(&'static str, &'static Node)]),
    /// The answer is finished, if it is a string that is not empty.
    Finish,
    /// The answer is an error, whatever the value.
    Error,
    /// The answer is an error, if it is this string.
    ErrorIf(&'static str),
    /// A count of tokens, if it is an integer of 32 bits.
    Count(Count),
}

/// Whose output a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
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
}

/// The key that names the kind of an object.
pub(super) const KIND: &str = "type";

/// Usage as OpenAI's Responses and Anthropic's Messages name it.
pub(super) static INPUT_OUTPUT_USAGE: Node = Node(&[
    ("input_tokens", Rule::Count(Count::Prompt)),
    ("output_tokens", Rule::Count(Count::Completion)),
    ("total_tokens", Rule::Count(Count::Total)),
    ("cache_read_input_tokens", Rule::Count(Count::Cached)),
    ("input_tokens_details", Rule::Object(&PROMPT_DETAILS)),
    ("output_tokens_details", Rule::Object(&COMPLETION_DETAILS)),
]);

/// OpenAI's usage object.
pub(super) static USAGE: Node = Node(&[
    ("prompt_tokens", Rule::Count(Count::Prompt)),
    ("completion_tokens", Rule::Count(Count::Completion)),
    ("total_tokens", Rule::Count(Count::Total)),
    ("prompt_tokens_details", Rule::Object(&PROMPT_DETAILS)),
    (
        "completion_tokens_details",
        Rule::Object(&COMPLETION_DETAILS),
    ),
]);

/// Usage of APIs whose answers are no tokens: some say that they made none.
pub(super) static INPUT_USAGE: Node = Node(&[
    ("prompt_tokens", Rule::Count(Count::Prompt)),
    ("total_tokens", Rule::Count(Count::Total)),
]);

static PROMPT_DETAILS: Node = Node(&[("cached_tokens", Rule::Count(Count::Cached))]);

static COMPLETION_DETAILS: Node = Node(&[("reasoning_tokens", Rule::Count(Count::Reasoning))]);

/// `"object": "error"`, as older vLLM says it.
pub(super) const ERROR_OBJECT: Rule = Rule::ErrorIf("error");

impl Node {
    /// Its kinds, if it tells kinds apart.
    #[inline]
    pub(super) fn kinds(&self) -> Option<&'static [(&'static str, &'static Node)]> {
        match self.0.first() {
            Some((_, Rule::Kinds(kinds))) => Some(kinds),
            _ => None,
        }
    }

    /// The rule of a key, and its place in the table.
    #[inline]
    pub(super) fn rule(&self, key: &[u8]) -> Option<(usize, Rule)> {
        self.0
            .iter()
            .position(|(name, _)| name.as_bytes() == key)
            .map(|i| (i, self.0[i].1))
    }
}

/// The rules for an object of this kind: those of one of `kinds`, else its `own`.
#[inline]
pub(super) fn of_kind(
    own: &'static Node,
    kinds: &'static [(&'static str, &'static Node)],
    kind: Option<&[u8]>,
) -> &'static Node {
    kind.and_then(|kind| kinds.iter().find(|(name, _)| name.as_bytes() == kind))
        .map_or(own, |(_, node)| node)
}

/// What was found in one event or body.
#[derive(Debug)]
pub(super) struct Found<'t> {
    pub(super) seen: Seen,
    pub(super) text: Option<&'t mut Text>,
    /// Texts that were not empty, those included that did not count.
    pub(super) texts: usize,
}

impl<'t> Found<'t> {
    pub(super) fn new(text: Option<&'t mut Text>) -> Self {
        Self {
            seen: Seen::default(),
            text,
            texts: 0,
        }
    }

    /// Notes a text that is not empty: the body of a JSON string, still escaped.
    #[inline]
    pub(super) fn output(&mut self, slot: Slot, escaped: &[u8]) {
        self.seen.output = true;
        self.seen.visible |= slot == Slot::Visible;
        if let Some(text) = &mut self.text {
            text.slot(slot).extend_from_slice(escaped);
        }
    }

    /// Notes output without a text.
    pub(super) fn given(&mut self) {
        self.texts += 1;
        self.seen.output = true;
        self.seen.visible = true;
    }

    pub(super) fn count(&mut self, count: Count, tokens: u32) {
        let usage = self.seen.usage.get_or_insert_with(Usage::default);
        let field = match count {
            Count::Prompt => &mut usage.prompt,
            Count::Completion => &mut usage.completion,
            Count::Total => &mut usage.total,
            Count::Reasoning => &mut usage.reasoning,
            Count::Cached => &mut usage.cached,
        };
        *field = Some(tokens);
    }
}
