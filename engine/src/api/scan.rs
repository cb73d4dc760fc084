//! The scanner: what one event, or one whole body, says.

use super::choices::Choices;
use super::full;
use super::repeated_event::{Fit, RepeatedEvent};
use super::rules::{Found, Node, OutputKind};
use super::text::Text;
use super::walk::walk;
use super::{Dialect, Reading, any, dialect};
use crate::plan::EndpointKind;
use crate::plan::OutputPath;
use crate::record::{FinishReason, Timings, Usage};

/// Reads the responses of one request at a time.
///
/// Three ways, each checked against the next by tests: `RepeatedEvent` where an event repeats an earlier one but for
/// its text and its token counts (`repeated_event.rs`), the walker otherwise (`walk.rs`), and the full parse for
/// whatever the walker declines (`full.rs`). Responses of unknown shape are always parsed in full (`any.rs`).
pub struct Scanner {
    dialect: &'static Dialect,
    field: Option<OutputPath>,
    repeated: RepeatedEvent,
    gathered: Gathered,
}

/// The sum of a response's events.
#[derive(Clone, Debug, Default)]
struct Gathered {
    choices: Choices,
    results: u32,
    timings: Option<Box<Timings>>,
}

/// The meaning of an event or a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ParsedEvent {
    /// It carries output: content, reasoning, refusal or tool-call text of any choice that is not empty; or a vector, a
    /// ranking, a sound.
    pub output: bool,
    /// It carries output other than reasoning.
    pub visible: bool,
    /// An event holds the response as a body would: what is in it counts where nothing came before.
    pub whole: bool,
    /// A choice has a finish reason.
    pub finish: bool,
    /// Which, as far as it is known; of several, the first.
    pub reason: Option<FinishReason>,
    /// The stream is over with it, as its dialect says: nothing more is to come.
    pub last: bool,
    /// Token counts, if there were any.
    pub usage: Option<Usage>,
    /// A count of tokens is no whole number of 32 bits.
    pub refused: bool,
    /// A whole response is not complete: it says that it is still being made.
    pub unfinished: bool,
    /// It says that the generation failed, in one of the ways that `docs/ENDPOINTS.md` lists. [`super::error_message`]
    /// gives its words.
    pub error: bool,
}

/// The meaning of an event that differs from an earlier one in its text alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// The text is not empty.
    pub output: bool,
    /// Nor is it reasoning.
    pub visible: bool,
}

impl Fit<'_> {
    #[inline]
    fn append(&self, text: Option<&mut Text>) -> Repeat {
        let output = !self.text.is_empty();
        if let Some(text) = text {
            text.buffer(self.kind).extend_from_slice(self.text);
        }
        Repeat { output, visible: output && self.kind == OutputKind::Visible }
    }
}

impl Gathered {
    fn add(&mut self, found: &Found<'_>) {
        self.choices.add(&found.choices);
        self.results = self.results.saturating_add(found.results);
        if let Some(timings) = &found.timings {
            let before = self.timings.get_or_insert_default();
            **before = before.updated(**timings);
        }
    }
}

impl ParsedEvent {
    /// The stream is over, and so is the response.
    pub(super) fn ends(&mut self) {
        self.last = true;
        self.finish = true;
    }
}

/// Whether an event is a JSON text of words alone; some quote the terminator.
fn says_words(data: &[u8]) -> bool {
    let data = data.trim_ascii();
    let words = || serde_json::from_str::<String>(&String::from_utf8_lossy(data));
    data.first() == Some(&b'"') && words().is_ok_and(|words| !words.is_empty() && words != "[DONE]")
}

/// It is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not JSON")]
pub struct BadJson;

impl Scanner {
    /// A scanner of the responses of this dialect.
    #[must_use]
    pub fn new(kind: EndpointKind) -> Self {
        Self { dialect: dialect(kind), field: None, repeated: RepeatedEvent::default(), gathered: Gathered::default() }
    }

    /// The same, with the place where the output of responses of unknown shape is.
    #[must_use]
    pub fn looking_at(mut self, field: Option<OutputPath>) -> Self {
        self.field = field;
        self
    }

    /// Makes ready for the next request. Buffers keep their capacity.
    pub fn reset(&mut self) {
        self.repeated.forget();
        self.gathered = Gathered::default();
    }

    /// What the server says, in the response so far, of the time that it took; `None` where it says nothing.
    #[must_use]
    pub fn timings(&self) -> Option<&Timings> {
        self.gathered.timings.as_deref()
    }

    /// Results in a whole response: its choices, or what has no text (vectors, scores, audio).
    #[must_use]
    pub fn results(&self) -> u32 {
        let Gathered { choices, results, .. } = &self.gathered;
        if choices.items > 0 { u32::try_from(choices.items).unwrap_or(u32::MAX) } else { *results }
    }

    /// Choices in the events of the response so far; `u32::MAX` where their numbers do not tell them apart.
    #[must_use]
    pub fn choices(&self) -> u32 {
        self.gathered.choices.distinct()
    }

    /// Whether one of the choices of the response so far has no reason to stop yet. Events of the same shape are of the
    /// same choice.
    #[must_use]
    pub fn any_choice_open(&self) -> bool {
        self.gathered.choices.any_open()
    }

    /// Reads one event of a stream, and appends its output to `text`. The terminator is the caller's to recognise
    /// ([`super::is_done`]). An event of blanks says nothing: some servers keep connections alive with them.
    ///
    /// # Errors
    /// [`BadJson`]; nothing was appended.
    pub fn event(&mut self, data: &[u8], mut text: Option<&mut Text>) -> Result<ParsedEvent, BadJson> {
        match self.repeat(data, text.as_deref_mut()) {
            Some(Repeat { output, visible }) => Ok(ParsedEvent { output, visible, ..ParsedEvent::default() }),
            None => self.other(data, text),
        }
    }

    /// Reads one event of a stream as [`event`](Self::event) does, if it repeats an earlier one but for its text, and
    /// has no counts: nearly every event.
    #[inline]
    pub fn repeat(&self, data: &[u8], text: Option<&mut Text>) -> Option<Repeat> {
        self.repeated.fit(data).map(|fit| fit.append(text))
    }

    /// Reads one event of a stream that [`repeat`](Self::repeat) declined, as [`event`](Self::event) does.
    ///
    /// # Errors
    /// [`BadJson`]; nothing was appended.
    pub fn other(&mut self, data: &[u8], text: Option<&mut Text>) -> Result<ParsedEvent, BadJson> {
        if let Some((fit, usage)) = self.repeated.fit_with_counts(data) {
            let Repeat { output, visible } = fit.append(text);
            return Ok(ParsedEvent { output, visible, usage: Some(usage), ..ParsedEvent::default() });
        }
        if data.trim_ascii().is_empty() {
            return Ok(ParsedEvent::default());
        }
        match self.dialect.reading {
            // Words instead of an event: no API has those.
            Reading::Rules { .. } if says_words(data) => Ok(ParsedEvent { error: true, ..ParsedEvent::default() }),
            Reading::Rules { event, .. } => read(data, event, text, Some(&mut self.repeated), &mut self.gathered),
            Reading::Any => Ok(self.any(data, text)),
        }
    }

    /// Reads a body that is not a stream, and appends its output to `text`.
    ///
    /// # Errors
    /// [`BadJson`]; nothing was appended.
    pub fn body(&mut self, data: &[u8], text: Option<&mut Text>) -> Result<ParsedEvent, BadJson> {
        match self.dialect.reading {
            Reading::Rules { body, .. } => read(data, body, text, None, &mut self.gathered),
            Reading::Any => Ok(self.any(data, text)),
        }
    }

    fn any(&mut self, data: &[u8], text: Option<&mut Text>) -> ParsedEvent {
        let mut found = Found::new(text);
        any::read(data, self.field.as_ref(), &mut found);
        self.gathered.add(&found);
        found.seen
    }
}

/// Walks; where the walker declines, parses in full.
fn read(
    data: &[u8],
    node: &'static Node,
    mut text: Option<&mut Text>,
    repeated: Option<&mut RepeatedEvent>,
    gathered: &mut Gathered,
) -> Result<ParsedEvent, BadJson> {
    let before = text.as_ref().map(|t| t.lengths());
    let mut found = Found::new(text.as_deref_mut());
    if let Ok(places) = walk(data, node, &mut found) {
        let (seen, texts) = (found.seen, found.texts);
        gathered.add(&found);
        let one = texts == 1 && found.choices.items <= 1;
        let goes_on = one && !seen.finish && !seen.whole && !seen.error && found.signs == 0 && found.timings.is_none();
        if let (true, Some(repeated)) = (goes_on, repeated) {
            repeated.learn(data, &places);
        }
        return Ok(seen);
    }
    if let (Some(text), Some(before)) = (text.as_deref_mut(), before) {
        text.truncate(before);
    }
    let mut found = Found::new(text);
    full::parse(data, node, &mut found)?;
    gathered.add(&found);
    Ok(found.seen)
}

impl std::fmt::Debug for Scanner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scanner").field("kind", &self.dialect.kind).field("repeated", &self.repeated).finish()
    }
}
