//! The table of slots: which are free, which hold a connection that a request may take.

use super::slot::{Slot, State};
use crate::driver::Key;
use std::collections::VecDeque;
use std::ops::{Index, IndexMut};

/// The slots of a worker.
pub(super) struct Table {
    slots: Vec<Slot>,
    /// Most slots with a connection.
    capacity: usize,
    free: Vec<u32>,
    /// Per target: idle connections, the latest on top; checked when taken.
    idle: Vec<Vec<Key>>,
    /// Connections that drain, the oldest first; those that have ended since are skipped.
    draining: VecDeque<Key>,
}

impl Index<u32> for Table {
    type Output = Slot;

    #[inline]
    fn index(&self, slot: u32) -> &Slot {
        &self.slots[slot as usize]
    }
}

impl IndexMut<u32> for Table {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut Slot {
        &mut self.slots[slot as usize]
    }
}

impl Table {
    pub(super) fn new(capacity: usize, targets: usize) -> Self {
        Self {
            slots: Vec::new(),
            capacity,
            free: Vec::new(),
            idle: vec![Vec::new(); targets],
            draining: VecDeque::new(),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }

    /// What a key names, if it is still there.
    #[inline]
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Slot> {
        self.slots.get_mut(key.slot as usize).filter(|slot| slot.is(key))
    }

    /// As [`get_mut`](Self::get_mut), to read.
    pub(super) fn get(&self, key: Key) -> Option<&Slot> {
        self.slots.get(key.slot as usize).filter(|slot| slot.is(key))
    }

    /// The name of what a slot holds now.
    pub(super) fn key_of(&self, slot: u32) -> Key {
        Key { slot, generation: self[slot].generation() }
    }

    /// Adds a slot.
    pub(super) fn push(&mut self, slot: Slot) -> u32 {
        self.slots.push(slot);
        (self.slots.len() - 1) as u32
    }

    /// A slot without a connection: a free one, a new one that `make` makes, or that of an idle connection or one that
    /// drains, whose key is then to be closed. Where none is left, a slot past the driver's capacity, good only to
    /// record the failure.
    pub(super) fn take(&mut self, make: impl Fn() -> Slot) -> std::result::Result<(u32, Option<Key>), u32> {
        if let Some(slot) = self.free.pop() {
            return Ok((slot, None));
        }
        if self.slots.len() < self.capacity {
            return Ok((self.push(make()), None));
        }
        for target in 0..self.idle.len() {
            if let Some(key) = self.take_idle(target as u16) {
                return Ok((key.slot, Some(key)));
            }
        }
        while let Some(key) = self.draining.pop_front() {
            if self.is_draining(key) {
                return Ok((key.slot, Some(key)));
            }
        }
        if self.slots.len() == self.capacity {
            self.push(make());
        }
        Err(self.capacity as u32)
    }

    /// An idle connection of a target, the latest first.
    pub(super) fn take_idle(&mut self, target: u16) -> Option<Key> {
        while let Some(key) = self.idle[target as usize].pop() {
            let slot = &self[key.slot];
            if slot.is(key) && slot.state() == State::Idle {
                return Some(key);
            }
        }
        None
    }

    /// A connection may serve a request: any of its target's, or, where it is not `pooled`, of the session that has its
    /// key.
    pub(super) fn park(&mut self, key: Key, pooled: bool) {
        let slot = &mut self[key.slot];
        slot.handle_idle();
        let target = slot.target();
        if pooled {
            self.idle[target as usize].push(key);
        }
    }

    /// A connection may serve a request when it has drained.
    pub(super) fn drain(&mut self, key: Key) {
        self[key.slot].handle_draining();
        while self.draining.front().is_some_and(|key| !self.is_draining(*key)) {
            self.draining.pop_front();
        }
        self.draining.push_back(key);
    }

    fn is_draining(&self, key: Key) -> bool {
        let slot = &self[key.slot];
        slot.is(key) && slot.state() == State::Draining
    }

    /// A slot's stream has ended.
    pub(super) fn end_stream(&mut self, slot: u32) {
        self[slot].end_stream();
        self.free.push(slot);
    }

    /// A slot's connection is closed. Whether the slot may hold another: the one past the capacity only ever holds a
    /// request that found no connection.
    pub(super) fn handle_closed(&mut self, slot: u32) -> bool {
        self[slot].handle_closed();
        let may_connect = (slot as usize) < self.capacity;
        if may_connect {
            self.free.push(slot);
        }
        may_connect
    }
}
