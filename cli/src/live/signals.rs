//! Signals that end what runs: one place receives them, from the first thing that a command does to the last.
//!
//! First signal: end in order, with the results of what was measured. Second: wait for no request any more. Third: exit
//! at once, temporary files removed.

use crate::exit::Exit;
use crate::terminal::{eprint_line, hurry, screen};
use ringload_engine::clock::{self, Nanos, SECOND};
use ringload_engine::run::Control;
use ringload_engine::{Error, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ};
use signal_hook::iterator::Signals;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// What the process is doing when a signal comes.
#[derive(Default)]
enum Stage {
    /// Nothing that would have results: it ends at once.
    #[default]
    Simple,
    /// It serves until somebody stops it.
    Serving,
    /// Prompts, names and files of a run are made ready.
    Preparing,
    /// The load of a run.
    Loading(Arc<Control>),
    /// Results are summed up and written.
    Finishing,
}

/// Sends a word to who waits for a thread that may be left.
type Waker = Box<dyn Fn() + Send>;

#[derive(Default)]
struct State {
    signals: u8,
    /// When the first came.
    first_at: Option<Nanos>,
    stage: Stage,
    waker: Option<Waker>,
}

static STATE: Mutex<Option<State>> = Mutex::new(None);
static CHANGED: Condvar = Condvar::new();
/// `--shutdown-grace`, in nanoseconds.
static GRACE: AtomicU64 = AtomicU64::new(10 * SECOND);
/// What of it others get that are told of a run when it is over, in nanoseconds.
static RESERVED: AtomicU64 = AtomicU64::new(0);

/// Handles signals from now on: until a run begins, the first of them ends the process. `clean_up` comes before an end
/// without results.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn handle(clean_up: fn()) -> Result<()> {
    let refused = |e: std::io::Error| {
        Error::environment(format!("signals cannot be handled ({e})"), "raise the limit of open files and of processes")
    };
    lock().get_or_insert_default();
    CLEAN_UP.get_or_init(|| clean_up);
    // A file that would grow over its limit is an error of the write, as a full disk is.
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).map_err(refused)?;
    let mut signals = Signals::new(ends()).map_err(refused)?;
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            // Over its limit of CPU time a process is told so each second (setrlimit(2)): once is enough.
            let counts = |signal: &i32| *signal != SIGXCPU || !received();
            signals.forever().filter(counts).for_each(|_| receive(clean_up));
        })
        .map_err(refused)?;
    Ok(())
}

/// The signals that end a run: who asks, and who ends the service; unless they are to be ignored (`nohup`), the
/// terminal that was closed, and batch systems that warn of the end of a job's time.
fn ends() -> impl Iterator<Item = i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let others = [SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGXCPU];
    [SIGINT, SIGTERM].into_iter().chain(others.into_iter().filter(move |signal| !ignores(&status, *signal)))
}

/// Whether a process of this status ignores a signal (`SigIgn`: bit n − 1 of a hexadecimal mask is signal n).
fn ignores(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok());
    mask.unwrap_or(0) >> (signal - 1) & 1 == 1
}

/// What comes before an end without results.
static CLEAN_UP: OnceLock<fn()> = OnceLock::new();

/// Stops as so many signals would, as far as none has come: 1 ends in order, 2 waits for nothing.
pub(crate) fn ask(signals: u8) {
    let Some(clean_up) = CLEAN_UP.get() else {
        return;
    };
    let asked = lock().as_ref().map_or(signals, |state| state.signals);
    (asked..signals.min(2)).for_each(|_| receive(*clean_up));
}

fn receive(clean_up: fn()) {
    hurry();
    let (said, waker) = act(clean_up);
    if let Some(waker) = waker {
        waker();
    }
    CHANGED.notify_all();
    // Last, and without the lock: what reads it may have stalled.
    if let Some(said) = said {
        eprint_line(said);
    }
}

/// Does what the signals so far ask for; what to say of it, and whom to wake.
fn act(clean_up: fn()) -> (Option<String>, Option<Waker>) {
    let mut state = lock();
    let state = state.get_or_insert_default();
    state.signals = state.signals.saturating_add(1);
    state.first_at.get_or_insert_with(clock::monotonic);
    let quits = state.signals > 2 && !matches!(state.stage, Stage::Serving);
    if quits || matches!(state.stage, Stage::Simple) {
        screen::restore();
        clean_up();
        std::process::exit(Exit::Interrupted as i32);
    }
    let first = state.signals == 1;
    let said = match &state.stage {
        Stage::Loading(control) if first => {
            let drain = drain(control);
            control.stop_within(drain);
            let seconds = drain as f64 / 1e9;
            Some(format!("stopping: waiting up to {seconds:.0} s for what is in flight; once more to abandon it"))
        }
        Stage::Loading(control) => {
            control.stop();
            Some("stopping now: results so far will be written; once more to quit without".into())
        }
        Stage::Preparing if first => Some("stopping: no load begins any more".into()),
        Stage::Finishing if first => Some("stopping: the results are being written".into()),
        Stage::Preparing | Stage::Finishing => Some("stopping: once more to quit without results".into()),
        Stage::Serving | Stage::Simple => None,
    };
    (said, state.waker.take())
}

/// How long what is in flight is awaited: the grace, less what it may take to sum up what has been measured, and what
/// is reserved.
fn drain(control: &Control) -> Nanos {
    let done = |p: &ringload_engine::run::Progress| p.done.load(Ordering::Relaxed);
    let done: u64 = control.progress.iter().map(done).sum();
    drained_within(GRACE.load(Ordering::Relaxed), done, RESERVED.load(Ordering::Relaxed))
}

fn drained_within(grace: Nanos, done: u64, reserved: Nanos) -> Nanos {
    grace.saturating_sub((SECOND + done * SUMMED_IN + reserved).min(grace / 2))
}

/// Reserves [`TOLD_IN`] of the grace for each of so many parties that are told of a run when it is over.
pub(crate) fn reserve(parties: usize) {
    RESERVED.store(parties as u64 * TOLD_IN.as_nanos() as Nanos, Ordering::Relaxed);
}

/// How long an exchange with such a party may last that is given `longest`: after a signal no longer than [`TOLD_IN`],
/// and than the grace.
pub(crate) fn bounded(longest: Duration) -> Duration {
    let first_at = lock().as_ref().and_then(|state| state.first_at);
    match first_at {
        Some(first_at) => longest.min(left(first_at, clock::monotonic(), GRACE.load(Ordering::Relaxed))),
        None => longest,
    }
}

fn left(first_at: Nanos, now: Nanos, grace: Nanos) -> Duration {
    TOLD_IN.min(Duration::from_nanos(first_at.saturating_add(grace).saturating_sub(now)))
}

/// Does work that waits for such a party, on a thread that is left behind when it has not ended [`bounded`] after a
/// signal; none then, and where no thread can be had.
pub(crate) fn unless_late<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = mpsc::channel();
    let working = move || {
        // Nobody listens any more where it was late.
        let _ = sender.send(work());
    };
    thread::Builder::new().name("telling".into()).spawn(working).ok()?;
    let mut until = None;
    loop {
        match receiver.recv_timeout(LOOK_EVERY) {
            Ok(done) => return Some(done),
            Err(mpsc::RecvTimeoutError::Disconnected) => return None,
            Err(mpsc::RecvTimeoutError::Timeout) if received() => {
                let until = *until.get_or_insert_with(|| Instant::now() + bounded(TOLD_IN));
                if Instant::now() >= until {
                    return None;
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Sets `--shutdown-grace`.
pub(crate) fn set_grace(seconds: f64) {
    GRACE.store((seconds * SECOND as f64) as Nanos, Ordering::Relaxed);
}

/// Whether a signal has come.
pub(crate) fn received() -> bool {
    lock().as_ref().is_some_and(|state| state.signals > 0)
}

/// Whether a wait for other processes is to end: once there are results, the first signal has ended the load, and the
/// others are awaited for what they have left.
#[cfg_attr(not(feature = "fleet"), expect(dead_code, reason = "without fleets there are no others"))]
pub(crate) fn ends_waits() -> bool {
    let state = lock();
    state.as_ref().is_some_and(|state| state.signals > u8::from(matches!(state.stage, Stage::Finishing)))
}

/// That no signal has come.
///
/// # Errors
/// [`ringload_engine::Blame::Interrupted`] when one has.
pub(crate) fn check() -> Result<()> {
    if received() { Err(interrupted()) } else { Ok(()) }
}

fn interrupted() -> Error {
    Error::interrupted("interrupted before the load began")
}

/// A run is being made ready: from now on a signal ends it in order.
pub(crate) fn preparing() {
    enter(Stage::Preparing);
}

/// What was measured is summed up and written.
pub(crate) fn finishing() {
    enter(Stage::Finishing);
}

/// What is measured is in its files, and printed: a signal ends the process at once.
pub(crate) fn printing() {
    enter(Stage::Simple);
}

/// The load of a run is under way until the answer is dropped: a signal stops it, also one that came before.
pub(crate) fn loading(control: &Arc<Control>) -> Loading {
    let mut state = lock();
    if let Some(state) = state.as_mut() {
        state.stage = Stage::Loading(Arc::clone(control));
        for _ in 0..state.signals {
            control.stop_within(drain(control));
        }
    }
    Loading
}

/// While it lives, signals stop the load.
pub(crate) struct Loading;

impl Drop for Loading {
    fn drop(&mut self) {
        finishing();
    }
}

/// Serves until a signal comes.
pub(crate) fn serve() {
    enter(Stage::Serving);
    let mut state = lock();
    while state.as_ref().is_some_and(|state| state.signals == 0) {
        state = CHANGED.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    drop(state);
    enter(Stage::Finishing);
}

/// Waits so many seconds, or until a signal comes. Whether one came.
pub(crate) fn wait(seconds: f64) -> bool {
    let most = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    let none = |state: &mut Option<State>| state.as_ref().is_some_and(|h| h.signals == 0);
    let (state, _) = CHANGED.wait_timeout_while(lock(), most, none).unwrap_or_else(PoisonError::into_inner);
    state.as_ref().is_some_and(|state| state.signals > 0)
}

/// Does work that nothing else can end, on a thread that is left behind when a signal comes: files that are read,
/// prompts that are made.
///
/// # Errors
/// [`ringload_engine::Blame::Interrupted`] when a signal came first.
pub(crate) fn unless_stopped<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let (sender, receiver) = mpsc::channel::<Option<thread::Result<T>>>();
    let wake = sender.clone();
    {
        let mut state = lock();
        if let Some(state) = state.as_mut() {
            if state.signals > 0 {
                return Err(interrupted());
            }
            state.waker = Some(Box::new(move || {
                // Who waited may have got what it waited for.
                let _ = wake.send(None);
            }));
        }
    }
    let working = move || {
        let done = catch_unwind(AssertUnwindSafe(work));
        // Nobody listens any more when a signal came.
        let _ = sender.send(Some(done));
    };
    thread::Builder::new().name("preparation".into()).stack_size(STACK).spawn(working).map_err(|e| {
        Error::environment(format!("a thread could not be started ({e})"), "raise the limit of processes")
    })?;
    let got = receiver.recv();
    if let Some(state) = lock().as_mut() {
        state.waker = None;
    }
    match got {
        Ok(Some(Ok(done))) => Ok(done),
        Ok(Some(Err(panic))) => resume_unwind(panic),
        Ok(None) | Err(_) => Err(interrupted()),
    }
}

fn enter(stage: Stage) {
    if let Some(state) = lock().as_mut() {
        state.stage = stage;
    }
}

fn lock() -> MutexGuard<'static, Option<State>> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a party that is told of a run has for it after a signal.
const TOLD_IN: Duration = Duration::from_secs(1);
/// How often it is looked whether a signal has come.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// What summing up a request may take.
const SUMMED_IN: Nanos = 12_000;
/// Bytes of the stack of the thread that prepares: templates that call themselves take some of it at each level.
const STACK: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_is_ignored_is_known_by_its_bit() {
        let status = "Name:\tringload\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001001\n";
        assert!(ignores(status, SIGHUP) && ignores(status, 13));
        assert!(!ignores(status, SIGINT) && !ignores(status, SIGTERM));
        assert!(!ignores("", SIGHUP));
    }

    #[test]
    fn requests_are_awaited_for_no_longer_than_leaves_time_to_sum_up() {
        let control = Control::new(2);
        assert_eq!(drain(&control), 9 * SECOND);
        control.progress[0].done.store(100_000, Ordering::Relaxed);
        control.progress[1].done.store(100_000, Ordering::Relaxed);
        assert_eq!(drain(&control), 6_600 * (SECOND / 1000));
        control.progress[1].done.store(u64::MAX >> 20, Ordering::Relaxed);
        assert_eq!(drain(&control), 5 * SECOND);
    }

    #[test]
    fn who_is_told_of_a_run_has_a_part_of_the_grace() {
        assert_eq!(drained_within(10 * SECOND, 0, 0), 9 * SECOND);
        assert_eq!(drained_within(10 * SECOND, 0, 3 * SECOND), 6 * SECOND);
        assert_eq!(drained_within(4 * SECOND, 0, 3 * SECOND), 2 * SECOND);
        let after = |nanos| left(7, 7 + nanos, 10 * SECOND).as_nanos() as Nanos;
        assert_eq!([0, 9, 10, 11].map(|s| after(s * SECOND)), [SECOND, SECOND, 0, 0]);
        assert_eq!(after(10 * SECOND - 5), 5);
        assert_eq!(bounded(Duration::from_secs(30)), Duration::from_secs(30), "no signal has come");
    }

    #[test]
    fn work_comes_back_from_its_thread() {
        assert_eq!(unless_late(|| 7), Some(7));
        assert_eq!(unless_stopped(|| 7).unwrap(), 7);
    }
}
