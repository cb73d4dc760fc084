//! The runs of a fleet, from the plan to the records, as the leader and the others play them.

use crate::board::Board;
use crate::clock::Interval;
use crate::error::{Error, Result};
use crate::member::Member;
use crate::message::{Agreed, Aligned, Announcement, Ended, Go, Joined, Offer, Over, Ready};
use crate::state::{Inner, locked, monotonic};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// What a member does next.
pub enum Next {
    /// The next run, by this plan.
    Run(Value),
    /// Nothing: all runs are over, with this exit status of the leader.
    Over(u8),
}

impl Member {
    /// As the leader: waits for all members, says what is planned, and waits until all agree.
    ///
    /// # Errors
    /// When members are missing, or one cannot take part: then which, and why.
    pub fn announce(&self, announcement: Announcement) -> Result<()> {
        self.ask(|inner| async move {
            inner.wait_for_all().await?;
            inner.bus.say("lead.run", &announcement, inner.options.silence).await?;
            inner.all_agree().await
        })
    }

    /// As another member: waits for what the leader has planned.
    ///
    /// # Errors
    /// When it does not come.
    pub fn announced(&self) -> Result<Announcement> {
        self.ask(|inner| async move {
            let until = Instant::now() + inner.options.patience;
            let late = || {
                let what = format!("the leader of the run `{}` has not come", inner.options.identity.run);
                Error::environment(what, "start all members, the one of rank 0 among them")
            };
            let announced: Announcement = inner
                .wait_for("lead.run".into(), |board| over(board).or_else(|| (Instant::now() > until).then(late)))
                .await?;
            locked(&inner.heard).expect(0, monotonic());
            Ok(announced)
        })
    }

    /// As another member: says whether it can take part.
    ///
    /// # Errors
    /// When the bus refuses it or does not answer.
    pub fn agree(&self, refused: Option<String>) -> Result<()> {
        self.ask(|inner| async move { inner.say("agreed", &Agreed { refused }).await })
    }

    /// As the leader: the plan of run `number`.
    ///
    /// # Errors
    /// When the bus refuses it or does not answer.
    pub fn publish(&self, number: u64, plan: Value) -> Result<()> {
        self.ask(
            |inner| async move { inner.bus.say(&format!("lead.{number}.plan"), &plan, inner.options.silence).await },
        )
    }

    /// As another member: waits for run `number`, or for the end of all.
    ///
    /// # Errors
    /// When the leader falls silent.
    pub fn next(&self, number: u64) -> Result<Next> {
        self.ask(|inner| async move {
            let key = format!("lead.{number}.plan");
            let found = inner
                .wait(
                    |board| {
                        board
                            .get(&key)
                            .map(|body| (true, body.clone()))
                            .or_else(|| Some((false, board.get("lead.over")?.clone())))
                    },
                    |_| inner.leader_lost(),
                )
                .await?;
            match found {
                (true, body) => Ok(Next::Run(inner.bus.value(&key, &body).await?)),
                (false, body) => Ok(Next::Over(inner.bus.value::<Over>("lead.over", &body).await?.status)),
            }
        })
    }

    /// Says what it brings to run `number`, and learns how many cores each member has. The leader holds what each will
    /// send against its own.
    ///
    /// # Errors
    /// When a member cannot take part, or would send something else: then which, and what differs.
    pub fn offer(&self, number: u64, offer: Offer) -> Result<Vec<usize>> {
        self.ask(|inner| async move {
            inner.say(&format!("{number}.offer"), &offer).await?;
            let key = format!("lead.{number}.cores");
            if inner.leads() {
                let cores = inner.offers(number, offer).await?;
                inner.bus.say(&key, &cores, inner.options.silence).await?;
                return Ok(cores);
            }
            if let Some(refused) = offer.refused {
                return Err(Error::usage(refused, "start every member with the same command line and files"));
            }
            inner.wait_for(key, |board| over(board).or_else(|| inner.leader_lost())).await
        })
    }

    /// Waits until the workers of all members are ready for a phase: when it begins, on the member's own clock.
    ///
    /// # Errors
    /// When a member falls silent before.
    pub fn start(&self, number: u64, phase: &'static str) -> Result<u64> {
        self.ask(|inner| async move {
            let clock = inner.wait_for_clock().await?;
            let at = monotonic().saturating_add_signed(clock.middle());
            let ready = Ready { round_trip: inner.round_trip(), at };
            inner.say(&format!("{number}.ready.{phase}"), &ready).await?;
            let key = format!("lead.{number}.go.{phase}");
            if inner.leads() {
                let last = inner.all_ready(number, phase, ready).await?;
                let go = Go { at: monotonic() + LEAD.max(last.round_trip.saturating_mul(10).min(LONGEST_LEAD)) };
                inner.bus.say(&key, &go, inner.options.silence).await?;
                *locked(&inner.began) = Some((number, go.at.saturating_sub(last.at)));
                return Ok(go.at);
            }
            let stop = format!("lead.{number}.stop");
            let go: Go = inner
                .wait_for(key, |board| over(board).or_else(|| inner.leader_lost()).or_else(|| stopped(board, &stop)))
                .await?;
            let at = go.at.saturating_add_signed(-inner.clock().unwrap_or(clock).middle());
            inner.echo_about(at);
            Ok(at)
        })
    }

    /// As the leader: how long after the last member was ready the latest phase of run `number` begins, in nanoseconds.
    #[must_use]
    pub fn start_after_ready(&self, number: u64) -> Option<u64> {
        let began = *locked(&self.inner.began);
        began.filter(|(of, _)| *of == number).map(|(_, after)| after)
    }

    /// Leaves the record log of run `number` on the bus; it waits for the bus where that is away.
    ///
    /// # Errors
    /// When the bus does not come back, or the log cannot be read.
    pub fn upload(&self, number: u64, log: &Path, clock: Option<Aligned>, failure: Option<String>) -> Result<()> {
        let log = log.to_owned();
        self.ask(|inner| async move {
            let (pieces, bytes) = inner.upload_rest(number, &log).await?;
            let ending = locked(&inner.load).as_ref().is_some_and(|(_, load)| load.is_ending());
            let ended = Ended { pieces, bytes, clock, ending, failure };
            inner.say(&format!("{number}.ended"), &ended).await
        })
    }

    /// As the leader: no run follows.
    ///
    /// # Errors
    /// When the bus refuses it or does not answer.
    pub fn over(&self, status: u8) -> Result<()> {
        self.ask(|inner| async move {
            inner.bus.say("lead.over", &Over { status }, inner.options.silence).await?;
            inner.bus.clear().await;
            let _ = tokio::time::timeout(Duration::from_secs(1), inner.bus.client.flush()).await;
            Ok(())
        })
    }

    /// Members that were lost.
    #[must_use]
    pub fn lost(&self) -> Vec<usize> {
        locked(&self.inner.lost).clone()
    }
}

impl Inner {
    /// Waits until all members have come, and are of one kind.
    async fn wait_for_all(&self) -> Result<()> {
        let until = Instant::now() + self.options.patience;
        let (size, run) = (self.size(), &self.options.identity.run);
        let missing = |board: &Board| -> Vec<String> {
            let absent = (1..size).filter(|rank| !board.contains_key(&format!("member.{rank}.joined")));
            absent.map(|rank| rank.to_string()).collect()
        };
        let late = |board: &Board| {
            let what = format!("members {} of {size} of the run `{run}` have not joined", missing(board).join(", "));
            (Instant::now() > until).then(|| Error::environment(what, "start all of them, or write a smaller fleet"))
        };
        self.wait(|board| missing(board).is_empty().then_some(()), late).await?;
        for rank in 1..size {
            locked(&self.heard).expect(rank, monotonic());
            let joined = self.joined(rank).await?;
            let differs = match () {
                () if joined.version != self.options.version => {
                    format!("its ringload is {}, the leader's {}", joined.version, self.options.version)
                }
                () if joined.size != size => format!("its fleet has {} members, the leader's {size}", joined.size),
                () => continue,
            };
            let what = format!("member {rank} ({}): {differs}", joined.host);
            return Err(self
                .give_up(Error::usage(what, "start every member with the same ringload and command line"))
                .await);
        }
        Ok(())
    }

    async fn all_agree(&self) -> Result<()> {
        for rank in 1..self.size() {
            let key = format!("member.{rank}.agreed");
            let agreed: Agreed = self.wait_for(key, |_| self.member_lost(rank)).await?;
            if let Some(why) = agreed.refused {
                return Err(self.refused_by(rank, &why).await);
            }
        }
        Ok(())
    }

    /// Holds the offers of all members against its own.
    async fn offers(&self, number: u64, own: Offer) -> Result<Vec<usize>> {
        let mut cores = vec![own.cores];
        for rank in 1..self.size() {
            let offer: Offer =
                self.wait_for(format!("member.{rank}.{number}.offer"), |_| self.member_lost(rank)).await?;
            let differs = own.digests.iter().find(|digest| !offer.digests.contains(digest));
            let why = offer.refused.or_else(|| differs.map(|(what, _)| format!("its {what} differ from the leader's")));
            if let Some(why) = why {
                return Err(self.refused_by(rank, &why).await);
            }
            cores.push(offer.cores);
        }
        Ok(cores)
    }

    async fn refused_by(&self, rank: usize, why: &str) -> Error {
        let host = self.joined(rank).await.map(|joined| joined.host).unwrap_or_default();
        let what = format!("member {rank} ({host}): {why}");
        self.give_up(Error::usage(what, "start every member with the same command line and files")).await
    }

    /// The run comes to nothing: the others learn of it.
    async fn give_up(&self, error: Error) -> Error {
        // Who does not hear of it has the silence to go by.
        let _ = self.bus.create("lead.over", &Over { status: 2 }).await;
        error
    }

    pub(crate) async fn joined(&self, rank: usize) -> Result<Joined> {
        let key = format!("member.{rank}.joined");
        let body = self.board.borrow().get(&key).cloned().unwrap_or_default();
        self.bus.value(&key, &body).await
    }

    /// Waits until each member is ready for a phase, beside itself: the worst round trip, and when the last one was.
    async fn all_ready(&self, number: u64, phase: &str, own: Ready) -> Result<Ready> {
        let mut last = own;
        for rank in 1..self.size() {
            let (ready, ended) =
                (format!("member.{rank}.{number}.ready.{phase}"), format!("member.{rank}.{number}.ended"));
            let early = |board: &Board| {
                let what = format!("member {rank} ended before the {phase} began");
                board
                    .contains_key(&ended)
                    .then(|| Error::environment(what, format!("read the messages of member {rank}")))
            };
            let lost = |board: &Board| early(board).or_else(|| self.member_lost(rank));
            match self.wait_for::<Ready>(ready, lost).await {
                Ok(ready) => {
                    last.round_trip = last.round_trip.max(ready.round_trip);
                    last.at = last.at.max(ready.at);
                }
                Err(error) => {
                    let _ = self.bus.create(&format!("lead.{number}.stop"), &error.what).await;
                    return Err(error);
                }
            }
        }
        Ok(last)
    }

    /// Waits until the clocks have been compared.
    async fn wait_for_clock(&self) -> Result<Interval> {
        let until = Instant::now() + self.options.silence;
        loop {
            if let Some(clock) = self.clock() {
                return Ok(clock);
            }
            if (self.options.stopped)() {
                return Err(Error::interrupted("interrupted while the clocks were compared"));
            }
            if Instant::now() > until {
                return Err(Error::environment(
                    "the leader answers no echo, so that the clocks cannot be compared",
                    "see that the bus lets messages pass between the members",
                ));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn leader_lost(&self) -> Option<Error> {
        self.silent().contains(&0).then(|| {
            Error::environment(
                format!("the leader of the run `{}` sends no heartbeats any more", self.options.identity.run),
                "look for the cause on the machine of rank 0",
            )
        })
    }

    /// An error where a member has been silent for too long.
    pub(crate) fn member_lost(&self, rank: usize) -> Option<Error> {
        let what = || format!("member {rank} sends no heartbeats any more");
        let remedy = "look for the cause on its machine, and on its way to the bus";
        self.silent().contains(&rank).then(|| Error::environment(what(), remedy))
    }
}

fn over(board: &Board) -> Option<Error> {
    board
        .contains_key("lead.over")
        .then(|| Error::environment("the leader has ended the run", "read the messages of the member of rank 0"))
}

fn stopped(board: &Board, key: &str) -> Option<Error> {
    let why = board.get(key)?;
    let why = serde_json::from_slice::<String>(why).unwrap_or_default();
    Some(Error::environment(format!("the run was ended: {why}"), "read the messages of the member of rank 0"))
}

/// How far ahead a phase begins at least, in nanoseconds.
const LEAD: u64 = 2_000_000_000;
/// How far ahead it begins at most, whatever the round trips are, in nanoseconds: who hears of it later begins late.
const LONGEST_LEAD: u64 = 4_000_000_000;
