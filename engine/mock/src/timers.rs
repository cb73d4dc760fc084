//! When to wake which stream: a heap of instants over one `timerfd`, which is as fine as the kernel's clock
//! (`epoll_wait` only counts milliseconds).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use rustix::time::{timerfd_create, timerfd_settime};

use crate::clock::SECOND;

/// The wake-ups of one thread.
#[derive(Debug)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<Wake>>,
    timer: OwnedFd,
    /// What the timer is set to; `u64::MAX` when it has gone off or was never set.
    armed_ns: u64,
}

/// Wake the stream `number` on the connection `key` at `due_ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wake {
    pub(crate) due_ns: u64,
    pub(crate) number: u64,
    pub(crate) key: usize,
}

impl Timers {
    pub(crate) fn new() -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        Ok(Self { heap: BinaryHeap::new(), timer, armed_ns: u64::MAX })
    }

    pub(crate) fn push(&mut self, wake: Wake) {
        self.heap.push(Reverse(wake));
    }

    /// The earliest wake-up, when it is due.
    pub(crate) fn pop_due(&mut self, now_ns: u64) -> Option<Wake> {
        let top = self.heap.peek_mut().filter(|top| top.0.due_ns <= now_ns)?;
        Some(PeekMut::pop(top).0)
    }

    pub(crate) fn next_ns(&self) -> Option<u64> {
        self.heap.peek().map(|top| top.0.due_ns)
    }

    /// Becomes readable when the timer goes off; wait for it edge-triggered.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.timer.as_raw_fd()
    }

    /// A descriptor of its own for the same timer.
    pub(crate) fn duplicate(&self) -> io::Result<OwnedFd> {
        self.timer.try_clone()
    }

    /// Makes the poll return at `due_ns` or, by an earlier setting, before. The timer is edge-triggered and is never
    /// read: setting it again clears it.
    pub(crate) fn arm(&mut self, due_ns: u64, now_ns: u64) -> io::Result<()> {
        let still_armed = self.armed_ns > now_ns && self.armed_ns != u64::MAX;
        if still_armed && self.armed_ns <= due_ns {
            return Ok(());
        }
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let it_value = Timespec { tv_sec: (due_ns / SECOND) as i64, tv_nsec: (due_ns % SECOND) as i64 };
        let setting = Itimerspec { it_interval: zero, it_value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &setting)?;
        self.armed_ns = due_ns;
        Ok(())
    }
}
