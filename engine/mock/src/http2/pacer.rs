//! Wakes the streams of one thread when they are due: the workers' timer and engine, behind `tokio`'s reactor.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

use slab::Slab;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::batching::{Engine, Sequence};
use crate::clock::now_ns;
use crate::config::Timing;
use crate::shared::Shared;
use crate::timers::{Timers, Wake};

/// Timer, engine, and who waits for them.
pub(super) struct Pacer {
    shared: Arc<Shared>,
    state: RefCell<State>,
}

struct State {
    timers: Timers,
    engine: Option<Engine>,
    slots: Slab<Slot>,
}

/// A stream under way.
struct Slot {
    number: u64,
    waker: Waker,
    /// Tokens that the engine made and the stream has not taken.
    grants: u32,
}

impl Pacer {
    pub(super) fn new(shared: Arc<Shared>) -> io::Result<Self> {
        let engine = match &shared.config.timing {
            Timing::Batching(settings) => Some(Engine::new(settings.clone())),
            _ => None,
        };
        let state = RefCell::new(State { timers: Timers::new()?, engine, slots: Slab::new() });
        Ok(Self { shared, state })
    }

    /// A place for the stream `number`; `wants` is what it asks of the engine.
    pub(super) fn enter(&self, number: u64, wants: Option<(u32, u32)>, arrived_ns: u64) -> usize {
        self.step(arrived_ns);
        let state = &mut *self.state.borrow_mut();
        let key = state.slots.insert(Slot { number, waker: Waker::noop().clone(), grants: 0 });
        if let (Some(engine), Some((prompt_tokens, output_tokens))) = (&mut state.engine, wants) {
            engine.handle_arrival(Sequence { id: key as u64, prompt_tokens, output_tokens, arrived_ns });
        }
        self.arm(state);
        key
    }

    /// The stream is over. `awaits` says whether the engine may still have it.
    pub(super) fn leave(&self, key: usize, awaits: bool) {
        let state = &mut *self.state.borrow_mut();
        state.slots.remove(key);
        if let Some(engine) = state.engine.as_mut().filter(|_| awaits) {
            engine.cancel(key as u64);
        }
    }

    /// Tokens that the engine made since the last call.
    pub(super) fn take_grants(&self, key: usize) -> u32 {
        std::mem::take(&mut self.state.borrow_mut().slots[key].grants)
    }

    /// Wakes the task of `cx` on the next grant and, if `due_ns` says when, then.
    pub(super) fn wake_at(&self, key: usize, due_ns: u64, cx: &Context<'_>) {
        let state = &mut *self.state.borrow_mut();
        let slot = &mut state.slots[key];
        slot.waker.clone_from(cx.waker());
        if due_ns != u64::MAX {
            let number = slot.number;
            state.timers.push(Wake { due_ns, number, key });
            self.arm(state);
        }
    }

    /// Goes on for as long as the thread lives.
    pub(super) async fn run(self: Rc<Self>) {
        let descriptor = self.state.borrow().timers.duplicate();
        #[expect(deprecated, reason = "its successor is unsafe; an owned descriptor stays open, as both demand")]
        let timer = descriptor.and_then(|fd| AsyncFd::with_interest(fd, Interest::READABLE));
        let Ok(timer) = timer else {
            return eprintln!("mock server: HTTP/2 has no timer; start the server again");
        };
        while let Ok(mut ready) = timer.readable().await {
            ready.clear_ready();
            self.shared.thaw();
            let now_ns = now_ns();
            self.step(now_ns);
            let state = &mut *self.state.borrow_mut();
            while let Some(wake) = state.timers.pop_due(now_ns) {
                let slot = state.slots.get(wake.key);
                if let Some(slot) = slot.filter(|slot| slot.number == wake.number) {
                    self.shared.note_late(now_ns - wake.due_ns);
                    slot.waker.wake_by_ref();
                }
            }
            self.arm(state);
        }
    }

    /// The engine's steps that are over.
    fn step(&self, now_ns: u64) {
        let state = &mut *self.state.borrow_mut();
        let Some(engine) = &mut state.engine else {
            return;
        };
        let mut grants = Vec::new();
        engine.handle_step(now_ns, &mut grants);
        self.shared.note_engine(engine);
        for grant in grants {
            self.shared.note_grant(&grant, now_ns);
            if let Some(slot) = state.slots.get_mut(grant.id as usize) {
                slot.grants += 1;
                slot.waker.wake_by_ref();
            }
        }
    }

    fn arm(&self, state: &mut State) {
        let engine_ns = state.engine.as_ref().and_then(Engine::next_ns);
        let next_ns = state.timers.next_ns().into_iter().chain(engine_ns).min();
        if let Some(next_ns) = next_ns {
            // Setting a valid timer to a valid instant does not fail.
            let _ = state.timers.arm(next_ns, now_ns());
        }
    }
}
