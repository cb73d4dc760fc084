//! What a run must not tell: the values of its headers, keys in the path of its requests, and texts of its extra inputs
//! under telling names.

use super::template_secrets::literals;
use super::{Header, Plan};
use percent_encoding::percent_decode_str;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::io;

/// The secrets of a run.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Those of a plan: header values, the values of a query and of extra inputs whose names tell. A value of a few
    /// letters is left out: to strike it out wherever it stands would garble the text.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let mut found = Self::of_headers(&plan.headers).0;
        let queries = plan.targets.iter().filter_map(|target| target.query.as_ref());
        for (_, value) in plan.custom_endpoint.iter().chain(queries).flat_map(|path| keys(path)) {
            found.push(value.to_owned());
            found.push(percent_decoded(value));
        }
        found.extend(Self::in_bodies(plan).0);
        Self::from(found)
    }

    /// Those in the values of headers alone.
    #[must_use]
    pub fn of_headers(headers: &[Header]) -> Self {
        let mut found = Vec::new();
        for header in headers {
            found.push(header.value.clone());
            found.extend(header.value.rsplit(' ').next().map(str::to_owned));
            if header.name.eq_ignore_ascii_case("cookie") {
                let pairs = header.value.split(';');
                found.extend(pairs.filter_map(|pair| Some(pair.split_once('=')?.1.trim().to_owned())));
            }
        }
        Self::from(found)
    }

    /// Those that stand in request bodies: texts of extra inputs and literal texts of a body template, each under names
    /// that tell.
    #[must_use]
    pub fn in_bodies(plan: &Plan) -> Self {
        let mut found = Vec::new();
        if let Some(template) = &plan.payload.template {
            for at in literals(template.source()) {
                let written = &template.source()[at];
                found.extend(serde_json::from_str(&format!("\"{written}\"")).ok());
                found.extend(written.rsplit(' ').next().map(str::to_owned));
                found.push(written.to_owned());
            }
        }
        for (name, value) in &plan.extra_inputs {
            collect(name, value, names_a_secret(name), &mut found);
        }
        Self::from(found)
    }

    fn from(mut secrets: Vec<String>) -> Self {
        // As they stand inside of JSON, where that is different.
        let escaped = secrets.iter().filter_map(|secret| {
            let quoted = Value::from(secret.as_str()).to_string();
            let inside = &quoted[1..quoted.len() - 1];
            (inside != secret).then(|| inside.to_owned())
        });
        let escaped: Vec<String> = escaped.collect();
        secrets.extend(escaped);
        secrets.retain(|v| v.len() >= SHORTEST);
        secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        secrets.dedup();
        Self(secrets)
    }

    /// A writer that strikes them out of what passes through it, also where one is spread over several writes. What is
    /// held back goes out with [`Scrubber::end`].
    pub fn scrubber<W: io::Write>(&self, to: W) -> Scrubber<'_, W> {
        Scrubber { secrets: self, held: Vec::new(), to }
    }

    /// Where the first of them stands in bytes; of two that begin there, the longer.
    fn first_in(&self, bytes: &[u8]) -> Option<(usize, &str)> {
        let at = |secret: &str| memchr::memmem::find(bytes, secret.as_bytes());
        let found = self.0.iter().filter_map(|secret| Some((at(secret)?, secret.as_str())));
        found.min_by_key(|(at, _)| *at)
    }

    /// The text without them.
    #[must_use]
    pub fn scrub<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for secret in &self.0 {
            if text.contains(secret.as_str()) {
                text = Cow::Owned(text.replace(secret.as_str(), HIDDEN));
            }
        }
        if !self.0.is_empty() && text.chars().any(is_invisible) {
            text = Cow::Owned(self.scrub_between(&text));
        }
        text
    }

    /// The same of a text that may have been cut in the middle of one: then its end is struck out as well.
    #[must_use]
    pub fn scrub_cut(&self, text: &str) -> String {
        let mut text = self.scrub(text).into_owned();
        let fronts = self.0.iter().flat_map(|secret| {
            let ends = secret.char_indices().map(|(at, _)| at).filter(|at| *at >= SHORTEST);
            ends.map(|end| &secret[..end])
        });
        let longest = fronts.filter(|front| text.ends_with(front)).map(str::len).max();
        if let Some(length) = longest {
            text.truncate(text.len() - length);
            text += HIDDEN;
        }
        text
    }

    /// The same where characters that cannot be seen stand inside of one: whoever leaves them out would have it whole.
    fn scrub_between(&self, text: &str) -> String {
        let visible: Vec<(usize, char)> = text.char_indices().filter(|(_, c)| !is_invisible(*c)).collect();
        let bare: String = visible.iter().map(|(_, c)| c).collect();
        let places: Vec<usize> = bare.char_indices().map(|(at, _)| at).collect();
        let (mut shown, mut from, mut search) = (String::new(), 0, 0);
        while let Some((at, secret)) = self.first_in(&bare.as_bytes()[search..]) {
            let (first, last) = (search + at, search + at + secret.len());
            // Secrets begin and end with whole characters.
            let begin = places.partition_point(|place| *place < first);
            let end = places.partition_point(|place| *place < last);
            shown += &text[from..visible.get(begin).map_or(text.len(), |(at, _)| *at)];
            shown += HIDDEN;
            from = visible.get(end - 1).map_or(text.len(), |(at, c)| at + c.len_utf8());
            search = last;
        }
        shown + &text[from..]
    }

    /// What is kept of something that a server or the engine says: without them, at most 200 characters. First struck
    /// out, then cut: the front of a secret is one too.
    #[must_use]
    pub fn excerpt(&self, said: &str) -> String {
        let mut said = said;
        if said.len() >= CUT_BEFORE {
            // It has been cut already, perhaps in the middle of one.
            let longest = self.0.first().map_or(0, String::len);
            said = &said[..said.floor_char_boundary(said.len().saturating_sub(longest))];
        }
        self.scrub(said).chars().take(EXCERPT).collect()
    }
}

/// Strikes secrets out of a stream of bytes: [`Secrets::scrubber`].
pub struct Scrubber<'a, W> {
    secrets: &'a Secrets,
    held: Vec<u8>,
    to: W,
}

impl<W: io::Write> Scrubber<'_, W> {
    /// Writes what was held back.
    ///
    /// # Errors
    /// Those of the writer behind it.
    pub fn end(mut self) -> io::Result<()> {
        self.pass(0)
    }

    /// Writes all but the last bytes, of which `keep` may be the front of a secret.
    fn pass(&mut self, keep: usize) -> io::Result<()> {
        let mut from = 0;
        let until = self.held.len().saturating_sub(keep);
        while let Some((at, secret)) = self.secrets.first_in(&self.held[from..]) {
            let at = from + at;
            if at >= until {
                break;
            }
            self.to.write_all(&self.held[from..at])?;
            self.to.write_all(HIDDEN.as_bytes())?;
            from = at + secret.len();
        }
        let end = until.max(from);
        self.to.write_all(&self.held[from..end])?;
        self.held.drain(..end);
        Ok(())
    }
}

impl<W: io::Write> io::Write for Scrubber<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(longest) = self.secrets.0.first() else {
            return self.to.write(bytes);
        };
        self.held.extend_from_slice(bytes);
        if self.held.len() >= PASSED_AT_ONCE {
            self.pass(longest.len() - 1)?;
        }
        Ok(bytes.len())
    }

    /// What may be the front of a secret stays held back.
    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Whether a character cannot be seen, or reorders what is read: bidirectional controls (UAX #9), zero-width and other
/// format characters, variation selectors, tags, and noncharacters. Terminals are not shown them.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' | '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// Whether a name says that its value is secret: of a query's pair, a field of a body, a flag or a header. `max_tokens`
/// and the like are counts.
#[must_use]
pub fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace("tokens", "").replace("tokenizer", "");
    TELLING.iter().any(|part| name.contains(part))
}

/// A text with the values of telling names hidden in each query that it holds (`/path?api_key=…&version=2`).
#[must_use]
pub fn without_query_secrets(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    for (at, value) in keys(text) {
        let before = at - (text.len() - rest.len());
        shown += &rest[..before];
        shown += HIDDEN;
        rest = &rest[before + value.len()..];
    }
    shown + rest
}

/// The source of a body template with its literal texts under telling names hidden.
#[must_use]
pub(super) fn without_template_secrets(source: &str) -> String {
    let mut shown = String::new();
    let mut from = 0;
    for at in literals(source) {
        shown += &source[from..at.start];
        shown += HIDDEN;
        from = at.end;
    }
    shown + &source[from..]
}

/// A JSON value with the texts of telling names hidden.
#[must_use]
pub fn without_json_secrets(name: &str, value: &Value) -> Value {
    fn hidden(value: &Value, secret: bool) -> Value {
        match value {
            Value::String(_) if secret => HIDDEN.into(),
            Value::Number(number) if secret && number.to_string().len() >= LONG_NUMBER => HIDDEN.into(),
            Value::Array(items) => items.iter().map(|item| hidden(item, secret)).collect(),
            Value::Object(fields) => {
                let field =
                    |(name, value): (&String, &Value)| (name.clone(), hidden(value, secret || names_a_secret(name)));
                Value::Object(fields.iter().map(field).collect())
            }
            other => other.clone(),
        }
    }
    hidden(value, names_a_secret(name))
}

/// The values in a query, or of parameters of a path (`;token=…`), that are secret by their names or their looks, and
/// where each begins. A secret goes on to the next `&`: what else ends a pair can be a letter of it.
fn keys(path: &str) -> impl Iterator<Item = (usize, &str)> {
    let begin = path.find(['?', ';']).map_or(path.len(), |at| at + 1);
    let mut at = begin;
    path[begin..].split(['&', '#', ' ']).filter_map(move |segment| {
        let here = at;
        at += segment.len() + 1;
        let ends = segment.match_indices([';', '?']).map(|(end, _)| end + 1);
        std::iter::once(0).chain(ends).find_map(|from| {
            let pair = segment[from..].split([';', '?']).next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else {
                return (is_mixed(pair) && pair.len() >= LONG_ALONE).then_some((here + from, &segment[from..]));
            };
            let begin = from + name.len() + 1;
            let name = percent_decoded(name);
            let secret = names_a_secret(&name) || looks_secret(&name, value);
            secret.then_some((here + begin, &segment[begin..]))
        })
    })
}

/// Whether the value of a pair in a query looks like a key whatever its name (`?k=…`): as long as one, of letters and
/// digits, and none of a version or a model.
fn looks_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    value.len() >= AS_LONG_AS_A_KEY && is_mixed(value) && !HARMLESS.iter().any(|part| name.contains(part))
}

/// Whether there are digits and letters in it.
fn is_mixed(value: &str) -> bool {
    value.bytes().any(|b| b.is_ascii_digit()) && value.bytes().any(|b| b.is_ascii_alphabetic())
}

/// The texts under a telling name, those of its children included.
fn collect(name: &str, value: &Value, secret: bool, found: &mut Vec<String>) {
    let secret = secret || names_a_secret(name);
    match value {
        Value::String(text) if secret => found.push(text.clone()),
        // A short number is a setting; a long one may be a key.
        Value::Number(number) if secret && number.to_string().len() >= LONG_NUMBER => found.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| collect("", item, secret, found)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| collect(name, value, secret, found)),
        _ => {}
    }
}

/// `%2B` as `+` (RFC 3986 §2.1); what is no escape stays.
fn percent_decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// A path as it may be shown.
pub(super) fn without_keys<S: Serializer>(path: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
    path.as_deref().map(without_query_secrets).serialize(to)
}

/// Extra inputs as they may be shown.
pub(super) fn without_texts<S: Serializer>(inputs: &Map<String, Value>, to: S) -> Result<S::Ok, S::Error> {
    let shown = inputs.iter().map(|(name, value)| (name.clone(), without_json_secrets(name, value)));
    shown.collect::<Map<_, _>>().serialize(to)
}

/// Parts of names whose values are secret.
const TELLING: &[&str] = &[
    "key",
    "token",
    "secret",
    "sig",
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "code",
    "auth",
    "jwt",
    "sas",
    "credential",
    "bearer",
    "cookie",
];
/// Bytes of the shortest value that [`looks_secret`].
const AS_LONG_AS_A_KEY: usize = 16;
/// Bytes of the shortest part of a query without a name that is taken for a key.
const LONG_ALONE: usize = 12;
/// Parts of names whose values are none, however long.
const HARMLESS: &[&str] = &["version", "model", "deployment", "region", "engine"];
/// Bytes that a [`Scrubber`] gathers before it looks for secrets in them.
const PASSED_AT_ONCE: usize = 64 * 1024;
/// What stands in their place.
pub const HIDDEN: &str = "<redacted>";
const SHORTEST: usize = 6;
/// Digits from which on a number under a telling name is a secret.
const LONG_NUMBER: usize = 10;
/// Characters of what is said that are kept.
const EXCERPT: usize = 200;
/// Bytes from which on what a server said may have been cut where it was read.
const CUT_BEFORE: usize = 4000;

#[cfg(test)]
mod tests;
