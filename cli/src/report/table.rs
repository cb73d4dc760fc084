//! A table: names on the left, figures in equal columns on the right.

use super::layout::{WIDTH, wrap};

/// A table under construction.
pub(super) struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    /// A table with a title above its names.
    pub(super) fn new(title: &str, columns: &[&str]) -> Self {
        Self { title: title.into(), columns: columns.iter().map(|c| (*c).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, name: impl Into<String>, cells: Vec<String>) {
        self.rows.push((name.into(), cells));
    }

    /// The table, or nothing when it has no rows.
    pub(super) fn render(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let left = WIDTH - self.columns.len() * CELL;
        let mut out = String::from("\n");
        block(&mut out, &self.title, &self.columns, left);
        for (name, cells) in &self.rows {
            block(&mut out, name, cells, left);
        }
        out
    }
}

/// The name, wrapped, with the cells on its last line.
fn block(out: &mut String, name: &str, cells: &[String], left: usize) {
    let mut lines = wrap(name, left);
    if lines.len() > 1 {
        // Later lines are indented, which needs room.
        lines = wrap(name, left - 2);
    }
    for (i, part) in lines.iter().enumerate() {
        let indent = if i == 0 { "" } else { "  " };
        let mut line = format!("{:<left$}", format!("{indent}{part}"));
        if i + 1 == lines.len() {
            for cell in cells {
                line += &format!("{cell:>CELL$}");
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// Width of a cell with the space before it.
const CELL: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_wrap_and_figures_stand_on_their_last_line() {
        let mut table = Table::new("T", &["avg", "min", "max", "p99", "p90", "p50", "std"]);
        table.row("Output Token Throughput Per User (tokens/sec/user)", vec!["1.00".into(); 7]);
        table.row("x", vec!["999999*".into(); 7]);
        let text = table.render();
        assert!(text.lines().all(|l| l.chars().count() <= WIDTH), "{text}");
        assert!(text.lines().filter(|l| l.contains("1.00")).count() == 1, "{text}");
    }
}
