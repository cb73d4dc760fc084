//! Read-only facts of the machine: kernel, limits, cgroup quota, steal, what ran on a worker's core. Beside the
//! drivers, the only reader of the machine's files.
//!
//! Each fact may be missing: containers hide files, kernels leave them out. Nothing here fails, and nothing names the
//! machine.

mod cgroup;
mod core;
mod idle;
mod proc;

use crate::clock::{self, Nanos};
use cgroup::Throttling;
pub use core::{CoreFacts, CoreWatch};
pub use idle::CoreLoads;
use proc::CpuTime;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Facts of the machine, and its effects on the run.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct HostFacts {
    /// Release of the kernel (`uname -r`).
    pub kernel: Option<String>,
    /// Model name of the CPU.
    pub cpu_model: Option<String>,
    /// Cores that the process may use, by its affinity mask.
    pub cores_allowed: Option<Vec<usize>>,
    /// Least CPU quota of the process's control groups, in cores; `None` without one.
    pub cpu_quota_cores: Option<f64>,
    /// Frequency governors of the allowed cores, each named once.
    pub governor: Option<String>,
    /// Soft limit of open files.
    pub open_files_soft: Option<u64>,
    /// Hard limit of open files.
    pub open_files_hard: Option<u64>,
    /// Local ports that connections may use: first and last.
    pub local_ports: Option<(u16, u16)>,
    /// How long the run was watched, in seconds: [`HostFacts::read_start`] → [`HostWatch::finish`].
    pub watched_s: f64,
    /// Share of the allowed cores' time that the hypervisor gave to others during the run.
    pub steal_share: Option<f64>,
    /// Share of the CPU quota's periods in which the process's control group was stopped during the run.
    pub throttled_share: Option<f64>,
    /// CPU time for which it was stopped during the run, summed over cores, in seconds.
    pub throttled_s: Option<f64>,
}

/// The facts before the run, and the counters to subtract after it.
#[derive(Clone, Debug)]
pub struct HostWatch {
    /// What is known before the run; the figures over the run are empty.
    pub facts: HostFacts,
    root: PathBuf,
    at: Nanos,
    cpu: Option<CpuTime>,
    throttling: Vec<Throttling>,
}

/// Bytes of memory that the process may still take: what the machine has, and no more than its control groups and its
/// address space allow. `None` where the machine does not say.
#[must_use]
pub fn memory_available() -> Option<u64> {
    memory_under(Path::new("/"))
}

fn memory_under(root: &Path) -> Option<u64> {
    let allowed = cgroup::memory_left(root);
    proc::memory_available(root).into_iter().chain(allowed).chain(proc::address_space_left(root)).min()
}

impl HostFacts {
    /// Reads the facts, and the counters as they stand before the run.
    #[must_use]
    pub fn read_start() -> HostWatch {
        HostWatch::under(Path::new("/"))
    }
}

impl HostWatch {
    fn under(root: &Path) -> Self {
        let cores = proc::cores_allowed(root);
        let (soft, hard) = proc::open_files(root);
        let groups = cgroup::groups(root);
        let facts = HostFacts {
            kernel: proc::line(&root.join("proc/sys/kernel/osrelease")),
            cpu_model: proc::cpu_model(root),
            cpu_quota_cores: groups.iter().filter_map(|group| group.quota_cores()).min_by(f64::total_cmp),
            governor: proc::governors(root, cores.as_deref()),
            open_files_soft: soft,
            open_files_hard: hard,
            local_ports: proc::local_ports(root),
            cores_allowed: cores,
            ..HostFacts::default()
        };
        Self {
            root: root.to_owned(),
            at: clock::monotonic(),
            cpu: proc::cpu_time(root, facts.cores_allowed.as_deref()),
            throttling: groups.iter().filter_map(|group| group.throttling()).collect(),
            facts,
        }
    }

    /// Reads the counters again after the run: the facts with the differences.
    #[must_use]
    pub fn finish(self) -> HostFacts {
        let watched = clock::monotonic().saturating_sub(self.at);
        let now = proc::cpu_time(&self.root, self.facts.cores_allowed.as_deref());
        // Groups are nested: the one that was stopped most is what the process felt.
        let worst = self.throttling.iter().filter_map(Throttling::since).max_by(|a, b| a.share.total_cmp(&b.share));
        HostFacts {
            watched_s: watched as f64 / 1e9,
            steal_share: self.cpu.zip(now).and_then(|(before, after)| before.steal_share(&after)),
            throttled_share: worst.map(|stopped| stopped.share),
            throttled_s: worst.map(|stopped| stopped.seconds),
            ..self.facts
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A machine made of files.
    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), files);
        root
    }

    fn write(root: &Path, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn the_memory_that_is_left_is_the_machines_or_the_groups() {
        let meminfo = ("proc/meminfo", "MemTotal:  8000 kB\nMemAvailable:    4000 kB\n");
        let left = |files: &[(&str, &str)]| memory_under(machine(files).path());
        assert_eq!(left(&[]), None);
        assert_eq!(left(&[meminfo]), Some(4_096_000));
        let mut files = vec![
            meminfo,
            ("proc/self/cgroup", "0::/a/b\n"),
            ("sys/fs/cgroup/a/memory.max", "3000000\n"),
            ("sys/fs/cgroup/a/memory.current", "2500000\n"),
            ("sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 500000\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
        ];
        assert_eq!(left(&files), Some(1_000_000), "the cache can be given up");
        files[2] = ("sys/fs/cgroup/a/memory.max", "9000000\n");
        assert_eq!(left(&files), Some(4_096_000));
        let limited = [
            meminfo,
            (
                "proc/self/limits",
                "Limit  Soft Limit  Hard Limit  Units\nMax address space  2000000  unlimited  bytes\n",
            ),
            ("proc/self/status", "VmSize:\t  500 kB\n"),
        ];
        assert_eq!(left(&limited), Some(1_488_000));
        let older = [
            meminfo,
            ("proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/a\n"),
            ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "3000000\n"),
            ("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "1000000\n"),
        ];
        assert_eq!(left(&older), Some(2_000_000));
    }

    const STAT: &str = "cpu  9 9 9 9 9 9 9 9 0 0\n\
        cpu0 10 0 10 80 0 0 0 0 0 0\ncpu1 10 0 10 80 0 0 0 0 0 0\ncpu2 10 0 10 80 0 0 0 0 0 0\nintr 1\n";

    fn files() -> Vec<(&'static str, &'static str)> {
        vec![
            ("proc/sys/kernel/osrelease", "6.1.0-test\n"),
            ("proc/cpuinfo", "processor\t: 0\nmodel name\t: Test CPU\n"),
            ("proc/self/status", "Name:\tx\nCpus_allowed_list:\t0,2-2\n"),
            (
                "proc/self/limits",
                "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 unlimited            files\n",
            ),
            ("proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
            ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n"),
            ("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "userspace\n"),
            ("sys/devices/system/cpu/cpu2/cpufreq/scaling_governor", "performance\n"),
            ("proc/stat", STAT),
        ]
    }

    #[test]
    fn facts_come_from_the_usual_files() {
        let root = machine(&files());
        let facts = HostWatch::under(root.path()).facts;
        assert_eq!(facts.kernel.as_deref(), Some("6.1.0-test"));
        assert_eq!(facts.cpu_model.as_deref(), Some("Test CPU"));
        assert_eq!(facts.cores_allowed, Some(vec![0, 2]));
        assert_eq!((facts.open_files_soft, facts.open_files_hard), (Some(1_024), Some(u64::MAX)));
        assert_eq!(facts.local_ports, Some((32_768, 60_999)));
        assert_eq!(facts.governor.as_deref(), Some("powersave, performance"));
        assert_eq!(facts.cpu_quota_cores, None);
    }

    #[test]
    fn steal_is_of_the_allowed_cores_over_the_run() {
        let root = machine(&files());
        let watch = HostWatch::under(root.path());
        // Cores 0 and 2: 200 ticks more, of which 20 stolen. Core 1 is not ours.
        let later = "cpu0 20 0 20 140 0 0 0 20 0 0\ncpu1 10 0 10 80 0 0 0 9999 0 0\ncpu2 20 0 20 160 0 0 0 0 0 0\n";
        write(root.path(), &[("proc/stat", later)]);
        let facts = watch.finish();
        assert_eq!(facts.steal_share, Some(0.1));
    }

    #[test]
    fn quota_and_throttling_of_version_2() {
        let mut all = files();
        all.extend([
            ("proc/self/cgroup", "0::/pod/box\n"),
            ("sys/fs/cgroup/pod/cpu.max", "150000 100000\n"),
            ("sys/fs/cgroup/pod/cpu.stat", "usage_usec 5\nnr_periods 100\nnr_throttled 3\nthrottled_usec 1000\n"),
            ("sys/fs/cgroup/pod/box/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/pod/box/cpu.stat", "nr_periods 0\nnr_throttled 0\nthrottled_usec 0\n"),
        ]);
        let root = machine(&all);
        let watch = HostWatch::under(root.path());
        assert_eq!(watch.facts.cpu_quota_cores, Some(1.5));
        let later = "nr_periods 140\nnr_throttled 13\nthrottled_usec 501000\n";
        write(root.path(), &[("sys/fs/cgroup/pod/cpu.stat", later)]);
        let facts = watch.finish();
        assert_eq!((facts.throttled_share, facts.throttled_s), (Some(0.25), Some(0.5)));
    }

    #[test]
    fn quota_and_throttling_of_version_1() {
        let mut all = files();
        all.extend([
            ("proc/self/cgroup", "3:memory:/m\n2:cpu,cpuacct:/pod\n0::/\n"),
            ("sys/fs/cgroup/cpu,cpuacct/pod/cpu.cfs_quota_us", "50000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/pod/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/pod/cpu.stat", "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
        ]);
        let root = machine(&all);
        let watch = HostWatch::under(root.path());
        assert_eq!(watch.facts.cpu_quota_cores, Some(0.5));
        let later = "nr_periods 10\nnr_throttled 1\nthrottled_time 40000000\n";
        write(root.path(), &[("sys/fs/cgroup/cpu,cpuacct/pod/cpu.stat", later)]);
        let facts = watch.finish();
        assert_eq!((facts.throttled_share, facts.throttled_s), (Some(0.1), Some(0.04)));
    }

    #[test]
    fn a_machine_that_shows_nothing_has_no_facts_and_no_errors() {
        let root = machine(&[("proc/stat", "cpu0 x\n"), ("proc/self/status", "Cpus_allowed_list:\t9-\n")]);
        let watch = HostWatch::under(root.path());
        let facts = watch.finish();
        assert_eq!((facts.kernel, facts.cores_allowed, facts.steal_share), (None, None, None));
        assert_eq!(facts.throttled_share, None);
    }

    #[test]
    fn this_machine_can_be_read() {
        let facts = HostFacts::read_start().finish();
        assert!(facts.cores_allowed.is_some_and(|cores| !cores.is_empty()));
        assert!(facts.kernel.is_some());
    }
}
