//! Writing that a signal ends.

use crate::live::signals;
use std::io::{self, Write};

/// Takes nothing any more when a signal has come.
pub(super) struct UnlessStopped<'a>(pub(super) &'a mut dyn Write);

impl Write for UnlessStopped<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        signals::check().map_err(io::Error::other)?;
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
