//! What goes on beside the runs: signs of life, echoes between the clocks, and the watch over those who fall silent.

use crate::clock::Echo;
use crate::message::Heartbeat;
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
        thread.spawn(answer_echoes(Arc::clone(inner)));
    } else {
        thread.spawn(send_echoes(Arc::clone(inner)));
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
    let mut told = None;
    loop {
        tokio::time::sleep(LOOK).await;
        let load = locked(&inner.load).clone();
        let silent = inner.silent();
        let mut new = Vec::new();
        {
            let mut lost = locked(&inner.lost);
            for rank in silent {
                if !lost.contains(&rank) {
                    lost.push(rank);
                    new.push(rank);
                }
            }
        }
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
            None if new.contains(&0) => Some("the leader fell silent".to_owned()),
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
        return Some(format!("member {rank} fell silent"));
    }
    if load.is_ending() {
        return Some("the leader ends it".to_owned());
    }
    let heard = locked(&inner.heard);
    let ending =
        |rank: &usize| heard.heartbeat(*rank).is_some_and(|heartbeat| heartbeat.run == number && heartbeat.ending);
    (1..inner.size()).find(ending).map(|rank| format!("member {rank} ends it"))
}

/// Answers echoes with its own clock: when the echo came, and when the answer goes.
async fn answer_echoes(inner: Arc<Inner>) {
    let subject = inner.bus.subject("clock");
    loop {
        let Ok(mut echoes) = inner.bus.client.subscribe(subject.clone()).await else {
            tokio::time::sleep(HEARTBEAT).await;
            continue;
        };
        while let Some(message) = echoes.next().await {
            let received = monotonic();
            let Some(reply) = message.reply else { continue };
            let mut body = received.to_le_bytes().to_vec();
            body.extend(monotonic().to_le_bytes());
            let _ = tokio::time::timeout(HEARTBEAT, inner.bus.client.publish(reply, body.into())).await;
        }
    }
}

/// Sends an echo each second, and some at once in the beginning.
async fn send_echoes(inner: Arc<Inner>) {
    let subject = inner.bus.subject("clock");
    let mut answered = 0_u32;
    loop {
        let sent = monotonic();
        let answer = inner.bus.client.request(subject.clone(), Vec::new().into());
        let answer = tokio::time::timeout(ECHO, answer).await;
        let returned = monotonic();
        if let Ok(Ok(answer)) = answer
            && let Some(echo) = echo_of(sent, &answer.payload, returned)
        {
            answered = answered.saturating_add(1);
            locked(&inner.alignment).add(&echo);
        }
        tokio::time::sleep(if answered < AT_FIRST { SOON } else { ECHO }).await;
    }
}

fn echo_of(sent: u64, body: &[u8], returned: u64) -> Option<Echo> {
    let (received, answered) = body.split_first_chunk::<8>()?;
    let answered: [u8; 8] = answered.try_into().ok()?;
    Some(Echo { sent, received: u64::from_le_bytes(*received), answered: u64::from_le_bytes(answered), returned })
}

/// Between two signs of life.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// Between two looks for silence.
const LOOK: Duration = Duration::from_millis(100);
/// Between two echoes.
const ECHO: Duration = Duration::from_secs(1);
/// Echoes that follow one another soon, when a member has joined.
const AT_FIRST: u32 = 16;
const SOON: Duration = Duration::from_millis(20);
