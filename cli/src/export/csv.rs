//! `profile_export_aiperf.csv`: AIPerf's two sections, sorted by tag, two decimals, CRLF; below them GPUs and notes,
//! where there are some.

use super::server_metrics::{energy, gpu_section};
use ringload_engine::measure::{Metric, Summary};
use std::borrow::Cow;
use std::io::{self, Write};

/// Writes the file.
pub(crate) fn write(summary: &Summary, notes: &[&str], to: &mut dyn Write) -> io::Result<()> {
    let metrics = summary.metrics_with_cancelled();
    let mut sorted: Vec<&Metric> = metrics.iter().collect();
    sorted.sort_by_key(|m| m.info.tag);
    let (requests, run): (Vec<&Metric>, Vec<&Metric>) = sorted.into_iter().partition(|m| m.stats.is_some());
    let mut run: Vec<_> = run.iter().map(|m| (m.info.tag, title(m.info.header, m.info.unit), m.avg)).collect();
    run.extend(summary.gpu.iter().flat_map(energy).map(|row| (row.tag, title(row.header, row.unit), row.value)));
    run.sort_by_key(|(tag, ..)| *tag);
    if !requests.is_empty() {
        write!(to, "Metric,{STATS}\r\n")?;
        for metric in &requests {
            row(metric, to)?;
        }
        if !run.is_empty() {
            to.write_all(b"\r\n")?;
        }
    }
    if !run.is_empty() {
        to.write_all(b"Metric,Value\r\n")?;
        for (_, title, value) in run {
            write!(to, "{},{}\r\n", escaped(&title), cell(value))?;
        }
        for metric in requests.iter().filter(|m| !m.exact) {
            let name = format!("{} Is Approximate (3 digits)", metric.info.header);
            write!(to, "{},1\r\n", escaped(&name))?;
        }
    }
    if let Some(gpu) = &summary.gpu {
        gpu_section(gpu, to)?;
    }
    if !notes.is_empty() {
        to.write_all(b"\r\nNote\r\n")?;
        for note in notes {
            write!(to, "{}\r\n", escaped(note))?;
        }
    }
    Ok(())
}

fn row(metric: &Metric, to: &mut dyn Write) -> io::Result<()> {
    let Some(s) = &metric.stats else {
        return Ok(());
    };
    write!(to, "{}", escaped(&title(metric.info.header, metric.info.unit)))?;
    for value in [metric.avg, s.min, s.max, s.sum, s.p1, s.p5, s.p10, s.p25, s.p50, s.p75, s.p90, s.p95, s.p99, s.std] {
        write!(to, ",{}", cell(value))?;
    }
    to.write_all(b"\r\n")
}

fn title(header: &str, unit: &str) -> String {
    match unit {
        "" | "count" | "requests" => header.to_owned(),
        unit => format!("{header} ({unit})"),
    }
}

/// The last column of a table of one row a slice, metric or point, where there are notes: a program that reads such a
/// table takes a column that it does not know, and no line that is not a row.
pub(super) struct NoteColumn(Option<String>);

impl NoteColumn {
    pub(super) fn of(notes: &[&str]) -> Self {
        Self((!notes.is_empty()).then(|| format!(",{}", escaped(&notes.join("; ")))))
    }

    /// What ends the row of names.
    pub(super) fn name(&self) -> &str {
        if self.0.is_some() { ",ringload_notes" } else { "" }
    }

    /// What ends every other row.
    pub(super) fn cell(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

pub(super) fn cell(value: f64) -> String {
    if value.is_finite() { format!("{value:.2}") } else { String::new() }
}

pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\r', '\n']) {
        Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(text)
    }
}

pub(super) const STATS: &str = "avg,min,max,sum,p1,p5,p10,p25,p50,p75,p90,p95,p99,std";
