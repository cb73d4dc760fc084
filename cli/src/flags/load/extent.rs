//! How much is sent: requests, and the time in which they are.

use super::LoadArgs;
use crate::flags::trace::Requests;
use crate::flags::units::nanos;
use ringload_engine::clock::{Nanos, SECOND};
use ringload_engine::plan::{Load, Rate};
use ringload_engine::schedule::expected_arrivals;
use ringload_engine::{Error, Result};

/// Requests and duration: as given; else a rate that moves lasts as long as it says, and anything else sends a few
/// requests a slot.
pub(super) fn extent(
    args: &LoadArgs,
    load: &Load,
    requests: Option<&Requests>,
    sessions: Option<u64>,
    notes: &mut Vec<String>,
) -> Result<(Option<u64>, Option<Nanos>)> {
    let duration = args.benchmark_duration.map(nanos);
    if let (Load::Fixed { .. }, Some(file)) = (load, requests) {
        let all = file.turns;
        let asked = args.request_count.unwrap_or(all);
        return Ok((Some(asked.min(all)), duration));
    }
    let slots = match load {
        Load::Closed { concurrency, .. } => u64::from(*concurrency),
        Load::Users { users, .. } => u64::from(*users),
        Load::Open { .. } | Load::Fixed { .. } => 1,
    };
    let counts = [("--request-count", args.request_count), ("--num-conversations", sessions)];
    for (flag, n) in counts {
        if let (Some(n), None, Load::Closed { concurrency, .. }) = (n, duration, load)
            && n < u64::from(*concurrency)
        {
            return Err(Error::usage(
                format!("{flag} {n} is below --concurrency {concurrency}: that many would never be in flight"),
                format!("write {flag} {} or more, or --concurrency {n}", slots * PER_SLOT),
            ));
        }
    }
    if args.request_count.is_some() || sessions.is_some() || duration.is_some() {
        return Ok((args.request_count, duration));
    }
    if let Load::Open { rate, .. } = load
        && let Some(length) = own_length(args, rate)
    {
        notes.push(format!(
            "no --request-count or --benchmark-duration: the load lasts {} s, as its rate says, for about {:.0} requests",
            length as f64 / SECOND as f64,
            expected_arrivals(rate, length)
        ));
        return Ok((None, Some(length)));
    }
    if let Some(requests) = requests {
        return Ok((Some(requests.turns), None));
    }
    let n = slots * PER_SLOT;
    notes.push(format!("no --request-count or --benchmark-duration: {n} requests will be sent"));
    Ok((Some(n), None))
}

/// How long stages or a series last; a ramp alone goes on for ever.
fn own_length(args: &LoadArgs, rate: &Rate) -> Option<Nanos> {
    let says = args.request_rate_series.is_some() || !args.stage.is_empty();
    Some(rate.lasting()).filter(|length| says && *length > 0)
}

/// Requests per slot when nothing says how many. AIPerf sends 10 in all; that is the same for one slot, and for more
/// than ten slots it would never fill them.
const PER_SLOT: u64 = 10;
