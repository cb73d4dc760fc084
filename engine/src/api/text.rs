//! Output text: kept as it came, joined and unescaped at the end.

use super::rules::OutputKind;

/// The output of one request: the bodies of JSON strings, still escaped, one after another.
///
/// They are joined before they are unescaped, so that a surrogate pair that a server split between two events comes
/// together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// Content, and the names and arguments of tool calls.
    pub visible: Vec<u8>,
    /// Reasoning text, still escaped.
    pub reasoning: Vec<u8>,
}

impl Text {
    /// Bytes of memory that both hold.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.visible.capacity() + self.reasoning.capacity()
    }

    /// Empties both; their capacity stays.
    pub fn clear(&mut self) {
        self.visible.clear();
        self.reasoning.clear();
    }

    pub(super) fn buffer(&mut self, kind: OutputKind) -> &mut Vec<u8> {
        match kind {
            OutputKind::Visible => &mut self.visible,
            OutputKind::Reasoning => &mut self.reasoning,
        }
    }

    pub(super) fn lengths(&self) -> (usize, usize) {
        (self.visible.len(), self.reasoning.len())
    }

    pub(super) fn truncate(&mut self, (visible, reasoning): (usize, usize)) {
        self.visible.truncate(visible);
        self.reasoning.truncate(reasoning);
    }
}

/// Undoes the escapes of JSON string bodies (RFC 8259 §7). Lone surrogates, escapes that are none, and bytes that are
/// not UTF-8 become U+FFFD.
#[must_use]
pub fn unescape(escaped: &[u8]) -> String {
    let escaped = String::from_utf8_lossy(escaped);
    let mut out = String::with_capacity(escaped.len());
    let mut rest = &*escaped;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(kind) = rest.chars().next() else {
            out.push(char::REPLACEMENT_CHARACTER);
            break;
        };
        rest = &rest[kind.len_utf8()..];
        out.push(match kind {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '"' | '\\' | '/' => kind,
            'u' => code_point(&mut rest),
            _ => char::REPLACEMENT_CHARACTER,
        });
    }
    out.push_str(rest);
    out
}

/// The character of `XXXX`, or of `XXXX\uXXXX` where both are a surrogate pair.
fn code_point(rest: &mut &str) -> char {
    let Some(first) = four_hex(rest) else {
        return char::REPLACEMENT_CHARACTER;
    };
    *rest = &rest[4..];
    if (0xD800..0xDC00).contains(&first)
        && let Some(after) = rest.strip_prefix("\\u")
        && let Some(second @ 0xDC00..0xE000) = four_hex(after)
    {
        *rest = &after[4..];
        let pair = 0x10000 + ((first - 0xD800) << 10 | (second - 0xDC00));
        return char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER);
    }
    char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn four_hex(text: &str) -> Option<u32> {
    let digits = text.get(..4)?;
    let all_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    all_hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}
