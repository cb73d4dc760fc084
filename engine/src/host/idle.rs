//! Which cores have nothing to do, and which of them workers take.

use super::proc::{self, CpuTime};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Facts of the machine's cores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CoreLoads {
    /// Share of the time in which each was not idle, whoever had it.
    busy: BTreeMap<usize, f64>,
    /// The hardware threads of the physical core of each, itself among them.
    siblings: BTreeMap<usize, Vec<usize>>,
}

impl CoreLoads {
    /// Watches the cores of this machine for a tenth of a second.
    #[must_use]
    pub fn watch() -> Self {
        Self::under(Path::new("/"), &mut || std::thread::sleep(WATCHED))
    }

    fn under(root: &Path, wait: &mut dyn FnMut()) -> Self {
        let before = proc::cpu_times(root);
        wait();
        let after = proc::cpu_times(root);
        let share = |(core, before): (&usize, &CpuTime)| Some((*core, before.busy_share(after.get(core)?)?));
        let siblings = before.keys().filter_map(|core| Some((*core, proc::siblings(root, *core)?)));
        Self { busy: before.iter().filter_map(share).collect(), siblings: siblings.collect() }
    }

    /// Cores for workers, at most so many of those allowed: a hardware thread of each idle physical core, but for the
    /// first of several, which stays for the control plane; where none is idle, the one that is least busy.
    #[must_use]
    pub fn choose(&self, allowed: &[usize], most: usize) -> Vec<usize> {
        let mut physical: BTreeMap<usize, PhysicalCore> = BTreeMap::new();
        for core in allowed {
            let own = [*core];
            let siblings = self.siblings.get(core).map_or(&own[..], Vec::as_slice);
            let first = siblings.iter().copied().min().unwrap_or(*core);
            // A sibling that is busy takes half of what the core can do, whether this process may use it or not.
            let busy = siblings.iter().filter_map(|thread| self.busy.get(thread)).copied().fold(0.0, f64::max);
            let entry = physical.entry(first).or_insert(PhysicalCore { thread: *core, busy });
            entry.thread = entry.thread.min(*core);
        }
        let idle: Vec<usize> = physical.values().filter(|core| core.busy <= IDLE).map(|core| core.thread).collect();
        match idle[..] {
            [] => {
                let least = physical.values().min_by(|a, b| a.busy.total_cmp(&b.busy));
                least.map(|core| core.thread).into_iter().collect()
            }
            [only] => vec![only],
            [_, ref others @ ..] => others[others.len() - others.len().min(most.max(1))..].to_vec(),
        }
    }
}

/// One physical core: its first hardware thread that is allowed, and how busy the busiest of all of them is.
struct PhysicalCore {
    thread: usize,
    busy: f64,
}

/// How long cores are watched: ten ticks of the kernel's.
const WATCHED: Duration = Duration::from_millis(100);
/// Busy shares up to this are idle: two ticks of ten.
const IDLE: f64 = 0.21;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn loads(busy: &[f64], siblings: &[&[usize]]) -> CoreLoads {
        let of = |core: usize| siblings.iter().find(|s| s.contains(&core)).map(|s| (core, s.to_vec()));
        CoreLoads {
            busy: busy.iter().copied().enumerate().collect(),
            siblings: (0..busy.len()).filter_map(of).collect(),
        }
    }

    #[test]
    fn idle_physical_cores_are_taken_but_the_first() {
        let all = [0, 1, 2, 3, 4, 5, 6, 7];
        for (busy, siblings, expected) in [
            // Eight cores without siblings.
            ([0.0; 8], &[][..], vec![1, 2, 3, 4, 5, 6, 7]),
            // Four with two threads each.
            ([0.0; 8], &[&[0, 4][..], &[1, 5], &[2, 6], &[3, 7]][..], vec![1, 2, 3]),
            ([0.0; 8], &[&[0, 1][..], &[2, 3], &[4, 5], &[6, 7]][..], vec![2, 4, 6]),
            // Somebody works on two of them, on the second thread of one: they are for the control plane as well.
            ([0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.6, 0.0], &[&[0, 4][..], &[1, 5], &[2, 6], &[3, 7]][..], vec![3]),
            ([0.9, 0.0, 0.9, 0.9, 0.0, 0.9, 0.9, 0.9], &[][..], vec![4]),
            // One alone is idle, or none.
            ([0.9, 0.8, 0.1, 0.7, 0.9, 0.9, 0.9, 0.9], &[][..], vec![2]),
            ([0.9, 0.8, 0.9, 0.7, 0.9, 0.9, 0.9, 0.9], &[][..], vec![3]),
        ] {
            assert_eq!(loads(&busy, siblings).choose(&all, 8), expected, "{busy:?} {siblings:?}");
        }
    }

    #[test]
    fn what_is_not_allowed_is_not_taken_and_a_quota_bounds_the_rest() {
        let pairs: &[&[usize]] = &[&[0, 4], &[1, 5], &[2, 6], &[3, 7]];
        let idle = loads(&[0.0; 8], pairs);
        assert_eq!(idle.choose(&[4, 5, 6], 8), [5, 6]);
        assert_eq!(idle.choose(&[0, 1, 2, 3], 2), [2, 3]);
        assert_eq!(idle.choose(&[3], 8), [3]);
        // A sibling that is not allowed and busy makes its core busy.
        let busy = loads(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.9], pairs);
        assert_eq!(busy.choose(&[0, 1, 2, 3], 8), [1, 2]);
        // Of a machine that shows nothing every core is idle.
        assert_eq!(CoreLoads::default().choose(&[0, 1, 2], 8), [1, 2]);
        assert_eq!(CoreLoads::default().choose(&[], 8), [0; 0]);
    }

    #[test]
    fn shares_and_siblings_come_from_the_usual_files() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_owned();
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("proc/stat", "cpu  9 9 9 9\ncpu0 10 0 10 80 0 0 0 0\ncpu1 10 0 10 80 0 0 0 0\nintr 5\n");
        write("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0,2\n");
        let mut later = || write("proc/stat", "cpu0 15 0 10 85 0 0 0 0\ncpu1 10 0 10 90 0 0 0 0\n");
        let found = CoreLoads::under(&root, &mut later);
        assert_eq!(found.busy, [(0, 0.5), (1, 0.0)].into());
        assert_eq!(found.siblings, [(0, vec![0, 2])].into());
    }
}
