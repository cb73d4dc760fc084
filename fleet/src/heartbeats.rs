//! What goes on beside the runs: signs of life, and the watch over those who fall silent.

use crate::datagrams;
use crate::echoes;
use crate::message::{Ended, Heartbeat};
use crate::state::{Inner, Load, OnLoss, locked, monotonic};
use crate::thread::ControlThread;
use futures_util::StreamExt as _;
use std::sync::Arc;
use std::time::Duration;

/// Starts the tasks of a member.
pub(crate) fn start(thread: &ControlThread, inner: &Arc<Inner>) {
    thread.spawn(speak(Arc::clone(inner)));
    thread.spawn(listen(Arc::clone(inner)));
    thread.spawn(watch(Arc::clone(inner)));
    if inner.leads() {
        thread.spawn(echoes::answer(Arc::clone(inner)));
        thread.spawn(datagrams::answer(Arc::clone(inner)));
    } else {
        thread.spawn(echoes::send(Arc::clone(inner)));
        thread.spawn(datagrams::send(Arc::clone(inner)));
    }
}

/// Says that it is alive.
async fn speak(inner: Arc<Inner>) {
    let subject = inner.bus.subject(&format!("heartbeat.{}", inner.rank()));
    let mut every = tokio::time::interval(HEARTBEAT);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let Ok(body) = serde_json::to_vec(&inner.heartbeat()) else { continue };
        // It waits while too much is queued, as without a connection; a heartbeat that is lost is no loss.
        let _ = tokio::time::timeout(HEARTBEAT, inner.bus.client.publish(subject.clone(), body.into())).await;
    }
}

/// Hears the others: the leader all members, the others the leader.
async fn listen(inner: Arc<Inner>) {
    let of = if inner.leads() { "heartbeat.*" } else { "heartbeat.0" };
    let subject = inner.bus.subject(of);
    loop {
        let Ok(mut heartbeats) = inner.bus.client.subscribe(subject.clone()).await else {
            tokio::time::sleep(HEARTBEAT).await;
            continue;
        };
        while let Some(message) = heartbeats.next().await {
            let Ok(heartbeat) = serde_json::from_slice::<Heartbeat>(&message.payload) else { continue };
            let newer = locked(&inner.heard).handle_heartbeat(heartbeat, monotonic());
            let load = locked(&inner.load).clone();
            if let Some((run, load)) = load.filter(|_| newer && heartbeat.rank != inner.rank())
                && run == heartbeat.run
            {
                load.show(heartbeat.rank, heartbeat.counters);
            }
        }
    }
}

/// Ends the load when a member is lost, or when the leader says so.
async fn watch(inner: Arc<Inner>) {
    let (mut told, mut known) = (None, Vec::new());
    loop {
        tokio::time::sleep(LOOK).await;
        let load = locked(&inner.load).clone();
        let silent = inner.silent();
        let new: Vec<usize> = silent.iter().copied().filter(|rank| !known.contains(rank)).collect();
        known = silent;
        let Some((number, load)) = load else { continue };
        let key = format!("lead.{number}.stop");
        if inner.leads() {
            if told != Some(number)
                && let Some(why) = ends_early(&inner, (number, &*load), &new)
            {
                told = Some(number);
                load.stop(&why);
                // A member that does not hear of it has the silence of the others to go by.
                let _ = inner.bus.create(&key, &why).await;
            }
            continue;
        }
        let stop = inner.board.borrow().get(&key).cloned();
        let why = match stop {
            Some(body) => inner.bus.value::<String>(&key, &body).await.ok(),
            None if new.contains(&0) => Some("the leader sends no heartbeats any more".to_owned()),
            None => None,
        };
        if let Some(why) = why.filter(|_| told != Some(number)) {
            told = Some(number);
            load.stop(&why);
        }
    }
}

/// Why the leader ends a run early, if it does: a member is lost, or the load of one ends before its time.
fn ends_early(inner: &Inner, (number, load): (u64, &dyn Load), lost: &[usize]) -> Option<String> {
    if let Some(rank) = lost.first()
        && inner.options.on_loss == OnLoss::Abort
    {
        return Some(format!("member {rank} sends no heartbeats any more"));
    }
    if load.is_ending() {
        return Some("the leader ends it".to_owned());
    }
    let (heard, board) = (locked(&inner.heard), inner.board.borrow());
    let ending = |rank: &usize| {
        // One that has ended soon after it began to may not have been heard in between.
        let ended = board.get(&format!("member.{rank}.{number}.ended"));
        let ended = ended.and_then(|body| serde_json::from_slice::<Ended>(body).ok());
        ended.is_some_and(|ended| ended.ending)
            || heard.heartbeat(*rank).is_some_and(|heartbeat| heartbeat.run == number && heartbeat.ending)
    };
    (1..inner.size()).find(ending).map(|rank| format!("member {rank} ends it"))
}

/// Between two signs of life.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// Between two looks for silence.
const LOOK: Duration = Duration::from_millis(100);
