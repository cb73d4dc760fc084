//! `ringload profile`

use crate::commands::capacity::capacity;
use crate::exit::Exit;
use crate::export::{self, FolderLock, check_folder};
use crate::flags::plan::Planned;
use crate::flags::{CapacityArgs, ProfileArgs};
use crate::live::signals;
use crate::report;
use crate::runner::environment::{announce, environment, planned, with_seed};
use crate::runner::fleet;
use crate::runner::role::{Lead, Role};
use crate::runner::server::DemoServer;
use crate::runner::{campaign, check_output, models, preflight, public, run, sweep_points};
use crate::terminal::{print, print_json};
use ringload_engine::plan::Plan;
use std::sync::Arc;

/// Makes the plan, runs it once or as often as the flags ask, and reports.
///
/// # Errors
/// What stands in the way, with a remedy.
pub(crate) fn profile(mut args: ProfileArgs) -> anyhow::Result<Exit> {
    signals::set_grace(args.output.shutdown_grace);
    signals::preparing();
    args.take_scale()?;
    args.check_campaign()?;
    args.adaptive_search()?;
    args.check_output()?;
    args.check_histograms(false)?;
    if let Some(search) = args.take_search()? {
        return capacity(CapacityArgs { profile: args, search });
    }
    if !args.output.dry_run {
        export::check_service(&args.output)?;
    }
    let _demo = DemoServer::start_for(&mut args)?;
    let _public = public::resolve(&mut args)?;
    let role = if args.output.dry_run { Role::Alone } else { fleet::join(&args.fleet)? };
    models::fill_in(&mut args, role.reports())?;
    match role {
        Role::Alone => make(&args, None),
        Role::Leads(leader) => {
            let exit = make(&args, Some(&leader));
            leader.over(*exit.as_ref().unwrap_or(&Exit::Usage));
            exit
        }
        Role::Follows(member) => member.follow(&args, &|seed| plans(&args, seed)),
        Role::Late(exit) => Ok(exit),
    }
}

/// Makes the runs of a command line, with the members of a fleet where this process leads one.
fn make(args: &ProfileArgs, fleet: Option<&Arc<dyn Lead>>) -> anyhow::Result<Exit> {
    if args.has_several_runs() {
        return campaign::run(args, fleet);
    }
    let environment = environment();
    let seed = environment.fresh_seed;
    let Planned { plan, notes } = planned(args, environment)?;
    if args.output.dry_run {
        print_json(&plan)?;
        return Ok(Exit::Done);
    }
    announce(&args.output, &plan, &notes)?;
    let dir = args.output.folder(&plan);
    check_folder(&dir)?;
    let _folder = FolderLock::take(&dir, args.output.quiet)?;
    if let Some(fleet) = fleet {
        fleet.announce(seed, &[&plan], args.output.quiet)?;
    }
    preflight::check(&plan, &args.endpoint, args.output.quiet)?;
    let folder = args.output.folder(&plan);
    let (run, checked) = match args.output.check_output {
        Some(prompts) => check_output::run(plan, args, prompts).map(|(run, found)| (run, Some(found)))?,
        None => (run::alone(plan, args, fleet.cloned())?, None),
    };
    fleet.map_or(Ok(()), |fleet| fleet.keep_results(&folder))?;
    signals::printing();
    report::print_run(&run, &args.output)?;
    if let Some(found) = checked.filter(|_| !args.output.json) {
        print(&format!("{}\n", found.in_words()))?;
    }
    preflight::explain(&args.endpoint, &[&run.outcome]);
    export::tell_service(&[&run.outcome], &args.output)?;
    Ok(run.exit(args.output.allow_invalid, signals::received()))
}

/// What a command line asks for, where others have chosen the seed of a plan that names none.
fn plans(args: &ProfileArgs, seed: u64) -> anyhow::Result<Vec<Plan>> {
    if !args.has_several_runs() {
        return Ok(vec![planned(args, with_seed(Some(seed)))?.plan]);
    }
    let args = args.clone();
    let (points, _) = signals::unless_stopped(move || sweep_points::plan(&args, &with_seed(Some(seed))))??;
    Ok(points.into_iter().map(|point| point.plan).collect())
}
