//! The search for the largest load under which enough requests meet every objective.

use crate::exit::Exit;
use crate::export::EarlierFiles;
use crate::flags::{Axis, CapacityArgs};
use crate::live::signals;
use crate::report;
use crate::result::capacity::{Base, Capacity, EndedEarly};
use crate::result::run::{Identity, MOST_AGAIN};
use crate::runner::estimate;
use crate::runner::prepared::Prepared;
use crate::runner::probes::ProbeRunner;
use crate::runner::role::Lead;
use crate::terminal::{eprint_line, print};
use ringload_engine::capacity::{Range, Search};
use std::path::Path;
use std::sync::Arc;

/// Sends one request after the other, then probes loads until the largest that holds is known.
///
/// # Errors
/// What stands in the way of the first run, with a remedy. What stands in the way of a probe ends the search with what
/// it has found.
pub(crate) fn search(
    args: &CapacityArgs,
    mut probes: ProbeRunner,
    dir: &Path,
    fleet: Option<&Arc<dyn Lead>>,
) -> anyhow::Result<Capacity> {
    let output = &args.profile.output;
    let lines = output.prints_lines();
    let earlier = EarlierFiles::of_search(dir, output.overwrite).quietly(output.quiet);
    let mut prepared = Prepared::on(&args.profile, fleet.cloned());
    let base = probes.base(dir, &earlier, &mut prepared)?;
    if args.search.by_latency {
        probes.shorten(base.latency_s);
    }
    let mut capacity = Capacity {
        axis: args.search.axis,
        target: args.search.target,
        level: args.search.probe_confidence,
        search: Search::new(range(args, &base)),
        identity: Identity::of(probes.plan()),
        slos: probes.plan().slos.clone(),
        ended_early: EndedEarly::by_signal(base.run.outcome.summary.was_cancelled || signals::received()),
        base,
        probes: Vec::new(),
    };
    if !output.quiet && capacity.ended_early.is_none() {
        let probes = capacity.search.range.most_probes();
        eprint_line(estimate::of_search(probes, args.search.probe_duration));
    }
    if lines {
        print(&report::capacity_head(&capacity))?;
    }
    // Tries of the load under way that the client spoiled.
    let mut spoiled = 0;
    while let Some(next) =
        capacity.search.next().filter(|_| !capacity.base.rules_out_all() && capacity.ended_early.is_none())
    {
        let number = capacity.probes.len() + 1;
        let probe = match probes.probe(next, number, (dir, &earlier), &mut prepared, &capacity) {
            Ok(probe) => probe,
            Err(error) => {
                let by_signal = Exit::of_error(&error) == Exit::Interrupted;
                capacity.ended_early = Some(if by_signal { EndedEarly::Signal } else { EndedEarly::Error(error) });
                break;
            }
        };
        if lines {
            print(&report::capacity_line(&probe))?;
        }
        if probe.interrupted {
            capacity.ended_early = Some(EndedEarly::Signal);
            capacity.probes.push(probe);
            break;
        }
        match probe.spoiled {
            false => {
                capacity.search.record(next, probe.judgement.holds);
                spoiled = 0;
            }
            true if spoiled < MOST_AGAIN => spoiled += 1,
            true => {
                capacity.search.give_up(next.load);
                spoiled = 0;
            }
        }
        capacity.probes.push(probe);
        capacity.ended_early = EndedEarly::by_signal(signals::received());
        if capacity.search.unjudged().is_some() && capacity.search.holds().is_none() {
            break;
        }
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

const MOST_RATE: f64 = 100_000.0;
const MOST_IN_FLIGHT: f64 = 4_096.0;
