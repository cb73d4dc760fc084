//! What a run may take: cores, connections, descriptors, memory.

use crate::driver;
use crate::error::{Error, Result};
use crate::host::CoreLoads;
use crate::plan::{Cores, Load, Plan, Stamps};
use crate::schedule::Share;
use crate::setting::Setting;
use std::sync::{Mutex, PoisonError};

/// How many workers a plan gets on this machine, and on which cores.
///
/// # Errors
/// When the plan names cores that the process may not use.
pub fn cores(plan: &Plan) -> Result<Vec<usize>> {
    let allowed: Vec<usize> = core_affinity::get_core_ids().unwrap_or_default().into_iter().map(|c| c.id).collect();
    let quota = crate::host::HostFacts::read_start()
        .facts
        .cpu_quota_cores
        .map_or(usize::MAX, |cpus| (cpus.floor() as usize).max(1));
    let usable = allowed.len().min(quota).max(1);
    let shown = || allowed.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let mut cores = match &plan.cores {
        Cores::Auto => idle_cores(&allowed, (usable - 1).max(1)),
        Cores::Count(n) if *n == 0 => return Err(Error::usage(format!("{} 0", Setting::Cores), "write at least 1")),
        Cores::Count(n) if *n > allowed.len() => {
            return Err(Error::usage(
                format!("{} {n}: the process may use {} cores ({})", Setting::Cores, allowed.len(), shown()),
                "write a smaller number, or widen the affinity mask",
            ));
        }
        Cores::Count(n) => allowed[allowed.len() - n..].to_vec(),
        Cores::List(list) => {
            if let Some(core) = list.iter().find(|c| !allowed.contains(c)) {
                return Err(Error::usage(
                    format!("{}: the process may not use core {core}", Setting::Cores),
                    format!("choose from {}", shown()),
                ));
            }
            list.clone()
        }
    };
    if let Some(most) = slots_bound(plan) {
        cores.truncate((most as usize).max(1));
    }
    Ok(cores)
}

/// Idle cores of those allowed, at most so many. They are chosen once: runs that follow one another are compared.
fn idle_cores(allowed: &[usize], most: usize) -> Vec<usize> {
    static CHOSEN: Mutex<Option<Chosen>> = Mutex::new(None);
    let mut chosen = CHOSEN.lock().unwrap_or_else(PoisonError::into_inner);
    match &*chosen {
        Some(earlier) if earlier.allowed == allowed && earlier.most == most => earlier.cores.clone(),
        _ => {
            let cores = match allowed {
                [only] => vec![*only],
                _ => CoreLoads::watch().choose(allowed, most),
            };
            *chosen = Some(Chosen { allowed: allowed.to_vec(), most, cores: cores.clone() });
            cores
        }
    }
}

/// What was chosen, and of what.
struct Chosen {
    allowed: Vec<usize>,
    most: usize,
    cores: Vec<usize>,
}

/// Most requests in flight in any phase, where the plan bounds them.
fn slots_bound(plan: &Plan) -> Option<u32> {
    let profiling = plan.profiling.load.most_in_flight()?;
    let most = plan.warmup.as_ref().map_or(Some(profiling), |w| w.load.most_in_flight().map(|n| n.max(profiling)))?;
    // Conversations that one begins are under its own slot, and in flight beside it.
    let width = plan.prompts.replay.as_ref().map_or(1, |replay| replay.width.min(MOST_WIDE));
    Some(most.saturating_mul(width.max(1)))
}

/// Requests of one conversation in flight at a time for which there are connections; further ones wait.
const MOST_WIDE: u32 = 64;

/// What each worker has.
#[derive(Clone, Copy)]
pub(super) struct Resources {
    /// Requests in flight.
    pub(super) requests: usize,
    /// Slots, for them and for HTTP/2 connections.
    pub(super) slots: usize,
}

/// Slots of each worker: one a request in flight, and those of the connections where a target speaks HTTP/2, or of
/// connections whose request has ended and that cannot serve another yet: these are closed where there is no slot for
/// them. As many descriptors are asked for; where the hard limit is lower, requests over HTTP/2 share the connections
/// that there may be, or wait.
///
/// # Errors
/// When the limit of descriptors leaves less than a connection for each request that the plan has in flight.
pub(super) fn capacity(plan: &Plan, workers: usize, http2: bool) -> Result<Resources> {
    let bound = slots_bound(plan);
    // A packet socket for each version of IP.
    let other = OTHER_DESCRIPTORS + if plan.stamps == Stamps::Packet { 2 * workers as u64 } else { 0 };
    let range = plan.core_range(workers);
    // A slot in the hands of a core is not free for another: each core has room for its own share, and in an open loop
    // for all.
    let wanted = match (bound, &plan.profiling.load) {
        (Some(n), Load::Closed { .. } | Load::Users { .. }) => (n as usize).div_ceil(range.of),
        (Some(n), Load::Open { .. } | Load::Fixed { .. }) => Share::of_slots(u64::from(n), range).own_slots() as usize,
        (None, _) => OPEN_CAPACITY,
    };
    let beside = |requests: usize| {
        if http2 { h2_connections(requests) } else { requests.min(DRAINED) }
    };
    let most = (wanted + beside(wanted)) as u64 * workers as u64 + other;
    let total = wanted as u64 * workers as u64 + other;
    // Connections that are given up may hold theirs for a moment longer: asked for, but no reason to refuse a run.
    let closing = (driver::CLOSING * workers) as u64;
    let limit = driver::raise_descriptor_limit(most + closing);
    if limit >= most {
        return Ok(Resources { requests: wanted, slots: wanted + beside(wanted) });
    }
    let room = limit.saturating_sub(other) as usize / workers;
    match bound {
        Some(n) if (n as u64) + other > limit => Err(Error::environment(
            format!("{n} concurrent requests need {total} open files, but the limit is {limit}"),
            format!(
                "raise it (`ulimit -n {most}`, LimitNOFILE= in systemd, --ulimit nofile= in docker) or lower {}",
                Setting::Concurrency
            ),
        )),
        _ if room == 0 => Err(Error::environment(
            format!("the limit of {limit} open files leaves no room for connections"),
            "raise `ulimit -n`",
        )),
        // Requests over HTTP/2 need slots and no descriptors; their connections have what there is.
        _ if http2 => Ok(Resources { requests: wanted, slots: wanted + room.min(beside(wanted)) }),
        _ => Ok(Resources { requests: room.min(wanted), slots: room.min(wanted + beside(wanted)) }),
    }
}

/// Slots for the HTTP/2 connections of `requests` in flight: a server may take one stream a connection, and one that
/// goes away serves on while its successor begins.
fn h2_connections(requests: usize) -> usize {
    2 * (requests + 1)
}

/// Bytes that the answers of a run may hold together.
pub(super) fn memory(plan: &Plan) -> u64 {
    let available = || crate::host::memory_available().map_or(ASSUMED, |bytes| bytes / 2);
    plan.limits.buffered_bytes.unwrap_or_else(available)
}

/// What answers may hold where the machine does not say how much memory it has.
const ASSUMED: u64 = 2 << 30;
/// Most slots of a worker for HTTP/1.1 connections that serve no request.
const DRAINED: usize = 1024;
/// Descriptors of a process that are not connections: files, rings, terminals.
const OTHER_DESCRIPTORS: u64 = 128;
/// Most connections of one worker in an open loop without a cap.
const OPEN_CAPACITY: usize = 65_536;
