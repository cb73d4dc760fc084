//! What the events of a response add up to: the record so far, and the text.

use crate::clock::Nanos;
use crate::endpoint::{self, Field, Scanner, Text};
use crate::plan::EndpointKind;
use crate::record::{Cause, Record};

/// Whether output text is kept for the client's tokenizer.
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
pub(super) struct Answer {
    scanner: Scanner,
    /// Without `[DONE]` or a finish reason, a stream is cut off.
    says_its_end: bool,
    text: Text,
    keep: KeepText,
    text_bytes: usize,
    /// The text is wanted for the next turn, whoever counts tokens.
    pub(super) threads: bool,
    pub(super) record: Record,
    last_event: Nanos,
    pub(super) done_seen: bool,
}

impl Answer {
    pub(super) fn new(kind: EndpointKind, keep: KeepText, text_bytes: usize) -> Self {
        Self {
            scanner: Scanner::new(kind),
            says_its_end: endpoint::says_its_end(kind),
            text: Text::default(),
            keep,
            text_bytes,
            threads: false,
            record: super::empty_record(),
            last_event: 0,
            done_seen: false,
        }
    }

    /// Looks for the output of answers of unknown shape there.
    pub(super) fn look_at(&mut self, field: Option<Field>) {
        let scanner = std::mem::replace(&mut self.scanner, Scanner::new(EndpointKind::Chat));
        self.scanner = scanner.looking_at(field);
    }

    /// Whether the stream may end here.
    pub(super) fn may_end(&self) -> bool {
        self.done_seen || self.record.finished || !self.says_its_end
    }

    /// Bytes of memory that the text and the record hold.
    pub(super) fn memory(&self) -> usize {
        self.text.memory() + self.record.gaps.capacity() * size_of::<Nanos>()
    }

    /// Gives the memory of the text back.
    pub(super) fn release(&mut self) {
        self.text = Text::default();
    }

    /// Forgets the response; the record stays.
    pub(super) fn reset(&mut self) {
        self.scanner.reset();
        self.text.clear();
        self.done_seen = false;
        self.last_event = 0;
    }

    /// One event of a stream, arrived at `arrived`.
    pub(super) fn event(&mut self, data: &[u8], name: &[u8], arrived: Nanos) -> Result<(), Fault> {
        if name == b"error" {
            return Err((Cause::InBandError, Some(endpoint::error_message(data))));
        }
        if endpoint::is_done(data) {
            self.done_seen = true;
            return Ok(());
        }
        // Over the limit nothing more is kept; the text is then left out of the record as a whole.
        let keep = self.wants_text() && !self.text_over_limit();
        let Ok(seen) = self.scanner.event(data, keep.then_some(&mut self.text)) else {
            return Err((Cause::BadJson, Some(endpoint::error_message(data))));
        };
        if seen.error {
            return Err((Cause::InBandError, Some(endpoint::error_message(data))));
        }
        if seen.output {
            self.output(seen.visible, arrived);
        }
        self.record.finished |= seen.finish;
        if let Some(usage) = seen.usage {
            // Counts are of the whole answer so far; some servers give them in parts.
            self.record.usage = Some(self.record.usage.unwrap_or_default().updated(usage));
        }
        Ok(())
    }

    /// A whole body that is no stream, complete at `arrived`.
    pub(super) fn whole(&mut self, body: &[u8], arrived: Nanos) -> Result<(), Fault> {
        let keep = self.wants_text();
        let Ok(seen) = self.scanner.body(body, keep.then_some(&mut self.text)) else {
            return Err((Cause::BadJson, Some(endpoint::error_message(body))));
        };
        if seen.error {
            return Err((Cause::InBandError, Some(endpoint::error_message(body))));
        }
        self.record.usage = seen.usage;
        self.record.finished = seen.finish;
        if !seen.output {
            return Err((Cause::NoOutput, None));
        }
        self.output(seen.visible, arrived);
        Ok(())
    }

    /// What a body that is no answer says; what it is, where its bytes do not say it.
    pub(super) fn detail(&self, cause: Cause, body: &[u8]) -> String {
        let said = endpoint::error_message(body);
        let status = self.record.status;
        match cause {
            Cause::Redirect => {
                let what = format!(
                    "a redirect ({status}) is not followed: name the server it leads to in --url"
                );
                if said.is_empty() {
                    what
                } else {
                    format!("{what}; {said}")
                }
            }
            Cause::UnexpectedEncoding => {
                "the body is compressed, which was not asked for: switch that off at the server"
                    .into()
            }
            _ => said,
        }
    }

    fn output(&mut self, visible: bool, arrived: Nanos) {
        let instants = &mut self.record.instants;
        if self.record.events == 0 {
            instants.first_token = Some(arrived);
        } else {
            self.record
                .gaps
                .push(arrived.saturating_sub(self.last_event));
        }
        if visible && instants.first_visible_token.is_none() {
            instants.first_visible_token = Some(arrived);
        }
        instants.last_token = Some(arrived);
        self.last_event = arrived;
        self.record.events += 1;
    }

    /// Puts the text into a finished record, where a tokenizer will want it. Whether it was over the limit, and so left out.
    pub(super) fn hand_over(&self, record: &mut Record) -> bool {
        let wanted = match self.keep {
            KeepText::Never => false,
            KeepText::WithoutUsage => record.usage.and_then(|u| u.completion).is_none(),
            KeepText::Always => true,
        };
        if !wanted {
            return false;
        }
        if self.text_over_limit() {
            return true;
        }
        record.text = Some(endpoint::unescape(&self.text.visible));
        if !self.text.reasoning.is_empty() {
            record.reasoning_text = Some(endpoint::unescape(&self.text.reasoning));
        }
        false
    }

    fn wants_text(&self) -> bool {
        self.keep != KeepText::Never || self.threads
    }

    /// The visible text, still escaped; `None` if it was over the limit.
    pub(super) fn visible(&self) -> Option<&[u8]> {
        (!self.text_over_limit()).then_some(&self.text.visible)
    }

    fn text_over_limit(&self) -> bool {
        self.text.visible.len() + self.text.reasoning.len() > self.text_bytes
    }
}
