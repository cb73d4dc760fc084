//! A run as a chart shows it: in columns of equal width.

use super::columns::Column;

/// Columns of equal width.
#[derive(Clone, Debug)]
pub struct Strip {
    /// Where the first column begins, in seconds after the first request was issued: not after it.
    pub offset_s: f64,
    /// Width of a column in seconds.
    pub width_s: f64,
    /// Seconds from the first issue to the last end.
    pub lasting_s: f64,
    /// The columns, in order, without a hole.
    pub columns: Vec<Column>,
}

impl Strip {
    /// The seconds of the run that a column has: the first and the last may have less than a whole one.
    #[must_use]
    pub fn covered_s(&self, column: usize) -> f64 {
        let (from, to) = self.ends(column);
        (to - from).max(0.0)
    }

    /// The middle of what a column has of the run, in seconds after the first request was issued.
    #[must_use]
    pub fn middle_s(&self, column: usize) -> f64 {
        let (from, to) = self.ends(column);
        f64::midpoint(from, to)
    }

    fn ends(&self, column: usize) -> (f64, f64) {
        let from = self.offset_s + self.width_s * column as f64;
        (from.max(0.0), (from + self.width_s).min(self.lasting_s.max(0.0)))
    }
}
