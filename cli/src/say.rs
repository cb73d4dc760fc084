//! Words to the user on stderr. A closed stderr never ends a run.

use std::io::{self, Write};

/// Says a line.
pub(crate) fn say(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}
