//! `ringload profile`: the story of a run, or of several.

use crate::args::{OutputArgs, ProfileArgs, Ui};
use crate::exit::Exit;
use crate::export::{Aside, Place};
use crate::live::signals;
use crate::planning::{self, Planned, Proxies, Surroundings};
use crate::report;
use crate::result::run::Identity;
use crate::runner::run::{self, Eyes, Prepared};
use crate::runner::server::Demo;
use crate::runner::{campaign, convergence};
use crate::terminal::{print, print_report, say};
use ringload_engine::plan::Plan;

/// Plans, prepares, runs, judges, writes and reports.
///
/// # Errors
/// What stands in the way, with a remedy.
pub(crate) fn profile(mut args: ProfileArgs) -> anyhow::Result<Exit> {
    signals::grace(args.output.shutdown_grace);
    signals::preparing();
    let prefix = planning::check_prefix(args.output.profile_export_prefix.as_deref())?;
    convergence::check(&args)?;
    let demo = Demo::start(&args)?;
    if let Some(demo) = &demo {
        demo.aim(&mut args);
        args.cells.iter_mut().for_each(|c| demo.aim(&mut c.args));
    }
    if !args.cells.is_empty() || args.campaign.num_profile_runs > 1 {
        return campaign::run(&args);
    }
    let Planned { plan, notes } = planned(&args, surroundings())?;
    if args.output.dry_run {
        let text = serde_json::to_string_pretty(&plan)?;
        print(&(text + "\n"))?;
        return Ok(Exit::Done);
    }
    announce(&args.output, &plan, &notes)?;

    let dir = planning::artifact_dir(args.output.artifact_dir.as_deref(), &plan);
    let identity = Identity::of(&plan);
    let aside = Aside::of_run(&dir, prefix.as_deref(), args.output.overwrite);
    let place = Place { dir: &dir, prefix: prefix.as_deref(), aside: &aside.quietly(args.output.quiet) };
    let done = run::run(plan, &mut Prepared::on(&args.machine), &place, &args.output, identity, Eyes::default())?;
    let outcome = &done.outcome;
    let style = report::Style::of_stdout(&args.output);
    print_report(&report::render(outcome, &done.files, style), style.colour)?;
    Ok(Exit::of_run(&outcome.summary, &outcome.verdict, args.output.allow_invalid))
}

/// The plan of a command line; its files are read while signals are heeded.
///
/// # Errors
/// When it makes none, with what to write instead; when a signal came.
pub(crate) fn planned(args: &ProfileArgs, around: Surroundings) -> anyhow::Result<Planned> {
    let args = args.clone();
    Ok(signals::unless_stopped(move || planning::plan(&args, &around))??)
}

/// What the environment adds to the flags.
pub(crate) fn surroundings() -> Surroundings {
    Surroundings {
        api_key: std::env::var("RINGLOAD_API_KEY").ok(),
        // 32 bits: every JSON reader keeps such a number whole.
        fresh_seed: u64::from(rand::random::<u32>()),
        proxies: Proxies::of(|name| std::env::var(name).ok()),
    }
}

/// Says what was chosen for the user.
pub(crate) fn announce(output: &OutputArgs, plan: &Plan, notes: &[String]) -> anyhow::Result<()> {
    if output.quiet {
        return Ok(());
    }
    for note in notes {
        say(format_args!("note: {note}"));
    }
    if output.ui == Ui::Dashboard {
        say("note: --ui dashboard is not supported yet: falling back to simple");
    }
    if output.verbose > 0 {
        say(format_args!("{}", serde_json::to_string_pretty(plan)?));
    }
    Ok(())
}
