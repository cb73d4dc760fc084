//! Literal secrets in the source of a body template: texts under telling names, as in [`super::secrets`].

use super::secrets::names_a_secret;
use std::ops::Range;

/// Where the literal texts under telling names stand in a template that renders to JSON, in order. A name is what
/// stands before a colon in JSON (a nested value has the names around it too), and before `=` or a colon inside of a
/// tag. Of a text that a tag is part of, each literal piece counts.
pub(super) fn literals(source: &str) -> Vec<Range<usize>> {
    let mut scan = Scan { source, at: 0, in_tag: false, tells: false, around: Vec::new(), found: Vec::new() };
    while scan.at < source.len() {
        scan.step();
    }
    scan.found
}

struct Scan<'a> {
    source: &'a str,
    at: usize,
    in_tag: bool,
    /// Whether the name of the value under way tells.
    tells: bool,
    /// The same of the objects and lists around it.
    around: Vec<bool>,
    found: Vec<Range<usize>>,
}

impl Scan<'_> {
    fn step(&mut self) {
        let rest = &self.source[self.at..];
        if !self.in_tag && begins_tag(rest) || self.in_tag && ends_tag(rest) {
            self.in_tag = !self.in_tag;
            self.at += 2;
            return;
        }
        let Some(next) = rest.chars().next() else { return };
        match next {
            '"' => self.text('"'),
            '\'' if self.in_tag => self.text('\''),
            c if self.in_tag && (c.is_alphabetic() || c == '_') => self.word(),
            c => {
                self.at += c.len_utf8();
                match c {
                    '{' | '[' => {
                        self.around.push(self.secret());
                        self.tells = false;
                    }
                    '}' | ']' => {
                        self.around.pop();
                        self.tells = false;
                    }
                    ',' => self.tells = false,
                    _ => {}
                }
            }
        }
    }

    fn secret(&self) -> bool {
        self.tells || self.around.last() == Some(&true)
    }

    /// A text in quotes: a name, or a value.
    fn text(&mut self, quote: char) {
        let begin = self.at + 1;
        let mut escaped = false;
        let end = self.source[begin..].char_indices().find(|(_, c)| {
            let ends = *c == quote && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        let end = end.map_or(self.source.len(), |(at, _)| begin + at);
        self.at = (end + 1).min(self.source.len());
        match self.source[self.at..].trim_start().starts_with(':') {
            true => self.tells = names_a_secret(&self.source[begin..end]),
            false if self.secret() => self.pieces(begin..end),
            false => {}
        }
    }

    /// A name inside of a tag, where `=` follows.
    fn word(&mut self) {
        let rest = &self.source[self.at..];
        let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let after = rest[length..].trim_start();
        if after.starts_with('=') && !after.starts_with("==") {
            self.tells = names_a_secret(&rest[..length]);
        }
        self.at += length;
    }

    /// The literal pieces of a text: what is not in a tag.
    fn pieces(&mut self, text: Range<usize>) {
        let (mut from, mut at, mut in_tag) = (text.start, text.start, self.in_tag);
        let inside = in_tag;
        while at < text.end {
            let rest = &self.source[at..text.end];
            if !inside && (!in_tag && begins_tag(rest) || in_tag && ends_tag(rest)) {
                if !in_tag && at > from {
                    self.found.push(from..at);
                }
                in_tag = !in_tag;
                at += 2;
                from = at;
            } else {
                at += rest.chars().next().map_or(1, char::len_utf8);
            }
        }
        if at > from && in_tag == inside {
            self.found.push(from..at);
        }
    }
}

fn begins_tag(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|tag| text.starts_with(tag))
}

fn ends_tag(text: &str) -> bool {
    ["}}", "%}", "#}"].iter().any(|tag| text.starts_with(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_texts_under_telling_names_are_found() {
        for (source, expected) in [
            (r#"{"text": {{ text|tojson }}, "api_key": "sk-one", "n": 1}"#, vec!["sk-one"]),
            (r#"{"auth": {"user": "somebody", "list": ["a b", 3]}, "q": "none"}"#, vec!["somebody", "a b"]),
            (r#"{"authorization": "Bearer sk-{{ model }}-tail", "t": "x"}"#, vec!["Bearer sk-", "-tail"]),
            (r#"{% set api_key = "sk-two" %}{"k": {{ api_key|tojson }}}"#, vec!["sk-two"]),
            (r#"{"api_key": {{ "sk-three"|tojson }}, "text": {{ text|tojson }}}"#, vec!["sk-three"]),
            (r#"{{ {"jwt": "sk-four", "max_tokens": "many"}|tojson }}"#, vec!["sk-four"]),
            (r#"{"secret": "quo\"ted"}"#, vec![r#"quo\"ted"#]),
            (r#"{% if api_key == "x" %}{"max_tokens": "7", "role": "user"}{% endif %}"#, vec![]),
            (r#"{"a": {"token": {{ text|tojson }}}, "b": "plain"}"#, vec![]),
            (r#"{"password": "never closed"#, vec!["never closed"]),
            ("", vec![]),
        ] {
            let found: Vec<&str> = literals(source).into_iter().map(|at| &source[at]).collect();
            assert_eq!(found, expected, "{source}");
        }
    }
}
