//! Requests that are good, or are not, by the client's lateness alone.

use super::movers::Others;
use super::{ClientShare, LEAST, Lateness};
use crate::measure::basis::Basis;
use crate::measure::goodput::Goodput;
use crate::measure::request::{PerRequest, per_request};
use crate::measure::tags;
use crate::plan::{Slo, Statistic};

/// Counts the requests of which it is not sure whether every objective held, by each kind of lateness.
pub(in crate::measure) struct Judged {
    objectives: Vec<Objective>,
    streaming: bool,
    turned: [Turned; Lateness::ALL.len()],
}

struct Objective {
    metric: &'static PerRequest,
    threshold: f64,
}

/// Requests that can have been the other.
#[derive(Clone, Copy, Debug, Default)]
struct Turned {
    /// Are not good, and can have been.
    to_good: u64,
    /// Are good, and cannot surely be.
    to_bad: u64,
}

impl Judged {
    /// For these objectives; `None` without any, and where one is of gaps, of which it is not known which request has
    /// which.
    pub(in crate::measure) fn new(slos: &[Slo], streaming: bool) -> Option<Self> {
        let objective = |slo: &Slo| Some(Objective { metric: per_request(slo.info()?)?, threshold: slo.threshold });
        let objectives: Vec<Objective> = slos.iter().map(objective).collect::<Option<_>>()?;
        (!objectives.is_empty()).then(|| Self { objectives, streaming, turned: Default::default() })
    }

    /// Adds a request that can have been another.
    pub(in crate::measure) fn add(&mut self, request: &Basis, others: &Others) {
        for (turned, others) in self.turned.iter_mut().zip(others.by_kind()) {
            let (mut good, mut can_be_good, mut surely_good) = (true, true, true);
            for objective in &self.objectives {
                let held = objective.holds(request, self.streaming);
                let can = others.iter().map(|other| objective.holds(other, self.streaming));
                let (any, all) = can.fold((held, held), |(any, all), holds| (any || holds, all && holds));
                good &= held;
                can_be_good &= any;
                surely_good &= all;
            }
            turned.to_good += u64::from(!good && can_be_good);
            turned.to_bad += u64::from(good && !surely_good);
        }
    }

    /// What that can have made of goodput, of which so many requests and seconds were judged.
    pub(in crate::measure) fn shares(&self, goodput: &Goodput, finished: u64, seconds: f64) -> Vec<ClientShare> {
        let figures = [
            (&tags::GOODPUT, goodput.goodput, seconds),
            (&tags::GOOD_REQUEST_COUNT, goodput.good as f64, 1.0),
            (&tags::GOOD_REQUEST_FRACTION, goodput.good_request_fraction, finished as f64),
        ];
        let kinds = self.turned.iter().zip(Lateness::ALL);
        let shares = kinds.flat_map(|(turned, lateness)| {
            figures.map(|(info, value, over)| ClientShare {
                tag: info.tag,
                statistic: Statistic::Value,
                lateness,
                value,
                lower_by: turned.to_bad as f64 / over,
                higher_by: turned.to_good as f64 / over,
            })
        });
        shares.filter(|share| share.largest() > LEAST * share.value && share.largest().is_finite()).collect()
    }
}

impl Objective {
    fn holds(&self, request: &Basis, streaming: bool) -> bool {
        self.metric.value(request, streaming).is_some_and(|value| {
            if self.metric.info.larger_is_better { value >= self.threshold } else { value <= self.threshold }
        })
    }
}
