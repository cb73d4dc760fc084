//! `ringload capacity`

use crate::exit::Exit;
use crate::flags::CapacityArgs;
use crate::live::signals;
use crate::result::capacity::EndedEarly;
use crate::runner::capacity::search;
use crate::runner::environment::{announce, environment, with_seed};
use crate::runner::fleet;
use crate::runner::models;
use crate::runner::preflight;
use crate::runner::probes::ProbeRunner;
use crate::runner::public;
use crate::runner::role::{Lead, Role};
use crate::runner::server::DemoServer;
use crate::terminal::{eprint_line, print, print_json};
use crate::{export, page, report};
use std::sync::Arc;

/// Searches, and reports what was found and on what it rests.
///
/// # Errors
/// What stands in the way, with a remedy.
pub(crate) fn capacity(mut args: CapacityArgs) -> anyhow::Result<Exit> {
    signals::set_grace(args.profile.output.shutdown_grace);
    signals::preparing();
    args.check()?;
    let _demo = DemoServer::start_for_search(&mut args)?;
    let _public = public::resolve(&mut args.profile)?;
    args.profile.check_histograms(true)?;
    let role = if args.profile.output.dry_run { Role::Alone } else { fleet::join(&args.profile.fleet)? };
    models::fill_in(&mut args.profile, role.reports())?;
    match role {
        Role::Alone => find(&args, None),
        Role::Leads(leader) => {
            let exit = find(&args, Some(&leader));
            leader.over(*exit.as_ref().unwrap_or(&Exit::Usage));
            exit
        }
        Role::Follows(member) => {
            let plans = |seed| Ok(vec![ProbeRunner::new(&args, with_seed(Some(seed)))?.0.plan().clone()]);
            member.follow(&args.profile, &plans)
        }
        Role::Late(exit) => Ok(exit),
    }
}

/// Searches, with the members of a fleet where this process leads one.
fn find(args: &CapacityArgs, fleet: Option<&Arc<dyn Lead>>) -> anyhow::Result<Exit> {
    let environment = environment();
    let seed = environment.fresh_seed;
    let (probes, notes) = ProbeRunner::new(args, environment)?;
    let output = &args.profile.output;
    announce(output, probes.plan(), &notes)?;
    if output.dry_run {
        eprint_line("note: this is what is asked one request at a time; the probes follow from what it finds");
        print_json(probes.plan())?;
        return Ok(Exit::Done);
    }
    if fleet.is_none() {
        probes.check_heaviest(args.search.to)?;
    }
    let dir = output.folder(probes.plan());
    export::check_folder(&dir)?;
    let _folder = export::FolderLock::take(&dir, output.quiet)?;
    if let Some(fleet) = fleet {
        fleet.announce(seed, &[probes.plan()], output.quiet)?;
    }
    preflight::check(probes.plan(), &args.profile.endpoint, output.quiet)?;
    let capacity = search(args, probes, &dir, fleet)?;
    signals::finishing();
    let files = export::finish_capacity(&dir, &capacity, &page::of_capacity(&capacity, &dir))?;
    fleet.map_or(Ok(()), |fleet| fleet.keep_results(&dir))?;
    signals::printing();
    match output.json {
        true => print_json(&export::capacity_document(&capacity))?,
        false => print(&report::render_capacity(&capacity, &dir, &files, report::Style::of_stdout(output)))?,
    }
    match capacity.ended_early {
        Some(EndedEarly::Error(error)) => Err(error),
        _ => Ok(capacity.exit(output.allow_invalid)),
    }
}
