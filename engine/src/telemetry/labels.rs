//! Labels of a series, read from their text.

/// Names and values, in the order of the names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels(pub Vec<(String, String)>);

impl Labels {
    /// Name and labels of a series: `x{a="b"}`, or `{"x",a="b"}` with a quoted name. `None` where they cannot be read
    /// or break a limit.
    pub(super) fn read(series: &str) -> Option<(String, Self)> {
        let Some((name, rest)) = series.split_once('{') else {
            return Some((series.to_owned(), Self::default()));
        };
        let mut name = name.trim_end().to_owned();
        let mut labels = Vec::new();
        let mut rest = rest.trim_start();
        while !rest.starts_with('}') {
            if labels.len() == MOST_LABELS {
                return None;
            }
            let (key, quoted) = if rest.starts_with('"') {
                let (text, after) = unquoted(rest)?;
                rest = after.trim_start();
                (text, true)
            } else {
                let end = rest.find(['=', ',', '}'])?;
                let (key, after) = rest.split_at(end);
                rest = after;
                (key.trim().to_owned(), false)
            };
            if let Some(after) = rest.strip_prefix('=') {
                let (value, after) = unquoted(after.trim_start())?;
                labels.push((key, value));
                rest = after.trim_start();
            } else if quoted && name.is_empty() {
                name = key;
            } else {
                return None;
            }
            rest = match rest.strip_prefix(',') {
                Some(after) => after.trim_start(),
                None if rest.starts_with('}') => rest,
                None => return None,
            };
        }
        labels.sort();
        (!name.is_empty()).then_some((name, Self(labels)))
    }

    /// The value of a label.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Takes a label out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.remove(at).1)
    }
}

/// The text between quotes at the beginning, with its escapes undone, and what follows it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut chars = text.strip_prefix('"')?.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((out, &text[at + 2..])),
            '\\' => match chars.next()?.1 {
                'n' => out.push('\n'),
                escaped @ ('"' | '\\') => out.push(escaped),
                other => out.extend(['\\', other]),
            },
            other => out.push(other),
        }
        if out.len() > MOST_OF_A_VALUE {
            return None;
        }
    }
    None
}

/// Labels of a series.
const MOST_LABELS: usize = 64;
/// Bytes of a label's value.
const MOST_OF_A_VALUE: usize = 4096;
