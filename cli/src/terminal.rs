//! Text to the user: stderr by [`eprint_line`], stdout by [`print`](print()). Whatever comes from a
//! server, a file, a template or the environment loses here what could steer a terminal or hide words from its reader;
//! files keep it.
//!
//! A reader that takes nothing is waited for, until a signal asks the process to end: from then on [`TIME_LIMIT`] is
//! what it gets, so that nobody who stopped reading keeps what was measured from being written.

pub(crate) mod screen;

use ringload_engine::Error;
use ringload_engine::plan::is_invisible;
use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// When a signal asked for the end.
static HURRY: OnceLock<Instant> = OnceLock::new();
/// Whether a reader has taken nothing since.
static STALLED: AtomicBool = AtomicBool::new(false);

/// A signal asks for the end: readers that take nothing are no longer waited for.
pub(crate) fn hurry() {
    HURRY.get_or_init(Instant::now);
}

/// What a thread sends that writes to a terminal or a pipe; `None` where it stalls and a signal has asked for the end.
pub(crate) fn unless_stalled<T>(from: &Receiver<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        match from.recv_timeout(LOOK_EVERY) {
            Ok(sent) => return Some(sent),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let since = HURRY.get().map(|asked| began.max(*asked));
        if since.is_some_and(|since| STALLED.load(Ordering::Relaxed) || since.elapsed() > TIME_LIMIT) {
            STALLED.store(true, Ordering::Relaxed);
            return None;
        }
    }
}

/// Writes on a thread of its own, which is left behind where it stalls. It runs where its caller may run.
fn write_to<W: Write + 'static>(stream: fn() -> W, bytes: Vec<u8>) -> io::Result<()> {
    let (sender, written) = mpsc::channel();
    let bytes: Arc<[u8]> = bytes.into();
    let of_thread = bytes.clone();
    let write = move || {
        // Nobody listens any more where it stalled.
        let _ = sender.send(stream().write_all(&of_thread));
    };
    if thread::Builder::new().name("printing".into()).spawn(write).is_err() {
        // Without a thread, its reader is waited for: what there is to say may be just that.
        return stream().write_all(&bytes);
    }
    unless_stalled(&written).unwrap_or(Err(io::ErrorKind::BrokenPipe.into()))
}

fn to_stdout(bytes: &[u8]) -> io::Result<()> {
    write_to(io::stdout, bytes.to_vec())
}

/// Writes a line to stderr. A closed stderr never ends a run. While a screen is shown, the line waits for its end.
pub(crate) fn eprint_line(text: impl std::fmt::Display) {
    let text = text.to_string();
    if screen::hold(&text) {
        return;
    }
    let text = printable(&text);
    let text = match io::stderr().is_terminal() {
        true => folded(&text, columns(io::stderr())),
        false => text.into_owned(),
    };
    let _ = write_to(io::stderr, format!("{text}\n").into_bytes());
}

/// The text with its lines broken between words, so that a terminal of so many columns breaks none within one. A word
/// that is longer stays whole: it may be an address or a command.
fn folded(text: &str, width: usize) -> String {
    let mut folded = String::with_capacity(text.len() + 16);
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            folded.push('\n');
        }
        let mut used = 0;
        for word in line.split_inclusive(' ') {
            let length = word.trim_end_matches(' ').chars().count();
            if used > 0 && used + length > width {
                folded.truncate(folded.trim_end_matches(' ').len());
                folded.push('\n');
                used = 0;
            }
            folded.push_str(word);
            used += word.chars().count();
        }
    }
    folded
}

/// Writes text to stdout.
///
/// # Errors
/// As [`check_write`].
pub(crate) fn print(text: &str) -> Result<(), Error> {
    check_write(to_stdout(printable(text).as_bytes()))
}

/// Columns of the terminal that a stream is, or as many as an old one has.
pub(crate) fn columns(of: impl std::os::fd::AsFd) -> usize {
    terminal_size::terminal_size_of(of).map_or(80, |(width, _)| usize::from(width.0))
}

/// Writes a value to stdout as JSON.
///
/// # Errors
/// As [`check_write`].
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Error::bug(e.to_string()))?;
    print(&(text + "\n"))
}

/// Writes a report to stdout, its first line in colour where that is wanted and a verdict.
///
/// # Errors
/// As [`check_write`].
pub(crate) fn print_report(text: &str, colour: bool) -> Result<(), Error> {
    let text = printable(text);
    match colour {
        true => check_write(to_stdout(with_coloured_verdict(&text).as_bytes())),
        false => check_write(to_stdout(text.as_bytes())),
    }
}

/// The outcome of a write to stdout. A reader that has seen enough, or a terminal that was closed, is no error.
///
/// # Errors
/// [`ringload_engine::Blame::Environment`] when stdout takes nothing for another reason.
pub(crate) fn check_write(result: io::Result<()>) -> Result<(), Error> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe || e.raw_os_error() == Some(EIO) => Ok(()),
        other => other.map_err(|e| {
            Error::environment(
                format!("stdout could not be written to: {e}"),
                "send it elsewhere; the files of every run that had ended are whole",
            )
        }),
    }
}

/// The text without characters that steer a terminal, reorder what is read, or cannot be seen. Line feeds and tabs
/// stay; a control or a line separator becomes a space, an invisible character goes.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let kept = |c: char| matches!(c, '\n' | '\t') || !(replaced(c) || is_invisible(c));
    if text.chars().all(kept) {
        return Cow::Borrowed(text);
    }
    let replacement = |c: char| match c {
        c if kept(c) => Some(c),
        c if replaced(c) => Some(' '),
        _ => None,
    };
    Cow::Owned(text.chars().filter_map(replacement).collect())
}

/// C0 and C1 controls (the escape that begins every terminal sequence among them), and the separators that some
/// terminals break a line at.
fn replaced(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The word of the verdict in its colour, wherever a line begins with it: findings and whatever a server said are
/// indented, or begin with another word.
fn with_coloured_verdict(text: &str) -> Cow<'_, str> {
    let mut shown = String::with_capacity(text.len() + 64);
    for line in text.split_inclusive('\n') {
        let before = if line.starts_with(HEAD) { HEAD.len() } else { 0 };
        let rest = &line[before..];
        let hue =
            HUES.iter().find(|(word, _)| rest.strip_prefix(word).is_some_and(|after| after.starts_with([' ', '\n'])));
        match hue {
            Some((word, hue)) => {
                shown += &line[..before];
                shown += &format!("\x1b[1;{hue}m{word}\x1b[0m");
                shown += &rest[word.len()..];
            }
            None => shown += line,
        }
    }
    Cow::Owned(shown)
}

const HEAD: &str = "VERDICT: ";
const HUES: [(&str, u8); 4] = [("VALID", 32), ("SUSPECT", 33), ("INVALID", 31), ("FAILED", 31)];

/// What a reader that takes nothing gets when a signal has asked for the end.
const TIME_LIMIT: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What a terminal that was closed answers.
const EIO: i32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        for (text, width, lines) in [
            ("a note that is short", 80, "a note that is short"),
            ("a note that is not", 8, "a note\nthat is\nnot"),
            ("see http://127.0.0.1:8000/v1 now", 10, "see\nhttp://127.0.0.1:8000/v1\nnow"),
            ("  indented as it was\n\nand more", 40, "  indented as it was\n\nand more"),
            ("", 10, ""),
            ("12345 6789", 10, "12345 6789"),
        ] {
            assert_eq!(folded(text, width), lines);
        }
    }

    #[test]
    fn nothing_that_steers_or_hides_is_left() {
        for (text, shown) in [
            ("plain, naïve, 漢字, 5 µs\n\tend", "plain, naïve, 漢字, 5 µs\n\tend"),
            ("\x1b]0;title\x07\x1b[2J\x1b[31mred\r", " ]0;title  [2J [31mred "),
            ("\u{9b}31m\u{85}next\x7f", " 31m next "),
            ("gpj\u{202e}exe\u{2066}\u{2069}\u{200f}\u{61c}", "gpjexe"),
            ("to\u{200b}k\u{200d}en\u{feff}\u{2060}\u{ad}\u{180e}", "token"),
            ("a\u{2028}b\u{2029}c", "a b c"),
            ("hi\u{e0041}\u{e0042}\u{e0001}\u{e0100}\u{fe0f}", "hi"),
            ("\u{fffe}\u{1ffff}\u{fff9}x", "x"),
        ] {
            assert_eq!(printable(text), shown);
        }
        assert!(matches!(printable("as it is"), Cow::Borrowed(_)));
    }

    #[test]
    fn only_the_word_of_the_verdict_is_coloured() {
        assert_eq!(
            with_coloured_verdict("VERDICT: SUSPECT\n  VERDICT: VALID\nVALID  1 req/s\nVALIDATED\n"),
            "VERDICT: \x1b[1;33mSUSPECT\x1b[0m\n  VERDICT: VALID\n\x1b[1;32mVALID\x1b[0m  1 req/s\nVALIDATED\n"
        );
        assert_eq!(with_coloured_verdict("CAPACITY\n"), "CAPACITY\n");
    }
}
