//! A picture in characters: histograms of latencies, or the run over its slices.

use super::layout::short;
use crate::result::run::Outcome;
use ringload_engine::measure::{Distribution, SliceFigures};

/// Lines of at most `width` columns, as many as there is `room` for; none where there is too little to show.
pub(super) fn picture(outcome: &Outcome, width: usize, room: usize) -> Vec<String> {
    // What lasted for a part of a slice has no rate of a slice: the drain of a steady run would look like a burst.
    let slices = outcome.summary.slices.iter().flat_map(|slices| &slices.slices);
    let complete: Vec<&SliceFigures> = slices.filter(|slice| slice.is_complete).collect();
    match complete.len() >= FEWEST_SLICES {
        true => over_time(&complete, width, room),
        false => histograms(outcome, width, room),
    }
}

/// One line a figure: its least and largest value, and a bar a slice.
fn over_time(slices: &[&SliceFigures], width: usize, room: usize) -> Vec<String> {
    type Figure = fn(&SliceFigures) -> Option<f64>;
    let figures: [(&str, Figure); 5] = [
        ("req/s", |s| s.completed_per_s),
        ("tok/s", |s| s.output_token_throughput),
        ("TTFT p95, ms", |s| s.time_to_first_token_p95),
        ("ITL p50, ms", |s| s.inter_token_latency_p50),
        ("good %", |s| s.good_request_fraction.map(|share| 100.0 * share)),
    ];
    let lasting = slices.last().map_or(0.0, |last| last.start_s) - slices.first().map_or(0.0, |first| first.start_s);
    let mut lines = vec![format!("over the run: {} whole slices from 0 to {} s", slices.len(), short(lasting))];
    for (name, figure) in figures {
        let values: Vec<Option<f64>> = slices.iter().map(|slice| figure(slice)).collect();
        let known: Vec<f64> = values.iter().flatten().copied().filter(|v| v.is_finite()).collect();
        if known.is_empty() {
            continue;
        }
        let (least, most) = known.iter().fold((f64::MAX, f64::MIN), |(l, m), v| (l.min(*v), m.max(*v)));
        let bars = sparkline(&values, most, width - SPARK_LABEL - SPARK_RANGE);
        let range = format!("{} to {}", short(least), short(most));
        lines.push(format!("  {name:<14}{range:<SPARK_RANGE$}{bars}").trim_end().to_owned());
    }
    lines.truncate(room);
    lines
}

/// A character for each value, or for the largest of some where there are more values than columns.
fn sparkline(values: &[Option<f64>], most: f64, columns: usize) -> String {
    let each = values.len().div_ceil(columns.max(1)).max(1);
    let bar = |some: &[Option<f64>]| match some.iter().flatten().copied().reduce(f64::max) {
        Some(value) if most > 0.0 => {
            let eighths = (value / most * 8.0).ceil().clamp(1.0, 8.0) as usize;
            if value > 0.0 { LEVELS[eighths - 1] } else { '_' }
        }
        Some(_) => '_',
        None => ' ',
    };
    values.chunks(each).map(bar).collect()
}

/// Two histograms side by side.
fn histograms(outcome: &Outcome, width: usize, room: usize) -> Vec<String> {
    let wanted: &[(&str, &str)] = match outcome.plan.streaming {
        true => &[("time_to_first_token", "TTFT, ms"), ("inter_token_latency", "ITL, ms")],
        false => &[("request_latency", "request latency, ms")],
    };
    let shown: Vec<(&str, &Distribution)> = wanted
        .iter()
        .filter_map(|(tag, name)| {
            let found = outcome.summary.histograms.iter().find(|d| d.tag == *tag)?;
            (found.count >= FEWEST_VALUES && found.curve_ms.len() > 2).then_some((*name, found))
        })
        .collect();
    let rows = room.saturating_sub(1).min(MOST_ROWS);
    if shown.is_empty() || rows < FEWEST_ROWS {
        return Vec::new();
    }
    let column = (width - GUTTER) / 2;
    let parts: Vec<Vec<String>> = shown.iter().map(|(name, of)| histogram(name, of, rows, column)).collect();
    let height = parts.iter().map(Vec::len).max().unwrap_or(0);
    let line = |row: usize| {
        let cells = parts.iter().map(|part| format!("{:<column$}", part.get(row).map_or("", String::as_str)));
        cells.collect::<Vec<_>>().join(&" ".repeat(GUTTER)).trim_end().to_owned()
    };
    (0..height).map(line).collect()
}

/// A row for each bin from the 1st to the 99th hundredth; what lies outside is in the first and the last.
fn histogram(name: &str, of: &Distribution, rows: usize, width: usize) -> Vec<String> {
    let curve = &of.curve_ms;
    let (low, high) = (curve[1], curve[curve.len() - 2]);
    let step = (high - low) / rows as f64;
    let rows = if step > 0.0 { rows } else { 1 };
    let edge = |i: usize| low + step * i as f64;
    let below = |i: usize| match i {
        0 => 0.0,
        i if i == rows => 1.0,
        i => share_below(curve, edge(i), step),
    };
    let shares: Vec<f64> = (0..rows).map(|i| below(i + 1) - below(i)).collect();
    let most = shares.iter().copied().fold(0.0, f64::max);
    let room = width - EDGE - PERCENT - 1;
    let mut lines = vec![format!("{name} (share of {})", super::layout::count(of.count))];
    for (i, share) in shares.iter().enumerate() {
        let bar = bar(share / most.max(f64::MIN_POSITIVE), room);
        let percent = match 100.0 * share {
            p if p <= 0.0 => String::new(),
            p if p < 1.0 => "<1 %".into(),
            p => format!("{p:.0} %"),
        };
        let edge = if i == 0 { curve[0] } else { edge(i) };
        lines.push(format!("{:>EDGE$} {bar:<room$}{percent:>PERCENT$}", short(edge)).trim_end().to_owned());
    }
    lines
}

/// The share of values below this one, by a line between the hundredths around it; where those are further apart than a
/// bin is wide, nothing lies between them.
fn share_below(curve: &[f64], value: f64, step: f64) -> f64 {
    let steps = (curve.len() - 1) as f64;
    let after = curve.partition_point(|v| *v < value);
    match after {
        0 => 0.0,
        after if after == curve.len() => 1.0,
        after => {
            let (a, b) = (curve[after - 1], curve[after]);
            let between = match b - a {
                gap if gap > step => 0.0,
                gap if gap > 0.0 => (value - a) / gap,
                _ => 1.0,
            };
            (after as f64 - 1.0 + between) / steps
        }
    }
}

/// A bar of at most `room` columns, to the eighth of one.
fn bar(share: f64, room: usize) -> String {
    let eighths = (share * 8.0 * room as f64).round() as usize;
    let rest = match eighths % 8 {
        0 => String::new(),
        n => REST[n - 1].to_string(),
    };
    format!("{}{rest}", "█".repeat(eighths / 8))
}

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const REST: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
/// Fewer slices have no shape.
const FEWEST_SLICES: usize = 4;
/// Fewer values have no distribution.
const FEWEST_VALUES: u64 = 20;
const FEWEST_ROWS: usize = 4;
const MOST_ROWS: usize = 10;
/// Columns between two histograms.
const GUTTER: usize = 3;
/// Columns of the lower edge of a bin, and of its share.
const EDGE: usize = 8;
const PERCENT: usize = 6;
const SPARK_LABEL: usize = 16;
const SPARK_RANGE: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(values: impl Fn(usize) -> f64) -> Distribution {
        Distribution {
            tag: "time_to_first_token",
            count: 1_000,
            mean_ms: 0.0,
            percentiles: Vec::new(),
            curve_ms: (0..=100).map(values).collect(),
        }
    }

    #[test]
    fn a_histogram_has_the_shares_of_its_bins() {
        // Evenly from 0 to 100 ms: each of ten bins has a tenth.
        let even = histogram("x", &distribution(|i| i as f64), 10, 40);
        assert_eq!(even.len(), 11);
        for line in &even[1..] {
            let share: f64 = line.rsplit(' ').nth(1).unwrap().parse().unwrap();
            assert!((9.0..=11.0).contains(&share), "{line}");
        }
        // Two peaks: nothing between them.
        let two = histogram("x", &distribution(|i| if i < 50 { 10.0 } else { 100.0 + i as f64 }), 10, 40);
        assert!(two[1].ends_with("49 %"), "{two:?}");
        assert!(two[3].trim().parse::<f64>().is_ok(), "{two:?}");
        let one = histogram("x", &distribution(|_| 7.0), 10, 40);
        assert!(one.len() == 2 && one[1].ends_with("100 %"), "{one:?}");
        for line in even.iter().chain(&two).chain(&one) {
            assert!(line.chars().count() <= 40, "{line}");
        }
    }

    #[test]
    fn a_sparkline_has_its_highest_bar_where_the_value_is() {
        let values: Vec<Option<f64>> = (0..200).map(|i| Some(if i == 150 { 8.0 } else { 1.0 })).collect();
        let line: Vec<char> = sparkline(&values, 8.0, 50).chars().collect();
        assert_eq!((line.len(), line[37], line[36]), (50, '█', '▁'));
        assert_eq!(sparkline(&[Some(0.0), None, Some(4.0)], 4.0, 10), "_ █");
    }
}
