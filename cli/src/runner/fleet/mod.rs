//! One run from many machines: what this process does as the member that leads, and what it does as another.
//!
//! Every member is started with one command line. The leader makes the runs that the command line asks for as on one
//! machine; before each it says what is planned, and after each it sums up what all have left. The others do as it
//! says, and print nothing of their own.

mod digests;
mod leader;
mod local_load;
mod member;
mod plans;
mod results;
mod status;
mod up;

pub(crate) use results::results;
pub(crate) use status::status;
pub(crate) use up::up;

use crate::exit::Exit;
use crate::flags::{BusTlsArgs, FleetArgs, OnLossArg};
use crate::live::signals;
use crate::runner::role::Role;
use crate::terminal::eprint_line;
use leader::Leader;
use member::Follower;
use ringload_engine::{Error, Result};
use ringload_fleet::{Address, Blame, Identity, Joining, Member, OnLoss, OnWait, Options, RequestedIdentity};
use std::sync::Arc;
use std::time::Duration;

/// Joins the fleet that the flags name, if they name one.
///
/// # Errors
/// When it is not said which member of which run this is, or the bus does not let it join.
pub(crate) fn join(args: &FleetArgs) -> Result<Role> {
    args.check()?;
    let Some(url) = &args.fleet else { return Ok(Role::Alone) };
    let given = RequestedIdentity {
        rank: args.fleet_rank,
        size: args.fleet_size.and_then(|size| usize::try_from(size).ok()),
        run: args.fleet_run.clone(),
        by_array: args.fleet_by_array,
    };
    let identity = Identity::of(&given, &|name| std::env::var(name).ok()).map_err(with_flags)?;
    let address = address(url, &args.tls)?;
    let leads = identity.rank == 0;
    let options = Options {
        address,
        identity,
        version: env!("CARGO_PKG_VERSION").into(),
        silence: Duration::from_secs_f64(args.fleet_silence),
        on_loss: match args.fleet_on_loss {
            OnLossArg::Abort => OnLoss::Abort,
            OnLossArg::Continue => OnLoss::Continue,
        },
        patience: Duration::from_secs_f64(args.fleet_wait),
        stopped: Arc::new(signals::ends_waits),
        on_wait: on_wait(args.fleet_wait),
    };
    Ok(match Member::join(options).map_err(ours)? {
        Joining::Over(status) => Role::Late(exit_of(status)),
        Joining::Joined(member) if leads => {
            Role::Leads(Arc::new(Leader::new(member, args.fleet_keep_results, args.by_histograms())))
        }
        Joining::Joined(member) => Role::Follows(Box::new(Follower::new(member))),
    })
}

/// Prints why a member waits, and for how long.
fn on_wait(seconds: f64) -> OnWait {
    Arc::new(move |why| eprint_line(format_args!("fleet: {why}; it is tried again for {seconds} s (--fleet-wait)")))
}

/// The bus that flags name.
fn address(url: &str, tls: &BusTlsArgs) -> Result<Address> {
    let mut address = Address::parse(url).map_err(with_flags)?;
    address.tls.authorities.clone_from(&tls.fleet_ca);
    address.tls.own = tls.fleet_cert.clone().zip(tls.fleet_key.clone());
    Ok(address)
}

/// An error of the control plane as one of ours.
fn ours(error: ringload_fleet::Error) -> Error {
    match error.blame {
        Blame::Usage => Error::usage(error.what, error.remedy),
        Blame::Environment => Error::environment(error.what, error.remedy),
        Blame::Interrupted => Error::interrupted(error.what),
    }
}

/// The same of an identity, with the flags that say it.
fn with_flags(error: ringload_fleet::Error) -> Error {
    let flags = "(--fleet, --fleet-size, --fleet-rank, --fleet-run)";
    Error::usage(error.what, format!("{} {flags}", error.remedy))
}

fn exit_of(status: u8) -> Exit {
    let all = [Exit::Done, Exit::Failed, Exit::Usage, Exit::Unusable, Exit::Invalid, Exit::Interrupted];
    all.into_iter().find(|exit| *exit as u8 == status).unwrap_or(Exit::Usage)
}
