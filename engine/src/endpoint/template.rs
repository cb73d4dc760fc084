//! What the events of one stream have in common: all the bytes before their text, and all the bytes after it.
//!
//! An event that differs from a walked one only in the body of that one string says the same, but for the text: it need not be walked.
//! Numbers vary too (time stamps, indices), so that a run of digits may differ where it surely is a whole integer, or lies inside a
//! string where any digits do.

use super::lex::{digits, is_integer, string_end};
use super::rules::Slot;
use std::ops::Range;

/// The common bytes, once learned.
#[derive(Debug, Default)]
pub(super) struct Template {
    /// Prefix, then suffix.
    bytes: Vec<u8>,
    /// Length of the prefix: up to and including the quote that opens the text. 0 while nothing is learned.
    prefix: usize,
    slot: Option<Slot>,
}

impl Template {
    pub(super) fn forget(&mut self) {
        self.slot = None;
    }

    /// Learns from an event with exactly one text, at `text`, that says nothing beside it.
    pub(super) fn learn(&mut self, event: &[u8], text: Range<usize>, slot: Slot) {
        self.bytes.clear();
        self.bytes.extend_from_slice(&event[..text.start]);
        self.bytes.extend_from_slice(&event[text.end..]);
        self.prefix = text.start;
        self.slot = Some(slot);
    }

    /// The text of an event that fits, still escaped and surely well formed, and whose it is.
    #[inline]
    pub(super) fn fit<'a>(&self, event: &'a [u8]) -> Option<(&'a [u8], Slot)> {
        let slot = self.slot?;
        let (prefix, suffix) = self.bytes.split_at(self.prefix);
        let rest = match event.strip_prefix(prefix) {
            Some(rest) => rest,
            None => &event[like(prefix, event)?..],
        };
        let end = string_end(rest)?;
        let (text, rest) = rest.split_at(end);
        if rest != suffix && like(suffix, rest)? != rest.len() {
            return None;
        }
        std::str::from_utf8(text).ok()?;
        Some((text, slot))
    }
}

/// Length of the front of `bytes` that is `pattern` but for runs of digits.
fn like(pattern: &[u8], bytes: &[u8]) -> Option<usize> {
    let (mut p, mut b) = (0, 0);
    loop {
        let same = common(&pattern[p..], &bytes[b..]);
        p += same;
        b += same;
        if p == pattern.len() {
            return Some(b);
        }
        // They part inside a run of digits, or right behind one of them: back to its start, which both share.
        let back = pattern[..p]
            .iter()
            .rev()
            .take_while(|d| d.is_ascii_digit())
            .count();
        p -= back;
        b -= back;
        let before = *pattern[..p].last()?;
        let (ours, theirs) = (digits(&pattern[p..]), digits(&bytes[b..]));
        let fits = b":,[ ".contains(&before)
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
    same + a[same..]
        .iter()
        .zip(&b[same..])
        .take_while(|(a, b)| a == b)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(event: &str, text: &str) -> Template {
        let start = event.find(text).expect("the text is in the event");
        let mut template = Template::default();
        template.learn(event.as_bytes(), start..start + text.len(), Slot::Visible);
        template
    }

    #[track_caller]
    fn fits(template: &Template, event: &str, text: Option<&str>) {
        let fit = template.fit(event.as_bytes()).map(|(text, _)| text);
        assert_eq!(fit, text.map(str::as_bytes), "{event}");
    }

    #[test]
    fn an_event_that_differs_in_its_text_alone_fits() {
        let template = learned(r#"{"id":"a-1","t":"TEXT","n":null}"#, "TEXT");
        for text in [
            "x",
            "",
            r#"a\"b\\"#,
            "caf\u{e9}",
            r"\u00e9\ud83d",
            "eight bytes and more \\n",
        ] {
            fits(
                &template,
                &format!(r#"{{"id":"a-1","t":"{text}","n":null}}"#),
                Some(text),
            );
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
            fits(&template, other, None);
        }
        let invalid = b"{\"id\":\"a-1\",\"t\":\"\xff\",\"n\":null}";
        assert!(template.fit(invalid).is_none(), "not UTF-8");
    }

    #[test]
    fn whole_numbers_may_differ_on_both_sides() {
        let template = learned(
            r#"{"created":17, "t":"TEXT","ts":99,"list":[1, 2],"last":5}"#,
            "TEXT",
        );
        fits(
            &template,
            r#"{"created":18, "t":"x","ts":100,"list":[10, 0],"last":7}"#,
            Some("x"),
        );
        fits(
            &template,
            r#"{"created":1, "t":"x","ts":9,"list":[1, 2],"last":55}"#,
            Some("x"),
        );
        for other in [
            r#"{"created":018, "t":"x","ts":99,"list":[1, 2],"last":5}"#,
            r#"{"created":17, "t":"x","ts":9.5,"list":[1, 2],"last":5}"#,
            r#"{"created":17, "t":"x","ts":-9,"list":[1, 2],"last":5}"#,
            r#"{"created":17, "t":"x","ts":9e9,"list":[1, 2],"last":5}"#,
            r#"{"created":17, "t":"x","ts":,"list":[1, 2],"last":5}"#,
            r#"{"created":17, "t":"x","ts":99,"list":[1, 2],"last":5"#,
        ] {
            fits(&template, other, None);
        }
    }

    #[test]
    fn parts_of_numbers_and_of_escapes_may_not_differ() {
        for (event, other) in [
            (r#"{"t":"TEXT","n":1.5}"#, r#"{"t":"TEXT","n":1.6}"#),
            (r#"{"t":"TEXT","n":1.5}"#, r#"{"t":"TEXT","n":2.5}"#),
            (r#"{"t":"TEXT","n":-1}"#, r#"{"t":"TEXT","n":-2}"#),
            (r#"{"t":"TEXT","n":1e1}"#, r#"{"t":"TEXT","n":1e2}"#),
            (
                r#"{"t":"TEXT","n":"\u0011,"}"#,
                r#"{"t":"TEXT","n":"\u001,"}"#,
            ),
            (r#"{"t":"TEXT","n":0}"#, r#"{"t":"TEXT","n":00}"#),
        ] {
            fits(&learned(event, "TEXT"), other, None);
        }
    }

    #[test]
    fn nothing_fits_before_anything_is_learned_or_after_it_is_forgotten() {
        let mut template = Template::default();
        fits(&template, r#""x""#, None);
        template.learn(br#"{"t":"TEXT"}"#, 6..10, Slot::Visible);
        fits(&template, r#"{"t":"x"}"#, Some("x"));
        template.forget();
        fits(&template, r#"{"t":"x"}"#, None);
    }
}
