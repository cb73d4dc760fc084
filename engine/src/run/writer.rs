//! The thread that keeps the records.

use crate::error::Result;
use crate::record::{LogWriter, Record};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Moves records from the workers' rings to the log until all workers are done and all rings are empty; `look_on` sees each. While none
/// come it looks less and less often, as each look is a wake-up that counts among what the client costs. Whoever sets `done` unparks its thread.
pub(super) fn write(
    consumers: &mut [rtrb::Consumer<Box<Record>>],
    log: &mut LogWriter,
    done: &AtomicBool,
    look_on: &mut dyn FnMut(&Record),
) -> Result<u64> {
    let mut written = 0;
    let mut pause = OFTEN;
    loop {
        let last = done.load(Ordering::Acquire);
        let mut moved = false;
        for consumer in consumers.iter_mut() {
            while let Ok(record) = consumer.pop() {
                log.append(&record)?;
                look_on(&record);
                written += 1;
                moved = true;
            }
        }
        if last && !moved {
            return Ok(written);
        }
        pause = if moved { OFTEN } else { SELDOM.min(2 * pause) };
        if !moved {
            std::thread::park_timeout(pause);
        }
    }
}

/// How long the log's writer rests when there are no records: at first, and when none have come for some time. A ring that is empty takes far longer
/// to fill.
const OFTEN: Duration = Duration::from_millis(2);
const SELDOM: Duration = Duration::from_millis(100);
