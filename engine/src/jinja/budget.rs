//! What one rendering may still make and look at.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};
use std::cell::Cell;

/// Limits on a template and on one rendering of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of the source.
    pub(super) source: usize,
    /// Operators, calls and lookups in one tag, and `elif`s in all.
    pub(super) operators: usize,
    /// Instructions of minijinja's machine.
    pub(super) instructions: u64,
    /// Bytes of one value with all that it holds, where the input is not larger.
    pub(super) value: usize,
    /// Levels of lists and maps in one another.
    pub(super) nesting: usize,
    /// Elements and KiB of text that operators and filters look at.
    pub(super) work: u64,
    /// Objects made by `namespace()`.
    pub(super) namespaces: u32,
}

impl Limits {
    /// Twenty times and more what the largest chat templates of public models take.
    pub(super) const DEFAULT: Self = Self {
        source: 1 << 20,
        operators: 500,
        instructions: 10_000_000,
        value: 16 << 20,
        nesting: 32,
        work: 64_000_000,
        namespaces: 1_000,
    };
}

/// What is left of the limits.
#[derive(Clone, Copy)]
struct Budget {
    limits: Limits,
    work: u64,
    /// Bytes that may still be made, thrown away or not.
    bytes: usize,
    namespaces: u32,
}

thread_local! {
    /// The rendering that this thread is at: one at a time.
    static BUDGET: Cell<Budget> = const {
        let limits = Limits::DEFAULT;
        Cell::new(Budget { limits, work: 0, bytes: 0, namespaces: 0 })
    };
}

/// Begins a rendering of this input. A value may be as large as eight times the input, in any case.
pub(super) fn begin(mut limits: Limits, input: &Value) -> Result<(), Error> {
    let mut work = u64::MAX;
    let mut room = usize::MAX;
    weigh(input, &mut room, &mut work, MOST_NESTED_INPUT, &limits)?;
    limits.value = limits.value.max((usize::MAX - room).saturating_mul(8));
    let bytes = limits.value.saturating_mul(TOTAL_FACTOR);
    BUDGET.set(Budget { limits, work: limits.work, bytes, namespaces: limits.namespaces });
    Ok(())
}

/// Checks an operand: that it is within the limits on a value, and that there is still work to be spent on it.
pub(super) fn used(value: &Value) -> Result<usize, Error> {
    let mut budget = BUDGET.get();
    let mut room = budget.limits.value;
    let most = room;
    let weighed = weigh(value, &mut room, &mut budget.work, budget.limits.nesting, &budget.limits);
    BUDGET.set(budget);
    weighed.map(|()| most - room)
}

/// Checks a result, which takes up memory of its own where it is text.
pub(super) fn made(value: &Value) -> Result<(), Error> {
    used(value)?;
    match value.as_str() {
        Some(text) => take(text.len()),
        None => Ok(()),
    }
}

/// Checks text of so many bytes before it is made or written.
pub(super) fn makes(bytes: usize) -> Result<(), Error> {
    let limit = BUDGET.get().limits.value;
    if bytes > limit { Err(too_large(limit)) } else { take(bytes) }
}

/// Counts an object of `namespace()`.
pub(super) fn namespace() -> Result<(), Error> {
    let mut budget = BUDGET.get();
    let Some(left) = budget.namespaces.checked_sub(1) else {
        return Err(refused(format!("it makes more than the limit of {} namespaces", budget.limits.namespaces)));
    };
    budget.namespaces = left;
    BUDGET.set(budget);
    Ok(())
}

fn take(bytes: usize) -> Result<(), Error> {
    let mut budget = BUDGET.get();
    let Some(left) = budget.bytes.checked_sub(bytes) else {
        let total = budget.limits.value.saturating_mul(TOTAL_FACTOR);
        return Err(refused(format!("it makes more text than the limit of {total} bytes in all")));
    };
    budget.bytes = left;
    BUDGET.set(budget);
    Ok(())
}

/// Takes the weight of a value from `room`, and what it takes to look at it from `work`.
fn weigh(value: &Value, room: &mut usize, work: &mut u64, levels: usize, limits: &Limits) -> Result<(), Error> {
    let text = value.as_str().map(str::len).or_else(|| value.as_bytes().map(<[u8]>::len)).unwrap_or(0);
    let spent = work.checked_sub(1 + (text as u64 >> 10));
    *work = spent.ok_or_else(|| refused(format!("it looks at more than the limit of {} elements", limits.work)))?;
    *room = room.checked_sub(OF_A_VALUE + text).ok_or_else(|| too_large(limits.value))?;
    let Some(object) = value.as_object() else {
        return Ok(());
    };
    let below = || {
        levels
            .checked_sub(1)
            .ok_or_else(|| refused(format!("a value of it is nested deeper than the limit of {}", limits.nesting)))
    };
    match value.kind() {
        ValueKind::Map => {
            let levels = below()?;
            for (key, value) in object.try_iter_pairs().into_iter().flatten() {
                weigh(&key, room, work, levels, limits)?;
                weigh(&value, room, work, levels, limits)?;
            }
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let levels = below()?;
            for value in object.try_iter().into_iter().flatten() {
                weigh(&value, room, work, levels, limits)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn too_large(limit: usize) -> Error {
    refused(format!("a value of it is larger than the limit of {limit} bytes"))
}

pub(super) fn refused(what: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, what)
}

/// Bytes that any value counts for, beside its text.
const OF_A_VALUE: usize = 16;
/// All text that is made, as a multiple of the largest value.
const TOTAL_FACTOR: usize = 64;
/// JSON is read to 128 levels.
const MOST_NESTED_INPUT: usize = 256;
