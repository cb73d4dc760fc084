//! When to wake which stream: a heap of instants over one `timerfd`, which is as fine as the kernel's clock (`epoll_wait` only
//! counts milliseconds).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use rustix::time::{timerfd_create, timerfd_settime};

use crate::clock::SECOND;

/// The wake-ups of one thread.
#[derive(Debug)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<Wake>>,
    timer: OwnedFd,
    /// What the timer is set to; `u64::MAX` when it has gone off or was never set.
    armed_ns: u64,
}

/// Wake the stream `number` on the connection `key` at `due_ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wake {
    pub(super) due_ns: u64,
    pub(super) number: u64,
    pub(super) key: usize,
}

impl Timers {
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self {
            heap: BinaryHeap::new(),
            timer,
            armed_ns: u64::MAX,
        })
    }

    pub(super) fn push(&mut self, wake: Wake) {
        self.heap.push(Reverse(wake));
    }

    /// The earliest wake-up, when it is due.
    pub(super) fn pop_due(&mut self, now_ns: u64) -> Option<Wake> {
        let top = self.heap.peek_mut().filter(|top| top.0.due_ns <= now_ns)?;
        Some(PeekMut::pop(top).0)
    }

    pub(super) fn next_ns(&self) -> Option<u64> {
        self.heap.peek().map(|top| top.0.due_ns)
    }

    /// Makes the poll return at `due_ns` or, by an earlier setting, before. The timer is edge-triggered and is never read: setting
    /// it again clears it.
    pub(super) fn arm(&mut self, due_ns: u64, now_ns: u64) -> io::Result<()> {
        let still_armed = self.armed_ns > now_ns && self.armed_ns != u64::MAX;
        if still_armed && self.armed_ns <= due_ns {
            return Ok(());
        }
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let it_value = Timespec {
            tv_sec: (due_ns / SECOND) as i64,
            tv_nsec: (due_ns % SECOND) as i64,
        };
        let setting = Itimerspec {
            it_interval: zero,
            it_value,
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &setting)?;
        self.armed_ns = due_ns;
        Ok(())
    }
}
