//! Gates on what the machine did to the run: steal, throttling, others on the client's cores, and limits that made
//! requests fail.

use super::lag::BUSY_SUSPECT;
use super::{Finding, HOST, Status, shown_ms, shown_share};
use crate::host::HostFacts;
use crate::measure::{CoreFigures, Summary};
use crate::record::Cause;
use std::collections::BTreeSet;

pub(super) fn findings(summary: &Summary, host: &HostFacts) -> Vec<Finding> {
    [
        steal(host),
        throttling(host),
        shared_core(summary),
        limits(summary, host),
        unpinned(summary),
        numa(summary),
        governor(host),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn steal(host: &HostFacts) -> Option<Finding> {
    let share = host.steal_share?;
    let status = status(share, host)?;
    Some(Finding {
        gate: "cpu_steal",
        status,
        blame: HOST,
        evidence: format!(
            "the hypervisor gave {} of the time of the client's cores to others; {BOUNDS}",
            shown_share(share)
        ),
        remedy: "use a machine with cores of its own, or run when its neighbours are quiet".into(),
    })
}

fn throttling(host: &HostFacts) -> Option<Finding> {
    let share = host.throttled_share?;
    let status = status(share, host)?;
    let quota = host.cpu_quota_cores.map_or_else(String::new, |cores| format!(" of {cores:.1} cores"));
    Some(Finding {
        gate: "cpu_throttling",
        status,
        blame: HOST,
        evidence: format!(
            "the CPU quota{quota} stopped the client in {} of its periods, for {:.2} s of CPU time; {BOUNDS}",
            shown_share(share),
            host.throttled_s.unwrap_or_default()
        ),
        remedy: "raise or remove the container's CPU limit, or use fewer cores than the quota (--cores)".into(),
    })
}

/// Both counters tick each 10 ms or more: under a second they are remarks.
fn status(share: f64, host: &HostFacts) -> Option<Status> {
    let status = Status::over(share, SUSPECT, INVALID);
    if status == Status::Valid {
        return None;
    }
    Some(if host.watched_s < SHORTEST_S { Status::Valid } else { status })
}

/// A core of the client that was busy, though not with the client. It has the bound of [`super::lag`]'s busy core, but
/// none for invalid: what others take from the client shows in its lags, and there it is judged.
fn shared_core(summary: &Summary) -> Option<Finding> {
    let share = |core: &CoreFigures| core.core_busy_share.unwrap_or_default();
    let cores = summary.client.cores.iter();
    let busiest = cores.filter(|core| core.busy_share <= BUSY_SUSPECT).max_by(|a, b| share(a).total_cmp(&share(b)))?;
    let status = Status::over(share(busiest), BUSY_SUSPECT, f64::INFINITY);
    if status == Status::Valid {
        return None;
    }
    Some(Finding {
        gate: "shared_core",
        status: if summary.phase_duration_s < SHORTEST_S {
            Status::Valid
        } else {
            status
        },
        blame: HOST,
        evidence: format!(
            "core {} was busy {} of the time, only {} with the client{}; bound: suspect over {} of the core",
            busiest.core.unwrap_or_default(),
            shown_share(share(busiest)),
            shown_share(busiest.busy_share),
            interruptions(std::slice::from_ref(busiest)),
            shown_share(BUSY_SUSPECT)
        ),
        remedy: "keep the server and other programs off the client's cores: give it others (--cores), or pin them elsewhere (taskset)".into(),
    })
}

/// What kept workers from running when they could have, to stand beside a lag.
pub(super) fn interruptions(cores: &[CoreFigures]) -> String {
    let switches: u64 = cores.iter().map(|core| core.involuntary_switches).sum();
    let waited: f64 = cores.iter().filter_map(|core| core.run_delay_s).sum();
    if switches == 0 && waited < SHORTEST_WAIT_S {
        return String::new();
    }
    format!(" (its workers were interrupted {switches} times and waited {} for a core)", shown_ms(waited * 1e3))
}

/// Requests that failed for want of a local port, a descriptor or memory, and conversations that ended early for want
/// of it: none of that is the server's doing.
fn limits(summary: &Summary, host: &HostFacts) -> Option<Finding> {
    let failed = |cause: Cause| summary.counts.failed.get(&cause).copied().unwrap_or(0);
    let (ports, descriptors) = (failed(Cause::PortsExhausted), failed(Cause::DescriptorsExhausted));
    let memory = failed(Cause::MemoryLimit);
    let unkept = summary.counts.sessions.map_or(0, |s| s.unkept);
    if ports + descriptors + memory + unkept == 0 {
        return None;
    }
    let range = host.local_ports.map_or_else(String::new, |(first, last)| format!(" (range {first}-{last})"));
    let files = host.open_files_soft.map_or_else(String::new, |limit| format!(" (limit {limit})"));
    let room = summary.client.buffered_limit_bytes >> 20;
    let wanted = [
        (
            ports,
            format!("{ports} requests found no local port{range}"),
            "keep connections (--connection-reuse-strategy pooled), use more source addresses (--source-ip), raise net.ipv4.ip_local_port_range",
        ),
        (descriptors, format!("{descriptors} requests found no file descriptor{files}"), "raise `ulimit -n`"),
        (
            memory,
            format!("{memory} requests were given up as the answers of the run together passed {room} MiB"),
            "raise --max-buffered-bytes, or bound each answer (--max-event-bytes, --max-body-bytes)",
        ),
        (
            unkept,
            format!(
                "{unkept} conversations ended early, as an answer was too long to keep or the answers of the run passed {room} MiB"
            ),
            "raise --max-buffered-bytes, or ask for shorter answers (--osl)",
        ),
    ];
    let (evidence, remedy): (Vec<String>, Vec<&str>) =
        wanted.into_iter().filter(|(count, ..)| *count > 0).map(|(_, evidence, remedy)| (evidence, remedy)).unzip();
    Some(Finding {
        gate: "machine_limits",
        status: Status::Suspect,
        blame: HOST,
        evidence: format!("{}: this is not the server's doing", evidence.join("; ")),
        remedy: format!("{}; or lower --concurrency", remedy.join("; ")),
    })
}

fn unpinned(summary: &Summary) -> Option<Finding> {
    let cores = &summary.client.cores;
    let count = cores.iter().filter(|core| core.core.is_none()).count();
    (count > 0).then(|| Finding {
        gate: "unpinned",
        status: Status::Valid,
        blame: HOST,
        evidence: format!(
            "{count} of {} workers got no core of their own, or not the scheduling that was asked for",
            cores.len()
        ),
        remedy:
            "allow sched_setaffinity (a container's seccomp profile may forbid it), and CAP_SYS_NICE for SCHED_FIFO"
                .into(),
    })
}

fn numa(summary: &Summary) -> Option<Finding> {
    let cores = summary.client.cores.iter();
    let nodes: BTreeSet<usize> = cores.filter_map(|core| core.numa_node).collect();
    (nodes.len() > 1).then(|| Finding {
        gate: "numa",
        status: Status::Valid,
        blame: HOST,
        evidence: format!(
            "the workers' cores are of {} memory nodes ({}): memory and the network card are farther from some of them",
            nodes.len(),
            nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        ),
        remedy: "take the cores of the network card's node (--cores; /sys/class/net/INTERFACE/device/numa_node)".into(),
    })
}

/// A clock that rises only under load makes the first instructions after each wait slow.
fn governor(host: &HostFacts) -> Option<Finding> {
    let governors = host.governor.as_deref()?;
    (governors != "performance").then(|| Finding {
        gate: "governor",
        status: Status::Valid,
        blame: HOST,
        evidence: format!(
            "the frequency governor of the allowed cores is {governors}: a core that waits may be slow to take up speed"
        ),
        remedy: "set it to performance while measuring (cpupower frequency-set -g performance)".into(),
    })
}

const SUSPECT: f64 = 0.01;
const INVALID: f64 = 0.1;
const BOUNDS: &str = "bounds: suspect over 1 %, invalid over 10 %";
const SHORTEST_S: f64 = 1.0;
/// Waits for a core that every thread has.
const SHORTEST_WAIT_S: f64 = 0.001;
