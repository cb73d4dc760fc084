//! Checks, and filters and methods whose result is a multiple of what they are given.

use super::budget::{made, makes, namespace, refused, used};
use super::python;
use minijinja::value::{Kwargs, Rest, StringInput, ValueKind, from_args};
use minijinja::{Environment, Error, ErrorKind, State, Value, escape_formatter, filters, functions};

/// The check of an operand. No template can name it.
pub(super) const USED: &str = "%used";
/// The check of a result.
pub(super) const MADE: &str = "%made";
/// Multiplication.
pub(super) const MUL: &str = "%mul";

pub(super) fn install(environment: &mut Environment<'static>) {
    environment.add_function(USED, |value: Value| used(&value).map(|_| value));
    environment.add_function(MADE, |value: Value| made(&value).map(|()| value));
    environment.add_function(MUL, mul);
    environment.add_function("namespace", |defaults: Option<Value>| {
        namespace()?;
        functions::namespace(defaults)
    });
    // It shows all that there is, at any length.
    environment.remove_global("debug");
    environment.set_formatter(|output, state, value| {
        makes(used(value)?)?;
        match python::as_text(value)? {
            Some(text) => escape_formatter(output, state, &Value::from(text)),
            None => escape_formatter(output, state, value),
        }
    });
    environment.add_filter("replace", |state: &State, value: Value, from: Value, to: Value| {
        replaced(&value, &from, &to)?;
        let input = |value| StringInput::new(state, value);
        filters::replace(state, input(&value)?, input(&from)?, input(&to)?)
    });
    environment.add_filter("join", |state: &State, value: Value, joiner: Option<Value>| {
        joined(&value, joiner.as_ref())?;
        let joiner = joiner.as_ref().map(|joiner| StringInput::new(state, joiner)).transpose()?;
        filters::join(state, &value, joiner)
    });
    environment.add_filter("format", |state: &State, value: Value, args: Rest<Value>| {
        formatted(&value, &args)?;
        filters::format(state, &value, args)
    });
    environment.add_filter("indent", |state: &State, value: Value, args: Rest<Value>| {
        let (width, first, blank, options): (Option<usize>, Option<bool>, Option<bool>, Kwargs) = from_args(&args)?;
        let named = options.peek::<Option<usize>>("width").ok().flatten();
        let lines = value.as_str().map_or(1, |text| text.bytes().filter(|b| *b == b'\n').count() + 1);
        makes(used(&value)?.saturating_add(lines.saturating_mul(width.or(named).unwrap_or(4))))?;
        filters::indent(StringInput::new(state, &value)?, width, first, blank, options)
    });
    environment.add_filter("batch", |state: &State, value: Value, count: usize, fill: Option<Value>| {
        parts(count)?;
        filters::batch(state, value, count, fill)
    });
    environment.add_filter("slice", |state: &State, value: Value, count: usize, fill: Option<Value>| {
        parts(count)?;
        filters::slice(state, value, count, fill)
    });
    environment.add_filter("tojson", |value: Value, indent: Option<Value>, options: Kwargs| {
        let named = options.peek::<Option<Value>>("indent").ok().flatten();
        if let Some(width) = indent.as_ref().or(named.as_ref()).and_then(Value::as_usize) {
            check_indent(width)?;
        }
        filters::tojson(&value, indent, options)
    });
}

/// Refuses an indentation of `tojson` that no JSON has.
///
/// # Errors
/// When it is over the limit.
pub(crate) fn check_indent(width: usize) -> Result<(), Error> {
    if width > WIDEST_INDENT {
        return Err(refused(format!("tojson: an indentation of {width} is over the limit of {WIDEST_INDENT}")));
    }
    Ok(())
}

/// Checks the methods of Python's `str` whose result is a multiple of what they are given.
///
/// # Errors
/// When the result would be over the limits.
pub(crate) fn check_method(value: &Value, method: &str, args: &[Value]) -> Result<(), Error> {
    match (method, args) {
        ("replace", [from, to, ..]) => replaced(value, from, to),
        ("join", [values, ..]) => joined(values, Some(value)),
        ("format", args) => formatted(value, args),
        _ => Ok(()),
    }
}

fn replaced(value: &Value, from: &Value, to: &Value) -> Result<(), Error> {
    let size = used(value)?;
    let times = match (value.as_str(), from.as_str()) {
        (Some(_), Some("")) => size + 1,
        (Some(text), Some(from)) => text.matches(from).count(),
        _ => size,
    };
    makes(size.saturating_add(times.saturating_mul(used(to)?)))
}

fn joined(values: &Value, joiner: Option<&Value>) -> Result<(), Error> {
    let size = used(values)?;
    let joiner = joiner.map_or(Ok(0), used)?;
    let count = values.len().unwrap_or(size / 16);
    makes(size.saturating_add(count.saturating_mul(joiner)))
}

/// Widths and precisions are numbers in the format, or arguments in place of `*`.
fn formatted(format: &Value, args: &[Value]) -> Result<(), Error> {
    let size = used(format)?;
    let mut largest = 0;
    for arg in args {
        largest = largest.max(used(arg)?);
    }
    let text = format.as_str().unwrap_or_default();
    let widths = text.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let mut widths: Vec<usize> = widths.map(|digits| digits.parse().unwrap_or(usize::MAX)).collect();
    if text.contains('*') {
        widths.extend(args.iter().filter_map(Value::as_usize));
    }
    if let Some(width) = widths.iter().find(|width| **width > WIDEST_FIELD) {
        return Err(refused(format!("format: a width of {width} is over the limit of {WIDEST_FIELD}")));
    }
    // An argument may stand in the text more than once.
    let fields = text.bytes().filter(|b| b"%{".contains(b)).count();
    let filled = widths.iter().sum::<usize>().saturating_add(fields.saturating_mul(largest));
    makes(size.saturating_add(filled))
}

fn parts(count: usize) -> Result<(), Error> {
    if count > MOST_PARTS {
        return Err(refused(format!("batch or slice: {count} is over the limit of {MOST_PARTS}")));
    }
    Ok(())
}

/// `*` of numbers, and of text or a list with a whole number.
fn mul(left: Value, right: Value) -> Result<Value, Error> {
    let is_repeated = |value: &Value| matches!(value.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Iterable);
    let (value, times) = match (is_repeated(&left), is_repeated(&right)) {
        (true, _) => (&left, &right),
        (_, true) => (&right, &left),
        _ => return product(&left, &right),
    };
    let Some(times) = times.as_usize() else {
        return Err(refused("text and lists are multiplied with whole numbers from 0 on".into()));
    };
    makes(used(value)?.saturating_mul(times))?;
    match value.as_str() {
        Some(text) => Ok(Value::from(text.repeat(times))),
        None => {
            let all: Vec<Value> = value.try_iter()?.collect();
            Ok((0..times).flat_map(|_| all.iter().cloned()).collect())
        }
    }
}

fn product(left: &Value, right: &Value) -> Result<Value, Error> {
    let whole = |value: &Value| {
        (value.is_integer() || value.kind() == ValueKind::Bool).then(|| i128::try_from(value.clone()).ok()).flatten()
    };
    let failed =
        || Error::new(ErrorKind::InvalidOperation, format!("cannot multiply {} with {}", left.kind(), right.kind()));
    match (whole(left), whole(right)) {
        (Some(a), Some(b)) => {
            let product = a.checked_mul(b).ok_or_else(failed)?;
            Ok(i64::try_from(product).map_or_else(|_| Value::from(product), Value::from))
        }
        _ => {
            let number = |value: &Value| f64::try_from(value.clone()).map_err(|_| failed());
            Ok(Value::from(number(left)? * number(right)?))
        }
    }
}

/// Widest field and largest precision of a format.
const WIDEST_FIELD: usize = 10_000;
/// Widest indentation of JSON.
const WIDEST_INDENT: usize = 64;
/// Most parts of `slice`, and most elements of a part of `batch`.
const MOST_PARTS: usize = 10_000;
