//! What a worker's core did while the worker was on it.

use super::proc::{self, CpuTime};
use crate::clock::Nanos;
use std::path::{Path, PathBuf};

/// Counters of a core and of the calling thread, to be subtracted later. Begun and finished on the worker's own thread.
#[derive(Clone, Debug)]
pub struct CoreWatch {
    root: PathBuf,
    core: usize,
    cpu: Option<CpuTime>,
    run_delay: Option<Nanos>,
}

/// Facts of a worker's core over a phase. Each figure may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CoreFacts {
    /// Share of the time in which the core was not idle, whoever had it (`/proc/stat`; counted in ticks, so rough under
    /// a second).
    pub busy_share: Option<f64>,
    /// How long the thread was ready to run and waited for a core, ns (`/proc/thread-self/schedstat`).
    pub run_delay: Option<Nanos>,
    /// The memory node of the core.
    pub numa_node: Option<usize>,
}

impl CoreWatch {
    /// Reads the counters as they stand.
    #[must_use]
    pub fn start(core: usize) -> Self {
        Self::under(Path::new("/"), core)
    }

    fn under(root: &Path, core: usize) -> Self {
        Self { root: root.to_owned(), core, cpu: proc::cpu_time(root, Some(&[core])), run_delay: proc::run_delay(root) }
    }

    /// Reads them again: the differences.
    #[must_use]
    pub fn finish(&self) -> CoreFacts {
        let now = Self::under(&self.root, self.core);
        let waited = |(before, after): (Nanos, Nanos)| after.saturating_sub(before);
        CoreFacts {
            busy_share: self.cpu.zip(now.cpu).and_then(|(before, after)| before.busy_share(&after)),
            run_delay: self.run_delay.zip(now.run_delay).map(waited),
            numa_node: proc::numa_node(&self.root, self.core),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_core_is_busy_whoever_has_it_and_a_thread_waits_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        write(root, "sys/devices/system/cpu/cpu1/node3/cpulist", "1\n");
        write(root, "proc/thread-self/schedstat", "500 1000 7\n");
        write(root, "proc/stat", "cpu0 0 0 0 9 0 0 0 0\ncpu1 10 0 10 80 20 0 0 0 0 0\n");
        let watch = CoreWatch::under(root, 1);
        write(root, "proc/thread-self/schedstat", "900 4000 9\n");
        // 100 ticks more: 20 idle, 5 waiting for a disk, the rest somebody's.
        write(root, "proc/stat", "cpu0 0 0 0 999 0 0 0 0\ncpu1 70 5 15 100 25 0 2 3 0 0\n");
        let expected = CoreFacts { busy_share: Some(0.75), run_delay: Some(3_000), numa_node: Some(3) };
        assert_eq!(watch.finish(), expected);
    }

    #[test]
    fn a_machine_that_shows_nothing_has_no_figures() {
        let dir = tempfile::tempdir().unwrap();
        let watch = CoreWatch::under(dir.path(), 0);
        assert_eq!(watch.finish(), CoreFacts::default());
    }
}
