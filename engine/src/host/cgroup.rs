//! CPU quota, throttling and memory of the process's control groups, version 1 and 2.

use std::fs;
use std::path::{Path, PathBuf};

/// A control group that the process is in, or one around it.
#[derive(Clone, Debug)]
pub(super) struct Group {
    directory: PathBuf,
}

/// The process's group of the cpu controller and those around it, innermost first.
pub(super) fn groups(root: &Path) -> Vec<Group> {
    of(root, "cpu", &["cpu.stat", "cpu.cfs_quota_us"])
}

/// Least bytes of memory that one of the process's groups may still take, its cache of files counted as free; `None`
/// without a limit.
pub(super) fn memory_left(root: &Path) -> Option<u64> {
    let groups = of(root, "memory", &["memory.max", "memory.limit_in_bytes"]);
    groups.iter().filter_map(Group::memory_left).min()
}

/// The process's group of a controller and those around it, innermost first; only those that are visible here, having
/// one of the `files`. Inside a container the path in `/proc/self/cgroup` may be the host's: what remains visible of it
/// is read.
fn of(root: &Path, controller: &str, files: &[&str]) -> Vec<Group> {
    let memberships = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let mut groups: Vec<Group> = Vec::new();
    for line in memberships.lines() {
        // `id:controllers:path`; version 2 has no controllers.
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let mount = root.join("sys/fs/cgroup");
        let mount = match controllers {
            "" => mount,
            list if list.split(',').any(|name| name == controller) => mount.join(list),
            _ => continue,
        };
        let path = Path::new(path.trim_start_matches('/'));
        for around in path.ancestors() {
            let directory = mount.join(around);
            if files.iter().any(|file| directory.join(file).is_file()) {
                groups.push(Group { directory });
            }
        }
    }
    groups
}

impl Group {
    /// The CPU quota in cores; `None` without one.
    pub(super) fn quota_cores(&self) -> Option<f64> {
        let read = |name: &str| super::proc::line(&self.directory.join(name));
        let (quota, period) = match read("cpu.max") {
            Some(both) => {
                let (quota, period) = both.split_once(' ')?;
                (quota.to_owned(), period.to_owned())
            }
            None => (read("cpu.cfs_quota_us")?, read("cpu.cfs_period_us")?),
        };
        // `max` and -1 are no quota.
        let quota: f64 = quota.parse().ok().filter(|us| *us > 0.0)?;
        let period: f64 = period.parse().ok().filter(|us| *us > 0.0)?;
        Some(quota / period)
    }

    fn memory_left(&self) -> Option<u64> {
        let read = |name: &str| -> Option<u64> { super::proc::line(&self.directory.join(name))?.parse().ok() };
        // `max` is no limit, and version 1 writes an absurd one.
        let (limit, used, cache) = match read("memory.max") {
            Some(limit) => (limit, read("memory.current")?, "inactive_file "),
            None => (read("memory.limit_in_bytes")?, read("memory.usage_in_bytes")?, "total_inactive_file "),
        };
        let stat = fs::read_to_string(self.directory.join("memory.stat")).unwrap_or_default();
        let cache: u64 = value(&stat, cache).unwrap_or(0);
        Some(limit.saturating_sub(used.saturating_sub(cache)))
    }

    /// How often it was stopped so far; `None` where the kernel does not say.
    pub(super) fn throttling(&self) -> Option<Throttling> {
        Throttling::read(&self.directory.join("cpu.stat"))
    }
}

/// The number behind a key, in a file of such lines.
fn value(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok())
}

/// How often a group was stopped for having used up its quota.
#[derive(Clone, Debug)]
pub(super) struct Throttling {
    file: PathBuf,
    periods: u64,
    throttled: u64,
    seconds: f64,
}

/// The same between two readings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stopped {
    /// Share of the periods.
    pub(super) share: f64,
    /// CPU time, summed over cores.
    pub(super) seconds: f64,
}

impl Throttling {
    fn read(file: &Path) -> Option<Self> {
        let text = fs::read_to_string(file).ok()?;
        let micros = value(&text, "throttled_usec ").map(|us| us as f64 / 1e6);
        let nanos = value(&text, "throttled_time ").map(|ns| ns as f64 / 1e9);
        Some(Self {
            file: file.to_owned(),
            periods: value(&text, "nr_periods ")?,
            throttled: value(&text, "nr_throttled ")?,
            seconds: micros.or(nanos).unwrap_or(0.0),
        })
    }

    /// What was added since; no period is no stop.
    pub(super) fn since(&self) -> Option<Stopped> {
        let now = Self::read(&self.file)?;
        let periods = now.periods.saturating_sub(self.periods);
        let throttled = now.throttled.saturating_sub(self.throttled);
        Some(Stopped {
            share: if periods == 0 { 0.0 } else { throttled as f64 / periods as f64 },
            seconds: (now.seconds - self.seconds).max(0.0),
        })
    }
}
