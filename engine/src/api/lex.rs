//! JSON lexemes (RFC 8259) on bytes: where they end, and whether they are well formed.
//!
//! The text is known to be UTF-8. Whatever is malformed, or merely unusual, is [`Unusual`]: the full parse decides.

/// The walker declines: the full parse has to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unusual;

/// A reader of JSON lexemes.
#[derive(Clone)]
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Where the next byte is.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The next byte that is not blank, without taking it; 0 at the end.
    #[inline]
    pub(super) fn peek(&mut self) -> u8 {
        match self.bytes.get(self.at) {
            Some(byte) if *byte > b' ' => *byte,
            _ => self.peek_past_blanks(),
        }
    }

    #[cold]
    fn peek_past_blanks(&mut self) -> u8 {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(byte) => return *byte,
                None => return 0,
            }
        }
    }

    /// Takes the next byte that is not blank; 0 at the end.
    #[inline]
    pub(super) fn take(&mut self) -> u8 {
        let byte = self.peek();
        self.at += 1;
        byte
    }

    /// Takes this byte, blanks before it.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Unusual> {
        (self.take() == byte).then_some(()).ok_or(Unusual)
    }

    /// Nothing but blanks is left.
    pub(super) fn end(&mut self) -> Result<(), Unusual> {
        self.peek();
        (self.at == self.bytes.len()).then_some(()).ok_or(Unusual)
    }

    /// The body of a string, still escaped; blanks may come before it.
    #[inline]
    pub(super) fn string(&mut self) -> Result<&'a [u8], Unusual> {
        self.expect(b'"')?;
        let rest = &self.bytes[self.at..];
        let end = string_end(rest).ok_or(Unusual)?.at;
        self.at += end + 1;
        Ok(&rest[..end])
    }

    /// The body of a string that has no escapes.
    #[inline]
    pub(super) fn plain_string(&mut self) -> Result<&'a [u8], Unusual> {
        self.expect(b'"')?;
        let rest = &self.bytes[self.at..];
        match string_end(rest) {
            Some(StringEnd { at, escapes: false }) => {
                self.at += at + 1;
                Ok(&rest[..at])
            }
            _ => Err(Unusual),
        }
    }

    /// A key without escapes, and the colon after it.
    #[inline]
    pub(super) fn key(&mut self) -> Result<&'a [u8], Unusual> {
        let key = self.plain_string()?;
        self.expect(b':')?;
        Ok(key)
    }

    /// `null`, if it is next.
    #[inline]
    pub(super) fn null(&mut self) -> Result<bool, Unusual> {
        if self.peek() != b'n' {
            return Ok(false);
        }
        self.literal(b"null")?;
        Ok(true)
    }

    /// An integer that fits in 32 bits.
    pub(super) fn small_integer(&mut self) -> Result<u32, Unusual> {
        self.peek();
        let rest = &self.bytes[self.at..];
        let length = digits(rest);
        let number = &rest[..length];
        if matches!(rest.get(length), Some(b'.' | b'e' | b'E')) || !is_integer(number) {
            return Err(Unusual);
        }
        self.at += length;
        small(number).ok_or(Unusual)
    }

    /// A number, as `serde_json` has it.
    pub(super) fn float(&mut self) -> Result<f64, Unusual> {
        self.peek();
        let start = self.at;
        self.number()?;
        serde_json::from_slice(&self.bytes[start..self.at]).map_err(|_| Unusual)
    }

    /// Skips one value of any kind, with at most `depth` levels of nesting.
    pub(super) fn skip(&mut self, depth: usize) -> Result<(), Unusual> {
        match self.peek() {
            b'"' => self.string().map(|_| ()),
            b'n' => self.literal(b"null"),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'{' => self.skip_items(b'}', depth, |lexer, depth| {
                lexer.string()?;
                lexer.expect(b':')?;
                lexer.skip(depth)
            }),
            b'[' => self.skip_items(b']', depth, Self::skip),
            _ => self.number(),
        }
    }

    /// Skips one value as [`Self::skip`] does: whether it is more than an empty list, object or string, and no list
    /// that begins with `null`.
    pub(super) fn skip_given(&mut self, depth: usize) -> Result<bool, Unusual> {
        let start = self.at;
        self.skip(depth)?;
        let value = &self.bytes[start..self.at];
        Ok(match value {
            [b'"', rest @ ..] => rest.len() > 1,
            [b'[', rest @ ..] => !matches!(rest.trim_ascii_start(), [b']' | b'n', ..]),
            [b'{', rest @ ..] => !rest.trim_ascii_start().starts_with(b"}"),
            _ => true,
        })
    }

    fn skip_items(
        &mut self,
        close: u8,
        depth: usize,
        item: impl Fn(&mut Self, usize) -> Result<(), Unusual>,
    ) -> Result<(), Unusual> {
        let depth = depth.checked_sub(1).ok_or(Unusual)?;
        self.take();
        if self.peek() == close {
            self.take();
            return Ok(());
        }
        loop {
            item(self, depth)?;
            match self.take() {
                b',' => {}
                byte if byte == close => return Ok(()),
                _ => return Err(Unusual),
            }
        }
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Unusual> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(Unusual);
        }
        self.at += word.len();
        Ok(())
    }

    /// Skips a number that surely fits in a double: few digits before the point, an exponent of at most two digits.
    fn number(&mut self) -> Result<(), Unusual> {
        let mut rest = &self.bytes[self.at..];
        rest = rest.strip_prefix(b"-").unwrap_or(rest);
        let whole = digits(rest);
        if !is_integer(&rest[..whole]) {
            return Err(Unusual);
        }
        rest = &rest[whole..];
        if let Some(fraction) = rest.strip_prefix(b".") {
            let length = digits(fraction);
            if length == 0 {
                return Err(Unusual);
            }
            rest = &fraction[length..];
        }
        if let Some((b'e' | b'E', exponent)) = rest.split_first() {
            let exponent = match exponent {
                [b'+' | b'-', digits @ ..] => digits,
                digits => digits,
            };
            let length = digits(exponent);
            if !(1..=2).contains(&length) {
                return Err(Unusual);
            }
            rest = &exponent[length..];
        }
        self.at = self.bytes.len() - rest.len();
        Ok(())
    }
}

/// Where the body of a string ends.
pub(super) struct StringEnd {
    /// The place of its closing quote.
    pub(super) at: usize,
    /// Whether it has escapes.
    pub(super) escapes: bool,
}

/// The end of the string at the front of `rest`, its opening quote being taken. `None` if it has none, or has control
/// characters or escapes that JSON does not know.
#[inline]
pub(super) fn string_end(rest: &[u8]) -> Option<StringEnd> {
    let mut at = special(rest);
    let mut escapes = false;
    loop {
        match rest.get(at)? {
            b'"' => return Some(StringEnd { at, escapes }),
            b'\\' => at += escape(&rest[at..])?,
            _ => return None,
        }
        escapes = true;
        at += special(&rest[at..]);
    }
}

/// Whether `digits` is an integer of JSON that is not signed and not absurdly long: no leading zero.
pub(super) fn is_integer(digits: &[u8]) -> bool {
    matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && digits.len() <= MAX_DIGITS
}

/// The value of digits, if it fits in 32 bits.
pub(super) fn small(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |n, d| n.checked_mul(10)?.checked_add(u32::from(d - b'0')))
}

/// Length of the run of digits at the front.
pub(super) fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| b.is_ascii_digit()).count()
}

/// Place of the first quote, backslash or control character; the length if there is none. Eight bytes at a time.
#[inline]
fn special(bytes: &[u8]) -> usize {
    const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    // The lowest flagged byte is exact: a borrow only disturbs the bytes above a true hit.
    let below = |word: u64, limit: u8| word.wrapping_sub(LOW * u64::from(limit)) & !word & HIGH;
    let (words, tail) = bytes.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // A quote is 0x20 but for one bit, which moves no control character and no other byte below 0x21.
        let hits = below(word ^ (LOW * 0x02), 0x21) | below(word ^ (LOW * u64::from(b'\\')), 1);
        if hits != 0 {
            return i * 8 + hits.trailing_zeros() as usize / 8;
        }
    }
    let in_tail = tail.iter().position(|b| matches!(b, b'"' | b'\\' | 0..0x20));
    words.len() * 8 + in_tail.unwrap_or(tail.len())
}

/// Length of the escape at the front.
fn escape(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => bytes.get(2..6)?.iter().all(u8::is_ascii_hexdigit).then_some(6),
        _ => None,
    }
}

/// Most digits of an integer that is not left to the full parse.
const MAX_DIGITS: usize = 200;
