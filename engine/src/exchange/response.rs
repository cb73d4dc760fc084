//! What the events of a response add up to: the record so far, and the text.

mod whole;

use super::Request;
use crate::api::{self, ParsedEvent, Scanner, Text};
use crate::clock::Nanos;
use crate::plan::EndpointKind;
use crate::plan::OutputPath;
use crate::record::{Cause, Record, Sizes, Timings, Usage};
use crate::setting::Setting::Targets;
use crate::wire::http1::Head;
use crate::wire::sse;

/// Names of events that say that the generation failed, whatever their data says: that of the Responses API has its
/// kind in the data too, which some servers leave out.
const FAILED_EVENTS: [&str; 3] = ["error", "response.failed", "response.error"];

/// The rule by which output text is kept for the client's tokenizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepText {
    /// Only the server counts.
    Never,
    /// The tokenizer stands in where the server does not count.
    WithoutUsage,
    /// Both counts are wanted.
    Always,
}

/// Why a response is given up: the cause, and what was said.
pub(super) type Fault = (Cause, Option<String>);

/// What the events of a response add up to. Apart from the splitter that lends the events.
pub(super) struct Response {
    kind: EndpointKind,
    scanner: Scanner,
    /// Without `[DONE]` or a finish reason, a stream is cut off.
    marks_its_end: bool,
    text: Text,
    keep: KeepText,
    text_bytes: usize,
    /// The text is wanted for the next turn, whoever counts tokens.
    threads: bool,
    /// Results that the response must have; of a stream, the choices.
    results: u32,
    pub(super) record: Record,
    last_event: Nanos,
    pub(super) done_seen: bool,
    /// A count of tokens was no count.
    refused: bool,
    /// The last head.
    pub(super) head: Head,
    /// What the server says of its time is not looked at.
    untimed: bool,
}

impl Response {
    pub(super) fn new(kind: EndpointKind, keep: KeepText, text_bytes: usize) -> Self {
        Self {
            kind,
            scanner: Scanner::new(kind),
            marks_its_end: api::marks_its_end(kind),
            text: Text::default(),
            keep,
            text_bytes,
            threads: false,
            results: 0,
            record: super::empty_record(),
            last_event: 0,
            done_seen: false,
            refused: false,
            head: Head::default(),
            untimed: false,
        }
    }

    /// The job that a whole body names, where it is not done.
    pub(super) fn unfinished_job(&self, body: &[u8]) -> Option<api::Job> {
        api::unfinished_job(self.kind, body)
    }

    /// Looks for the output of responses of unknown shape there.
    pub(super) fn look_at(&mut self, field: Option<OutputPath>) {
        let scanner = std::mem::replace(&mut self.scanner, Scanner::new(EndpointKind::Chat));
        self.scanner = scanner.looking_at(field);
    }

    /// Looks at what the server says of its time, or does not.
    pub(super) fn look_at_time(&mut self, timed: bool) {
        self.untimed = !timed;
    }

    /// Whether the stream may end here. One of unknown shape that has choices says why each has stopped, as those of a
    /// known shape do.
    pub(super) fn may_end(&self) -> bool {
        self.done_seen || (self.record.finished || !self.marks_its_end) && !self.scanner.any_choice_open()
    }

    /// What is said of a stream that may end, but has fewer choices than were asked for.
    pub(super) fn missing_choices(&self) -> Option<String> {
        let (asked, came) = (self.results, self.scanner.choices());
        (came > 0 && came < asked).then(|| format!("the stream ended with {came} of {asked} choices (`n`)"))
    }

    /// Bytes of memory that the text and the record hold.
    pub(super) fn memory(&self) -> usize {
        self.text.memory() + self.record.gaps.capacity() * size_of::<Nanos>()
    }

    /// Gives the memory of the text back.
    pub(super) fn release(&mut self) {
        self.text = Text::default();
    }

    /// Begins the record of the next request.
    pub(super) fn begin(&mut self, record: Record, request: &Request) {
        (self.record, self.threads, self.results) = (record, request.threads, request.results);
    }

    pub(super) fn set_head(&mut self, head: &Head) {
        self.head = head.clone();
    }

    /// Notes that the stream has its `[DONE]`.
    pub(super) fn set_done_seen(&mut self) {
        self.done_seen = true;
    }

    /// Forgets the response; the record stays.
    pub(super) fn reset(&mut self) {
        self.scanner.reset();
        self.text.clear();
        self.done_seen = false;
        self.refused = false;
        self.head = Head::default();
        self.last_event = 0;
    }

    /// One event of a stream, arrived at `arrived`.
    pub(super) fn event(&mut self, data: &[u8], name: &[u8], arrived: Nanos) -> Result<(), Fault> {
        if !name.is_empty() && self.named(name, data)? {
            return Ok(());
        }
        // Over the limit nothing more is kept; the text is then left out of the record as a whole.
        let keep = self.wants_text() && !self.text_over_limit();
        if let Some(repeat) = self.scanner.repeat(data, keep.then_some(&mut self.text)) {
            if repeat.output {
                self.output(repeat.visible, arrived);
            }
            return Ok(());
        }
        self.news(data, keep, arrived)
    }

    /// An event that is not surely as an earlier one.
    #[inline(never)]
    fn news(&mut self, data: &[u8], keep: bool, arrived: Nanos) -> Result<(), Fault> {
        if api::is_done(data) {
            self.done_seen = true;
            return Ok(());
        }
        let Ok(seen) = self.scanner.other(data, keep.then_some(&mut self.text)) else {
            return Err((Cause::BadJson, Some(api::error_message(data))));
        };
        if seen.error {
            return Err((Cause::InBandError, Some(api::error_message(data))));
        }
        if seen.output {
            if self.record.events == 0 {
                self.first_output(&seen);
            }
            self.output(seen.visible, arrived);
        } else if seen.whole && self.record.events == 0 {
            self.at_once(data, arrived);
        }
        self.refused |= seen.refused;
        self.done_seen |= seen.last;
        if seen.finish {
            self.finish(&seen);
        }
        if let Some(usage) = seen.usage {
            self.count(usage);
        }
        Ok(())
    }

    /// The output of an event that holds the whole response.
    #[cold]
    fn at_once(&mut self, data: &[u8], arrived: Nanos) {
        let keep = self.wants_text();
        if let Ok(seen) = self.scanner.body(data, keep.then_some(&mut self.text))
            && seen.output
        {
            self.first_output(&seen);
            self.output(seen.visible, arrived);
        }
    }

    /// What the name of an event says of it: whether nothing more is to be read in it.
    fn named(&mut self, name: &[u8], data: &[u8]) -> Result<bool, Fault> {
        if FAILED_EVENTS.iter().any(|failed| name.eq_ignore_ascii_case(failed.as_bytes())) {
            let words = match api::error_message(data) {
                words if words.is_empty() => {
                    format!("an event named `{}`, without words", String::from_utf8_lossy(name))
                }
                words => words,
            };
            return Err((Cause::InBandError, Some(words)));
        }
        if name != sse::BARE {
            return Ok(false);
        }
        // JSON without a field name is no event, but servers say so that they failed.
        match self.scanner.body(data, None) {
            Ok(seen) if seen.error => Err((Cause::InBandError, Some(api::error_message(data)))),
            _ => Ok(true),
        }
    }

    /// The response is complete: counts that cannot be true are refused.
    pub(super) fn settle(&mut self, now: Nanos) {
        if let Some(usage) = self.record.usage {
            let usage = api::whole_usage(self.kind, usage);
            let record = &self.record;
            let sizes = Sizes {
                asked: record.requested_osl,
                sent: record.bytes_sent,
                received: record.bytes_received,
                took: now.saturating_sub(record.instants.issued),
            };
            let (usage, refused) = usage.possible(sizes);
            let tokens = self.kind.produces_tokens() && self.record.events > 0;
            let (usage, denies) = if tokens { usage.beside_output() } else { (usage, false) };
            self.record.usage = Some(usage);
            self.refused |= refused || denies;
        }
        self.record.usage_refused = self.refused;
        self.time();
        let observed = &mut self.record.observed;
        observed.reasoned |= !self.text.reasoning.is_empty();
        observed.text_bytes = match self.text.visible.len() + self.text.reasoning.len() > self.text_bytes {
            true => 0,
            false => length(&self.text),
        };
    }

    /// Takes over what the server says of its time; what the response says counts before what its head says.
    fn time(&mut self) {
        let (head, said) = (self.head.timings.as_deref(), self.scanner.timings());
        if self.untimed || head.is_none() && said.is_none() {
            return;
        }
        let head = head.copied().map(Timings::from).unwrap_or_default();
        let timings = head.updated(said.copied().unwrap_or_default());
        if !timings.is_empty() {
            self.record.timings = Some(Box::new(timings));
        }
    }

    /// What a body that is no result says; what it is, where its bytes do not say it.
    pub(super) fn detail(&self, cause: Cause, body: &[u8]) -> String {
        let said = api::error_message(body);
        let status = self.record.status;
        match cause {
            Cause::Redirect => {
                let what = format!("a redirect ({status}) is not followed: name the server it leads to in {Targets}");
                if said.is_empty() { what } else { format!("{what}; {said}") }
            }
            Cause::UnexpectedEncoding if self.head.transfer_coded => {
                "the body has a transfer coding that was not asked for, and is not `chunked` alone: switch that off at the server".into()
            }
            Cause::UnexpectedEncoding => {
                "the body is compressed, which was not asked for: switch that off at the server".into()
            }
            _ => said,
        }
    }

    /// Notes how much of the output its first event carries.
    fn first_output(&mut self, seen: &ParsedEvent) {
        let observed = &mut self.record.observed;
        observed.first_tokens = seen.usage.and_then(|usage| usage.completion);
        observed.first_text_bytes = length(&self.text);
    }

    fn finish(&mut self, seen: &ParsedEvent) {
        self.record.finished = true;
        let reason = &mut self.record.observed.reason;
        *reason = reason.or(seen.reason);
    }

    /// Takes over counts, which are of the whole response so far; some servers give them in parts.
    fn count(&mut self, newer: Usage) {
        let before = self.record.usage.unwrap_or_default();
        let usage = before.updated(newer);
        if let (Some(first @ 1..), Some(now)) = (before.prompt, usage.prompt) {
            self.record.observed.prompt_growth += now.saturating_sub(first);
        }
        self.record.usage = Some(usage);
    }

    #[inline]
    fn output(&mut self, visible: bool, arrived: Nanos) {
        let instants = &mut self.record.instants;
        if self.record.events == 0 {
            instants.first_token = Some(arrived);
        } else {
            self.record.gaps.push(arrived.saturating_sub(self.last_event));
        }
        if !visible {
            self.record.observed.reasoned = true;
        } else if instants.first_visible_token.is_none() {
            instants.first_visible_token = Some(arrived);
        }
        instants.last_token = Some(arrived);
        self.last_event = arrived;
        self.record.events += 1;
    }

    /// Puts the text into a finished record, where a tokenizer will want it. Whether it was over the limit, and so left
    /// out.
    pub(super) fn hand_over(&self, record: &mut Record) -> bool {
        let counted = record.usage.and_then(|u| u.completion).is_some();
        // Reasoning that the server counted together with the rest: the tokenizer tells how much of it that was.
        let unsplit =
            counted && !self.text.reasoning.is_empty() && record.usage.and_then(|u| u.reasoning).unwrap_or(0) == 0;
        let wanted = match self.keep {
            KeepText::Never => self.in_session() && unsplit,
            KeepText::WithoutUsage => !counted || unsplit,
            KeepText::Always => true,
        };
        if !wanted {
            return false;
        }
        if self.text_over_limit() {
            return true;
        }
        record.text = Some(api::unescape(&self.text.visible));
        if !self.text.reasoning.is_empty() {
            record.reasoning_text = Some(api::unescape(&self.text.reasoning));
        }
        false
    }

    fn wants_text(&self) -> bool {
        self.keep != KeepText::Never || self.in_session()
    }

    /// Whether the request is one of several turns: what of its response was reasoning decides how long the next one
    /// is.
    fn in_session(&self) -> bool {
        self.threads || self.record.turn > 0
    }

    /// The visible text, still escaped; `None` if it was over the limit.
    pub(super) fn visible(&self) -> Option<&[u8]> {
        (!self.text_over_limit()).then_some(&self.text.visible)
    }

    fn text_over_limit(&self) -> bool {
        self.text.visible.len() + self.text.reasoning.len() > self.text_bytes
    }
}

/// Bytes of a text, reasoning included.
fn length(text: &Text) -> u32 {
    u32::try_from(text.visible.len() + text.reasoning.len()).unwrap_or(u32::MAX)
}
