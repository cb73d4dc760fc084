//! What goes on in a command of several steps: one line on stderr that is gone when they are over.

use crate::flags::{OutputArgs, Ui};
use crate::terminal::print;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ringload_engine::Error;
use std::io::{self, IsTerminal};

/// The line, where stderr is a terminal and it is wanted. It is drawn when a step begins, and by no thread.
pub(crate) struct Steps(Option<ProgressBar>);

impl Steps {
    /// Nothing is shown yet.
    pub(crate) fn start(output: &OutputArgs) -> Self {
        let wanted = output.ui != Some(Ui::None) && !output.quiet && io::stderr().is_terminal();
        Self(wanted.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{elapsed} {wide_msg}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        }))
    }

    /// Prints to stdout, above the line.
    ///
    /// # Errors
    /// As [`crate::terminal::check_write`].
    pub(crate) fn print(&mut self, text: &str) -> Result<(), Error> {
        match &self.0 {
            Some(bar) => bar.suspend(|| print(text)),
            None => print(text),
        }
    }

    /// A step begins.
    pub(crate) fn tell(&mut self, what: &str) {
        if let Some(bar) = &self.0 {
            bar.set_message(what.to_owned());
            bar.tick();
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
