//! Where minijinja and Jinja2 differ: what is iterable, what a list and a map are as text, which tests hold.

use super::budget::{made, makes, refused, used};
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, Value, filters};
use std::fmt::Write as _;

/// The check of what a loop or a filter goes through: `none` has no elements in Python, not even none.
pub(super) const ITERATED: &str = "%iterated";
/// An operand of a filter of text: a list or a map is its text.
pub(super) const TEXT: &str = "%text";
/// `~`.
pub(super) const CONCAT: &str = "%concat";

/// Filters that go through the elements of their operand.
pub(super) const OF_ELEMENTS: [&str; 14] = [
    "list",
    "join",
    "map",
    "select",
    "selectattr",
    "reject",
    "rejectattr",
    "first",
    "last",
    "sort",
    "unique",
    "batch",
    "slice",
    "sum",
];
/// Filters that make text of their operand first.
pub(super) const OF_TEXT: [&str; 7] = ["upper", "lower", "title", "capitalize", "trim", "string", "replace"];

pub(super) fn install(environment: &mut Environment<'static>) {
    environment.add_function(ITERATED, |value: Value| {
        used(&value)?;
        match value.is_none() {
            true => Err(refused("'NoneType' object is not iterable".into())),
            false => Ok(value),
        }
    });
    environment.add_function(TEXT, |value: Value| {
        used(&value)?;
        as_text(&value).map(|text| text.map_or(value, Value::from))
    });
    environment.add_function(CONCAT, |left: Value, right: Value| {
        makes(used(&left)?.saturating_add(used(&right)?))?;
        let text = |value: &Value| Ok::<_, Error>(as_text(value)?.unwrap_or_else(|| value.to_string()));
        let joined = Value::from(text(&left)? + &text(&right)?);
        made(&joined).map(|()| joined)
    });
    for name in ["length", "count"] {
        environment.add_filter(name, |value: &Value| match value.is_undefined() {
            true => Ok(0),
            false => filters::length(value),
        });
    }
    // Text, undefined values and maps have elements; `none` and numbers do not.
    environment.add_test("iterable", |value: &Value| {
        !value.is_none()
            && (matches!(value.kind(), ValueKind::String | ValueKind::Undefined) || value.try_iter().is_ok())
    });
    // Whatever has a length and elements by number or key.
    environment.add_test("sequence", |value: &Value| {
        matches!(value.kind(), ValueKind::Seq | ValueKind::String | ValueKind::Map | ValueKind::Undefined)
    });
    // Truth values are numbers in Python.
    environment.add_test("number", |value: &Value| matches!(value.kind(), ValueKind::Number | ValueKind::Bool));
}

/// The text of a list or a map as Python has it; `None` of anything else, whose text is the same in both.
pub(super) fn as_text(value: &Value) -> Result<Option<String>, Error> {
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Map) {
        return Ok(None);
    }
    let mut text = String::new();
    repr(value, &mut text)?;
    makes(text.len())?;
    Ok(Some(text))
}

/// Python's `repr`. The nesting of a value is bounded where it was checked.
fn repr(value: &Value, out: &mut String) -> Result<(), Error> {
    match value.kind() {
        ValueKind::String => quoted(value.as_str().unwrap_or_default(), out),
        ValueKind::Undefined => out.push_str("Undefined"),
        ValueKind::Seq => {
            out.push('[');
            for (i, element) in value.try_iter()?.enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                repr(&element, out)?;
            }
            out.push(']');
        }
        ValueKind::Map => {
            out.push('{');
            for (i, key) in value.try_iter()?.enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                repr(&key, out)?;
                out.push_str(": ");
                repr(&value.get_item(&key)?, out)?;
            }
            out.push('}');
        }
        _ => {
            let _ = write!(out, "{value}");
        }
    }
    Ok(())
}

/// A string literal: single quotes, unless there are such and no double ones in it.
fn quoted(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push(quote);
}

/// A source with the line ends that Jinja2 reads: each CR LF, and each CR, is one LF.
pub(super) fn with_line_feeds(source: &str) -> String {
    source.replace("\r\n", "\n").replace('\r', "\n")
}
