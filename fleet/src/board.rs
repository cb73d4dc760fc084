//! A mirror of the values that one side of a run reads: the members those of the leader, the leader those of the
//! members.

use crate::bus::Bus;
use async_nats::jetstream::kv::Operation;
use futures_util::StreamExt as _;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;

/// Values by key, as they came.
pub(crate) type Board = BTreeMap<String, Vec<u8>>;

/// Keeps the board up to date, for ever; a watch that ends is begun again.
pub(crate) async fn mirror(bus: Bus, pattern: &'static str, board: watch::Sender<Board>) {
    loop {
        if let Ok(mut watch) = bus.values.watch_with_history(pattern).await {
            while let Some(Ok(entry)) = watch.next().await {
                if entry.operation == Operation::Put {
                    board.send_modify(|board| {
                        board.insert(entry.key.clone(), entry.value.to_vec());
                    });
                }
            }
        }
        if board.is_closed() {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Between two watches.
const AGAIN: Duration = Duration::from_millis(200);
