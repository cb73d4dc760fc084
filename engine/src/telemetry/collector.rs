//! The scrapes of one endpoint, in the order in which they were made.

use super::exposition::Kind;
use super::figures::EndpointFigures;
use super::gpu::{HEAT, POWER_LIMIT, REASONS};
use super::histogram::HistogramFigures;
use super::labels::Labels;
use super::metric::{Current, MetricFigures};
use super::names::{Role, dialect_of};
use super::scalar::{Moment, Values};
use super::series::{Data, SeriesTable};
use crate::clock::Nanos;
use std::collections::BTreeMap;

/// The part of a run that a scrape is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Before the measured phase: what counters are counted from.
    Before,
    /// In the measured phase.
    Inside,
    /// After the last request: counters and histograms are counted up to here, gauges are not read any more.
    After,
}

/// The content of a scrape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scrape {
    /// Whether it was an exposition at all.
    pub is_metrics: bool,
    /// Whether anything in it differs from the scrape before.
    pub is_new: bool,
    /// Samples in it.
    pub samples: u64,
}

/// The figures of a role at the scrapes of the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) at: Nanos,
    /// By [`Role`] in the order of [`Role::ALL`]; NaN where the endpoint has none.
    pub(super) values: [f64; Role::ALL.len()],
}

/// The scrapes of one endpoint. Pure: texts and instants in, figures out.
#[derive(Debug, Default)]
pub struct Collector {
    table: SeriesTable,
    last_body: String,
    /// Scrapes that were expositions.
    number: u64,
    last_at: Option<Nanos>,
    figures: EndpointFigures,
    pub(super) points: Vec<Point>,
    /// Every so many-th scrape of the window is kept as a point.
    step: u64,
    inside: u64,
    pub(super) waiting: Values,
    pub(super) running: Values,
    pub(super) kv_use: Values,
    /// Scrapes of the window in which requests waited.
    pub(super) with_waiting: u64,
    /// Of series whose bits say why clocks are lowered: how often each value was there in the window.
    reasons: BTreeMap<usize, BTreeMap<u64, u64>>,
}

impl Collector {
    /// Nothing scraped yet from this URL.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let figures = EndpointFigures { url: url.to_owned(), ..EndpointFigures::default() };
        Self { figures, step: 1, ..Self::default() }
    }

    /// Takes in the body of a scrape that was made `at`, and took `took`. Scrapes come in the order of their instants.
    pub fn handle_scrape(&mut self, body: &str, at: Nanos, took: Nanos, window: Window) -> Scrape {
        let same = self.number > 0 && self.last_body == body;
        let next = self.number + 1;
        let mut scrape = Scrape { is_metrics: true, is_new: !same, samples: 0 };
        if same {
            self.table.repeat(next);
        } else {
            let read = self.table.read(body, next);
            scrape.samples = read.samples;
            scrape.is_metrics = read.is_metrics();
            self.figures.bad_lines += read.bad_lines;
            if let Some(line) = read.first_bad {
                self.figures.first_bad_line.get_or_insert_with(|| line.to_owned());
            }
            if !scrape.is_metrics {
                self.figures.failed += 1;
                return scrape;
            }
            self.last_body.clear();
            self.last_body.push_str(body);
        }
        self.number = next;
        let room = (MOST_VALUES / self.table.series.len().max(1)).min(MOST_OF_A_GAUGE);
        self.table.end_scrape(Moment {
            at,
            number: next,
            since: self.last_at,
            grows: window != Window::Before,
            holds: window == Window::Inside,
            room,
        });
        self.last_at = Some(at);
        self.note(body.len(), at, took, !same);
        if window == Window::Inside {
            self.keep_point(at);
        }
        scrape
    }

    /// A scrape that brought nothing.
    pub fn handle_failure(&mut self) {
        self.figures.failed += 1;
    }

    fn note(&mut self, bytes: usize, at: Nanos, took: Nanos, new: bool) {
        let figures = &mut self.figures;
        figures.fetches += 1;
        figures.took_ns += took;
        figures.largest_bytes = figures.largest_bytes.max(bytes as u64);
        if figures.fetches == 1 {
            figures.first_at = at;
        }
        figures.last_at = at;
        if new {
            if figures.updates == 0 {
                figures.first_update_at = at;
            }
            figures.updates += 1;
            figures.last_update_at = at;
        }
    }

    fn keep_point(&mut self, at: Nanos) {
        let values = Role::ALL.map(|role| self.now(role).unwrap_or(f64::NAN));
        for (role, into) in
            [(Role::Running, &mut self.running), (Role::Waiting, &mut self.waiting), (Role::KvUse, &mut self.kv_use)]
        {
            let value = values[role as usize];
            if value.is_finite() {
                into.add(value, MOST_OF_A_GAUGE);
            }
        }
        self.with_waiting += u64::from(values[Role::Waiting as usize] > 0.0);
        if self.inside.is_multiple_of(self.step) {
            self.points.push(Point { at, values });
            if self.points.len() == MOST_POINTS {
                let mut place = 0;
                self.points.retain(|_| {
                    place += 1;
                    place % 2 == 1
                });
                self.step *= 2;
            }
        }
        self.inside += 1;
        for family in REASONS.iter().filter_map(|name| self.table.family(name)) {
            for &series in &family.series {
                if let Data::Scalar(scalar) = &self.table.series[series].data
                    && scalar.seen_in == self.number
                {
                    let values = self.reasons.entry(series).or_default();
                    *values.entry(scalar.current as u64).or_default() += 1;
                }
            }
        }
    }

    /// Labels of a series whose bits say why clocks are lowered, the scrapes of the window that had it, and how often
    /// each value was there.
    pub(super) fn reasons(&self) -> impl Iterator<Item = (&Labels, u64, &BTreeMap<u64, u64>)> {
        self.reasons.iter().map(|(&at, values)| (&self.table.series[at].labels, values.values().sum(), values))
    }

    /// The figure of a role by the last scrape: the sum of its series, of a share their mean, of temperatures the
    /// highest, of lowered clocks whether any are. Of a histogram the sum of its observations. Of the instances of a
    /// GPU, which each tell what all of it draws, one counts.
    #[must_use]
    pub fn now(&self, role: Role) -> Option<f64> {
        if role == Role::GpuPower {
            return self.power_now();
        }
        let bits = match role {
            Role::GpuHeat => HEAT,
            Role::GpuPowerLimit => POWER_LIMIT,
            _ => 0,
        };
        let values: Vec<f64> = self
            .of(role)
            .filter_map(|(_, data)| match data {
                Data::Scalar(scalar) if scalar.seen_in == self.number => Some(scalar.current),
                Data::Histogram(histogram) if histogram.is_of(self.number) => histogram.totals().0,
                Data::Scalar(_) | Data::Histogram(_) => None,
            })
            .collect();
        let sum: f64 = values.iter().sum();
        match (role, values.len()) {
            (_, 0) => None,
            (Role::KvUse, n) => Some(sum / n as f64),
            (Role::GpuTemperature, _) => values.into_iter().reduce(f64::max),
            (Role::GpuHeat | Role::GpuPowerLimit, _) => {
                Some(f64::from(u8::from(values.into_iter().any(|reasons| reasons as u64 & bits != 0))))
            }
            _ => Some(sum),
        }
    }

    fn power_now(&self) -> Option<f64> {
        let mut watts: BTreeMap<(&str, &str), f64> = BTreeMap::new();
        for (labels, data) in self.of(Role::GpuPower) {
            if let Data::Scalar(scalar) = data
                && scalar.seen_in == self.number
            {
                let first = |names: &[&str]| names.iter().find_map(|name| labels.get(name)).unwrap_or_default();
                let id = match first(&["UUID", "uuid"]) {
                    "" => (first(&["Hostname", "hostname"]), first(&["gpu"])),
                    uuid => ("", uuid),
                };
                let most = watts.entry(id).or_insert(0.0);
                *most = most.max(scalar.current);
            }
        }
        watts.into_values().reduce(|all, one| all + one)
    }

    /// By how much a counter grew in the window.
    pub(super) fn grown(&self, role: Role) -> Option<f64> {
        let of = self.of(role).filter_map(|(_, data)| match data {
            Data::Scalar(scalar) => Some(scalar.counter()?.total),
            Data::Histogram(_) => None,
        });
        of.reduce(|all, one| all + one)
    }

    /// The mean of a figure over the scrapes of the window from one instant to another; `None` where none has it.
    pub(super) fn mean_in(&self, role: Role, from: Nanos, to: Nanos) -> Option<f64> {
        let inside = self.points.iter().filter(|point| (from..to).contains(&point.at));
        let values: Vec<f64> = inside.map(|point| point.values[role as usize]).filter(|v| v.is_finite()).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// By how much a counter grew from one instant of the window to another, by the scrapes before them; `None` where
    /// none is known, or it was set back.
    pub(super) fn grown_in(&self, role: Role, from: Nanos, to: Nanos) -> Option<f64> {
        let value = |point: &Point| Some(point.values[role as usize]).filter(|value| value.is_finite());
        let inside = |point: &&Point| (from..to).contains(&point.at);
        let last = self.points.iter().rev().find(inside).and_then(value)?;
        let before = self.points.iter().rev().find(|point| point.at < from);
        let first = before.or_else(|| self.points.iter().find(inside)).and_then(value)?;
        (last >= first).then_some(last - first)
    }

    /// By how much a counter grew since the first scrape.
    #[must_use]
    pub fn grown_since_first(&self, role: Role) -> Option<f64> {
        let of = self.of(role).filter_map(|(_, data)| match data {
            Data::Scalar(scalar) => Some(scalar.whole),
            Data::Histogram(_) => None,
        });
        of.reduce(|all, one| all + one)
    }

    /// What a histogram came to in the window, its series added.
    pub(super) fn histogram(&self, role: Role) -> Option<HistogramFigures> {
        let of = self.of(role).filter_map(|(_, data)| match data {
            Data::Histogram(histogram) => histogram.figures(),
            Data::Scalar(_) => None,
        });
        of.reduce(|mut all, one| {
            all.add(&one);
            all
        })
    }

    /// The series of a role.
    fn of(&self, role: Role) -> impl Iterator<Item = (&Labels, &Data)> {
        let named = role.families().iter().find_map(|name| {
            let family = self.table.family(name)?;
            let fits = match role {
                Role::Running
                | Role::Waiting
                | Role::KvUse
                | Role::GpuPower
                | Role::GpuTemperature
                | Role::GpuHeat
                | Role::GpuPowerLimit => family.kind != Kind::Histogram,
                Role::QueueTime | Role::PrefillTime => family.kind == Kind::Histogram,
                _ => family.kind == Kind::Counter,
            };
            fits.then_some(family)
        });
        let series = named.into_iter().flat_map(|family| &family.series).map(|&at| &self.table.series[at]);
        series.filter(|series| Role::counts(&series.labels)).map(|series| (&series.labels, &series.data))
    }

    /// The server whose names most of the families have.
    #[must_use]
    pub fn server(&self) -> Option<&'static str> {
        self.table.families.iter().find_map(|family| dialect_of(&family.name))
    }

    /// All metrics over the window, in the order of their names.
    #[must_use]
    pub fn metrics(&self) -> Vec<MetricFigures> {
        self.table.metrics()
    }

    /// Each family with its series as the last scrape had them.
    pub fn current(&self) -> impl Iterator<Item = (&str, Vec<(&Labels, Current<'_>)>)> {
        self.table.current(self.number)
    }

    /// What was fetched.
    #[must_use]
    pub fn endpoint(&self) -> EndpointFigures {
        EndpointFigures {
            series: self.table.series.len() as u64,
            left_out: self.table.left_out,
            duplicates: self.table.duplicates,
            ..self.figures.clone()
        }
    }
}

/// Values that are kept of all gauges of an endpoint together, and of one.
const MOST_VALUES: usize = 8 << 20;
const MOST_OF_A_GAUGE: usize = 8192;
/// Scrapes that are kept as points for slices.
const MOST_POINTS: usize = 16_384;
