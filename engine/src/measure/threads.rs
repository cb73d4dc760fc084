//! Threads on which figures are made; their number changes no value.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// Does each task, on so many threads, of which this is one. Those that cannot be started are left out.
pub(super) fn on_threads<T: Send>(threads: usize, tasks: impl Iterator<Item = T> + Send, work: impl Fn(T) + Sync) {
    let left = Mutex::new(tasks);
    let take = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let run = || {
        while let Some(task) = take() {
            work(task);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            if thread::Builder::new().spawn_scoped(scope, run).is_err() {
                break;
            }
        }
        run();
    });
}

/// So many threads for a walk over this many requests, or for sorting as many values: one where another is not worth
/// its start.
pub(super) fn threads_for(values: usize) -> usize {
    if values >= LONG { THREADS } else { 1 }
}

/// Sorts values, long ones on two threads.
pub(super) fn sort<T: Ord + Send>(values: &mut [T]) {
    if values.len() < LONG {
        return values.sort_unstable();
    }
    let (low, _, high) = values.select_nth_unstable(values.len() / 2);
    on_threads(THREADS, [low, high].into_iter(), <[T]>::sort_unstable);
}

/// From so many values on they are worth a thread.
const LONG: usize = 1 << 18;
/// Threads of a walk.
const THREADS: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_sorted_as_short_ones_are() {
        for n in [0, 1, 1_000, LONG, LONG + 1] {
            let mut values: Vec<u64> = (0..n as u64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44).collect();
            let mut expected = values.clone();
            expected.sort_unstable();
            sort(&mut values);
            assert_eq!(values, expected, "{n}");
        }
    }

    #[test]
    fn every_task_is_done_once_on_any_number_of_threads() {
        for threads in [1, 2, 5] {
            let mut done = [0; 100];
            on_threads(threads, done.iter_mut(), |task| *task += 1);
            assert_eq!(done, [1; 100]);
        }
    }
}
