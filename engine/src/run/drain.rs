//! How the records' writer waits: for its rings, and for their end.

use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::park_timeout;
use std::time::Duration;

/// Moves what comes out of the rings until `done` is set and all are empty; how many that were. While nothing comes it
/// looks less and less often, as each look is a wake-up that counts among what the client costs; before it pauses it
/// calls `rest`. `done` is set with [`Ordering::Release`], after the last push into any ring, by somebody who then
/// unparks this thread.
pub(super) fn drain<R, T, E>(
    rings: &mut [R],
    pop: impl Fn(&mut R) -> Option<T>,
    done: &AtomicBool,
    mut keep: impl FnMut(T) -> Result<(), E>,
    mut rest: impl FnMut(),
) -> Result<u64, E> {
    let mut kept = 0;
    let mut pause = OFTEN;
    loop {
        let last = done.load(Ordering::Acquire);
        let mut moved = false;
        for ring in rings.iter_mut() {
            while let Some(item) = pop(ring) {
                keep(item)?;
                kept += 1;
                moved = true;
            }
        }
        if last && !moved {
            return Ok(kept);
        }
        pause = if moved { OFTEN } else { SELDOM.min(2 * pause) };
        if !moved {
            rest();
            park_timeout(pause);
        }
    }
}

/// How long the writer rests when there is nothing: at first, and when nothing has come for some time. A ring that is
/// empty takes far longer to fill.
const OFTEN: Duration = Duration::from_millis(2);
const SELDOM: Duration = Duration::from_millis(100);
