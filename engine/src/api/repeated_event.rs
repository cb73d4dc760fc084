//! What the events of one stream have in common: all the bytes before their text, and all the bytes after it.
//!
//! An event that differs from a walked one only in the body of that one string says the same, but for the text: it need
//! not be walked. Numbers vary too (time stamps, indices), so that a run of digits may differ where it surely is a
//! whole integer, or lies inside a string where any digits do. Token counts behind the text are read from where the
//! walked event had them.

use super::lex::{digits, is_integer, small, string_end};
use super::rules::{Count, OutputKind};
use super::walk::Places;
use crate::record::Usage;
use std::ops::Range;

/// The common bytes, once learned.
#[derive(Debug, Default)]
pub(super) struct RepeatedEvent {
    /// Prefix, then what lies between the counts, the last of them the suffix.
    bytes: Vec<u8>,
    /// Length of the prefix: up to and including the quote that opens the text. 0 while nothing is learned.
    prefix: usize,
    kind: Option<OutputKind>,
    /// The counts behind the text: how many of `bytes` come before each.
    counts: Vec<(usize, Count)>,
    /// Where in `bytes` the index of the choice is, which may not differ; `usize::MAX` where there is none.
    index: usize,
}

/// The text of an event that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fit<'a> {
    /// The text, still escaped and surely well formed.
    pub(super) text: &'a [u8],
    pub(super) kind: OutputKind,
}

impl Fit<'_> {
    #[inline]
    fn is_utf8(&self) -> bool {
        self.text.is_ascii() || std::str::from_utf8(self.text).is_ok()
    }
}

impl RepeatedEvent {
    pub(super) fn forget(&mut self) {
        self.kind = None;
    }

    /// Learns from an event with exactly one text that says nothing beside it but token counts. Not from one with
    /// counts before the text, or with too many of them.
    pub(super) fn learn(&mut self, event: &[u8], places: &Places) {
        let (Some((text, kind)), Some(counts)) = (&places.text, places.counts()) else {
            return;
        };
        self.kind = None;
        self.counts.clear();
        self.bytes.clear();
        if event.len() - text.len() > MOST {
            return;
        }
        self.index = usize::MAX;
        self.extend(event, 0..text.start, places.index);
        let mut from = text.end;
        for (place, count) in counts {
            if from > place.start {
                return;
            }
            self.extend(event, from..place.start, places.index);
            self.counts.push((self.bytes.len(), *count));
            from = place.end;
        }
        self.extend(event, from..event.len(), places.index);
        self.prefix = text.start;
        self.kind = Some(*kind);
    }

    fn extend(&mut self, event: &[u8], part: Range<usize>, index: Option<usize>) {
        if let Some(index) = index.filter(|index| part.contains(index)) {
            self.index = self.bytes.len() + index - part.start;
        }
        self.bytes.extend_from_slice(&event[part]);
    }

    /// The text of the event, if that is all by which it differs, and there are no counts.
    #[inline]
    pub(super) fn fit<'a>(&self, event: &'a [u8]) -> Option<Fit<'a>> {
        if !self.counts.is_empty() {
            return None;
        }
        let (fit, rest) = self.text(event)?;
        let suffix = &self.bytes[self.prefix..];
        if rest != suffix && like(suffix, rest, self.index_from(self.prefix))? != rest.len() {
            return None;
        }
        fit.is_utf8().then_some(fit)
    }

    /// The text of the event and its counts, if these are all by which it differs.
    pub(super) fn fit_with_counts<'a>(&self, event: &'a [u8]) -> Option<(Fit<'a>, Usage)> {
        if self.counts.is_empty() {
            return None;
        }
        let (fit, rest) = self.text(event)?;
        let usage = self.usage(rest)?;
        fit.is_utf8().then_some((fit, usage))
    }

    /// The text of an event that begins as the learned one does, and what follows it.
    #[inline(always)]
    fn text<'a>(&self, event: &'a [u8]) -> Option<(Fit<'a>, &'a [u8])> {
        let kind = self.kind?;
        let rest = behind(&self.bytes[..self.prefix], event, self.index)?;
        let (text, rest) = rest.split_at(string_end(rest)?.at);
        Some((Fit { text, kind }, rest))
    }

    /// The counts in what follows the text of an event; `None` if that does not fit.
    fn usage(&self, mut rest: &[u8]) -> Option<Usage> {
        let mut usage = Usage::default();
        let mut from = self.prefix;
        for (to, count) in &self.counts {
            rest = behind(&self.bytes[from..*to], rest, self.index_from(from))?;
            // What comes next in the pattern is no part of a number: the digits are all of it.
            let (number, behind) = rest.split_at(digits(rest));
            if !is_integer(number) {
                return None;
            }
            count.put(&mut usage, small(number)?);
            (rest, from) = (behind, *to);
        }
        behind(&self.bytes[from..], rest, self.index_from(from))?.is_empty().then_some(usage)
    }

    /// Where the index is in what follows so many bytes; beyond the end where it is not in there.
    fn index_from(&self, begin: usize) -> usize {
        self.index.wrapping_sub(begin)
    }
}

/// Most bytes of an event that are learned, its text apart: of what is longer, no two are alike.
const MOST: usize = 4096;

/// What follows the front of `bytes` that is `pattern` but for runs of digits other than the `fixed` one.
#[inline]
fn behind<'a>(pattern: &[u8], bytes: &'a [u8], fixed: usize) -> Option<&'a [u8]> {
    match bytes.strip_prefix(pattern) {
        Some(rest) => Some(rest),
        None => Some(&bytes[like(pattern, bytes, fixed)?..]),
    }
}

/// Length of the front of `bytes` that is `pattern` but for runs of digits other than the one at `fixed`.
fn like(pattern: &[u8], bytes: &[u8], fixed: usize) -> Option<usize> {
    let (mut p, mut b) = (0, 0);
    loop {
        let same = common(&pattern[p..], &bytes[b..]);
        p += same;
        b += same;
        if p == pattern.len() {
            return Some(b);
        }
        // They part inside a run of digits, or right behind one of them: back to its start, which both share.
        let back = pattern[..p].iter().rev().take_while(|d| d.is_ascii_digit()).count();
        p -= back;
        b -= back;
        let before = *pattern[..p].last()?;
        let (ours, theirs) = (digits(&pattern[p..]), digits(&bytes[b..]));
        let fits = p != fixed
            && b":,[ ".contains(&before)
            && is_integer(&pattern[p..p + ours])
            && is_integer(&bytes[b..b + theirs]);
        p += ours;
        b += theirs;
        // What follows ends the number, in both.
        if !fits || !matches!(pattern.get(p), Some(b',' | b'}' | b']' | b' ')) {
            return None;
        }
        if bytes.get(b) != pattern.get(p) {
            return None;
        }
    }
}

/// Length of the common front.
fn common(a: &[u8], b: &[u8]) -> usize {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let words = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
    let same = 8 * words.take_while(|(a, b)| a == b).count();
    same + a[same..].iter().zip(&b[same..]).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::super::rules::{Found, Node, Rule, USAGE};
    use super::super::walk::walk;
    use super::*;

    fn text_at(place: std::ops::Range<usize>) -> Places {
        let mut places = Places::default();
        places.text = Some((place, OutputKind::Visible));
        places
    }

    fn learned(event: &str, text: &str) -> RepeatedEvent {
        let start = event.find(text).expect("the text is in the event");
        let mut repeated = RepeatedEvent::default();
        repeated.learn(event.as_bytes(), &text_at(start..start + text.len()));
        repeated
    }

    #[track_caller]
    fn fits(repeated: &RepeatedEvent, event: &str, text: Option<&str>) {
        let fit = repeated.fit(event.as_bytes());
        let fit = fit.or_else(|| repeated.fit_with_counts(event.as_bytes()).map(|(fit, _)| fit));
        let fit = fit.map(|fit| fit.text);
        assert_eq!(fit, text.map(str::as_bytes), "{event}");
    }

    #[test]
    fn an_event_that_differs_in_its_text_alone_fits() {
        let repeated = learned(r#"{"id":"a-1","t":"TEXT","n":null}"#, "TEXT");
        for text in ["x", "", r#"a\"b\\"#, "caf\u{e9}", r"\u00e9\ud83d", "eight bytes and more \\n"] {
            fits(&repeated, &format!(r#"{{"id":"a-1","t":"{text}","n":null}}"#), Some(text));
        }
        for other in [
            r#"{"id":"a-2","t":"x","n":null}"#,
            r#"{"id":"a-1","t":"x","n":true}"#,
            r#"{"id":"a-1","t":"x","n":null} "#,
            r#"{"id":"a-1","t":"x","n":null"#,
            r#"{"id":"a-1","t":"x"#,
            r#"{"id":"a-1","t":"\x","n":null}"#,
            r#"{"id":"a-1","t":"\u00g0","n":null}"#,
            "{\"id\":\"a-1\",\"t\":\"\t\",\"n\":null}",
            "",
        ] {
            fits(&repeated, other, None);
        }
        let invalid = b"{\"id\":\"a-1\",\"t\":\"\xff\",\"n\":null}";
        assert!(repeated.fit(invalid).is_none(), "not UTF-8");
    }

    #[test]
    fn whole_numbers_may_differ_on_both_sides() {
        let repeated = learned(r#"{"created":17, "t":"TEXT","ts":99,"list":[1, 2],"last":5}"#, "TEXT");
        fits(&repeated, r#"{"created":18, "t":"x","ts":100,"list":[10, 0],"last":7}"#, Some("x"));
        fits(&repeated, r#"{"created":1, "t":"x","ts":9,"list":[1, 2],"last":55}"#, Some("x"));
        for other in [
            r#"{"created":018, "t":"x","ts":99,"list":[1, 2],"last":5}"#,
            r#"{"created":17, "t":"x","ts":9.5,"list":[1, 2],"last":5}"#,
            r#"{"created":17, "t":"x","ts":-9,"list":[1, 2],"last":5}"#,
            r#"{"created":17, "t":"x","ts":9e9,"list":[1, 2],"last":5}"#,
            r#"{"created":17, "t":"x","ts":,"list":[1, 2],"last":5}"#,
            r#"{"created":17, "t":"x","ts":99,"list":[1, 2],"last":5"#,
        ] {
            fits(&repeated, other, None);
        }
    }

    #[test]
    fn an_event_of_another_choice_does_not_fit() {
        static CHOICE: Node = Node::of(&[
            ("t", Rule::Text(OutputKind::Visible)),
            ("index", Rule::Index),
            ("usage", Rule::Object(&USAGE)),
        ]);
        static EVENT: Node = Node::of(&[("choices", Rule::Choices(&CHOICE)), ("usage", Rule::Object(&USAGE))]);
        for event in [
            r#"{"created":1,"choices":[{"index":0,"t":"TEXT"}]}"#,
            r#"{"created":1,"choices":[{"t":"TEXT","x":2,"index":0}],"y":3}"#,
            r#"{"created":1,"choices":[{"t":"TEXT","usage":{"total_tokens":5},"index":0}],"usage":{"total_tokens":5}}"#,
        ] {
            let mut repeated = RepeatedEvent::default();
            let places = walk(event.as_bytes(), &EVENT, &mut Found::new(None)).expect("nothing unusual");
            repeated.learn(event.as_bytes(), &places);
            let later = event.replace("TEXT", "x").replace(":1,", ":27,").replace(":2,", ":28,").replace(":5}", ":29}");
            fits(&repeated, &later, Some("x"));
            for other in ["1", "10"] {
                fits(&repeated, &later.replace("\"index\":0", &format!("\"index\":{other}")), None);
            }
        }
    }

    #[test]
    fn parts_of_numbers_and_of_escapes_may_not_differ() {
        for (event, other) in [
            (r#"{"t":"TEXT","n":1.5}"#, r#"{"t":"TEXT","n":1.6}"#),
            (r#"{"t":"TEXT","n":1.5}"#, r#"{"t":"TEXT","n":2.5}"#),
            (r#"{"t":"TEXT","n":-1}"#, r#"{"t":"TEXT","n":-2}"#),
            (r#"{"t":"TEXT","n":1e1}"#, r#"{"t":"TEXT","n":1e2}"#),
            (r#"{"t":"TEXT","n":"\u0011,"}"#, r#"{"t":"TEXT","n":"\u001,"}"#),
            (r#"{"t":"TEXT","n":0}"#, r#"{"t":"TEXT","n":00}"#),
        ] {
            fits(&learned(event, "TEXT"), other, None);
        }
    }

    /// As the walker has it.
    fn walked(event: &str) -> (RepeatedEvent, Option<Usage>) {
        static CHOICE: Node = Node::of(&[("t", Rule::Text(OutputKind::Visible))]);
        static EVENT: Node = Node::of(&[("choice", Rule::Object(&CHOICE)), ("usage", Rule::Object(&USAGE))]);
        let mut found = Found::new(None);
        let places = walk(event.as_bytes(), &EVENT, &mut found).expect("nothing unusual");
        let mut repeated = RepeatedEvent::default();
        repeated.learn(event.as_bytes(), &places);
        (repeated, found.seen.usage)
    }

    #[test]
    fn token_counts_behind_the_text_are_read_where_they_were() {
        let event = |text: &str, prompt: &str, total: &str, cached: &str| {
            format!(
                r#"{{"n":7,"choice":{{"t":"{text}"}},"usage":{{"prompt_tokens": {prompt},"total_tokens":{total},"x":1,"prompt_tokens_details":{{"cached_tokens":{cached}}}}}}}"#
            )
        };
        let (repeated, _) = walked(&event("a", "550", "551", "0"));
        for (text, prompt, total, cached) in [("b", "9", "4294967295", "16"), ("", "0", "10", "1")] {
            let event = event(text, prompt, total, cached).replace("\"x\":1", "\"x\":22");
            let (fit, usage) = repeated.fit_with_counts(event.as_bytes()).expect("it fits");
            assert_eq!((fit.text, Some(usage)), (text.as_bytes(), walked(&event).1));
        }
        for (prompt, total, cached) in [
            ("4294967296", "1", "1"),
            ("1", "01", "1"),
            ("1", "-1", "1"),
            ("1", "1.5", "1"),
            ("1", "1e3", "1"),
            ("1", "null", "1"),
            ("1", "", "1"),
            ("1", "1", "1 "),
            ("1", "1", "2,\"y\":3"),
        ] {
            fits(&repeated, &event("a", prompt, total, cached), None);
        }
    }

    #[test]
    fn nothing_is_learned_from_counts_before_the_text() {
        let (repeated, usage) = walked(r#"{"usage":{"total_tokens":5},"choice":{"t":"a"}}"#);
        assert_eq!(usage.and_then(|u| u.total), Some(5));
        fits(&repeated, r#"{"usage":{"total_tokens":5},"choice":{"t":"a"}}"#, None);
    }

    #[test]
    fn nothing_fits_before_anything_is_learned_or_after_it_is_forgotten() {
        let mut repeated = RepeatedEvent::default();
        fits(&repeated, r#""x""#, None);
        repeated.learn(br#"{"t":"TEXT"}"#, &text_at(6..10));
        fits(&repeated, r#"{"t":"x"}"#, Some("x"));
        repeated.forget();
        fits(&repeated, r#"{"t":"x"}"#, None);
    }
}
