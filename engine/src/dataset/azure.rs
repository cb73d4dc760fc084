//! Azure's LLM inference traces (`AzurePublicDataset`): CSV with the columns `TIMESTAMP`, `ContextTokens`,
//! `GeneratedTokens`.
//!
//! Timestamps are a calendar's, `2023-11-16 18:17:03.9799600`; they are counted from the first.

use super::burst_gpt::{cells, fields, number};
use super::fields::tokens;
use super::lines::{Line, State};
use super::{Content, Read, Row, Spec, Turn};
use crate::clock::{Nanos, SECOND};
use crate::error::{Error, Result};
use crate::plan::LeftOut;

pub(super) const SPEC: Spec = Spec {
    what: "CSV with the columns TIMESTAMP, ContextTokens, GeneratedTokens",
    looks_like: |head| [AT, ISL, OSL].iter().all(|name| fields(head.line).iter().any(|f| f == name)),
    fields: &[],
    read: Read::Lines(row),
};

fn row(line: &Line<'_>, state: &mut State, rows: &mut Vec<Row>) -> Result<()> {
    let Some(cells) = cells(line, state, [AT, ISL, OSL])? else {
        return Ok(());
    };
    let bad = || Error::usage(format!("{AT} `{}` is not a time", cells[0]), "write YYYY-MM-DD HH:MM:SS.FFF");
    let at = calendar(&cells[0]).ok_or_else(bad)?;
    let zero = *state.zero.get_or_insert(at);
    let at = at.checked_sub(zero).ok_or_else(|| {
        Error::usage(format!("{AT} `{}` is before the first", cells[0]), "sort the file by its first column")
    })?;
    let (isl, osl) = (number(ISL, &cells[1])?, number(OSL, &cells[2])?);
    if isl < 1.0 || osl < 1.0 {
        state.left_out = Some(LeftOut::Failed);
        return Ok(());
    }
    rows.push(Row::single(Turn {
        at: Some(at),
        content: Content::Length { isl: tokens(ISL, isl as u64)?, hash_ids: Vec::new() },
        osl: Some(tokens(OSL, osl as u64)?),
        ..Turn::default()
    }));
    Ok(())
}

/// Nanoseconds since 1970 of `YYYY-MM-DD HH:MM:SS[.FFF]`, whatever follows.
pub(super) fn calendar(text: &str) -> Option<Nanos> {
    let part = |range: std::ops::Range<usize>| text.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (part(0..4)?, part(5..7)?, part(8..10)?);
    let (hour, minute, second) = (part(11..13)?, part(14..16)?, part(17..19)?);
    let sound = (1970..2500).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !sound || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Days since 1970-01-01, by the civil calendar with years that begin in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719_468;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    let digits: String =
        text.get(19..)?.strip_prefix('.').unwrap_or("").chars().take_while(char::is_ascii_digit).take(9).collect();
    let fraction = format!("{digits:0<9}").parse::<Nanos>().ok()?;
    Some(seconds * SECOND + fraction)
}

const AT: &str = "TIMESTAMP";
const ISL: &str = "ContextTokens";
const OSL: &str = "GeneratedTokens";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_is_the_one_of_unix() {
        assert_eq!(calendar("1970-01-01 00:00:00"), Some(0));
        assert_eq!(calendar("2023-11-16 18:17:03.9799600"), Some(1_700_158_623_979_960_000));
        assert_eq!(calendar("2024-02-29T23:59:59.5+00:00"), Some(1_709_251_199_500_000_000));
        assert_eq!(calendar("16.11.2023 18:17"), None);
        assert_eq!(calendar("2023-13-16 18:17:03"), None);
    }
}
