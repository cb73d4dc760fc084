//! Heat maps: how the times of a run were spread in each stretch of it.

use super::html::Html;
use super::plot::{Ground, Line, Plot};
use super::scale::Scale;
use ringload_engine::measure::{Bins, Charts, Column};

/// The times between events, and to the first token.
pub(super) fn section(charts: &Charts) -> Html {
    let mut plots = Html::default();
    map(&mut plots, charts, "Time between output events", |column| &column.gaps);
    map(&mut plots, charts, "Time to first token", |column| &column.first_token);
    let mut html = Html::default();
    if !plots.is_empty() {
        html.raw("<section><h2>Spread over the run</h2><p class=\"soft\">The darker a cell, the more events it has, by the logarithm of their number; the lines are percentiles. Events that came together with the one before are left out.</p><div class=\"charts wide\">");
        html.append(plots).raw("</div></section>");
    }
    html
}

fn map(html: &mut Html, charts: &Charts, title: &str, of: impl Fn(&Column) -> &Bins) {
    let mut all = Bins::default();
    charts.strip(1).columns.iter().for_each(|column| all.merge(of(column)));
    let strip = charts.strip(((all.total() / VALUES_A_COLUMN) as usize).clamp(16, COLUMNS));
    let (Some((low, _)), Some((high, _))) = (all.apart().next(), all.apart().next_back()) else { return };
    if all.total() < FEWEST || strip.columns.len() < 4 {
        return;
    }
    // What is far below nearly all would leave no room for the others.
    let low = all.quantile(0.001).map_or(low, |ns| low.max(place_of(ns)));
    let each = (high + 1 - low).div_ceil(ROWS).max(1);
    let rows = (high + 1 - low).div_ceil(each);
    let cell = |column: &Column| {
        let mut cells = vec![0u64; rows];
        for (bin, count) in of(column).apart() {
            cells[(bin.max(low) - low) / each] += u64::from(count);
        }
        cells
    };
    let cells: Vec<Vec<u64>> = strip.columns.iter().map(cell).collect();
    let ends = [low, low + rows * each].map(|bin| Bins::edge(bin) as f64 / 1e6);
    let line = |name: &str, share: f64| Line {
        name: name.to_owned(),
        points: (0..cells.len())
            .map(|i| (strip.middle_s(i), of(&strip.columns[i]).quantile(share).map(|ns| ns / 1e6)))
            .collect(),
        at: None,
        dots: false,
        joined: true,
    };
    let percentile = |share: f64| all.quantile(share).map_or_else(String::new, |ns| super::shown(ns / 1e6));
    Plot {
        title: title.to_owned(),
        across: "s",
        unit: "ms",
        x: Scale::straight(0.0, strip.lasting_s),
        y: Scale::logarithmic(ends[0], ends[1]),
        lines: vec![line("p50", 0.5), line("p99", 0.99)],
        turned: false,
        marks: Vec::new(),
        words: format!("{title} over the run: p50 {} ms, p99 {} ms of all.", percentile(0.5), percentile(0.99)),
        ground: Some(Ground {
            levels: levels(&cells),
            cells: (cells.len(), rows),
            span: (strip.offset_s, strip.offset_s + strip.width_s * cells.len() as f64),
        }),
    }
    .write(html);
}

/// The bin in which a length lies.
fn place_of(ns: f64) -> usize {
    let mut bins = Bins::default();
    bins.add(ns as u64);
    bins.counts().len() - 1
}

/// The cells of each level of darkness; the row of the longest times is the topmost.
fn levels(cells: &[Vec<u64>]) -> Vec<String> {
    let most = cells.iter().flatten().copied().max().unwrap_or(0).max(1) as f64;
    let mut levels = vec![String::new(); LEVELS];
    for (x, column) in cells.iter().enumerate() {
        for (row, count) in column.iter().enumerate().filter(|(_, count)| **count > 0) {
            let share = (*count as f64).ln_1p() / most.ln_1p();
            let level = ((share * LEVELS as f64).ceil() as usize).clamp(1, LEVELS) - 1;
            levels[level] += &format!("M{x} {}h1v1h-1z", column.len() - 1 - row);
        }
    }
    levels
}

const COLUMNS: usize = 160;
const ROWS: usize = 36;
/// Columns are wider where they would have fewer values.
const VALUES_A_COLUMN: u64 = 20;
/// Levels of darkness, for which the style has rules.
const LEVELS: usize = 8;
/// Fewer values have no spread.
const FEWEST: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_with_more_is_darker_and_one_with_none_is_not_drawn() {
        let levels = levels(&[vec![0, 1], vec![1_000, 0]]);
        assert_eq!(levels.iter().filter(|level| !level.is_empty()).count(), 2);
        assert_eq!(levels[LEVELS - 1], "M1 1h1v1h-1z");
        assert_eq!(levels[0], "M0 0h1v1h-1z");
    }
}
