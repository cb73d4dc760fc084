//! Bodies that are no stream of events: a whole response, and what is no response.

use super::{Fault, Response};
use crate::api;
use crate::clock::Nanos;
use crate::record::Cause;
use crate::wire::sse;

impl Response {
    /// A whole body that is no stream, complete at `arrived`.
    pub(in crate::exchange) fn whole(&mut self, body: &[u8], arrived: Nanos) -> Result<(), Fault> {
        let keep = self.wants_text();
        // RFC 8259 §8.1 lets a reader pass over it.
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        let Ok(seen) = self.scanner.body(body, keep.then_some(&mut self.text)) else {
            let what = format!("the body is no JSON: {}", self.begins(body));
            return Err((Cause::BadJson, Some(what)));
        };
        if seen.error {
            return Err((Cause::InBandError, Some(api::error_message(body))));
        }
        if seen.unfinished {
            let what = "the response is not complete: its status says that it is still being made".to_owned();
            return Err((Cause::NoOutput, Some(what)));
        }
        self.record.usage = seen.usage;
        self.refused |= seen.refused;
        if seen.finish {
            self.finish(&seen);
        }
        if !seen.output {
            let what = format!("the body has no output: {}", self.begins(body));
            return Err((Cause::NoOutput, Some(what)));
        }
        let results = self.scanner.results();
        if results < self.results {
            let what = format!("the response has {results} of {} results", self.results);
            return Err((Cause::NoOutput, Some(what)));
        }
        self.first_output(&seen);
        self.output(seen.visible, arrived);
        Ok(())
    }

    /// What a body is that should be a stream of events, and of which no line seems to be one; `front` is how it
    /// begins.
    pub(in crate::exchange) fn no_stream(&self, front: &[u8]) -> Option<Fault> {
        if self.record.events > 0 || front.is_empty() || sse::is_stream(front) {
            return None;
        }
        let what = format!("the body is no event stream: {}", self.begins(front));
        Some((Cause::NoOutput, Some(what)))
    }

    /// The content type of a body, and its first words.
    fn begins(&self, body: &[u8]) -> String {
        format!("content type {}, it begins with: {}", self.head.media, api::first_words(body))
    }
}
