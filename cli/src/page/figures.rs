//! The figures of a JSON document by their paths: what a page shows of a figure says which it is, and its exact value.

use super::html::Html;
use crate::report::{count, short};
use serde_json::Value;

/// A document that a page is made of.
#[derive(Clone, Copy)]
pub(super) struct Figures<'a>(pub(super) &'a Value);

impl<'a> Figures<'a> {
    /// The value at a JSON pointer (RFC 6901).
    pub(super) fn at(self, pointer: &str) -> Option<&'a Value> {
        self.0.pointer(pointer)
    }

    /// A number.
    pub(super) fn number(self, pointer: &str) -> Option<f64> {
        self.at(pointer)?.as_f64()
    }

    /// A text; empty where there is none.
    pub(super) fn text(self, pointer: &str) -> &'a str {
        self.at(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The elements of an array; none where there is none.
    pub(super) fn list(self, pointer: &str) -> &'a [Value] {
        self.at(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// An element with a figure in it, shown as `show` has it; a dash where there is none.
    pub(super) fn put(
        self,
        html: &mut Html,
        tag: &'static str,
        class: &str,
        pointer: &str,
        show: impl FnOnce(f64) -> String,
    ) {
        match self.at(pointer).and_then(|value| Some((value, value.as_f64()?))) {
            Some((value, number)) => {
                let exact = value.to_string();
                html.element(tag, &[("class", class), ("data-at", pointer), ("data-value", &exact)], &show(number));
            }
            None => {
                html.element(tag, &[("class", class)], "–");
            }
        }
    }

    /// A cell of a table with a figure in it.
    pub(super) fn cell(self, html: &mut Html, pointer: &str, show: impl FnOnce(f64) -> String) {
        self.put(html, "td", "n", pointer, show);
    }
}

/// The part of a pointer for a name (RFC 6901: `~` and `/` are escaped).
pub(super) fn part(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// So many of a thing.
pub(super) fn count_of(n: usize, what: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {what}{plural}", count(n as u64))
}

/// A number in few characters; whole ones without a point.
pub(super) fn shown(value: f64) -> String {
    if value.fract() == 0.0 && (0.0..1e9).contains(&value) { count(value as u64) } else { short(value) }
}

/// A share in percent.
pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    match percent {
        p if p.fract() == 0.0 => format!("{p:.0} %"),
        p if p > 99.995 => ">99.99 %".into(),
        p if p < 0.005 => "<0.01 %".into(),
        p => format!("{p:.2} %"),
    }
}
