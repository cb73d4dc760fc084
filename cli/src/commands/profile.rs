//! `ringload profile`

use crate::commands::capacity::capacity;
use crate::exit::Exit;
use crate::export::{self, check_folder};
use crate::flags::plan::Planned;
use crate::flags::{CapacityArgs, ProfileArgs};
use crate::live::signals;
use crate::report;
use crate::runner::environment::{announce, environment, planned};
use crate::runner::server::DemoServer;
use crate::runner::{campaign, models, preflight, public, run};
use crate::terminal::print_json;

/// Makes the plan, runs it once or as often as the flags ask, and reports.
///
/// # Errors
/// What stands in the way, with a remedy.
pub(crate) fn profile(mut args: ProfileArgs) -> anyhow::Result<Exit> {
    signals::set_grace(args.output.shutdown_grace);
    signals::preparing();
    args.check_campaign()?;
    if let Some(search) = args.take_search()? {
        return capacity(CapacityArgs { profile: args, search });
    }
    if !args.output.dry_run {
        export::check_service(&args.output)?;
    }
    let _demo = DemoServer::start_for(&mut args)?;
    let _public = public::resolve(&mut args)?;
    models::fill_in(&mut args)?;
    if args.has_several_runs() {
        return campaign::run(&args);
    }
    let Planned { plan, notes } = planned(&args, environment())?;
    if args.output.dry_run {
        print_json(&plan)?;
        return Ok(Exit::Done);
    }
    announce(&args.output, &plan, &notes)?;
    check_folder(&args.output.folder(&plan))?;
    preflight::check(&plan, &args.endpoint, args.output.quiet)?;
    let run = run::alone(plan, &args)?;
    signals::printing();
    report::print_run(&run, &args.output)?;
    export::tell_service(&[&run.outcome], &args.output)?;
    Ok(run.exit(args.output.allow_invalid, signals::received()))
}
