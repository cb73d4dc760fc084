//! The walker: applies the rules to JSON text in one pass, without a tree and without allocation.

use super::lex::{Lexer, Unusual};
use super::rules::{Found, KIND, Node, Rule, Slot, of_kind};
use std::ops::Range;

/// Reads one object, or a list of objects, by the rules of `node`. Gives the place of the last text that was not empty, and whose it is.
///
/// Declines whatever the full parse might see otherwise: a key twice, an escaped key, a value of another type than its rule knows,
/// deep nesting, anything malformed.
pub(super) fn walk(
    json: &[u8],
    node: &'static Node,
    found: &mut Found<'_>,
) -> Result<Option<(Range<usize>, Slot)>, Unusual> {
    std::str::from_utf8(json).map_err(|_| Unusual)?;
    let mut walker = Walker {
        lexer: Lexer::new(json),
        found,
        last: None,
    };
    match walker.lexer.peek() {
        b'[' => walker.list(node)?,
        _ => walker.object(node)?,
    }
    walker.lexer.end()?;
    Ok(walker.last)
}

struct Walker<'a, 'f, 't> {
    lexer: Lexer<'a>,
    found: &'f mut Found<'t>,
    last: Option<(Range<usize>, Slot)>,
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
        let mut keys_seen = 0_u32;
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
            Rule::List(node) => self.list(node)?,
            Rule::Text(slot) => self.text(slot, reasoned)?,
            Rule::Given => {
                if !self.lexer.skip_given(MAX_DEPTH)? {
                    return Ok(());
                }
                self.found.given();
            }
            // Its text is the tree's, which only the full parse has.
            Rule::Tree(_) => return Err(Unusual),
            Rule::Kinds(_) => self.lexer.skip(MAX_DEPTH)?,
            Rule::Finish => self.found.seen.finish |= !self.lexer.string()?.is_empty(),
            Rule::Count(count) => {
                let tokens = self.lexer.small_integer()?;
                self.found.count(count, tokens);
            }
            Rule::Error => {
                self.found.seen.error = true;
                self.lexer.skip(MAX_DEPTH)?;
            }
            Rule::ErrorIf(word) => {
                let plain = self.lexer.plain_string()?;
                self.found.seen.error |= plain == word.as_bytes();
            }
        }
        Ok(())
    }

    fn list(&mut self, node: &'static Node) -> Result<(), Unusual> {
        self.lexer.expect(b'[')?;
        if self.lexer.peek() == b']' {
            self.lexer.take();
            return Ok(());
        }
        loop {
            self.object(node)?;
            match self.lexer.take() {
                b',' => {}
                b']' => return Ok(()),
                _ => return Err(Unusual),
            }
        }
    }

    fn text(&mut self, slot: Slot, reasoned: &mut bool) -> Result<(), Unusual> {
        let text = self.lexer.string()?;
        if text.is_empty() {
            return Ok(());
        }
        let end = self.lexer.position() - 1;
        self.last = Some((end - text.len()..end, slot));
        self.found.texts += 1;
        if slot == Slot::Reasoning && std::mem::replace(reasoned, true) {
            return Ok(());
        }
        self.found.output(slot, text);
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
