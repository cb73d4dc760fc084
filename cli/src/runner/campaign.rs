//! Several runs in one process: the points of a sweep and their repeats, then what they agree on and what they show.

use crate::exit::Exit;
use crate::export::{EarlierFiles, OutputLocation};
use crate::flags::variants::{self, Repeat};
use crate::flags::{CampaignArgs, ProfileArgs, SweepMode};
use crate::live::signals;
use crate::result::campaign::{Campaign, Interrupted, NotRun, Settling, SweepPointOutcome};
use crate::result::run::{Identity, MOST_AGAIN, OfSeveral, RunOutput, fresh_id};
use crate::runner::adaptive::{self, Adaptive};
use crate::runner::convergence::Monitor;
use crate::runner::environment::{announce, environment};
use crate::runner::estimate::{self, Pace};
use crate::runner::preflight;
use crate::runner::prepared::Prepared;
use crate::runner::role::Lead;
use crate::runner::run::{self, Observers};
use crate::runner::sweep_points::{self, SweepPoint};
use crate::terminal::{eprint_line, print, print_json};
use crate::{export, page, report};
use ringload_engine::measure::RequestMetrics;
use ringload_engine::record::Record;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Runs every point as often as asked, and reports what came of it.
///
/// # Errors
/// What stands in the way of the first run, with a remedy. What stands in the way of a later one ends the campaign too,
/// after what was measured has been written.
pub(crate) fn run(args: &ProfileArgs, fleet: Option<&Arc<dyn Lead>>) -> anyhow::Result<Exit> {
    let all = args.clone();
    let environment = environment();
    let seed = environment.fresh_seed;
    let (points, notes, search) = signals::unless_stopped(move || adaptive::first_points(&all, &environment))??;
    if args.output.dry_run {
        let plans: Vec<_> = points.iter().map(|c| &c.plan).collect();
        print_json(&plans)?;
        return Ok(Exit::Done);
    }
    announce(&args.output, &points[0].plan, &notes)?;
    let mut runs = Runs::new(args, points, search, fleet);
    export::check_folder(&runs.base)?;
    for trial in 0..args.campaign.num_profile_runs as usize {
        let of_point = |point| runs.folder(point, trial);
        runs.points.iter().map(of_point).try_for_each(|dir| export::check_folder(&dir))?;
    }
    let _folder = export::FolderLock::take(&runs.base, args.output.quiet)?;
    if let Some(fleet) = fleet {
        let plans: Vec<_> = runs.points.iter().map(|point| &point.plan).collect();
        fleet.announce(seed, &plans, args.output.quiet)?;
    }
    let pace = preflight::check(&runs.points[0].plan, &args.endpoint, args.output.quiet)?;
    if runs.search.is_none() {
        tell_the_time(args, &runs.points, pace);
    }
    let stopped = runs.all()?;
    signals::finishing();
    let base = runs.base.clone();
    let apart = if runs.lines { "\n" } else { "" };
    let campaign = runs.campaign(stopped.as_ref());
    let written = export::finish_campaign(&base, &campaign, &args.campaign, &page::of_campaign(&campaign, &base));
    let files = written.as_deref().unwrap_or_default();
    signals::printing();
    if args.output.json {
        print_json(&export::campaign_document(&campaign))?;
    } else {
        let text = report::render_campaign(&campaign, &base, files, report::Style::of_stdout(&args.output));
        print(&format!("{apart}{text}"))?;
    }
    written?;
    fleet.map_or(Ok(()), |fleet| fleet.keep_results(&base))?;
    let outcomes: Vec<_> = campaign.runs().map(|run| &run.outcome).collect();
    preflight::explain(&args.endpoint, &outcomes);
    export::tell_service(&outcomes, &args.output)?;
    match stopped {
        Some(Stop::Error(error)) => Err(error),
        Some(Stop::Signal) if balanced(&campaign) => Ok(Exit::Interrupted),
        Some(Stop::Signal) | None => Ok(exit(&campaign, args.output.allow_invalid)),
    }
}

/// The runs of a campaign, one after the other.
struct Runs<'a> {
    args: &'a ProfileArgs,
    points: Vec<SweepPoint>,
    /// What chooses the points that are still to come.
    search: Option<Adaptive>,
    /// Whether there is more than one point.
    swept: bool,
    /// The run before, as repeat and point.
    before: Option<(usize, usize)>,
    /// The folder of all.
    base: PathBuf,
    earlier: EarlierFiles,
    prepared: Prepared,
    sweep_id: Option<String>,
    /// Whether a line is printed after each.
    lines: bool,
    /// Of each point, what is looked at for convergence.
    monitors: Vec<Monitor>,
    /// Whether a request of any run has been answered or has failed.
    played: bool,
    /// Of each point, the runs that came to their end.
    done: Vec<Vec<RunOutput>>,
}

impl<'a> Runs<'a> {
    fn new(
        args: &'a ProfileArgs,
        points: Vec<SweepPoint>,
        search: Option<Adaptive>,
        fleet: Option<&Arc<dyn Lead>>,
    ) -> Self {
        let folders: Vec<String> = match &search {
            Some(search) => search.folders().collect(),
            None => points.iter().map(|point| point.folder.clone()).collect(),
        };
        let swept = points.len() > 1 || search.is_some();
        let varied = if search.is_some() { sweep_points::SEARCH } else { sweep_points::SWEEP };
        let base = sweep_points::folder(args, &points, swept.then_some(varied));
        Self {
            earlier: EarlierFiles::of_several(&base, folders, args.output.overwrite).quietly(args.output.quiet),
            base,
            prepared: Prepared::on(args, fleet.cloned()),
            search,
            swept,
            before: None,
            sweep_id: swept.then(fresh_id),
            lines: !args.campaign.no_sweep_table && args.output.prints_lines(),
            monitors: points.iter().map(|_| Monitor::new(&args.campaign)).collect(),
            played: false,
            done: points.iter().map(|_| Vec::new()).collect(),
            args,
            points,
        }
    }

    /// Makes them; why they ended early, if they did.
    ///
    /// # Errors
    /// What stands in the way of the first.
    fn all(&mut self) -> anyhow::Result<Option<Stop>> {
        if self.search.is_some() {
            return self.chosen();
        }
        for (trial, index) in order(&self.args.campaign, self.points.len()) {
            let stopped = self.next(trial, index)?;
            if stopped.is_some() {
                return Ok(stopped);
            }
        }
        Ok(None)
    }

    /// Makes those of an adaptive search, as long as it chooses further points.
    fn chosen(&mut self) -> anyhow::Result<Option<Stop>> {
        loop {
            let index = self.points.len() - 1;
            for trial in 0..self.args.campaign.num_profile_runs as usize {
                let stopped = self.next(trial, index)?;
                if stopped.is_some() {
                    return Ok(stopped);
                }
            }
            let Self { search, points, done, args, base, .. } = self;
            let Some(search) = search else { return Ok(None) };
            search.record(&points[index].values, &done[index], |run| !decides_nothing(run, args));
            let next = search.propose();
            let next = search.write(base).and(next);
            match next {
                Ok(Some((point, _))) => self.add(point),
                Ok(None) => return Ok(None),
                Err(error) => return Ok(Some(Stop::Error(error.into()))),
            }
        }
    }

    fn add(&mut self, mut point: SweepPoint) {
        let earlier = self.points.iter().map(|point| &point.plan);
        point.plan = variants::sweep_point(point.plan, self.args.campaign.parameter_sweep_same_seed, earlier);
        self.points.push(point);
        self.monitors.push(Monitor::new(&self.args.campaign));
        self.done.push(Vec::new());
    }

    /// Makes the next run, unless more repeats would change nothing; why it is the last, if it is.
    ///
    /// # Errors
    /// What stands in the way of the first.
    fn next(&mut self, trial: usize, index: usize) -> anyhow::Result<Option<Stop>> {
        if self.monitors[index].settled() {
            return Ok(None);
        }
        let previous = self.before.replace((trial, index));
        let first = previous.is_none();
        let pause = previous.map_or(0.0, |before| pause(&self.args.campaign, before, (trial, index)));
        if signals::wait(pause) && !first {
            return Ok(Some(Stop::Signal));
        }
        let run = match self.unspoiled(trial, index, first) {
            Ok(run) => run,
            Err(error) if first && !self.played => return Err(error),
            Err(error) if Exit::of_error(&error) == Exit::Interrupted => return Ok(Some(Stop::Signal)),
            Err(error) => return Ok(Some(Stop::Error(error))),
        };
        match decides_nothing(&run, self.args) {
            true => self.monitors[index].forget(),
            false => self.monitors[index].end(&run.outcome.summary),
        }
        let cancelled = run.outcome.summary.was_cancelled || signals::received();
        if self.lines {
            print(&report::progress_line(&run.outcome, first && run.spoiled_tries.is_empty()))?;
        }
        self.done[index].push(run);
        Ok(cancelled.then_some(Stop::Signal))
    }

    /// Makes one run of a point, again where the client spoiled it; the files are of the last try.
    fn unspoiled(&mut self, trial: usize, index: usize, first: bool) -> anyhow::Result<RunOutput> {
        let mut spoiled_tries = Vec::new();
        loop {
            let run = self.one(Repeat { index: trial, tries: spoiled_tries.len() }, index)?;
            let outcome = &run.outcome;
            let stopped = outcome.summary.was_cancelled || signals::received();
            let again = decides_nothing(&run, self.args) && spoiled_tries.len() < MOST_AGAIN && !stopped;
            if !again {
                return Ok(RunOutput { spoiled_tries, ..run });
            }
            if self.lines {
                print(&report::progress_line(outcome, first && spoiled_tries.is_empty()))?;
                print(report::AGAIN)?;
            }
            self.monitors[index].forget();
            spoiled_tries.push(run.outcome.verdict);
        }
    }

    /// Makes one run of a point.
    fn one(&mut self, run: Repeat, index: usize) -> anyhow::Result<RunOutput> {
        let dir = self.folder(&self.points[index], run.index);
        let (args, point) = (self.args, &self.points[index]);
        let (swept, trial) = (self.swept, run.index);
        let plan = point.plan_of(run, &args.campaign);
        let mut identity = Identity::of(&plan);
        identity.of_several = OfSeveral {
            trial,
            run_label: if args.campaign.num_profile_runs > 1 { format!("run_{:04}", trial + 1) } else { String::new() },
            variation: swept.then(|| point.label.clone()),
            variation_index: index,
            variation_values: point.values.clone(),
            sweep_id: self.sweep_id.clone(),
        };
        let location = OutputLocation { dir: &dir, prefix: args.output.base_name(), earlier: &self.earlier };
        let monitor = &mut self.monitors[index];
        monitor.begin();
        let played = &mut self.played;
        let mut observe = |_: &Record, metrics: &RequestMetrics| {
            *played = true;
            monitor.observe(metrics);
        };
        let points = self.search.as_ref().map_or(self.points.len(), Adaptive::most_points);
        let place = place(args, (trial, index), (point, points));
        let observers = Observers { live: None, on_record: Some(&mut observe), place: Some(place) };
        run::run(plan, &mut self.prepared, &location, &point.output, identity, observers)
    }

    /// All of them seen together.
    fn campaign(self, stopped: Option<&Stop>) -> Campaign {
        let not_run = self.not_run();
        let level = self.args.campaign.confidence_level;
        let settling = self.monitors.iter().map(Monitor::result);
        let points = self
            .points
            .iter()
            .zip(self.done.into_iter().zip(settling))
            .filter(|(_, (runs, _))| !runs.is_empty())
            .map(|(point, (runs, settling))| SweepPointOutcome {
                folder: point.folder.clone(),
                // A run that could not be made is none.
                settling: settling.map(|s| Settling { runs: runs.len(), ..s }),
                ..SweepPointOutcome::of(point.label.clone(), point.values.clone(), runs, level, |run| {
                    !decides_nothing(run, self.args)
                })
            })
            .collect();
        let interrupted = stopped.map(|stop| Interrupted {
            why: match stop {
                Stop::Signal => "a signal".into(),
                Stop::Error(error) => format!("{error:#}"),
            },
            not_run,
        });
        let (search, degradation) = (self.search.map(Adaptive::into_outcome), self.args.recipe.degradation());
        Campaign { interrupted, search, degradation, ..Campaign::of_points(points, level, self.sweep_id) }
    }

    /// Sweep points of which a planned run was not made, and those of their runs.
    fn not_run(&self) -> Vec<NotRun> {
        let planned = self.args.campaign.num_profile_runs as usize;
        let missing = |(i, point): (usize, &SweepPoint)| {
            let runs = match self.monitors[i].settled() {
                true => 0,
                false => planned - self.done[i].len(),
            };
            (runs > 0).then(|| NotRun { label: point.label.clone(), values: point.values.clone(), runs })
        };
        self.points.iter().enumerate().filter_map(missing).collect()
    }
}

/// Which of all runs it is (repeat, point), for the live view.
fn place(args: &ProfileArgs, (trial, index): (usize, usize), (point, points): (&SweepPoint, usize)) -> String {
    let runs = args.campaign.num_profile_runs;
    let mut parts = Vec::new();
    if points > 1 {
        parts.push(format!("point {} of {points}: {}", index + 1, point.label));
    }
    if runs > 1 {
        parts.push(format!("run {} of {runs}", trial + 1));
    }
    parts.join(", ")
}

/// Whether the client is in the figures of a run, and that is not allowed.
fn decides_nothing(run: &RunOutput, args: &ProfileArgs) -> bool {
    !args.output.allow_invalid && run.outcome.verdict.is_spoiled_by_the_client()
}

/// How long all runs will take, on stderr.
fn tell_the_time(args: &ProfileArgs, points: &[SweepPoint], pace: Option<Pace>) {
    let runs = order(&args.campaign, points.len());
    let pauses = runs.windows(2).map(|pair| pause(&args.campaign, pair[0], pair[1])).sum();
    let plans = points.iter().map(|point| (&point.plan, args.campaign.num_profile_runs));
    if let Some(line) = estimate::of_runs(plans, pauses, pace).filter(|_| !args.output.quiet) {
        eprint_line(line);
    }
}

/// Why a campaign ended early.
enum Stop {
    Signal,
    Error(anyhow::Error),
}

/// Repeat and point of each run, in order.
fn order(args: &CampaignArgs, points: usize) -> Vec<(usize, usize)> {
    let trials = args.num_profile_runs as usize;
    match args.parameter_sweep_mode {
        SweepMode::Repeated => (0..trials).flat_map(|trial| (0..points).map(move |point| (trial, point))).collect(),
        SweepMode::Independent => (0..points).flat_map(|point| (0..trials).map(move |trial| (trial, point))).collect(),
    }
}

/// Seconds to wait before a run (repeat, point): after another point, or after another repeat.
fn pause(args: &CampaignArgs, before: (usize, usize), next: (usize, usize)) -> f64 {
    let wait = |seconds: f64, applies: bool| if applies { seconds } else { 0.0 };
    wait(args.parameter_sweep_cooldown_seconds, before.1 != next.1)
        .max(wait(args.profile_run_cooldown_seconds, before.0 != next.0))
}

impl Runs<'_> {
    /// The folder of a run.
    fn folder(&self, point: &SweepPoint, trial: usize) -> PathBuf {
        match &self.search {
            // Points of a search come one after the other, with all their repeats.
            Some(_) if self.args.campaign.num_profile_runs > 1 => {
                self.base.join(&point.folder).join("profile_runs").join(format!("run_{:04}", trial + 1))
            }
            Some(_) => self.base.join(&point.folder),
            None => folder(&self.base, &self.args.campaign, self.swept, point, trial),
        }
    }
}

/// The folder of a run of a sweep or of repeats, as AIPerf lays them out.
fn folder(base: &Path, args: &CampaignArgs, swept: bool, point: &SweepPoint, trial: usize) -> PathBuf {
    let repeated = args.num_profile_runs > 1;
    let trial = trial + 1;
    match (swept, repeated) {
        (false, _) => base.join("profile_runs").join(format!("run_{trial:04}")),
        (true, false) => base.join(&point.folder),
        (true, true) => match args.parameter_sweep_mode {
            SweepMode::Repeated => base.join("profile_runs").join(format!("trial_{trial:04}")).join(&point.folder),
            SweepMode::Independent => base.join(&point.folder).join("profile_runs").join(format!("trial_{trial:04}")),
        },
    }
}

/// Whether the request accounting of every run adds up. Where it does not, no other status is stronger.
fn balanced(campaign: &Campaign) -> bool {
    let mut runs = campaign.runs();
    runs.all(|run| run.outcome.summary.violations.is_empty())
}

fn exit(campaign: &Campaign, allow_invalid: bool) -> Exit {
    let each: Vec<Exit> = campaign.runs().map(|run| run.exit(allow_invalid, signals::received())).collect();
    Exit::of_runs(&each)
}
