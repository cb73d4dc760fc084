//! What a worker's thread asks of the kernel: its scheduling, its limits, its bill.

use crate::clock::Nanos;

/// CPU time and switches of the calling thread so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreadFacts {
    /// Time in user mode, ns.
    pub user: Nanos,
    /// Time in the kernel, ns.
    pub system: Nanos,
    /// Involuntary context switches.
    pub involuntary_switches: u64,
}

/// What the calling thread has cost so far (`getrusage(RUSAGE_THREAD)`).
#[must_use]
pub fn thread_facts() -> ThreadFacts {
    let usage = rusage(libc::RUSAGE_THREAD);
    let nanos = |t: libc::timeval| t.tv_sec as Nanos * 1_000_000_000 + t.tv_usec as Nanos * 1_000;
    ThreadFacts {
        user: nanos(usage.ru_utime),
        system: nanos(usage.ru_stime),
        involuntary_switches: usage.ru_nivcsw as u64,
    }
}

/// Highest resident set of the process's own memory, in bytes: `VmHWM` of `/proc/self/status`. `ru_maxrss` of
/// `getrusage(2)` is not used where `/proc` is there: it survives `execve(2)`, so that a small process started by a
/// large one would have the size of the large one.
#[must_use]
pub fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    high_water_mark(&status).unwrap_or_else(|| rusage(libc::RUSAGE_SELF).ru_maxrss as u64 * 1024)
}

/// `VmHWM` in the text of `/proc/PID/status`, in bytes.
fn high_water_mark(status: &str) -> Option<u64> {
    let field = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = field.trim().trim_end_matches("kB").trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Has every file and folder that the process makes from now on be its user's alone (`umask` 077).
pub fn keep_files_private() {
    // SAFETY: umask takes a plain number and cannot fail.
    unsafe { libc::umask(0o077) };
}

/// Pins the calling thread, sets its timer slack to 1 ns and, where asked, `SCHED_FIFO`.
///
/// # Errors
/// What was refused, in words; the thread goes on without it.
pub fn prepare_thread(core: usize, fifo: bool) -> Result<(), String> {
    // SAFETY: PR_SET_TIMERSLACK takes a plain number and touches the calling thread only.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_u64, 0, 0, 0) };
    if !core_affinity::set_for_current(core_affinity::CoreId { id: core }) {
        return Err(format!("core {core} could not be pinned"));
    }
    if fifo {
        // The kernel's `sched_param` is this number. The call itself: that of musl always fails.
        let priority: libc::c_int = 10;
        // SAFETY: `priority` is readable for the length of the call; 0 names the calling thread.
        let set = unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_FIFO, &raw const priority) };
        if set != 0 {
            return Err("SCHED_FIFO was refused (it needs CAP_SYS_NICE)".into());
        }
    }
    Ok(())
}

/// Moves the calling thread to the cores that no worker has; where there are none, it stays.
pub fn keep_off(workers: &[usize]) {
    // SAFETY: an all-zero cpu_set_t is an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is writable for its whole size; 0 names the calling thread.
    if unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) } != 0 {
        return;
    }
    for core in workers.iter().filter(|c| **c < libc::CPU_SETSIZE as usize) {
        // SAFETY: the index is below CPU_SETSIZE.
        unsafe { libc::CPU_CLR(*core, &mut set) };
    }
    // SAFETY: `set` is a valid set.
    if unsafe { libc::CPU_COUNT(&set) } > 0 {
        // SAFETY: `set` is readable for its whole size; a refusal leaves the thread where it is.
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) };
    }
}

/// Raises the soft limit of open files to `wanted`, and the hard limit with it where the process may; what it is now.
#[must_use]
pub fn raise_descriptor_limit(wanted: u64) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid, writable rlimit for the length of the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 {
        return 0;
    }
    if limit.rlim_cur >= wanted {
        return limit.rlim_cur;
    }
    for max in [limit.rlim_max.max(wanted), limit.rlim_max] {
        let asked = libc::rlimit { rlim_cur: wanted.min(max), rlim_max: max };
        // SAFETY: `asked` is a valid rlimit for the length of the call.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &asked) } == 0 {
            return asked.rlim_cur;
        }
    }
    limit.rlim_cur
}

/// The soft limit of locked memory in bytes (`RLIMIT_MEMLOCK`); `None` without one.
pub(super) fn locked_memory_limit() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid, writable rlimit for the length of the call.
    let rc = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) };
    (rc == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

fn rusage(who: libc::c_int) -> libc::rusage {
    // SAFETY: an all-zero rusage is valid, and the kernel writes no more than its size.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(who, &mut usage);
        usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_that_of_the_process_memory() {
        let status = "Name:\tringload\nVmPeak:\t  900 kB\nVmHWM:\t  1234 kB\nVmRSS:\t 700 kB\n";
        assert_eq!(high_water_mark(status), Some(1234 * 1024));
        assert_eq!(high_water_mark("VmRSS:\t 700 kB\n"), None);
        assert_eq!(high_water_mark("VmHWM:\tmany kB\n"), None);
        assert!(peak_rss_bytes() > 0);
    }
}
