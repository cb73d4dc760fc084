//! BurstGPT's traces: CSV with the columns `Timestamp` (seconds), `Request tokens`, `Response tokens`, in any order and
//! among others.
//!
//! Requests without tokens or without a response are those that failed: they are left out.

use super::fields::{seconds, tokens};
use super::lines::{Line, State};
use super::{Content, Read, Row, Spec, Turn};
use crate::error::{Error, Result};
use crate::plan::LeftOut;

pub(super) const SPEC: Spec = Spec {
    what: "CSV with the columns Timestamp, Request tokens, Response tokens",
    looks_like: |head| [AT, ISL, OSL].iter().all(|name| fields(head.line).iter().any(|f| f == name)),
    fields: &[],
    read: Read::Lines(row),
};

fn row(line: &Line<'_>, state: &mut State, rows: &mut Vec<Row>) -> Result<()> {
    let Some(cells) = cells(line, state, [AT, ISL, OSL])? else {
        return Ok(());
    };
    let (isl, osl) = (number(ISL, &cells[1])?, number(OSL, &cells[2])?);
    if isl < 1.0 || osl < 1.0 {
        state.left_out = Some(LeftOut::Failed);
        return Ok(());
    }
    rows.push(Row::single(Turn {
        at: Some(seconds(AT, number(AT, &cells[0])?)?),
        content: Content::Length { isl: tokens(ISL, isl as u64)?, hash_ids: Vec::new() },
        osl: Some(tokens(OSL, osl as u64)?),
        ..Turn::default()
    }));
    Ok(())
}

/// The cells of a line in these columns; none in the line that names the columns.
pub(super) fn cells<const N: usize>(
    line: &Line<'_>,
    state: &mut State,
    names: [&str; N],
) -> Result<Option<[String; N]>> {
    let mut cells = fields(line.text);
    let Some(columns) = &state.columns else {
        if let Some(lacking) = names.iter().find(|name| !cells.iter().any(|c| c == *name)) {
            return Err(Error::usage(
                format!("there is no column `{lacking}`"),
                format!("name the columns in the first line: {}", names.join(", ")),
            ));
        }
        state.columns = Some(cells);
        return Ok(None);
    };
    if cells.len() != columns.len() {
        return Err(Error::usage(
            format!("it has {} cells, and there are {} columns", cells.len(), columns.len()),
            "write as many cells as the first line names columns",
        ));
    }
    Ok(Some(names.map(|name| {
        let at = columns.iter().position(|c| c == name);
        at.map_or_else(String::new, |at| std::mem::take(&mut cells[at]))
    })))
}

pub(super) fn number(column: &str, cell: &str) -> Result<f64> {
    cell.parse()
        .ok()
        .filter(|n: &f64| n.is_finite() && *n >= 0.0)
        .ok_or_else(|| Error::usage(format!("{column} `{cell}` is not a number"), "write a number, from 0"))
}

/// The cells of a line (RFC 4180), without blanks around them. A quoted cell ends on its line.
pub(super) fn fields(line: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => all.last_mut().unwrap_or(&mut String::new()).push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => all.push(String::new()),
            c => all.last_mut().unwrap_or(&mut String::new()).push(c),
        }
    }
    all.iter().map(|cell| cell.trim().to_owned()).collect()
}

const AT: &str = "Timestamp";
const ISL: &str = "Request tokens";
const OSL: &str = "Response tokens";
