//! What the members have left of a run, as the leader collects it.

use crate::board::Board;
use crate::error::{Blame, Error, Result};
use crate::member::Member;
use crate::message::{Aligned, Counters, Ended};
use crate::state::{Inner, locked};
use crate::upload::piece_of;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// What a member left of a run, as the leader has it.
#[derive(Clone, Debug)]
pub struct MemberResult {
    /// Its rank.
    pub rank: usize,
    /// Its machine.
    pub host: String,
    /// Its record log, as far as it came.
    pub log: PathBuf,
    /// How far the leader's clock stands ahead of its own.
    pub clock: Option<Aligned>,
    /// What it had counted when it was heard last.
    pub counters: Counters,
    /// It sent no more heartbeats: the log is not whole.
    pub lost: bool,
    /// What failed there.
    pub failure: Option<String>,
}

impl Member {
    /// As the leader: waits for the others, and writes what they left below `folder`.
    ///
    /// # Errors
    /// When what they left cannot be read or written.
    pub fn collect(&self, number: u64, folder: &Path) -> Result<Vec<MemberResult>> {
        let folder = folder.to_owned();
        self.ask(|inner| async move {
            let mut left = Vec::new();
            for rank in 1..inner.size() {
                left.push(inner.collect(number, rank, &folder).await?);
            }
            Ok(left)
        })
    }
}

impl Inner {
    /// Waits for the end of a member's run, or for its loss, and writes its log.
    async fn collect(&self, number: u64, rank: usize, folder: &Path) -> Result<MemberResult> {
        let key = format!("member.{rank}.{number}.ended");
        let lost = |_: &Board| self.member_lost(rank);
        let ended = match self.wait_for::<Ended>(key, lost).await {
            Ok(ended) => Some(ended),
            // Who does not want to wait has what came of it by then.
            Err(error) if self.member_lost(rank).is_none() && error.blame != Blame::Interrupted => return Err(error),
            Err(_) => {
                locked(&self.lost).push(rank);
                None
            }
        };
        let heartbeat = locked(&self.heard).heartbeat(rank);
        let path = folder.join(format!("member_{rank}.ringlog"));
        let unwritable = |e: std::io::Error| {
            Error::environment(format!("{}: {e}", path.display()), "free space in the folder of the results")
        };
        let mut file = File::create(&path).map_err(unwritable)?;
        for piece in 0.. {
            if ended.as_ref().is_some_and(|ended| piece >= ended.pieces) {
                break;
            }
            match self.bus.fetch(&piece_of(number, rank, piece)).await? {
                Some(bytes) => file.write_all(&bytes).map_err(unwritable)?,
                None if ended.is_none() => break,
                None => {
                    let what = format!("piece {piece} of the records of member {rank} is not on the bus");
                    return Err(Error::environment(what, "merge the logs that the members have kept"));
                }
            }
        }
        Ok(MemberResult {
            rank,
            host: self.joined(rank).await.map(|joined| joined.host).unwrap_or_default(),
            log: path,
            clock: ended
                .as_ref()
                .and_then(|ended| ended.clock)
                .or(heartbeat.and_then(|heartbeat| heartbeat.clock).map(Aligned::as_of)),
            counters: heartbeat
                .filter(|heartbeat| heartbeat.run == number)
                .map(|heartbeat| heartbeat.counters)
                .unwrap_or_default(),
            lost: ended.is_none(),
            failure: ended.and_then(|ended| ended.failure),
        })
    }
}
