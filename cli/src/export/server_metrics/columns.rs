//! `server_metrics_export.parquet`: a row for each sample of each scrape of the measured phase, of a histogram for each
//! bucket. Counters and histograms are what they grew since before it.

use super::super::parquet::{Cells, Table, Type};
use crate::result::run::Outcome;
use ringload_engine::telemetry::{Collector, Growth, Kind};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, Write};

/// Writes the file from the lines of the scrapes, a file of them for each endpoint.
pub(crate) fn write(outcome: &Outcome, endpoints: &[Collector], lines: &[File], to: &mut dyn Write) -> io::Result<()> {
    let metrics = metrics(endpoints);
    let labels = labels(lines)?;
    let fixed = |(name, of): &(&str, Type)| ((*name).to_owned(), *of);
    let (before, after) = FIXED.split_at(LABELS_AT);
    let of_labels = labels.iter().map(|name| (name.clone(), Type::Text));
    let columns = before.iter().map(fixed).chain(of_labels).chain(after.iter().map(fixed)).collect();
    let mut rows = Rows { table: Table::new(columns, to)?, labels, metrics, cells: Vec::new(), in_group: 0 };
    rows.begin_group();
    for file in lines {
        rows.of_endpoint(file)?;
    }
    rows.finish(outcome)
}

/// What is known of each metric.
struct Described {
    kind: Kind,
    unit: Option<String>,
    help: String,
}

fn metrics(endpoints: &[Collector]) -> HashMap<String, Described> {
    let all = endpoints.iter().flat_map(Collector::metrics);
    all.map(|metric| (metric.name, Described { kind: metric.kind, unit: metric.unit, help: metric.help })).collect()
}

/// Each line of a file as JSON; one that is cut ends it.
fn each(file: &File, mut look: impl FnMut(&Value) -> io::Result<()>) -> io::Result<()> {
    let mut file = file;
    file.rewind()?;
    for line in BufReader::new(file).lines() {
        let Ok(line) = serde_json::from_str(&line?) else {
            break;
        };
        look(&line)?;
    }
    Ok(())
}

/// Name, and the samples of it.
fn samples(line: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let families = line["metrics"].as_object().into_iter().flatten();
    families
        .flat_map(|(name, samples)| samples.as_array().into_iter().flatten().map(move |sample| (name.as_str(), sample)))
}

fn labels(lines: &[File]) -> io::Result<BTreeSet<String>> {
    let mut labels = BTreeSet::new();
    for file in lines {
        each(file, |line| {
            let of = samples(line).filter_map(|(_, sample)| sample["labels"].as_object());
            for name in of.flat_map(|of| of.keys()) {
                // A label with the name of a column cannot be told apart from it.
                if labels.len() < MOST_LABELS && !labels.contains(name) && FIXED.iter().all(|(fixed, _)| fixed != name)
                {
                    labels.insert(name.clone());
                }
            }
            Ok(())
        })?;
    }
    Ok(labels)
}

/// Rows on their way into the file.
struct Rows<'a> {
    table: Table<'a>,
    labels: BTreeSet<String>,
    metrics: HashMap<String, Described>,
    cells: Vec<Cells>,
    in_group: usize,
}

/// One row, but for the labels.
struct Row<'a> {
    url: &'a str,
    name: &'a str,
    at: i64,
    value: Option<f64>,
    sum: Option<f64>,
    count: Option<f64>,
    bucket: Option<(&'a str, f64)>,
}

/// The parts of one series that grow.
#[derive(Default)]
struct Parts(HashMap<String, Part>);

/// A part of a series: its last value, and what it has grown since before the measured phase.
#[derive(Default)]
struct Part {
    last: f64,
    grown: f64,
}

impl Parts {
    /// The growth since the last scrape, by those parts that tell a restart.
    fn growth<'a>(&self, now: impl Iterator<Item = (Cow<'a, str>, f64)>) -> Growth {
        Growth::between(now.map(|(what, now)| (self.0.get(&*what).map_or(0.0, |part| part.last), now)))
    }

    /// What a part has grown by now; nothing is added where the growth does not count.
    fn take(&mut self, what: Cow<'_, str>, now: f64, growth: Option<Growth>) -> f64 {
        let part = self.0.entry(what.into_owned()).or_default();
        if let Some(growth) = growth {
            part.grown += growth.of(part.last, now);
        }
        part.last = now;
        part.grown
    }
}

/// The name of a bucket among the parts of its series.
fn bucket(bound: &str) -> Cow<'static, str> {
    format!("le {bound}").into()
}

impl Rows<'_> {
    fn begin_group(&mut self) {
        let (before, after) = FIXED.split_at(LABELS_AT);
        let types = before.iter().map(|(_, of)| *of);
        let types = types.chain(self.labels.iter().map(|_| Type::Text)).chain(after.iter().map(|(_, of)| *of));
        self.cells = types.map(Cells::new).collect();
        self.in_group = 0;
    }

    fn of_endpoint(&mut self, file: &File) -> io::Result<()> {
        let mut growing: HashMap<(String, String), Parts> = HashMap::new();
        let mut begun = false;
        each(file, |line| {
            // Without a scrape before it, the first of the phase is what is counted from.
            let inside = line["benchmark_phase"] == "profiling";
            let counts = inside && begun;
            begun = true;
            for (name, sample) in samples(line) {
                let labels = sample["labels"].to_string();
                let parts = growing.entry((name.to_owned(), labels)).or_default();
                self.of_sample((line, name, sample), parts, (inside, counts))?;
            }
            Ok(())
        })
    }

    fn of_sample(
        &mut self,
        (line, name, sample): (&Value, &str, &Value),
        parts: &mut Parts,
        (inside, counts): (bool, bool),
    ) -> io::Result<()> {
        let kind = self.metrics.get(name).map_or(Kind::Unknown, |about| about.kind);
        let mut row = Row {
            url: line["endpoint_url"].as_str().unwrap_or_default(),
            name,
            at: line["timestamp_ns"].as_i64().unwrap_or_default(),
            value: None,
            sum: None,
            count: None,
            bucket: None,
        };
        match sample["buckets"].as_object() {
            None => {
                row.value = sample["value"].as_f64();
                if let Some(now) = row.value.filter(|_| kind == Kind::Counter) {
                    let growth = parts.growth([("value".into(), now)].into_iter());
                    row.value = Some(parts.take("value".into(), now, counts.then_some(growth)));
                }
                if inside { self.push(&row, sample) } else { Ok(()) }
            }
            Some(buckets) => {
                let (sum, count) = (sample["sum"].as_f64(), sample["count"].as_f64());
                let each = buckets.iter().map(|(bound, now)| (bound, now.as_f64().unwrap_or(0.0)));
                let counted = each.clone().map(|(bound, now)| (bucket(bound), now));
                let growth = parts.growth(counted.chain(count.map(|now| ("count".into(), now))));
                let mut grown = |what, now| parts.take(what, now, counts.then_some(growth));
                row.sum = sum.map(|now| grown("sum".into(), now));
                row.count = count.map(|now| grown("count".into(), now));
                for (bound, now) in each {
                    row.bucket = Some((bound, grown(bucket(bound), now)));
                    if inside {
                        self.push(&row, sample)?;
                    }
                }
                Ok(())
            }
        }
    }

    fn push(&mut self, row: &Row<'_>, sample: &Value) -> io::Result<()> {
        let about = self.metrics.get(row.name);
        let text = |text| Cell::Text(text);
        let before = [
            text(Some(row.url)),
            text(Some(row.name)),
            text(Some(about.map_or(Kind::Unknown, |about| about.kind).name())),
            text(about.and_then(|about| about.unit.as_deref())),
            text(about.map(|about| about.help.as_str())),
            Cell::Int(row.at),
        ];
        let of_labels = self.labels.iter().map(|name| Cell::Text(sample["labels"][name.as_str()].as_str()));
        let after = [
            Cell::Real(row.value),
            Cell::Real(row.sum),
            Cell::Real(row.count),
            text(row.bucket.map(|(bound, _)| bound)),
            Cell::Real(row.bucket.map(|(_, count)| count)),
        ];
        for (column, cell) in self.cells.iter_mut().zip(before.into_iter().chain(of_labels).chain(after)) {
            match (column, cell) {
                (Cells::Int(column), Cell::Int(value)) => column.push(Some(value)),
                (Cells::Real(column), Cell::Real(value)) => column.push(value),
                (Cells::Text(column), Cell::Text(value)) => column.push(value),
                _ => return Err(io::Error::other("a cell of another type than its column")),
            }
        }
        self.in_group += 1;
        if self.in_group * self.cells.len() >= CELLS_OF_A_GROUP {
            self.table.group(&self.cells)?;
            self.begin_group();
        }
        Ok(())
    }

    fn finish(mut self, outcome: &Outcome) -> io::Result<()> {
        if self.in_group > 0 {
            self.table.group(&self.cells)?;
        }
        self.table.finish(&[
            ("aiperf.schema_version", "1.0".into()),
            ("aiperf.benchmark_id", outcome.identity.benchmark_id.clone()),
            ("ringload.version", env!("CARGO_PKG_VERSION").into()),
        ])
    }
}

/// A cell of a row.
enum Cell<'a> {
    Int(i64),
    Real(Option<f64>),
    Text(Option<&'a str>),
}

/// The columns but those of labels, which stand before [`LABELS_AT`]; AIPerf's names.
const FIXED: [(&str, Type); 11] = [
    ("endpoint_url", Type::Text),
    ("metric_name", Type::Text),
    ("metric_type", Type::Text),
    ("unit", Type::Text),
    ("description", Type::Text),
    ("timestamp_ns", Type::Int),
    ("value", Type::Real),
    ("sum", Type::Real),
    ("count", Type::Real),
    ("bucket_le", Type::Text),
    ("bucket_count", Type::Real),
];
const LABELS_AT: usize = 6;
/// Cells that are held in memory.
const CELLS_OF_A_GROUP: usize = 1 << 20;
/// Labels that have a column, the first that come: a server may name any number of them. The JSON lines have all.
const MOST_LABELS: usize = 256;
