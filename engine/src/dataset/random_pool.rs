//! AIPerf's `random_pool`: lines as in `single_turn`, without times. Requests are drawn from them at random, with
//! replacement; in a folder, each file is a pool, and a request has a line of each.

use super::lines::{Line, State};
use super::single_turn::{self, RawTurn};
use super::{Read, Row, Spec};
use crate::error::{Error, Result};
use crate::setting::Setting::DatasetFormat;

pub(super) const SPEC: Spec = Spec {
    what: r#"a text a line, {"text": "Hello"}, to draw from; or a folder of such files"#,
    looks_like: |_| false,
    fields: single_turn::FIELDS,
    read: Read::Lines(row),
};

fn row(line: &Line<'_>, _: &mut State, rows: &mut Vec<Row>) -> Result<()> {
    let turn = line.json::<RawTurn>(SPEC.what)?.turn()?;
    if turn.at.is_some() || turn.delay.is_some() {
        return Err(Error::usage(
            "a line to draw from has a time",
            format!("leave timestamp and delay out, or write {DatasetFormat} single_turn"),
        ));
    }
    rows.push(Row::single(turn));
    Ok(())
}
