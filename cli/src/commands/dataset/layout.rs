//! `ringload analyze-trace`, and the table in which spreads are shown.

use crate::exit::Exit;
use crate::export::Draft;
use crate::flags::AnalyzeArgs;
use crate::terminal::print;
use ringload_engine::Error;
use ringload_engine::dataset::{Analysis, Spread, analyze as analysis};
use ringload_engine::workload;
use std::fmt::Write as _;

/// `ringload analyze-trace`
///
/// # Errors
/// When the trace cannot be read, or the file cannot be written.
pub(crate) fn analyze(args: &AnalyzeArgs) -> anyhow::Result<Exit> {
    let replay = args.replay()?;
    let mut rows = Vec::new();
    let remarks = workload::rows(&replay, 0, &mut |row| {
        rows.extend(Some(row).filter(|row| replay.timing.takes(row.turn.at)));
        Ok(())
    })?;
    let found = Analysis { remarks: remarks.sentences(), ..analysis(&rows, replay.block) };
    print(&text(&found, replay.block))?;
    if let Some(file) = &args.output_file {
        let json = serde_json::to_string_pretty(&found)?;
        Draft::write_whole(file, (json + "\n").as_bytes()).map_err(|e| {
            Error::environment(
                format!("--output-file {}: {e}", file.display()),
                "name a file in a folder that is there and may be written to",
            )
        })?;
    }
    Ok(Exit::Done)
}

fn text(found: &Analysis, block: u32) -> String {
    let mut text =
        format!("{} requests, {} of them with blocks of {block} tokens\n", found.requests, found.requests_with_blocks);
    text.push_str(&remarks(&found.remarks));
    if let Some(share) = found.hit_rate_of_all {
        let _ = writeln!(
            text,
            "prefix cache without end: {:.2} % of all blocks hit; {} distinct blocks, {} first blocks shared",
            share * 100.0,
            found.distinct_blocks,
            found.prefix_groups
        );
    }
    if let (Some(span), Some(rate)) = (found.span_s, found.rate) {
        let cv =
            found.gaps_cv.map_or_else(String::new, |cv| format!(", gaps vary by {cv:.2} of their mean (Poisson: 1)"));
        let _ = writeln!(text, "arrivals over {span:.3} s, {rate:.3} a second{cv}");
    }
    let rows = [
        ("input tokens", found.isl),
        ("cached tokens", found.cached_tokens),
        ("new tokens", found.new_tokens),
        ("output tokens", found.osl),
        ("hit rate", found.hit_rate),
        ("gap, s", found.gaps_s),
    ];
    text.push_str(&table(&rows));
    text
}

/// A line for each remark on a file.
pub(super) fn remarks(sentences: &[String]) -> String {
    sentences.iter().map(|sentence| format!("note: {sentence}\n")).collect()
}

/// A line for each spread that there is.
pub(super) fn table(rows: &[(&str, Option<Spread>)]) -> String {
    let mut text = format!("{:14}", "");
    for name in ["mean", "stddev", "min", "p25", "p50", "p75", "p90", "p99", "max"] {
        let _ = write!(text, " {name:>11}");
    }
    text.push('\n');
    for (name, spread) in rows.iter().filter_map(|(name, spread)| spread.map(|s| (name, s))) {
        let _ = write!(text, "{name:14}");
        for value in [
            spread.mean,
            spread.stddev,
            spread.min,
            spread.p25,
            spread.p50,
            spread.p75,
            spread.p90,
            spread.p99,
            spread.max,
        ] {
            let _ = write!(text, " {value:>11.2}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_analysis_is_told_in_a_few_lines() {
        let mut rows = Vec::new();
        let lines = "{\"timestamp\": 0, \"input_length\": 20, \"output_length\": 4, \"hash_ids\": [1, 2]}\n\
            {\"timestamp\": 2000, \"input_length\": 15, \"hash_ids\": [1, 3]}\n";
        let format = ringload_engine::plan::Format::detect(lines).unwrap();
        format
            .read(&mut lines.as_bytes(), &mut |row| {
                rows.push(row);
                Ok(())
            })
            .unwrap();
        let text = text(&analysis(&rows, 10), 10);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "2 requests, 2 of them with blocks of 10 tokens");
        assert_eq!(
            lines[1],
            "prefix cache without end: 25.00 % of all blocks hit; 3 distinct blocks, 1 first blocks shared"
        );
        assert_eq!(lines[2], "arrivals over 2.000 s, 0.500 a second, gaps vary by 0.00 of their mean (Poisson: 1)");
        assert!(lines[4].starts_with("input tokens         17.50        2.50       15.00"), "{}", lines[4]);
    }
}
