//! The walker: applies the rules to JSON text in one pass, without a tree and without allocation.

use super::failed::{denies, names_error};
use super::lex::{Lexer, Unusual};
use super::rules::{Count, Found, KIND, Node, OutputKind, Rule, of_kind};
use std::ops::Range;

/// The places in the JSON of what may differ from event to event.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The last text that was not empty, and whose it is.
    pub(super) text: Option<(Range<usize>, OutputKind)>,
    /// The counts, in order; the first of them, if there are more than it holds.
    counts: [Option<(Range<usize>, Count)>; COUNTS],
    counted: usize,
    /// Where the index of a choice begins; of several, the last.
    pub(super) index: Option<usize>,
}

impl Places {
    fn count(&mut self, place: Range<usize>, count: Count) {
        if let Some(next) = self.counts.get_mut(self.counted) {
            *next = Some((place, count));
        }
        self.counted += 1;
    }

    /// All counts, in order; `None` if there are more than are kept.
    pub(super) fn counts(&self) -> Option<impl Iterator<Item = &(Range<usize>, Count)>> {
        Some(self.counts.get(..self.counted)?.iter().flatten())
    }
}

/// Reads one object, or a list of objects, by the rules of `node`, and says where the text and the counts are.
///
/// Declines whatever the full parse might see otherwise: a key twice, an escaped key, a value of another type than its
/// rule knows, deep nesting, anything malformed.
pub(super) fn walk(json: &[u8], node: &'static Node, found: &mut Found<'_>) -> Result<Places, Unusual> {
    std::str::from_utf8(json).map_err(|_| Unusual)?;
    let mut walker = Walker { lexer: Lexer::new(json), found, places: Places::default() };
    match walker.lexer.peek() {
        b'[' => walker.list(node, Walker::object)?,
        _ => walker.object(node)?,
    }
    walker.lexer.end()?;
    walker.found.conclude();
    Ok(walker.places)
}

struct Walker<'a, 'f, 't> {
    lexer: Lexer<'a>,
    found: &'f mut Found<'t>,
    places: Places,
}

impl Walker<'_, '_, '_> {
    fn object(&mut self, node: &'static Node) -> Result<(), Unusual> {
        let node = match node.kinds() {
            Some(kinds) => of_kind(node, kinds, kind(self.lexer.clone())?),
            None => node,
        };
        self.lexer.expect(b'{')?;
        if self.lexer.peek() == b'}' {
            self.lexer.take();
            return Ok(());
        }
        let mut keys_seen = 0_u64;
        let mut reasoned = false;
        loop {
            let key = self.lexer.key()?;
            if let Some((i, rule)) = node.rule(key) {
                if keys_seen & 1 << i != 0 {
                    return Err(Unusual);
                }
                keys_seen |= 1 << i;
                self.value(rule, &mut reasoned)?;
            } else {
                self.lexer.skip(MAX_DEPTH)?;
            }
            match self.lexer.take() {
                b',' => {}
                b'}' => return Ok(()),
                _ => return Err(Unusual),
            }
        }
    }

    fn value(&mut self, rule: Rule, reasoned: &mut bool) -> Result<(), Unusual> {
        if self.lexer.null()? {
            return Ok(());
        }
        match rule {
            Rule::Object(node) => self.object(node)?,
            Rule::List(node) => self.list(node, Self::object)?,
            Rule::Choices(node) => self.list(node, Self::choice)?,
            Rule::Index => {
                self.places.index = Some(self.lexer.position());
                let index = self.lexer.small_integer()?;
                self.found.index(index);
            }
            Rule::Text(kind) => self.text(kind, reasoned)?,
            Rule::Parts(kind, node) => self.parts(kind, node, reasoned)?,
            Rule::Given => {
                if !self.lexer.skip_given(MAX_DEPTH)? {
                    return Ok(());
                }
                self.found.given();
            }
            Rule::Tree(kind) if self.lexer.peek() == b'"' => self.text(kind, reasoned)?,
            // Its text is the tree's, which only the full parse has.
            Rule::Tree(_) => return Err(Unusual),
            Rule::Kinds(_) => self.lexer.skip(MAX_DEPTH)?,
            Rule::Count(count) => {
                let start = self.lexer.position();
                let tokens = self.lexer.small_integer()?;
                self.places.count(start..self.lexer.position(), count);
                self.found.count(count, tokens);
            }
            Rule::Duration(timing, unit) => {
                let number = self.lexer.float()?;
                self.found.duration(timing, unit, number);
            }
            Rule::Reason => self.found.reason(self.lexer.plain_string()?),
            Rule::Status => self.found.status(self.lexer.plain_string()?),
            Rule::Whole => {
                self.found.seen.whole = true;
                self.lexer.skip(MAX_DEPTH)?;
            }
            Rule::Last => {
                self.found.seen.ends();
                self.lexer.skip(MAX_DEPTH)?;
            }
            Rule::LastIf(word) => {
                let plain = self.lexer.plain_string()?;
                if plain == word.as_bytes() {
                    self.found.seen.ends();
                } else {
                    self.found.seen.error |= names_error(plain);
                }
            }
            // Which values of other types are none, the full parse knows: what was learned from one number would hold
            // for all.
            Rule::Error => self.found.seen.error |= !self.lexer.string()?.is_empty(),
            Rule::ErrorIf(words) => {
                let plain = self.lexer.plain_string()?;
                self.found.seen.error |= words.iter().any(|word| plain == word.as_bytes());
            }
            Rule::ErrorName => {
                let plain = self.lexer.plain_string()?;
                self.found.seen.error |= names_error(plain);
            }
            Rule::Denial(weight) => {
                if denies(self.lexer.plain_string()?) {
                    self.found.sign(weight);
                }
            }
            Rule::Sign(weight) => {
                if !self.lexer.string()?.is_empty() {
                    self.found.sign(weight);
                }
            }
        }
        Ok(())
    }

    /// One of the responses that were asked for.
    fn choice(&mut self, node: &'static Node) -> Result<(), Unusual> {
        self.found.enter_choice();
        self.object(node)?;
        self.found.leave_choice();
        Ok(())
    }

    fn list(
        &mut self,
        node: &'static Node,
        item: fn(&mut Self, &'static Node) -> Result<(), Unusual>,
    ) -> Result<(), Unusual> {
        self.lexer.expect(b'[')?;
        if self.lexer.peek() == b']' {
            self.lexer.take();
            return Ok(());
        }
        self.found.items = true;
        loop {
            item(self, node)?;
            match self.lexer.take() {
                b',' => {}
                b']' => return Ok(()),
                _ => return Err(Unusual),
            }
        }
    }

    fn text(&mut self, kind: OutputKind, reasoned: &mut bool) -> Result<(), Unusual> {
        let text = self.lexer.string()?;
        if text.is_empty() {
            return Ok(());
        }
        let end = self.lexer.position() - 1;
        self.places.text = Some((end - text.len()..end, kind));
        self.found.texts += 1;
        if kind == OutputKind::Reasoning && (std::mem::replace(reasoned, true) || self.found.muted) {
            return Ok(());
        }
        self.found.output(kind, text);
        Ok(())
    }

    fn parts(&mut self, kind: OutputKind, node: &'static Node, reasoned: &mut bool) -> Result<(), Unusual> {
        if self.lexer.peek() != b'[' {
            return self.text(kind, reasoned);
        }
        let outer = self.found.enter(*reasoned);
        self.list(node, Self::object)?;
        *reasoned |= self.found.leave(outer);
        Ok(())
    }
}

/// The kind that an object says it is of, read ahead.
fn kind<'a>(mut lexer: Lexer<'a>) -> Result<Option<&'a [u8]>, Unusual> {
    let mut kind = None;
    lexer.expect(b'{')?;
    if lexer.peek() == b'}' {
        return Ok(None);
    }
    loop {
        if lexer.key()? != KIND.as_bytes() {
            lexer.skip(MAX_DEPTH)?;
        } else if kind.replace(lexer.plain_string()?).is_some() {
            return Err(Unusual);
        }
        match lexer.take() {
            b',' => {}
            b'}' => return Ok(kind),
            _ => return Err(Unusual),
        }
    }
}

/// Levels of nesting in a value that is skipped, beyond which the full parse decides.
const MAX_DEPTH: usize = 48;

/// Counts of one event whose places are kept: all of one usage object, twice.
const COUNTS: usize = 10;
