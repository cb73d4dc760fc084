//! How much is sent: requests, and the time in which they are.

use super::LoadArgs;
use crate::flags::trace::Requests;
use crate::flags::units::nanos;
use ringload_engine::clock::{Nanos, SECOND};
use ringload_engine::plan::{Load, Rate};
use ringload_engine::schedule::expected_arrivals;
use ringload_engine::{Error, Result};

/// How much is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Extent {
    /// Requests at most.
    pub(super) requests: Option<u64>,
    /// Conversations at most.
    pub(super) sessions: Option<u64>,
    /// The time in which they are sent.
    pub(super) duration: Option<Nanos>,
}

/// Requests, conversations and duration: as given; else a rate that moves lasts as long as it says, a file is sent
/// once, and anything else sends a few requests a slot.
pub(super) fn extent(
    args: &LoadArgs,
    load: &Load,
    requests: Option<&Requests>,
    sessions: Option<u64>,
    notes: &mut Vec<String>,
) -> Result<Extent> {
    let duration = args.benchmark_duration.map(nanos);
    if let (Load::Fixed { .. }, Some(file)) = (load, requests) {
        let all = file.turns;
        let asked = args.request_count.unwrap_or(all);
        return Ok(Extent { requests: Some(asked.min(all)), sessions, duration });
    }
    let slots = match load {
        Load::Closed { concurrency, .. } => u64::from(*concurrency),
        Load::Users { users, .. } => u64::from(*users),
        Load::Open { .. } | Load::Fixed { .. } => 1,
    };
    let counts = [("--request-count", args.request_count), ("--num-conversations", sessions)];
    for (flag, n) in counts {
        let (of_slots, why) = match load {
            Load::Closed { .. } => ("--concurrency", "that many would never be in flight"),
            Load::Users { .. } => ("--num-users", "some of them would never come"),
            Load::Open { .. } | Load::Fixed { .. } => continue,
        };
        if let Some(n) = n.filter(|n| duration.is_none() && *n < slots) {
            return Err(Error::usage(
                format!("{flag} {n} is below {of_slots} {slots}: {why}"),
                format!("write {flag} {} or more, or {of_slots} {n}", slots * PER_SLOT),
            ));
        }
    }
    if args.request_count.is_some() || sessions.is_some() || duration.is_some() {
        return Ok(Extent { requests: args.request_count, sessions, duration });
    }
    if let Load::Open { rate, .. } = load
        && let Some(length) = own_length(args, rate)
    {
        notes.push(format!(
            "no --request-count or --benchmark-duration: the load lasts {} s, as its rate says, for about {:.0} requests",
            length as f64 / SECOND as f64,
            expected_arrivals(rate, length)
        ));
        return Ok(Extent { duration: Some(length), ..Extent::default() });
    }
    if let Some(requests) = requests {
        let conversations = requests.conversations as u64;
        // Conversations of several turns are sent to their ends: so many requests would cut some, and begin others
        // again. Users have one after the other, whatever there are.
        let whole = requests.turns > conversations && !matches!(load, Load::Users { .. });
        return Ok(match whole {
            true => Extent { sessions: Some(conversations), ..Extent::default() },
            false => Extent { requests: Some(requests.turns), ..Extent::default() },
        });
    }
    let n = slots * PER_SLOT;
    notes.push(format!("no --request-count or --benchmark-duration: {n} requests will be sent"));
    Ok(Extent { requests: Some(n), ..Extent::default() })
}

/// How long stages or a series last; a ramp alone goes on for ever.
fn own_length(args: &LoadArgs, rate: &Rate) -> Option<Nanos> {
    let says = args.request_rate_series.is_some() || !args.stage.is_empty();
    Some(rate.lasting()).filter(|length| says && *length > 0)
}

/// Requests per slot when nothing says how many. AIPerf sends 10 in all; that is the same for one slot, and for more
/// than ten slots it would never fill them.
const PER_SLOT: u64 = 10;
