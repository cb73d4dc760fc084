//! All series of an endpoint, each found by its text.

use super::exposition::{Exposition, Item, Kind, Sample};
use super::histogram::{Histogram, Part};
use super::labels::Labels;
use super::metric::{Current, MetricFigures, SeriesFigures, SeriesStats};
use super::scalar::{Moment, Scalar};
use std::collections::HashMap;
use std::sync::Arc;

/// A family of series.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) kind: Kind,
    help: String,
    unit: Option<String>,
    pub(super) series: Vec<usize>,
}

/// One series.
#[derive(Debug)]
pub(super) struct Series {
    family: usize,
    pub(super) labels: Labels,
    pub(super) data: Data,
}

#[derive(Debug)]
pub(super) enum Data {
    Scalar(Scalar),
    Histogram(Box<Histogram>),
}

/// The place that a sample's text stands for.
#[derive(Clone, Copy, Debug)]
enum Place {
    Ignored,
    Value(usize),
    Histogram(usize, Part),
}

/// All series of an endpoint.
#[derive(Debug, Default)]
pub(super) struct SeriesTable {
    pub(super) families: Vec<Family>,
    by_name: HashMap<String, usize>,
    pub(super) series: Vec<Series>,
    by_labels: HashMap<(usize, Labels), usize>,
    texts: Vec<(Arc<str>, Place)>,
    /// Bytes of all of them.
    bytes: usize,
    by_text: HashMap<Arc<str>, usize>,
    /// The texts of the last scrape, in its order: the next one mostly has the same.
    order: Vec<usize>,
    /// Of a family that is not declared yet.
    help: Option<(String, String)>,
    /// Samples that had no room in the table.
    pub(super) left_out: u64,
    /// Series that one scrape had twice.
    pub(super) duplicates: u64,
}

impl SeriesTable {
    /// Reads a scrape into the current values of the series.
    pub(super) fn read<'a>(&mut self, text: &'a str, number: u64) -> Exposition<'a> {
        let mut lines = Exposition::new(text);
        let mut place = 0;
        loop {
            let known = self.order.get(place).copied();
            let expected = known.map(|at| Arc::clone(&self.texts[at].0));
            let Some(item) = lines.next(expected.as_deref()) else {
                break;
            };
            match item {
                Item::Sample(sample) => {
                    let as_before = expected.is_some_and(|series| *series == *sample.series);
                    let at = if as_before { known } else { self.find(sample.series) };
                    if let Some(at) = at {
                        if !as_before {
                            self.put_in_order(place, at);
                        }
                        place += 1;
                        self.set(self.texts[at].1, sample, number);
                    }
                }
                Item::Type(name, kind) => self.declare(name, kind),
                Item::Help(name, help) => self.describe(name, help),
                Item::Unit(name, unit) => {
                    if let Some(&family) = self.by_name.get(base(name)) {
                        self.families[family].unit = Some(short(unit));
                    }
                }
            }
        }
        lines
    }

    fn put_in_order(&mut self, place: usize, at: usize) {
        if place < self.order.len() {
            self.order[place] = at;
        } else if self.order.len() < MOST_TEXTS {
            self.order.push(at);
        }
    }

    /// Ends a scrape: all series that it had take their values in.
    pub(super) fn end_scrape(&mut self, moment: Moment) {
        for series in &mut self.series {
            match &mut series.data {
                Data::Scalar(scalar) if scalar.seen_in == moment.number => {
                    scalar.end_scrape(self.families[series.family].kind == Kind::Counter, moment);
                }
                Data::Histogram(histogram) if histogram.is_of(moment.number) => histogram.end_scrape(moment),
                Data::Scalar(_) | Data::Histogram(_) => {}
            }
        }
    }

    /// The body of the scrape before came once more: all series of it are seen again.
    pub(super) fn repeat(&mut self, number: u64) {
        for series in &mut self.series {
            match &mut series.data {
                Data::Scalar(scalar) if scalar.seen_in + 1 == number => scalar.seen_in = number,
                Data::Scalar(_) => {}
                Data::Histogram(histogram) => histogram.keep(number),
            }
        }
    }

    /// The figures of all metrics that the window has, in the order of their names.
    pub(super) fn metrics(&self) -> Vec<MetricFigures> {
        let mut metrics: Vec<MetricFigures> = self.families.iter().filter_map(|family| self.metric(family)).collect();
        metrics.sort_by(|a, b| a.name.cmp(&b.name));
        metrics
    }

    fn metric(&self, family: &Family) -> Option<MetricFigures> {
        let figures = |&at: &usize| {
            let Series { labels, data, .. } = &self.series[at];
            let stats = match data {
                Data::Scalar(scalar) if family.kind == Kind::Counter => SeriesStats::Counter(scalar.counter()?),
                Data::Scalar(scalar) => SeriesStats::Gauge(scalar.gauge()?),
                Data::Histogram(histogram) => SeriesStats::Histogram(histogram.figures()?),
            };
            Some(SeriesFigures { labels: labels.clone(), stats })
        };
        let mut series: Vec<SeriesFigures> = family.series.iter().filter_map(figures).collect();
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        (!series.is_empty()).then(|| MetricFigures {
            name: family.name.clone(),
            kind: family.kind,
            help: family.help.clone(),
            unit: family.unit.clone().or_else(|| unit_of(&family.name)),
            series,
        })
    }

    /// Each family with its series as a scrape had them.
    pub(super) fn current(&self, number: u64) -> impl Iterator<Item = (&str, Vec<(&Labels, Current<'_>)>)> {
        self.families.iter().filter_map(move |family| {
            let of = |&at: &usize| {
                let Series { labels, data, .. } = &self.series[at];
                let current = match data {
                    Data::Scalar(scalar) if scalar.seen_in == number => Current::Value(scalar.current),
                    Data::Histogram(histogram) if histogram.is_of(number) && histogram.is_finite() => {
                        let ((bounds, buckets), (sum, count)) = (histogram.cumulative(), histogram.totals());
                        Current::Histogram { bounds, buckets, sum, count }
                    }
                    Data::Scalar(_) | Data::Histogram(_) => return None,
                };
                Some((labels, current))
            };
            let series: Vec<_> = family.series.iter().filter_map(of).collect();
            (!series.is_empty()).then_some((family.name.as_str(), series))
        })
    }

    fn declare(&mut self, name: &str, kind: Kind) {
        let family = if kind == Kind::Counter { base(name) } else { name };
        if self.by_name.contains_key(family) {
            return;
        }
        let added = self.add_family(family, kind);
        // `# HELP` stands before `# TYPE`.
        if let (Some(added), Some((of, help))) = (added, self.help.take())
            && of == name
        {
            self.families[added].help = help;
        }
    }

    fn describe(&mut self, name: &str, help: &str) {
        let plain = || short(&help.replace("\\n", "\n").replace("\\\\", "\\"));
        match self.by_name.get(name).or_else(|| self.by_name.get(base(name))) {
            Some(&family) if self.families[family].help.is_empty() => self.families[family].help = plain(),
            Some(_) => {}
            None => self.help = Some((name.to_owned(), plain())),
        }
    }

    /// A family by its name.
    pub(super) fn family(&self, name: &str) -> Option<&Family> {
        self.by_name.get(name).map(|&at| &self.families[at])
    }

    fn add_family(&mut self, name: &str, kind: Kind) -> Option<usize> {
        if self.families.len() == MOST_FAMILIES || name.len() > MOST_OF_A_NAME {
            return None;
        }
        self.by_name.insert(name.to_owned(), self.families.len());
        self.families.push(Family { name: name.to_owned(), kind, help: String::new(), unit: None, series: Vec::new() });
        Some(self.families.len() - 1)
    }

    /// The entry of a sample's text; `None` where the table is full.
    fn find(&mut self, text: &str) -> Option<usize> {
        if let Some(&at) = self.by_text.get(text) {
            return Some(at);
        }
        if self.texts.len() == MOST_TEXTS || self.bytes + text.len() > MOST_BYTES {
            self.left_out += 1;
            return None;
        }
        self.bytes += text.len();
        let place = self.place(text);
        let text: Arc<str> = text.into();
        self.texts.push((Arc::clone(&text), place));
        self.by_text.insert(text, self.texts.len() - 1);
        Some(self.texts.len() - 1)
    }

    /// What a text that was not seen before stands for.
    fn place(&mut self, text: &str) -> Place {
        let Some((name, mut labels)) = Labels::read(text) else {
            self.left_out += 1;
            return Place::Ignored;
        };
        let found = |table: &Self, name: &str, kind: Kind| {
            table.by_name.get(name).copied().filter(|&family| table.families[family].kind == kind)
        };
        for (end, kind) in [
            ("_bucket", Kind::Histogram),
            ("_sum", Kind::Histogram),
            ("_count", Kind::Histogram),
            ("_sum", Kind::Summary),
            ("_count", Kind::Summary),
            ("", Kind::Summary),
        ] {
            let Some(family) = name.strip_suffix(end).and_then(|name| found(self, name, kind)) else {
                continue;
            };
            if kind == Kind::Summary {
                return Place::Ignored;
            }
            let bound = (end == "_bucket").then(|| labels.take("le").unwrap_or_default());
            let Some(series) = self.series(family, labels, || Data::Histogram(Box::default())) else {
                return Place::Ignored;
            };
            let Data::Histogram(histogram) = &mut self.series[series].data else {
                return Place::Ignored;
            };
            return match (end, bound) {
                (_, Some(bound)) => {
                    histogram.bucket(&bound).map_or(Place::Ignored, |at| Place::Histogram(series, Part::Bucket(at)))
                }
                ("_sum", None) => Place::Histogram(series, Part::Sum),
                _ => Place::Histogram(series, Part::Count),
            };
        }
        if SAYS_NO_FIGURE.iter().any(|end| name.ends_with(end)) || name.contains("_uptime_") {
            return Place::Ignored;
        }
        let family = found(self, base(&name), Kind::Counter)
            .or_else(|| self.by_name.get(&name).copied())
            .or_else(|| self.add_family(&name, Kind::Unknown));
        let series = family.and_then(|family| self.series(family, labels, || Data::Scalar(Scalar::default())));
        series.map_or(Place::Ignored, Place::Value)
    }

    fn series(&mut self, family: usize, labels: Labels, data: impl FnOnce() -> Data) -> Option<usize> {
        let key = (family, labels);
        if let Some(&at) = self.by_labels.get(&key) {
            return Some(at);
        }
        if self.series.len() == MOST_SERIES {
            self.left_out += 1;
            return None;
        }
        let at = self.series.len();
        self.series.push(Series { family, labels: key.1.clone(), data: data() });
        self.families[family].series.push(at);
        self.by_labels.insert(key, at);
        Some(at)
    }

    fn set(&mut self, place: Place, sample: Sample<'_>, number: u64) {
        let (Place::Value(at) | Place::Histogram(at, _)) = place else {
            return;
        };
        match (&mut self.series[at].data, place) {
            // What is no number is as if it were not there.
            (Data::Scalar(scalar), _) if sample.value.is_finite() => {
                self.duplicates += u64::from(scalar.seen_in == number);
                (scalar.current, scalar.seen_in) = (sample.value, number);
            }
            (Data::Histogram(histogram), Place::Histogram(_, part)) => histogram.set(part, sample.value, number),
            (Data::Scalar(_) | Data::Histogram(_), _) => {}
        }
    }
}

/// The name of a counter's family.
fn base(name: &str) -> &str {
    name.strip_suffix("_total").unwrap_or(name)
}

fn short(text: &str) -> String {
    text.chars().take(MOST_OF_A_TEXT).collect()
}

/// The unit that a metric's name ends with, as Prometheus names its metrics.
fn unit_of(name: &str) -> Option<String> {
    let unit = UNITS.iter().find(|(end, _)| name.ends_with(end));
    unit.map(|(_, unit)| (*unit).to_owned())
}

/// Series that are not figures of a run.
const SAYS_NO_FIGURE: [&str; 2] = ["_created", "_uptime"];
const UNITS: [(&str, &str); 9] = [
    ("_seconds", "s"),
    ("_milliseconds", "ms"),
    ("_us", "us"),
    ("_bytes", "bytes"),
    ("_tokens", "tokens"),
    ("_perc", "ratio"),
    ("_ratio", "ratio"),
    ("_percent", "%"),
    ("_joules", "J"),
];
/// Series of an endpoint.
const MOST_SERIES: usize = 100_000;
/// Texts of samples of an endpoint: a histogram's series has one a bucket.
const MOST_TEXTS: usize = 1_000_000;
/// Bytes of these texts together; their labels take as much again, twice.
const MOST_BYTES: usize = 128 << 20;
const MOST_FAMILIES: usize = 20_000;
const MOST_OF_A_NAME: usize = 1024;
const MOST_OF_A_TEXT: usize = 1024;
