//! The whole terminal for a while: stderr draws, stdin brings keys. However the process ends, but by a signal that it
//! cannot see, the terminal is as it was before ([`restore`]).

use super::{columns, eprint_line, printable, write_to};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::Duration;

/// What there is to restore.
#[derive(Default)]
struct State {
    /// How stdin was, where keys are read from it.
    before: Option<Termios>,
    /// Lines to stderr that came meanwhile.
    held: Vec<String>,
}

static STATE: Mutex<Option<State>> = Mutex::new(None);
/// Whether the screen is shown: nothing is drawn behind its end.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// Whether there is a terminal to draw on, with so many columns and rows.
pub(crate) fn fits(least: (usize, usize)) -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
    let size = terminal_size::terminal_size_of(io::stderr());
    let fits = |(width, height): (terminal_size::Width, terminal_size::Height)| {
        usize::from(width.0) >= least.0 && usize::from(height.0) >= least.1
    };
    io::stderr().is_terminal() && !dumb && size.is_some_and(fits)
}

/// Takes the terminal. Lines to stderr wait from here on.
pub(crate) fn enter() {
    static PANICS: Once = Once::new();
    PANICS.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            others(panic);
        }));
    });
    *lock() = Some(State { before: take_keys(), held: Vec::new() });
    SHOWN.store(true, Ordering::Relaxed);
    write(ENTER);
}

/// Gives the terminal back, once, and prints the lines that waited.
pub(crate) fn restore() {
    let Some(state) = lock().take() else {
        return;
    };
    SHOWN.store(false, Ordering::Relaxed);
    // Bounded: whoever ends the process does not wait for a terminal that stands still.
    let _ = write_to(io::stderr, LEAVE.to_vec());
    if let Some(before) = state.before {
        // Nothing is left to do where the terminal has gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
    state.held.iter().for_each(eprint_line);
}

/// Keeps a line for later, where a screen is shown.
pub(super) fn hold(line: &str) -> bool {
    let mut state = lock();
    let Some(state) = state.as_mut() else {
        return false;
    };
    if state.held.len() < MOST_HELD {
        state.held.push(line.to_owned());
    }
    true
}

/// The last lines that wait, as they may be shown.
pub(crate) fn held(most: usize) -> Vec<String> {
    let state = lock();
    let held = state.as_ref().map_or(&[][..], |state| &state.held);
    held[held.len().saturating_sub(most)..].iter().map(|line| printable(line).into_owned()).collect()
}

/// Draws, as long as the screen is shown. Only the thread that draws waits for the terminal.
pub(crate) fn write(bytes: &[u8]) {
    if SHOWN.load(Ordering::Relaxed) {
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(bytes);
        let _ = stderr.flush();
    }
}

/// Columns and rows.
pub(crate) fn size() -> (u16, u16) {
    let size = terminal_size::terminal_size_of(io::stderr());
    size.map_or_else(|| (columns(io::stderr()) as u16, 24), |(width, height)| (width.0, height.0))
}

/// The keys that were pressed: waits a tenth of a second for one. Sequences of several bytes (arrows) are none.
pub(crate) fn keys() -> Vec<u8> {
    let reads = lock().as_ref().is_some_and(|state| state.before.is_some());
    let mut keys = [0; 64];
    // A process in the background that reads from the terminal is stopped.
    if !reads || !in_foreground() {
        thread::sleep(TENTH);
        return Vec::new();
    }
    match rustix::io::read(io::stdin(), &mut keys) {
        Ok(0) => Vec::new(),
        Ok(n) if keys[0] != ESCAPE => keys[..n].to_vec(),
        Ok(_) => Vec::new(),
        Err(_) => {
            thread::sleep(TENTH);
            Vec::new()
        }
    }
}

/// Single keys, unseen, from stdin; how it was before. Signals by keys stay, but that which suspends: nothing would
/// give the terminal back.
fn take_keys() -> Option<Termios> {
    if !io::stdin().is_terminal() || !in_foreground() {
        return None;
    }
    let before = tcgetattr(io::stdin()).ok()?;
    let mut with_keys = before.clone();
    with_keys.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    with_keys.special_codes[SpecialCodeIndex::VSUSP] = 0;
    with_keys.special_codes[SpecialCodeIndex::VMIN] = 0;
    // Tenths of a second.
    with_keys.special_codes[SpecialCodeIndex::VTIME] = 1;
    tcsetattr(io::stdin(), OptionalActions::Now, &with_keys).ok()?;
    Some(before)
}

/// Whether the process has the terminal, not the shell that put it into the background: in `/proc/self/stat` the fields
/// behind the name are state, parent, group, session, terminal, and the group that has the terminal.
fn in_foreground() -> bool {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    has_terminal(&stat)
}

fn has_terminal(stat: &str) -> bool {
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = behind_name.split_whitespace().collect();
    fields.get(2).is_some_and(|group| fields.get(5) == Some(group))
}

fn lock() -> MutexGuard<'static, Option<State>> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The other screen, empty, without a cursor.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE: &[u8] = b"\x1b[0m\x1b[?25h\x1b[?1049l";
const ESCAPE: u8 = 0x1b;
const TENTH: Duration = Duration::from_millis(100);
const MOST_HELD: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_foreground_is_told_by_the_group_that_has_the_terminal() {
        assert!(has_terminal("71 (ring) load) S 70 71 70 34816 71 4194304"));
        assert!(!has_terminal("71 (ringload) S 70 71 70 34816 70 4194304"));
        assert!(!has_terminal("71 (ringload) S 70 71 70 0 -1 4194304"));
        assert!(!has_terminal(""));
    }

    #[test]
    fn no_line_waits_where_no_screen_is_shown() {
        assert!(!hold("a line") && held(5).is_empty());
        restore();
    }
}
