//! What the bus tells of a run to one who is no member.

use crate::address::Address;
use crate::bus::Bus;
use crate::error::{Error, Result};
use crate::message::{Heartbeat, Joined};
use crate::thread::ControlThread;
use futures_util::{StreamExt as _, TryStreamExt as _};
use std::time::Duration;

/// A run, as the bus shows it.
#[derive(Clone, Debug)]
pub struct RunStatus {
    /// How many members the first who came takes it to have.
    pub size: usize,
    /// Runs that were begun.
    pub runs: usize,
    /// The leader's exit status, where all is over.
    pub over: Option<u8>,
    /// Those who have come, by rank.
    pub members: Vec<MemberStatus>,
}

/// A member that has come.
#[derive(Clone, Debug)]
pub struct MemberStatus {
    /// Its rank.
    pub rank: usize,
    /// Its machine.
    pub host: String,
    /// What it said last, where it was heard.
    pub heartbeat: Option<Heartbeat>,
}

impl RunStatus {
    /// Reads what there is of a run, and listens for more than a second.
    ///
    /// # Errors
    /// When the bus does not answer, or knows no such run.
    pub fn read(address: &Address, run: &str) -> Result<Self> {
        let (address, run) = (address.clone(), run.to_owned());
        ControlThread::start()?.ask(async move { read(&address, &run).await })?
    }
}

async fn read(address: &Address, run: &str) -> Result<RunStatus> {
    let bus = Bus::look(address, run).await?;
    let unread = |e: &dyn std::fmt::Display| {
        Error::environment(format!("what the bus holds of the run cannot be read ({e})"), "try again")
    };
    let keys = bus.values.keys().await.map_err(|e| unread(&e))?;
    let keys: Vec<String> = keys.try_collect().await.map_err(|e| unread(&e))?;
    let mut status = RunStatus { size: 0, runs: 0, over: None, members: Vec::new() };
    status.runs = keys.iter().filter(|key| key.starts_with("lead.") && key.ends_with(".plan")).count();
    for key in &keys {
        let Some(rank) = key.strip_prefix("member.").and_then(|rest| rest.strip_suffix(".joined")) else { continue };
        let Ok(rank) = rank.parse() else { continue };
        let body = bus.values.get(key.as_str()).await.map_err(|e| unread(&e))?.unwrap_or_default();
        let joined: Joined = bus.value(key, &body).await?;
        status.size = status.size.max(joined.size);
        status.members.push(MemberStatus { rank, host: joined.host, heartbeat: None });
    }
    status.members.sort_by_key(|member| member.rank);
    if let Ok(Some(body)) = bus.values.get("lead.over").await {
        status.over = Some(bus.value::<crate::message::Over>("lead.over", &body).await?.status);
    } else if let Ok(mut heartbeats) = bus.client.subscribe(bus.subject("heartbeat.*")).await {
        let listen = async {
            while let Some(message) = heartbeats.next().await {
                let Ok(heartbeat) = serde_json::from_slice::<Heartbeat>(&message.payload) else { continue };
                if let Some(member) = status.members.iter_mut().find(|member| member.rank == heartbeat.rank) {
                    member.heartbeat = Some(heartbeat);
                }
            }
        };
        // As long as two signs of life take, and a little more.
        let _ = tokio::time::timeout(LISTEN, listen).await;
    }
    Ok(status)
}

const LISTEN: Duration = Duration::from_millis(1_200);
