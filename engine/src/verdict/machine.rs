//! Gates on what the machine did to the run: steal, throttling, and limits that made requests fail.

use super::{Finding, HOST, Status, shown_share};
use crate::host::HostFacts;
use crate::measure::Summary;
use crate::record::Cause;

pub(super) fn findings(summary: &Summary, host: &HostFacts) -> Vec<Finding> {
    [steal(host), throttling(host), limits(summary, host)]
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
    let quota = host
        .cpu_quota_cores
        .map_or_else(String::new, |cores| format!(" of {cores:.1} cores"));
    Some(Finding {
        gate: "cpu_throttling",
        status,
        blame: HOST,
        evidence: format!(
            "the CPU quota{quota} stopped the client in {} of its periods, for {:.2} s of CPU time; {BOUNDS}",
            shown_share(share),
            host.throttled_s.unwrap_or_default()
        ),
        remedy:
            "raise or remove the container's CPU limit, or use fewer cores than the quota (--cores)"
                .into(),
    })
}

/// Both counters tick each 10 ms or more: under a second they are remarks.
fn status(share: f64, host: &HostFacts) -> Option<Status> {
    let status = Status::over(share, SUSPECT, INVALID);
    if status == Status::Valid {
        return None;
    }
    Some(if host.watched_s < SHORTEST_S {
        Status::Valid
    } else {
        status
    })
}

/// Requests that failed for want of a local port or a descriptor never reached the server.
fn limits(summary: &Summary, host: &HostFacts) -> Option<Finding> {
    let failed = |cause: Cause| summary.counts.failed.get(&cause).copied().unwrap_or(0);
    let (ports, descriptors) = (
        failed(Cause::PortsExhausted),
        failed(Cause::DescriptorsExhausted),
    );
    if ports + descriptors == 0 {
        return None;
    }
    let range = host.local_ports.map_or_else(String::new, |(first, last)| {
        format!(" (range {first}-{last})")
    });
    let files = host
        .open_files_soft
        .map_or_else(String::new, |limit| format!(" (limit {limit})"));
    Some(Finding {
        gate: "machine_limits",
        status: Status::Suspect,
        blame: HOST,
        evidence: format!(
            "{ports} requests found no local port{range} and {descriptors} no file descriptor{files}: these failures are not the server's"
        ),
        remedy: "keep connections (--connection-reuse-strategy pooled), use more source addresses (--source-ip), raise `ulimit -n` or net.ipv4.ip_local_port_range, or lower \
                 --concurrency"
            .into(),
    })
}

const SUSPECT: f64 = 0.01;
const INVALID: f64 = 0.1;
const BOUNDS: &str = "bounds: suspect over 1 %, invalid over 10 %";
const SHORTEST_S: f64 = 1.0;
