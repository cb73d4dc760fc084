//! Facts from `/proc` and `/sys/devices`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The first line of a file, trimmed; `None` when it is missing or empty.
pub(super) fn line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// The value of the first line `key: value`.
fn field(path: &Path, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim().to_owned())
    })
}

pub(super) fn cpu_model(root: &Path) -> Option<String> {
    field(&root.join("proc/cpuinfo"), "model name")
}

/// Bytes of memory that the machine can still give away.
pub(super) fn memory_available(root: &Path) -> Option<u64> {
    let text = field(&root.join("proc/meminfo"), "MemAvailable")?;
    let kib: u64 = text.trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024)
}

/// Bytes that the process may still add to its address space, where that has a limit (RLIMIT_AS).
pub(super) fn address_space_left(root: &Path) -> Option<u64> {
    let limits = fs::read_to_string(root.join("proc/self/limits")).ok()?;
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u64 = limit.split_whitespace().next()?.parse().ok()?;
    let used = field(&root.join("proc/self/status"), "VmSize")?;
    let used: u64 = used.trim_end_matches("kB").trim().parse().ok()?;
    Some(limit.saturating_sub(used * 1024))
}

/// Cores of the affinity mask, in order.
pub(super) fn cores_allowed(root: &Path) -> Option<Vec<usize>> {
    core_list(&field(&root.join("proc/self/status"), "Cpus_allowed_list")?)
}

/// `0,2-4` → 0, 2, 3, 4.
fn core_list(text: &str) -> Option<Vec<usize>> {
    let mut cores = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let first: usize = first.trim().parse().ok()?;
        let last: usize = last.trim().parse().ok()?;
        if last < first || last > MOST_CORES {
            return None;
        }
        cores.extend(first..=last);
    }
    Some(cores)
}

/// Soft and hard limit of open files; no limit is `u64::MAX`.
pub(super) fn open_files(root: &Path) -> (Option<u64>, Option<u64>) {
    let limits = fs::read_to_string(root.join("proc/self/limits")).unwrap_or_default();
    let mut words =
        limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap_or_default().split_whitespace().map(
            |word| match word {
                "unlimited" => Some(u64::MAX),
                number => number.parse().ok(),
            },
        );
    (words.next().flatten(), words.next().flatten())
}

pub(super) fn local_ports(root: &Path) -> Option<(u16, u16)> {
    let text = line(&root.join("proc/sys/net/ipv4/ip_local_port_range"))?;
    let mut ports = text.split_whitespace().map(|word| word.parse().ok());
    Some((ports.next()??, ports.next()??))
}

/// Frequency governors of the cores, each named once, in the order of the cores.
pub(super) fn governors(root: &Path, cores: Option<&[usize]>) -> Option<String> {
    let mut names: Vec<String> = Vec::new();
    for core in cores? {
        let file = format!("sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor");
        names.extend(line(&root.join(file)).filter(|name| !names.contains(name)));
    }
    (!names.is_empty()).then(|| names.join(", "))
}

/// The memory node that a core belongs to.
pub(super) fn numa_node(root: &Path, core: usize) -> Option<usize> {
    let entries = fs::read_dir(root.join(format!("sys/devices/system/cpu/cpu{core}"))).ok()?;
    entries.flatten().find_map(|entry| {
        let name = entry.file_name();
        name.to_str()?.strip_prefix("node")?.parse().ok()
    })
}

/// How long the calling thread was ready to run and did not, so far, in nanoseconds.
pub(super) fn run_delay(root: &Path) -> Option<u64> {
    // Time on a core, time waiting for one, times it got one.
    let text = line(&root.join("proc/thread-self/schedstat"))?;
    text.split_whitespace().nth(1)?.parse().ok()
}

/// Ticks of some cores since the boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CpuTime {
    steal: u64,
    idle: u64,
    total: u64,
}

/// Ticks of `cores`, or of all where the mask is not known.
pub(super) fn cpu_time(root: &Path, cores: Option<&[usize]>) -> Option<CpuTime> {
    let mut time = CpuTime::default();
    for (core, of_core) in cpu_times(root) {
        if cores.is_none_or(|cores| cores.contains(&core)) {
            time.steal += of_core.steal;
            time.idle += of_core.idle;
            time.total += of_core.total;
        }
    }
    (time.total > 0).then_some(time)
}

/// Ticks of each core; none of a file that is not understood.
pub(super) fn cpu_times(root: &Path) -> BTreeMap<usize, CpuTime> {
    let stat = fs::read_to_string(root.join("proc/stat")).unwrap_or_default();
    let of_line = |line: &str| {
        let mut words = line.split_whitespace();
        let core: usize = words.next()?.strip_prefix("cpu")?.parse().ok()?;
        // user nice system idle iowait irq softirq steal; guest time is in user time already.
        let ticks: Vec<u64> = words.take(8).map_while(|word| word.parse().ok()).collect();
        let steal = *ticks.get(7)?;
        Some((core, CpuTime { steal, idle: ticks[3] + ticks[4], total: ticks.iter().sum() }))
    };
    stat.lines().filter_map(of_line).collect()
}

/// The hardware threads of a core's physical core, itself among them.
pub(super) fn siblings(root: &Path, core: usize) -> Option<Vec<usize>> {
    let file = format!("sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
    core_list(&line(&root.join(file))?)
}

impl CpuTime {
    /// Stolen share between two readings; `None` when no tick passed.
    pub(super) fn steal_share(&self, later: &Self) -> Option<f64> {
        let total = later.total.checked_sub(self.total).filter(|n| *n > 0)?;
        Some(later.steal.saturating_sub(self.steal) as f64 / total as f64)
    }

    /// Share that was not idle, whoever had it, between two readings; `None` when no tick passed.
    pub(super) fn busy_share(&self, later: &Self) -> Option<f64> {
        let total = later.total.checked_sub(self.total).filter(|n| *n > 0)?;
        let idle = later.idle.saturating_sub(self.idle).min(total);
        Some((total - idle) as f64 / total as f64)
    }
}

/// More than any kernel is built for.
const MOST_CORES: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores() {
        assert_eq!(core_list("0-3"), Some(vec![0, 1, 2, 3]));
        assert_eq!(core_list("1,4-5,9"), Some(vec![1, 4, 5, 9]));
        for bad in ["", "3-1", "a", "0-99999999999"] {
            assert_eq!(core_list(bad), None, "{bad}");
        }
    }
}
