//! What the machine did to the run: steal, throttling and others on the client's cores, which explain lags, and limits
//! that made requests fail.

use super::case::{Case, Found};
use super::finding::{Finding, Scope, Status};
use super::lag::BUSY;
use super::wording::{shown_ms, shown_share};
use crate::host::HostFacts;
use crate::measure::{CoreFigures, Summary};
use crate::record::Cause;
use crate::setting::Setting;
use std::collections::BTreeSet;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let (summary, host) = (case.summary, case.host);
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

/// What the machine of another member of a fleet did to it.
pub(super) fn of_member(host: &HostFacts) -> impl Iterator<Item = Finding> {
    [steal(host), throttling(host), governor(host)].into_iter().flatten()
}

/// What the hypervisor takes is in no lag where it takes it from the kernel's own stamping: a note, and from a share on
/// at which stamps can be late by as much as they measure, suspect. The counters tick each 10 ms or more, so that runs
/// under a second have notes alone.
fn steal(host: &HostFacts) -> Option<Finding> {
    let share = host.steal_share.filter(|share| *share > STOLEN)?;
    let suspect = share > STOLEN_SUSPECT && host.watched_s >= SHORTEST_S;
    Some(
        Found::new("cpu_steal", Scope::Client)
            .measured(share, STOLEN, "ratio")
            .at_least(if suspect { Status::Suspect } else { Status::Valid })
            .says(
                format!(
                    "the hypervisor gave {} of the time of the client's cores to others, in which the kernel stamps nothing (reported above {}, suspect over {})",
                    shown_share(share),
                    shown_share(STOLEN),
                    shown_share(STOLEN_SUSPECT)
                ),
                "use a machine with cores of its own, or run when other guests are idle",
            ),
    )
}

/// A note: what a quota stops is the client's threads, and that is in its lags.
fn throttling(host: &HostFacts) -> Option<Finding> {
    let share = host.throttled_share.filter(|share| *share > THROTTLED)?;
    let quota = host.cpu_quota_cores.map_or_else(String::new, |cores| format!(" of {cores:.1} cores"));
    Some(Found::new("cpu_throttling", Scope::Client).measured(share, THROTTLED, "ratio").says(
        format!(
            "the CPU quota{quota} stopped the client in {} of its periods, for {:.2} s of CPU time",
            shown_share(share),
            host.throttled_s.unwrap_or_default()
        ),
        format!("raise or remove the container's CPU limit, or use fewer cores than the quota ({})", Setting::Cores),
    ))
}

/// A core of the client that was busy, though not with the client: a note, as what others take from the client shows in
/// its lags.
fn shared_core(summary: &Summary) -> Option<Finding> {
    let share = |core: &CoreFigures| core.core_busy_share.unwrap_or_default();
    let cores = summary.client.cores.iter();
    let busiest = cores.filter(|core| core.busy_share <= BUSY).max_by(|a, b| share(a).total_cmp(&share(b)))?;
    if share(busiest) <= BUSY {
        return None;
    }
    Some(Found::new("shared_core", Scope::Client).measured(share(busiest), BUSY, "ratio").says(
        format!(
            "core {} was busy {} of the time, only {} with the client{} (reported above {})",
            busiest.core.unwrap_or_default(),
            shown_share(share(busiest)),
            shown_share(busiest.busy_share),
            interruptions(std::slice::from_ref(busiest)),
            shown_share(BUSY)
        ),
        format!("keep the server and other programs off the client's cores: give it others ({}), or pin them elsewhere (taskset)", Setting::Cores),
    ))
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
/// of it: none of that is the server's doing. Without ports or descriptors the load was the machine's, not the plan's.
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
            format!(
                "keep connections ({} pooled), use more source addresses ({}), raise net.ipv4.ip_local_port_range",
                Setting::Reuse,
                Setting::SourceIps
            ),
        ),
        (
            descriptors,
            format!("{descriptors} requests found no file descriptor{files}"),
            "raise `ulimit -n`".to_owned(),
        ),
        (
            memory,
            format!("{memory} requests were given up as the responses of the run together passed {room} MiB"),
            format!(
                "raise {}, or bound each response ({}, {})",
                Setting::BufferedBytes,
                Setting::EventBytes,
                Setting::BodyBytes
            ),
        ),
        (
            unkept,
            format!(
                "{unkept} conversations ended early, as a response was too long to keep or the responses of the run passed {room} MiB"
            ),
            format!("raise {}, or ask for shorter responses ({})", Setting::BufferedBytes, Setting::OutputLength),
        ),
    ];
    let (evidence, remedy): (Vec<String>, Vec<String>) =
        wanted.into_iter().filter(|(count, ..)| *count > 0).map(|(_, evidence, remedy)| (evidence, remedy)).unzip();
    let least = if ports + descriptors > 0 { Status::Invalid } else { Status::Suspect };
    Some(
        Found::new("machine_limits", Scope::Client)
            .counted(ports + descriptors + memory + unkept, "requests")
            .at_least(least)
            .says(
                format!("{}: this is not the server's doing", evidence.join("; ")),
                format!("{}; or lower {}", remedy.join("; "), Setting::Concurrency),
            ),
    )
}

fn unpinned(summary: &Summary) -> Option<Finding> {
    let cores = &summary.client.cores;
    let count = cores.iter().filter(|core| core.core.is_none()).count();
    (count > 0).then(|| {
        Found::new("unpinned", Scope::Client).counted(count as u64, "workers").says(
            format!(
                "{count} of {} workers got no core of their own, or not the scheduling that was asked for",
                cores.len()
            ),
            "allow sched_setaffinity (a container's seccomp profile may forbid it), and CAP_SYS_NICE for SCHED_FIFO",
        )
    })
}

fn numa(summary: &Summary) -> Option<Finding> {
    let cores = summary.client.cores.iter();
    let nodes: BTreeSet<usize> = cores.filter_map(|core| core.numa_node).collect();
    (nodes.len() > 1).then(|| {
        Found::new("numa", Scope::Client).counted(nodes.len() as u64, "nodes").says(
            format!(
                "the workers' cores are of {} memory nodes ({}): memory and the network card are farther from some of them",
                nodes.len(),
                nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            ),
            format!("take the cores of the network card's node ({}; /sys/class/net/INTERFACE/device/numa_node)", Setting::Cores),
        )
    })
}

/// A clock that rises only under load makes the first instructions after each wait slow.
fn governor(host: &HostFacts) -> Option<Finding> {
    let governors = host.governor.as_deref()?;
    (governors != "performance").then(|| {
        Found::new("governor", Scope::Client).says(
            format!(
                "the frequency governor of the allowed cores is {governors}: a core that waits may be slow to take up speed"
            ),
            "set it to performance while measuring (cpupower frequency-set -g performance)",
        )
    })
}

const STOLEN: f64 = 0.01;
const STOLEN_SUSPECT: f64 = 0.1;
const THROTTLED: f64 = 0.01;
const SHORTEST_S: f64 = 1.0;
/// Waits for a core that every thread has.
const SHORTEST_WAIT_S: f64 = 0.001;
