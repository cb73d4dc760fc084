//! The search for the largest load under which enough requests meet every objective.

use crate::exit::Exit;
use crate::export::EarlierFiles;
use crate::flags::{Axis, CapacityArgs};
use crate::live::signals;
use crate::report;
use crate::result::capacity::{Base, Capacity};
use crate::result::run::Identity;
use crate::runner::probes::ProbeRunner;
use crate::runner::run::Prepared;
use crate::terminal::print;
use ringload_engine::campaign::{Range, Search};
use ringload_engine::{Error, Result};
use std::path::Path;

/// Sends one request after the other, then probes loads until the largest that holds is known.
///
/// # Errors
/// What stands in the way, with a remedy.
pub(crate) fn search(args: &CapacityArgs, mut probes: ProbeRunner, dir: &Path) -> anyhow::Result<Capacity> {
    let output = &args.profile.output;
    let lines = !output.quiet;
    let aside = EarlierFiles::of_several(dir, [], output.overwrite).quietly(output.quiet);
    let mut prepared = Prepared::on(&args.profile.machine);
    let base = probes.base(dir, &aside, &mut prepared)?;
    let mut capacity = Capacity {
        axis: args.search.axis,
        target: args.search.target,
        level: args.search.probe_confidence,
        search: Search::new(range(args, &base)),
        identity: Identity::of(probes.plan()),
        slos: probes.plan().slos.clone(),
        interrupted: base.run.outcome.summary.was_cancelled || signals::received(),
        base,
        probes: Vec::new(),
    };
    if lines {
        print(&report::capacity_head(&capacity))?;
    }
    // What cannot be met one at a time cannot be met under load.
    while let Some(next) = capacity.search.next().filter(|_| capacity.base.good_fraction > 0.0 && !capacity.interrupted)
    {
        let number = capacity.probes.len() + 1;
        let probe = match probes.probe(next, number, (dir, &aside), &mut prepared, &capacity) {
            Ok(probe) if !probe.interrupted => probe,
            Err(error) if Exit::of_error(&error) != Exit::Interrupted => return Err(error),
            Ok(_) | Err(_) => {
                capacity.interrupted = true;
                break;
            }
        };
        if lines {
            print(&report::capacity_line(&probe))?;
        }
        capacity.search.tell(next, probe.judgement.holds);
        capacity.probes.push(probe);
        capacity.interrupted = signals::received();
    }
    Ok(capacity)
}

fn range(args: &CapacityArgs, base: &Base) -> Range {
    let whole = args.search.axis == Axis::Concurrency;
    let (from, to) = match args.search.axis {
        Axis::Rate => (1.0 / base.latency_s.unwrap_or(1.0).max(1e-3), MOST_RATE),
        Axis::Concurrency => (1.0, MOST_IN_FLIGHT),
    };
    let round = |load: f64| if whole { load.floor().max(1.0) } else { load };
    Range {
        from: round(args.search.from.unwrap_or(from)),
        to: round(args.search.to.unwrap_or(to)),
        tolerance: args.search.tolerance,
        whole,
    }
}

/// What a search decides by itself may not be said, and what it rests on must be.
///
/// # Errors
/// [`ringload_engine::Blame::Usage`] with the flag to drop or to add.
pub(crate) fn check(args: &CapacityArgs) -> Result<()> {
    let (profile, load) = (&args.profile, &args.profile.load);
    let said = [
        ("--request-rate", load.request_rate.is_some()),
        ("--request-count", load.request_count.is_some()),
        ("--benchmark-duration", load.benchmark_duration.is_some()),
        ("--stage", !load.stage.is_empty()),
        ("--request-rate-series", load.request_rate_series.is_some()),
        ("--user-centric-rate", load.user_centric_rate.is_some()),
        ("--fixed-schedule", profile.trace.fixed_schedule),
        ("--fail-if", !load.fail_if.is_empty()),
        ("--failed-request-threshold", load.failed_request_threshold.is_some()),
        ("--max-errors", load.max_errors.is_some()),
        ("--num-profile-runs", profile.campaign.num_profile_runs > 1),
        ("--variant", !profile.campaign.variant.is_empty()),
        ("--request-cancellation-rate", profile.load.request_cancellation_rate.is_some()),
        ("--concurrency", load.concurrency.is_some() && args.search.axis == Axis::Concurrency),
    ];
    if let Some((flag, _)) = said.iter().find(|(_, said)| *said) {
        return Err(Error::usage(
            format!("{flag} with `ringload capacity`: the search decides how much is sent, and for how long"),
            format!("drop {flag}; --from, --to and --probe-duration bound the search"),
        ));
    }
    if load.goodput.is_empty() && !profile.machine.demo {
        return Err(Error::usage(
            "no objective: nothing says when a request is good",
            "add --goodput time_to_first_token:200 inter_token_latency:50 (display units), or what your users expect",
        ));
    }
    if let (Some(from), Some(to)) = (args.search.from, args.search.to)
        && from > to
    {
        return Err(Error::usage(format!("--from {from} is over --to {to}"), "write the lighter load in --from"));
    }
    Ok(())
}

const MOST_RATE: f64 = 100_000.0;
const MOST_IN_FLIGHT: f64 = 4_096.0;
