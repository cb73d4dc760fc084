//! `server_metrics_export.csv`: comment lines, then a section for gauges, counters, histograms and information.

use super::{PERCENTILES, display, estimates};
use crate::export::csv::escaped;
use crate::result::run::Outcome;
use ringload_engine::telemetry::{Collector, Kind, MetricFigures, SeriesFigures, SeriesStats};
use std::collections::BTreeSet;
use std::io::{self, Write};

/// Writes the file.
pub(crate) fn write(outcome: &Outcome, endpoints: &[Collector], to: &mut dyn Write) -> io::Result<()> {
    write!(
        to,
        "# AIPerf Server Metrics Export (CSV)\n# ringload_version: {}\n# schema_version: 1.0\n# benchmark_id: {}\n#\n",
        env!("CARGO_PKG_VERSION"),
        outcome.identity.benchmark_id
    )?;
    let metrics: Vec<(String, MetricFigures)> = endpoints
        .iter()
        .flat_map(|c| {
            let url = c.endpoint().url;
            c.metrics().into_iter().map(move |metric| (display(&url).to_owned(), metric))
        })
        .collect();
    let is_info = |metric: &MetricFigures| metric.name.ends_with("_info") && metric.kind != Kind::Counter;
    let mut first = true;
    for kind in [Kind::Gauge, Kind::Counter, Kind::Histogram, Kind::Unknown] {
        let of_kind: Vec<_> = metrics.iter().filter(|(_, m)| m.kind == kind && !is_info(m)).collect();
        if !of_kind.is_empty() {
            separate(&mut first, to)?;
            section(kind, &of_kind, to)?;
        }
    }
    let info: Vec<_> = metrics.iter().filter(|(_, m)| is_info(m)).collect();
    if !info.is_empty() {
        separate(&mut first, to)?;
        to.write_all(b"Endpoint,Metric,Key,Value,Description\r\n")?;
        for (endpoint, metric) in info {
            for (key, value) in metric.series.iter().flat_map(|series| &series.labels.0) {
                row(&[endpoint, &metric.name, key, value, &metric.help], to)?;
            }
        }
    }
    Ok(())
}

fn separate(first: &mut bool, to: &mut dyn Write) -> io::Result<()> {
    if std::mem::take(first) { Ok(()) } else { to.write_all(b"\r\n") }
}

fn section(kind: Kind, metrics: &[&(String, MetricFigures)], to: &mut dyn Write) -> io::Result<()> {
    let statistics: Vec<&str> = match kind {
        Kind::Counter => vec!["total", "rate", "rate_avg", "rate_min", "rate_max", "rate_std"],
        Kind::Histogram => {
            let counts = ["count", "count_rate", "sum", "sum_rate", "avg"].map(str::to_owned);
            return histograms(&counts, metrics, to);
        }
        _ => [&["avg", "min", "max", "std"][..], &PERCENTILES].concat(),
    };
    let labels = label_columns(metrics);
    head(&statistics, &labels, "", to)?;
    for (endpoint, metric) in metrics {
        for series in &metric.series {
            let figures = match &series.stats {
                SeriesStats::Counter(counter) => {
                    vec![
                        number(counter.total),
                        number(counter.rate),
                        String::new(),
                        String::new(),
                        String::new(),
                        String::new(),
                    ]
                }
                SeriesStats::Gauge(gauge) => {
                    let own = [gauge.avg, gauge.min, gauge.max, gauge.std];
                    own.into_iter().chain(gauge.percentiles).map(number).collect()
                }
                SeriesStats::Histogram(_) => continue,
            };
            line(kind, endpoint, (metric, series), &figures, &labels, None, to)?;
        }
    }
    Ok(())
}

fn histograms(counts: &[String], metrics: &[&(String, MetricFigures)], to: &mut dyn Write) -> io::Result<()> {
    let labels = label_columns(metrics);
    let estimates_of = PERCENTILES.map(|p| format!("{p}_estimate"));
    let statistics: Vec<&str> = counts.iter().chain(&estimates_of).map(String::as_str).collect();
    head(&statistics, &labels, ",buckets", to)?;
    for (endpoint, metric) in metrics {
        for series in &metric.series {
            let SeriesStats::Histogram(h) = &series.stats else {
                continue;
            };
            let rate = |value: f64| if h.seconds > 0.0 { value / h.seconds } else { 0.0 };
            let own = [h.count, rate(h.count), h.sum, rate(h.sum), h.mean().unwrap_or(0.0)];
            let mut figures: Vec<String> = own.into_iter().map(number).collect();
            let estimates: Vec<String> = estimates(h).map(|(_, value)| number(value)).collect();
            figures.extend(if estimates.is_empty() { vec![String::new(); PERCENTILES.len()] } else { estimates });
            let buckets: Vec<String> = h.buckets.iter().map(|(bound, n)| format!("{bound}={}", number(*n))).collect();
            line(Kind::Histogram, endpoint, (metric, series), &figures, &labels, Some(&buckets.join(";")), to)?;
        }
    }
    Ok(())
}

fn label_columns<'a>(metrics: &[&'a (String, MetricFigures)]) -> BTreeSet<&'a str> {
    let series = metrics.iter().flat_map(|(_, metric)| &metric.series);
    series.flat_map(|series| series.labels.0.iter().map(|(name, _)| name.as_str())).collect()
}

fn head(statistics: &[&str], labels: &BTreeSet<&str>, end: &str, to: &mut dyn Write) -> io::Result<()> {
    let labels: Vec<String> = labels.iter().map(|label| escaped(label).into_owned()).collect();
    let columns = [statistics.join(","), labels.join(",")].into_iter().filter(|part| !part.is_empty());
    write!(to, "Endpoint,Type,Metric,Unit,{},Description{end}\r\n", columns.collect::<Vec<_>>().join(","))
}

fn line(
    kind: Kind,
    endpoint: &str,
    (metric, series): (&MetricFigures, &SeriesFigures),
    figures: &[String],
    labels: &BTreeSet<&str>,
    buckets: Option<&str>,
    to: &mut dyn Write,
) -> io::Result<()> {
    let unit = metric.unit.as_deref().unwrap_or("");
    let mut cells = vec![endpoint, kind.name(), &metric.name, unit];
    cells.extend(figures.iter().map(String::as_str));
    cells.extend(labels.iter().map(|label| series.labels.get(label).unwrap_or("")));
    cells.push(&metric.help);
    cells.extend(buckets);
    row(&cells, to)
}

fn row(cells: &[&str], to: &mut dyn Write) -> io::Result<()> {
    let cells: Vec<_> = cells.iter().map(|cell| escaped(cell)).collect();
    write!(to, "{}\r\n", cells.join(","))
}

/// Whole numbers as they are, others with four decimals, as AIPerf.
fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 { format!("{value:.0}") } else { format!("{value:.4}") }
}
