//! An adaptive search: points one after the other, each chosen by what those before it came to.

use crate::export::search_folder;
use crate::flags::environment::Environment;
use crate::flags::{Bound, ProfileArgs, SearchAxis, Varied};
use crate::result::run::RunOutput;
use crate::result::search::{ALL_FOUND, Held, SearchOutcome, Tried};
use crate::runner::sweep_points::{self, SweepPoint};
use ringload_engine::campaign::figure;
use ringload_engine::capacity::{Next, Range, Search};
use ringload_engine::optimization::{Dimension, Ended, Optimizer, Trial};
use ringload_engine::run::check;
use ringload_engine::{Error, Result};
use std::path::Path;

/// The points of the flags, or the first of an adaptive search; what was chosen for the user; and the search.
///
/// # Errors
/// When one cannot be run, with what to write instead.
pub(crate) fn first_points(
    args: &ProfileArgs,
    environment: &Environment,
) -> Result<(Vec<SweepPoint>, Vec<String>, Option<Adaptive>)> {
    let Some(mut search) = Adaptive::of(args, environment)? else {
        let (points, notes) = sweep_points::plan(args, environment)?;
        // The members of a fleet share a load out: each has a part of it to hold.
        let alone = args.fleet.fleet.is_none();
        for point in points.iter().filter(|_| alone) {
            let within = |error: Error| if points.len() > 1 { error.within(&point.label) } else { error };
            check(&point.plan).map_err(within)?;
        }
        return Ok((points, notes, None));
    };
    search.check_ends()?;
    let first = search.propose()?;
    let (point, notes) = first.ok_or_else(|| Error::bug("a search without a first point"))?;
    Ok((vec![point], notes, Some(search)))
}

/// A search under way.
pub(crate) struct Adaptive {
    args: ProfileArgs,
    environment: Environment,
    outcome: SearchOutcome,
    planner: Planner,
}

/// How the next point is chosen.
enum Planner {
    /// By a model of what was seen.
    Model(Box<Optimizer>),
    /// By doubling one setting until a bound breaks, then halving, for each SLO tier or the one set of bounds; and the
    /// value that was chosen last.
    Halving(Vec<Search>, Option<Next>),
}

impl Adaptive {
    /// The search that the flags ask for, if they do; it has no values for its dimensions yet.
    ///
    /// # Errors
    /// When the flags contradict each other.
    pub(crate) fn of(args: &ProfileArgs, environment: &Environment) -> Result<Option<Self>> {
        let Some(search) = args.adaptive_search()? else { return Ok(None) };
        let planner = match &search.space[..] {
            [only] if search.halves || !search.tiers.is_empty() => {
                let dimension = &only.dimension;
                let range = Range { from: dimension.low, to: dimension.high, tolerance: NEAR, whole: dimension.whole };
                Planner::Halving(vec![Search::new(range); search.tiers.len().max(1)], None)
            }
            _ => Planner::Model(Box::new(Optimizer::new(search.settings.clone()))),
        };
        let outcome = SearchOutcome { search, tried: Vec::new(), ended: None };
        Ok(Some(Self { args: args.clone(), environment: environment.clone(), outcome, planner }))
    }

    /// Points that are tried at most.
    pub(crate) fn most_points(&self) -> usize {
        self.outcome.search.settings.most_trials
    }

    /// The folders of its points.
    pub(crate) fn folders(&self) -> impl Iterator<Item = String> + use<> {
        (0..self.most_points()).map(search_folder)
    }

    /// The point to run next; none once the search has ended.
    ///
    /// # Errors
    /// When it cannot be run, with what to write instead.
    pub(crate) fn propose(&mut self) -> Result<Option<(SweepPoint, Vec<String>)>> {
        let values = match &mut self.planner {
            Planner::Model(model) => {
                let values = model.propose();
                self.outcome.ended = model.ended().map(reason);
                values
            }
            Planner::Halving(searches, chosen) => {
                *chosen = widest(searches, self.outcome.search.sustain.is_some());
                self.outcome.ended = match chosen {
                    None => Some(found(searches)),
                    Some(_) if self.outcome.tried.len() >= self.outcome.search.settings.most_trials => {
                        *chosen = None;
                        Some(reason(Ended::MaxIterations))
                    }
                    Some(_) => None,
                };
                chosen.map(|next| vec![next.load])
            }
        };
        let sustains = matches!(&self.planner, Planner::Halving(_, Some(next)) if next.confirms);
        let Some(values) = values else { return Ok(None) };
        let mut args = self.args.clone();
        if let Some(seconds) = self.outcome.search.sustain.filter(|_| sustains) {
            args.load.benchmark_duration = Some(seconds);
        }
        self.point_of(args, &values).map(Some)
    }

    /// Holds every combination of the ends of its dimensions against what a run needs: nothing between them needs more.
    ///
    /// # Errors
    /// What would stop the search later, with what to write instead.
    fn check_ends(&self) -> Result<()> {
        let space = &self.outcome.search.space;
        for number in 0..1_usize << space.len() {
            let end = |(i, varied): (usize, &Varied)| {
                let dimension = &varied.dimension;
                if (number >> i) & 1 == 0 { dimension.high } else { dimension.low }
            };
            let values: Vec<f64> = space.iter().enumerate().map(end).collect();
            let pairs = space.iter().zip(&values).map(|(varied, value)| format!("--{} {value}", varied.axis.flag()));
            let within = |error: Error| {
                let reached = pairs.clone().collect::<Vec<_>>().join(" ");
                self.too_few_requests().unwrap_or_else(|| error.within(format!("--search-space reaches {reached}")))
            };
            let (point, _) = self.point(&values).map_err(within)?;
            check(&point.plan).map_err(within)?;
        }
        Ok(())
    }

    /// The refusal of a count of requests that the heaviest closed loop of the space cannot have in flight.
    fn too_few_requests(&self) -> Option<Error> {
        let (load, sessions) = (&self.args.load, self.args.conversation.num_conversations);
        let dimension = |axis| self.outcome.search.space.iter().find(|v| v.axis == axis).map(|v| &v.dimension);
        let Dimension { low, high, .. } = dimension(SearchAxis::Concurrency)?;
        let counts = [("--request-count", load.request_count), ("--num-conversations", sessions)];
        let (flag, n) = counts.into_iter().find_map(|(flag, n)| Some((flag, n.filter(|n| (*n as f64) < *high)?)))?;
        let open = load.request_rate.is_some() || dimension(SearchAxis::RequestRate).is_some();
        if open || load.benchmark_duration.is_some() {
            return None;
        }
        let smaller =
            if n as f64 > *low { format!(", or --search-space concurrency:{low},{n}") } else { String::new() };
        Some(Error::usage(
            format!(
                "{flag} {n} is below the upper end of --search-space concurrency:{low},{high}: that many would never be in flight"
            ),
            format!("write {flag} {} or more{smaller}", high * 10.0),
        ))
    }

    fn point(&self, values: &[f64]) -> Result<(SweepPoint, Vec<String>)> {
        self.point_of(self.args.clone(), values)
    }

    fn point_of(&self, mut args: ProfileArgs, values: &[f64]) -> Result<(SweepPoint, Vec<String>)> {
        let mut named = Vec::new();
        for (varied, value) in self.outcome.search.space.iter().zip(values) {
            varied.axis.set(&mut args, *value);
            named.push((varied.axis.flag().to_owned(), value.to_string()));
        }
        let mut notes = Vec::new();
        let mut point = sweep_points::of_values(named, &args, &self.environment, &mut notes)?;
        point.folder = search_folder(self.outcome.tried.len());
        Ok((point, notes))
    }

    /// What came of the point that was proposed last: the mean of its runs that count.
    pub(crate) fn record(
        &mut self,
        values: &[(String, String)],
        runs: &[RunOutput],
        counts: impl Fn(&RunOutput) -> bool,
    ) {
        let search = &self.outcome.search;
        let mean = |tag: &str, stat: &str| {
            let counted = runs.iter().filter(|run| counts(run) && run.outcome.summary.counts.succeeded > 0);
            let figures: Vec<f64> = counted.filter_map(|run| figure(&run.outcome.summary, tag, stat)).collect();
            (!figures.is_empty()).then(|| figures.iter().sum::<f64>() / figures.len() as f64)
        };
        let value = mean(search.metric, search.stat);
        let held_against = |bounds: &[Bound]| -> Vec<Held> {
            let of = |bound: &Bound| {
                let figure = mean(bound.metric, bound.stat);
                Held { figure, violation: figure.map(|v| bound.violation(v)) }
            };
            bounds.iter().map(of).collect()
        };
        let bounded = held_against(&search.bounds);
        let tiers: Vec<_> = search.tiers.iter().map(|tier| held_against(&tier.bounds)).collect();
        let violations = bounded.iter().map(|held| held.violation).collect();
        let trial = Trial {
            values: values.iter().filter_map(|(_, value)| value.parse().ok()).collect(),
            objective: value.map(|v| if search.maximize { v } else { -v }),
            violations,
        };
        let judged = runs.iter().any(counts);
        let tried = Tried { trial, figure: value, judged, bounded, tiers };
        match &mut self.planner {
            Planner::Model(model) => model.record(tried.trial.clone()),
            Planner::Halving(searches, chosen) => {
                let chosen = chosen.take();
                for (place, halving) in searches.iter_mut().enumerate() {
                    match chosen {
                        Some(next) if judged => halving.record(next, tried.holds(place)),
                        Some(next) => halving.give_up(next.load),
                        None => {}
                    }
                }
            }
        }
        self.outcome.tried.push(tried);
    }

    /// Writes what was tried so far.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, base: &Path) -> Result<()> {
        crate::export::write_search_history(base, &self.outcome)
    }

    /// What it has come to.
    pub(crate) fn into_outcome(self) -> SearchOutcome {
        self.outcome
    }
}

/// What to try next: of the searches that are open, for the one whose bounds are furthest apart; where a result is held
/// for a while, that too.
fn widest(searches: &[Search], sustains: bool) -> Option<Next> {
    let open = |search: &Search| {
        let next = search.next().filter(|next| (sustains || !next.confirms) && next.load >= search.range.from)?;
        Some((search.width().unwrap_or(f64::INFINITY), next))
    };
    let wider = |best: (f64, Next), next: (f64, Next)| if next.0 > best.0 { next } else { best };
    searches.iter().filter_map(open).reduce(wider).map(|(_, next)| next)
}

/// How searches that have nothing left to try have ended.
fn found(searches: &[Search]) -> &'static str {
    let [only] = searches else { return ALL_FOUND };
    match (only.holds(), only.fails()) {
        (Some(_), Some(_)) => "boundary_found",
        (Some(_), None) if only.unjudged().is_none() => "upper_end_holds",
        (None, Some(_)) => "lower_end_breaks",
        (_, None) => "client_limited",
    }
}

/// Why a search ended, as AIPerf names it where it has a name.
fn reason(ended: Ended) -> &'static str {
    match ended {
        Ended::MaxIterations => "max_iterations",
        Ended::ImprovementPatience => "improvement_patience",
        Ended::PlateauCv => "plateau_cv",
        Ended::NothingExpected => "nothing_expected",
        Ended::Exhausted => "exhausted",
    }
}

/// How near the bounds of a halving have to come, as a share of the upper one.
const NEAR: f64 = 0.02;
