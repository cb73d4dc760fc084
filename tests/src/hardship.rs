//! What a machine can do to a client: a neighbour on its core, a CPU quota.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A core that this process may use, as `--cores` names it alone; the last.
///
/// # Panics
/// When the machine does not say.
#[must_use]
pub fn last_core() -> usize {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    cores.last().expect("a core").id
}

/// A thread that keeps a core busy until it is dropped.
pub struct Neighbour {
    leave: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Neighbour {
    /// Moves in, and has the core when this returns.
    ///
    /// # Panics
    /// When the core cannot be had.
    #[must_use]
    pub fn on(core: usize) -> Self {
        let leave = Arc::new(AtomicBool::new(false));
        let (asked, (tell, heard)) = (leave.clone(), std::sync::mpsc::channel());
        let thread = std::thread::spawn(move || {
            let pinned = core_affinity::set_for_current(core_affinity::CoreId { id: core });
            // Nobody listens any more only when the test has failed.
            let _ = tell.send(pinned);
            while !asked.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        let this = Self { leave, thread: Some(thread) };
        assert_eq!(heard.recv(), Ok(true), "core {core} cannot be pinned");
        this
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.leave.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A neighbour that panicked is gone as well.
            let _ = thread.join();
        }
    }
}

/// A control group of our own, version 1 or 2, that can be put on short rations.
pub struct Quota {
    dir: PathBuf,
    version: Version,
}

#[derive(Clone, Copy)]
enum Version {
    One,
    Two,
}

impl Quota {
    /// A group without a quota, which processes can be moved into.
    ///
    /// # Errors
    /// Why none can be had: control groups are the machine's owner's.
    pub fn new() -> Result<Self, String> {
        let mut refused = vec!["no control group with a CPU controller is visible".to_owned()];
        for (parent, version) in parents() {
            match Self::under(&parent, version) {
                Ok(quota) => return Ok(quota),
                Err(e) => refused.push(format!("{}: {e}", parent.display())),
            }
        }
        Err(refused.pop().unwrap_or_default())
    }

    fn under(parent: &Path, version: Version) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ringload-test-{}-{number}", std::process::id());
        let dir = parent.join(name);
        fs::create_dir(&dir)?;
        // From here on it is removed again.
        let this = Self { dir, version };
        this.lift()?;
        // Whether a process may move in is not known until one does.
        let mut guest = Command::new("cat").stdin(Stdio::piped()).spawn()?;
        let moved = set(&this.members(), &guest.id().to_string());
        drop(guest.stdin.take());
        guest.wait()?;
        moved.map(|()| this)
    }

    /// The file that takes the ids of its processes.
    #[must_use]
    pub fn members(&self) -> PathBuf {
        self.dir.join("cgroup.procs")
    }

    /// One millisecond of CPU each 200 ms from now on.
    ///
    /// # Errors
    /// Of the file.
    pub fn starve(&self) -> io::Result<()> {
        match self.version {
            Version::One => {
                set(&self.dir.join("cpu.cfs_period_us"), "200000")?;
                set(&self.dir.join("cpu.cfs_quota_us"), "1000")
            }
            Version::Two => set(&self.dir.join("cpu.max"), "1000 200000"),
        }
    }

    /// No quota from now on.
    ///
    /// # Errors
    /// Of the file.
    pub fn lift(&self) -> io::Result<()> {
        match self.version {
            Version::One => set(&self.dir.join("cpu.cfs_quota_us"), "-1"),
            Version::Two => set(&self.dir.join("cpu.max"), "max"),
        }
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // The kernel lets go of a process a moment after its end.
        for _ in 0..200 {
            if fs::remove_dir(&self.dir).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Says something past the capture of a test's output: what was not tested must be seen.
pub fn announce(words: &str) {
    // Where stderr is closed nobody looks.
    let _ = writeln!(io::stderr(), "\nnote: {words}");
}

/// Groups that ours may be made in: the one that we are in, and the outermost.
fn parents() -> Vec<(PathBuf, Version)> {
    let mount = Path::new("/sys/fs/cgroup");
    let memberships = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut parents = Vec::new();
    for line in memberships.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let (mount, version) = match controllers {
            "" => (mount.to_owned(), Version::Two),
            list if list.split(',').any(|name| name == "cpu") => (mount.join(list), Version::One),
            _ => continue,
        };
        for parent in [mount.join(path.trim_start_matches('/')), mount] {
            if parent.join("cgroup.procs").is_file() {
                parents.push((parent, version));
            }
        }
    }
    parents
}

/// Writes to a file of the kernel's, which has to be there: `fs::write` would make one.
fn set(file: &Path, value: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).open(file)?;
    file.write_all(value.as_bytes())
}
