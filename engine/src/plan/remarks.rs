//! What of a file of requests is not sent as the file has it, counted; and in sentences, the same wherever they are
//! printed.

use crate::setting::Setting::{BlockSize, FirstOffset, LongestInput};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What of a file of requests is not sent as the file has it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Remarks {
    /// Rows of the file, those that are left out included; in a list, its elements.
    pub rows: u64,
    /// Rows that are left out, by why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<LeftOut, u64>,
    /// Fields that the format does not have, each with the rows that have it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown_fields: BTreeMap<String, u64>,
    /// Rows that name the blocks of their prompt.
    pub with_blocks: u64,
    /// Of those, the ones that name more or fewer blocks than their length has.
    pub unfit_blocks: u64,
    /// Tokens of a block.
    pub block: u32,
    /// Tokens of a block with which all rows fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fitting_block: Option<u32>,
    /// Sessions of several rows whose earlier rows are sent with later ones.
    pub sessions: u64,
    /// Of those, the ones in which each row begins with all blocks of the row before: its length counts the history
    /// that is sent with it once more.
    pub cumulative: u64,
    /// When the first request is due, in seconds, where that is over a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_due_s: Option<f64>,
}

/// Why a row is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftOut {
    /// It has no tokens in or out: a request that failed.
    Failed,
    /// No question of it has an answer.
    Unanswered,
    /// It is before or after the part of the schedule that is asked for.
    OutsideSchedule,
    /// Its input is longer than is asked for.
    TooLong,
    /// It is of another category than is asked for.
    OtherCategory,
    /// It is a conversation that no request comes before, or that has none.
    Parentless,
    /// It is no span of a request for text.
    Unasked,
}

impl LeftOut {
    fn words(self) -> String {
        match self {
            Self::Failed => "have no tokens in or out, as requests that failed".to_owned(),
            Self::Unanswered => "have no question with an answer".to_owned(),
            Self::OutsideSchedule => "lie outside of the schedule asked for".to_owned(),
            Self::OtherCategory => "are of another category than the format asks for".to_owned(),
            Self::Parentless => "are conversations that no request comes before, or that have none".to_owned(),
            Self::Unasked => "are no spans of a request for text".to_owned(),
            Self::TooLong => format!("have a longer input than {LongestInput}"),
        }
    }
}

impl Remarks {
    /// Whether there is nothing to remark on.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sentences().is_empty()
    }

    /// Notes a row that is left out.
    pub fn leave_out(&mut self, why: LeftOut) {
        *self.left_out.entry(why).or_default() += 1;
    }

    /// Notes a field that the format does not have. Beyond a hundred names, further ones are not told apart.
    pub fn note_field(&mut self, name: &str) {
        let known = self.unknown_fields.len() < MOST_FIELDS || self.unknown_fields.contains_key(name);
        let name = if known { name } else { "…" };
        *self.unknown_fields.entry(name.to_owned()).or_default() += 1;
    }

    /// Rows that are left out.
    #[must_use]
    pub fn all_left_out(&self) -> u64 {
        self.left_out.values().sum()
    }

    /// All of it, a sentence each, the gravest first.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let left_out = self
            .left_out
            .iter()
            .map(|(why, n)| format!("{n} of {} rows are left out: they {}", self.rows, why.words()));
        [self.cumulative(), self.blocks(), self.first_due()]
            .into_iter()
            .flatten()
            .chain(left_out)
            .chain(self.fields())
            .collect()
    }

    fn cumulative(&self) -> Option<String> {
        (self.cumulative > 0).then(|| {
            format!(
                "in {} of {} sessions each row begins with all blocks of the row before, so its length counts the history, and the history is sent with \
                 it once more: prompts are longer than the file says (write only what each row adds, or leave session_id out)",
                self.cumulative, self.sessions
            )
        })
    }

    fn blocks(&self) -> Option<String> {
        let with = match self.fitting_block {
            Some(block) => format!("with {block} they fit ({BlockSize} {block})"),
            None => format!("{BlockSize} says how many a block has"),
        };
        (self.unfit_blocks > 0).then(|| {
            format!(
                "{} of {} rows name more or fewer blocks than their length has at {} tokens a block, so prompts share other beginnings than the trace's: \
                 {with}",
                self.unfit_blocks, self.with_blocks, self.block
            )
        })
    }

    fn first_due(&self) -> Option<String> {
        let due = self.first_due_s?;
        let when = match due / DAY_S {
            days if days > 2.0 * YEAR_DAYS => format!("{:.0} years", days / YEAR_DAYS),
            days => format!("{days:.0} days"),
        };
        Some(format!(
            "the first request is due in {when}, for timestamps count from 0 (as those of a calendar do from 1970): {FirstOffset} begins with the first"
        ))
    }

    fn fields(&self) -> Option<String> {
        let all = self.unknown_fields.iter().map(|(name, n)| format!("`{name}` in {n}"));
        let all = all.collect::<Vec<_>>().join(", ");
        (!all.is_empty()).then(|| {
            format!("fields that the format does not have are not read, in so many of {} rows: {all}", self.rows)
        })
    }
}

/// Names of fields that are told apart.
const MOST_FIELDS: usize = 100;
/// A day, in seconds: what is due later is taken for a mistake.
pub const DAY_S: f64 = 86_400.0;
const YEAR_DAYS: f64 = 365.25;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_remark_on_is_no_sentence() {
        let plain = Remarks { rows: 9, with_blocks: 9, block: 512, sessions: 3, ..Remarks::default() };
        assert!(plain.is_empty());
    }

    #[test]
    fn each_remark_is_a_sentence_with_its_counts() {
        let mut remarks = Remarks {
            rows: 5,
            with_blocks: 2,
            unfit_blocks: 2,
            block: 512,
            fitting_block: Some(16),
            sessions: 4,
            cumulative: 1,
            first_due_s: Some(1.7e9),
            ..Remarks::default()
        };
        remarks.leave_out(LeftOut::Failed);
        remarks.leave_out(LeftOut::Failed);
        remarks.note_field("output_lenght");
        let all = remarks.sentences();
        let expected = [
            "in 1 of 4 sessions",
            "2 of 2 rows name more or fewer blocks",
            "due in 54 years",
            "2 of 5 rows are left out",
            "`output_lenght` in 1",
        ];
        assert_eq!(all.len(), expected.len());
        for (sentence, part) in all.iter().zip(expected) {
            assert!(sentence.contains(part), "{sentence}");
        }
    }

    #[test]
    fn names_of_fields_are_bounded() {
        let mut remarks = Remarks::default();
        (0..1_000).for_each(|i| remarks.note_field(&format!("f{i}")));
        assert_eq!(remarks.unknown_fields.len(), MOST_FIELDS + 1);
        assert_eq!(remarks.unknown_fields["…"], 1_000 - MOST_FIELDS as u64);
    }
}
