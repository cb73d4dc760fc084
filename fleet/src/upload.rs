//! A member's record log on its way to the object store of the bus, in pieces: while the load goes on, and the rest
//! when it has ended.

use crate::error::{Error, Result};
use crate::state::{Inner, Uploaded};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The object that holds a piece of a record log.
pub(crate) fn piece_of(number: u64, rank: usize, piece: u64) -> String {
    format!("records.{number}.{rank}.{piece}")
}

/// Uploads what a log has grown by, again and again.
pub(crate) async fn follow(inner: Arc<Inner>, number: u64, log: PathBuf) {
    loop {
        tokio::time::sleep(EVERY).await;
        // What could not be uploaded goes with the next piece, or with the rest.
        let _ = inner.upload_some(number, &log).await;
    }
}

impl Inner {
    /// Uploads the next piece of a log: whether there was one.
    async fn upload_some(&self, number: u64, log: &Path) -> Result<bool> {
        let mut uploaded = self.uploaded.lock().await;
        if uploaded.number != number {
            *uploaded = Uploaded { number, ..Uploaded::default() };
        }
        let unreadable = |e: std::io::Error| {
            Error::environment(format!("{}: {e}", log.display()), "see that the folder of the records stays readable")
        };
        let file = File::open(log).map_err(unreadable)?;
        let mut piece = vec![0; PIECE];
        let mut got = 0;
        while got < PIECE {
            match file.read_at(&mut piece[got..], uploaded.bytes + got as u64).map_err(unreadable)? {
                0 => break,
                n => got += n,
            }
        }
        if got == 0 {
            return Ok(false);
        }
        self.bus.keep(&piece_of(number, self.rank(), uploaded.pieces), &piece[..got]).await?;
        uploaded.pieces += 1;
        uploaded.bytes += got as u64;
        Ok(true)
    }

    /// Uploads all that is left of a log: how many pieces it has, and how many bytes. A put that meets a restart of
    /// the bus fails: it is made again, whole.
    pub(crate) async fn upload_rest(&self, number: u64, log: &Path) -> Result<(u64, u64)> {
        // Since the last piece that was taken: a long log takes longer than a restart may.
        let mut until = Instant::now() + self.restart();
        loop {
            match self.upload_some(number, log).await {
                Ok(true) => until = Instant::now() + self.restart(),
                Ok(false) => break,
                Err(error) if Instant::now() > until => return Err(error),
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
        let uploaded = self.uploaded.lock().await;
        Ok((uploaded.pieces, uploaded.bytes))
    }
}

/// Between two pieces while the load goes on.
const EVERY: Duration = Duration::from_secs(10);
/// Most bytes of a piece.
const PIECE: usize = 4 << 20;
const AGAIN: Duration = Duration::from_millis(500);
