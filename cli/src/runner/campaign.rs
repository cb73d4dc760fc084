//! Several runs in one process: the cells of a sweep and their repeats, then what they agree on and what they show.

use crate::args::{CampaignArgs, ProfileArgs, SweepMode};
use crate::commands::profile::announce;
use crate::exit::Exit;
use crate::export::{Aside, Place};
use crate::live::signals;
use crate::result::campaign::{Campaign, Interrupted, NotRun};
use crate::result::run::{Identity, OfSeveral, fresh_id};
use crate::runner::convergence::Watch;
use crate::runner::run::{self, Done, Eyes, Prepared};
use crate::runner::sweep_points::{self, Planned};
use crate::terminal::print;
use crate::{export, report};
use std::path::{Path, PathBuf};

/// Runs every cell as often as asked, and says what came of it.
///
/// # Errors
/// What stands in the way of the first run, with a remedy. What stands in the way of a later one ends the campaign too,
/// after what was measured has been written.
pub(crate) fn run(args: &ProfileArgs) -> anyhow::Result<Exit> {
    let all = args.clone();
    let (cells, notes) = signals::unless_stopped(move || sweep_points::plan(&all))??;
    if args.output.dry_run {
        let plans: Vec<_> = cells.iter().map(|c| &c.plan).collect();
        let text = serde_json::to_string_pretty(&plans)?;
        print(&(text + "\n"))?;
        return Ok(Exit::Done);
    }
    announce(&args.output, &cells[0].plan, &notes)?;
    let base = sweep_points::folder(args, &cells);
    let folders = cells.iter().map(|cell| cell.folder.clone());
    let aside = Aside::of_several(&base, folders, args.output.overwrite).quietly(args.output.quiet);
    let mut watches: Vec<Watch> = cells.iter().map(|_| Watch::new(&args.campaign)).collect();
    let mut done: Vec<Vec<Done>> = cells.iter().map(|_| Vec::new()).collect();
    let mut prepared = Prepared::on(&args.machine);
    let sweep_id = (cells.len() > 1).then(fresh_id);
    let style = report::Style::of_stdout(&args.output);
    let rows = !args.campaign.no_sweep_table && !style.quiet;
    let mut stopped = None;
    let mut before = None;
    for (trial, index) in order(&args.campaign, cells.len()) {
        if watches[index].settled() {
            continue;
        }
        let first = before.is_none();
        let pause = before.replace((trial, index)).map_or(0.0, |before| pause(&args.campaign, before, (trial, index)));
        if signals::wait(pause) && !first {
            stopped = Some(Stop::Signal);
            break;
        }
        let cell = &cells[index];
        let plan = cell.plan_of(trial, &args.campaign);
        let mut identity = Identity::of(&plan);
        identity.of_several = OfSeveral {
            trial,
            run_label: if args.campaign.num_profile_runs > 1 { format!("run_{:04}", trial + 1) } else { String::new() },
            variation: (cells.len() > 1).then(|| cell.label.clone()),
            variation_index: index,
            variation_values: cell.values.clone(),
            sweep_id: sweep_id.clone(),
        };
        let dir = place(&base, &args.campaign, cells.len() > 1, cell, trial);
        let place = Place { dir: &dir, prefix: args.output.profile_export_prefix.as_deref(), aside: &aside };
        let watch = &mut watches[index];
        watch.begin();
        let ran = run::run(
            plan,
            &mut prepared,
            &place,
            &cell.output,
            identity,
            Eyes { live: None, on_record: Some(&mut |_, metrics| watch.see(metrics)) },
        );
        let ran = match ran {
            Ok(ran) => ran,
            Err(error) if first => return Err(error),
            Err(error) if Exit::of_error(&error) == Exit::Interrupted => {
                stopped = Some(Stop::Signal);
                break;
            }
            Err(error) => {
                stopped = Some(Stop::Error(error));
                break;
            }
        };
        watches[index].end(&ran.outcome.summary);
        let cancelled = ran.outcome.summary.was_cancelled || signals::came();
        if rows {
            let line = report::progress_line(&ran.outcome, first);
            print(&line)?;
        }
        done[index].push(ran);
        if cancelled {
            stopped = Some(Stop::Signal);
            break;
        }
    }
    signals::finishing();
    let not_run = not_run(args, &cells, &watches, &done);
    let settling = watches.iter().map(Watch::result);
    let done = done.into_iter().zip(settling).collect();
    let mut campaign = Campaign::of(&cells, done, args.campaign.confidence_level, sweep_id);
    campaign.interrupted = stopped.as_ref().map(|stop| Interrupted {
        why: match stop {
            Stop::Signal => "a signal".into(),
            Stop::Error(error) => format!("{error:#}"),
        },
        not_run,
    });
    let written = export::finish_campaign(&base, &campaign, &args.campaign);
    let files = written.as_deref().unwrap_or_default();
    let apart = if rows { "\n" } else { "" };
    let text = report::render_campaign(&campaign, &base, files, style);
    print(&format!("{apart}{text}"))?;
    written?;
    match stopped {
        Some(Stop::Error(error)) => Err(error),
        Some(Stop::Signal) if balanced(&campaign) => Ok(Exit::Interrupted),
        Some(Stop::Signal) | None => Ok(exit(&campaign, args.output.allow_invalid)),
    }
}

/// Cells of which a planned run was not made, and those of their runs.
fn not_run(args: &ProfileArgs, cells: &[Planned], watches: &[Watch], done: &[Vec<Done>]) -> Vec<NotRun> {
    let planned = args.campaign.num_profile_runs as usize;
    let missing = |(i, cell): (usize, &Planned)| {
        let runs = match watches[i].settled() {
            true => 0,
            false => planned - done[i].len(),
        };
        (runs > 0).then(|| NotRun { label: cell.label.clone(), values: cell.values.clone(), runs })
    };
    cells.iter().enumerate().filter_map(missing).collect()
}

/// Why a campaign ended early.
enum Stop {
    Signal,
    Error(anyhow::Error),
}

/// Repeat and cell of each run, in order.
fn order(args: &CampaignArgs, cells: usize) -> Vec<(usize, usize)> {
    let trials = args.num_profile_runs as usize;
    match args.parameter_sweep_mode {
        SweepMode::Repeated => (0..trials).flat_map(|trial| (0..cells).map(move |cell| (trial, cell))).collect(),
        SweepMode::Independent => (0..cells).flat_map(|cell| (0..trials).map(move |trial| (trial, cell))).collect(),
    }
}

/// Seconds to wait before a run (repeat, cell): after another cell, or after another repeat.
fn pause(args: &CampaignArgs, before: (usize, usize), next: (usize, usize)) -> f64 {
    let wait = |seconds: f64, applies: bool| if applies { seconds } else { 0.0 };
    wait(args.parameter_sweep_cooldown_seconds, before.1 != next.1)
        .max(wait(args.profile_run_cooldown_seconds, before.0 != next.0))
}

/// The folder of a run, as AIPerf lays them out.
fn place(base: &Path, args: &CampaignArgs, swept: bool, cell: &Planned, trial: usize) -> PathBuf {
    let repeated = args.num_profile_runs > 1;
    let trial = trial + 1;
    match (swept, repeated) {
        (false, _) => base.join("profile_runs").join(format!("run_{trial:04}")),
        (true, false) => base.join(&cell.folder),
        (true, true) => match args.parameter_sweep_mode {
            SweepMode::Repeated => base.join("profile_runs").join(format!("trial_{trial:04}")).join(&cell.folder),
            SweepMode::Independent => base.join(&cell.folder).join("profile_runs").join(format!("trial_{trial:04}")),
        },
    }
}

/// Whether the request accounting of every run adds up. Where it does not, no other status is stronger.
fn balanced(campaign: &Campaign) -> bool {
    let mut runs = campaign.runs();
    runs.all(|run| run.outcome.summary.violations.is_empty())
}

/// In order: no run had a success; a run is invalid; a condition of a run does not hold; done.
fn exit(campaign: &Campaign, allow_invalid: bool) -> Exit {
    let each: Vec<Exit> =
        campaign.runs().map(|run| Exit::of_run(&run.outcome.summary, &run.outcome.verdict, allow_invalid)).collect();
    if each.iter().all(|exit| *exit == Exit::Unusable) {
        return Exit::Unusable;
    }
    let worst = [Exit::Invalid, Exit::Failed];
    worst.into_iter().find(|exit| each.contains(exit)).unwrap_or(Exit::Done)
}
