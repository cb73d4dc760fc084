//! What rows say of themselves that does not go together: blocks and lengths, sessions that repeat their history,
//! timestamps of a calendar.

use super::{Content, Row, Session};
use crate::clock::{Nanos, SECOND};
use crate::plan::{DAY_S, Remarks};
use std::collections::HashMap;

/// Looks at the rows of a file, in their order.
#[derive(Debug)]
pub struct Consistency {
    block: u32,
    with_blocks: u64,
    unfit: u64,
    /// Of each of [`SIZES`], the rows that it fits.
    fitting: [u64; SIZES.len()],
    sessions: HashMap<String, Chain>,
    first_at: Option<Nanos>,
}

/// A session whose earlier rows are sent with later ones.
#[derive(Debug, Default)]
struct Chain {
    rows: u64,
    /// Blocks of the row before.
    blocks: Vec<u64>,
    /// Each row so far began with all blocks of the row before.
    repeats: bool,
}

impl Consistency {
    /// A check of a file with blocks of so many tokens.
    #[must_use]
    pub fn new(block: u32) -> Self {
        Self { block, with_blocks: 0, unfit: 0, fitting: [0; SIZES.len()], sessions: HashMap::new(), first_at: None }
    }

    /// The next row.
    pub fn see(&mut self, row: &Row) {
        if let Some(at) = row.turn.at {
            self.first_at = Some(self.first_at.map_or(at, |first| first.min(at)));
        }
        let Content::Length { isl, hash_ids } = &row.turn.content else { return };
        if !hash_ids.is_empty() {
            self.with_blocks += 1;
            self.unfit += u64::from(!fits(*isl, hash_ids.len(), row.block.unwrap_or(self.block)));
            for (size, fitting) in SIZES.iter().zip(&mut self.fitting) {
                *fitting += u64::from(fits(*isl, hash_ids.len(), *size));
            }
        }
        if let (Session::Named(id), false) = (&row.session, row.alone) {
            let chain = self.sessions.entry(id.clone()).or_insert_with(|| Chain { repeats: true, ..Chain::default() });
            let repeats = !chain.blocks.is_empty() && hash_ids.starts_with(&chain.blocks);
            chain.repeats &= chain.rows == 0 || repeats;
            chain.rows += 1;
            chain.blocks.clone_from(hash_ids);
        }
    }

    /// Adds what was seen.
    pub fn finish(self, remarks: &mut Remarks) {
        remarks.with_blocks = self.with_blocks;
        remarks.unfit_blocks = self.unfit;
        remarks.block = self.block;
        if self.unfit > 0 {
            let all = |(size, fitting): (&u32, &u64)| (*fitting == self.with_blocks).then_some(*size);
            remarks.fitting_block = SIZES.iter().zip(&self.fitting).find_map(all);
        }
        let several = self.sessions.values().filter(|chain| chain.rows > 1);
        remarks.sessions = several.clone().count() as u64;
        remarks.cumulative = several.filter(|chain| chain.repeats).count() as u64;
        let due = self.first_at.map(|at| at as f64 / SECOND as f64);
        remarks.first_due_s = due.filter(|due| *due > DAY_S);
    }
}

/// Whether a prompt of so many tokens has so many blocks: the last may be cut, or left out where it is.
fn fits(isl: u32, blocks: usize, block: u32) -> bool {
    let (isl, blocks, block) = (u64::from(isl), blocks as u64, u64::from(block));
    blocks == isl.div_ceil(block) || blocks == isl / block
}

/// Tokens of a block as caches have them.
const SIZES: [u32; 9] = [8, 16, 32, 64, 128, 256, 512, 1_024, 2_048];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Turn;

    fn row(session: Option<&str>, isl: u32, hash_ids: &[u64]) -> Row {
        let session = session.map(|id| Session::Named(id.to_owned()));
        Row {
            alone: session.is_none(),
            session: session.unwrap_or_default(),
            ..Row::single(Turn { content: Content::Length { isl, hash_ids: hash_ids.to_vec() }, ..Turn::default() })
        }
    }

    fn seen(block: u32, rows: &[Row]) -> Remarks {
        let mut check = Consistency::new(block);
        rows.iter().for_each(|row| check.see(row));
        let mut remarks = Remarks::default();
        check.finish(&mut remarks);
        remarks
    }

    #[test]
    fn blocks_of_another_size_are_found_and_the_size_that_fits_with_them() {
        let rows = [row(None, 64, &[1, 2, 3, 4]), row(None, 70, &[1, 2, 5, 6])];
        let got = seen(512, &rows);
        assert_eq!((got.with_blocks, got.unfit_blocks, got.fitting_block), (2, 2, Some(16)));
        let right = seen(16, &rows);
        assert_eq!((right.unfit_blocks, right.fitting_block), (0, None));
        // A last block that is cut, or not named.
        assert_eq!(seen(512, &[row(None, 6_955, &[0; 14]), row(None, 6_955, &[0; 13])]).unfit_blocks, 0);
        assert_eq!(seen(512, &[row(None, 6_955, &[0; 12])]).unfit_blocks, 1);
    }

    #[test]
    fn sessions_whose_rows_hold_the_row_before_are_counted() {
        let cumulative = [row(Some("a"), 1_024, &[1, 2]), row(Some("a"), 1_536, &[1, 2, 3])];
        let adding = [row(Some("b"), 1_024, &[1, 2]), row(Some("b"), 512, &[3]), row(Some("c"), 512, &[3])];
        let without = [row(Some("d"), 1_024, &[]), row(Some("d"), 2_024, &[])];
        let got = seen(512, &[cumulative.as_slice(), &adding, &without].concat());
        assert_eq!((got.sessions, got.cumulative), (3, 1));
        // Rows that say all of their context themselves do not have it sent once more.
        let alone: Vec<Row> = cumulative.iter().map(|row| Row { alone: true, ..row.clone() }).collect();
        assert_eq!(seen(512, &alone).cumulative, 0);
    }

    #[test]
    fn a_first_timestamp_of_a_calendar_is_told() {
        let at = |seconds: u64| Row::single(Turn { at: Some(seconds * SECOND), ..Turn::default() });
        assert_eq!(seen(512, &[at(1_700_000_010), at(1_700_000_000)]).first_due_s, Some(1.7e9));
        assert_eq!(seen(512, &[at(3_600), at(1_700_000_000)]).first_due_s, None);
    }
}
