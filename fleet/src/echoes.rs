//! Echoes between the clock of the leader and those of the others through the bus, where no datagram gets through.

use crate::clock::Echo;
use crate::state::{Inner, locked, monotonic};
use futures_util::StreamExt as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Answers echoes with its own clock: when the echo came, and when the answer goes.
pub(crate) async fn answer(inner: Arc<Inner>) {
    let subject = inner.bus.subject("clock");
    loop {
        let Ok(mut echoes) = inner.bus.client.subscribe(subject.clone()).await else {
            tokio::time::sleep(EVERY).await;
            continue;
        };
        while let Some(message) = echoes.next().await {
            let received = monotonic();
            let Some(reply) = message.reply else { continue };
            let mut body = received.to_le_bytes().to_vec();
            body.extend(monotonic().to_le_bytes());
            let _ = tokio::time::timeout(EVERY, inner.bus.client.publish(reply, body.into())).await;
        }
    }
}

/// Sends echoes through the bus: some at once in the beginning, then one each second, but none while datagrams come
/// back, which tell the same more exactly.
pub(crate) async fn send(inner: Arc<Inner>) {
    let subject = inner.bus.subject("clock");
    let mut answered = 0_u32;
    loop {
        let heard = inner.datagram_at.load(Ordering::Relaxed);
        if answered >= AT_FIRST && monotonic().saturating_sub(heard) < DATAGRAMS_ARE_GONE {
            tokio::time::sleep(EVERY).await;
            continue;
        }
        let sent = monotonic();
        let answer = inner.bus.client.request(subject.clone(), Vec::new().into());
        let answer = tokio::time::timeout(EVERY, answer).await;
        let returned = monotonic();
        if let Ok(Ok(answer)) = answer
            && let Some(echo) = echo_of(sent, &answer.payload, returned)
        {
            answered = answered.saturating_add(1);
            locked(&inner.alignment).add(&echo);
            inner.bus_round_trip.fetch_min(echo.round_trip(), Ordering::Relaxed);
        }
        tokio::time::sleep(if answered < AT_FIRST { SOON } else { EVERY }).await;
    }
}

fn echo_of(sent: u64, body: &[u8], returned: u64) -> Option<Echo> {
    let (received, answered) = body.split_first_chunk::<8>()?;
    let answered: [u8; 8] = answered.try_into().ok()?;
    Some(Echo { sent, received: u64::from_le_bytes(*received), answered: u64::from_le_bytes(answered), returned })
}

/// Between two echoes.
pub(crate) const EVERY: Duration = Duration::from_secs(1);
/// Echoes that follow one another soon, when a member has joined.
pub(crate) const AT_FIRST: u32 = 16;
pub(crate) const SOON: Duration = Duration::from_millis(20);
/// Nanoseconds without an answer to a datagram after which the bus is asked again.
const DATAGRAMS_ARE_GONE: u64 = 3_000_000_000;
