//! Which connection each slot has, which entries of the ring name it, and when what it holds may be released. No system
//! calls, no clock.
//!
//! An entry names a connection by its number: an index that is given to another connection only after every entry that
//! names it has completed. So neither a completion nor a descriptor can be mistaken for another connection's, however
//! often a slot is used again.

use super::{GENERATION_MASK, Key};
use std::collections::VecDeque;

/// What an entry asks of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Op {
    Connect = 1,
    Receive = 2,
    Send = 3,
    Readable = 4,
    /// Ends the connect of a connection that was closed meanwhile.
    Cancel = 5,
    /// Tells that the peer's end came, beside the receive.
    HangUp = 6,
    /// Ends a receive that may have missed the peer's end, or is to use larger buffers.
    CancelReceive = 7,
    /// A receive into larger buffers.
    ReceiveLarge = 8,
}

/// An entry: what is asked, and the number of the connection.
pub(super) type Named = (Op, u32);

/// The connections of a driver. `R` is what an entry may refer to: descriptor, address, buffers. It is dropped when the
/// connection is closed and no entry names it any more.
pub(super) struct Connections<R> {
    list: Vec<Connection<R>>,
    /// Numbers that no entry names.
    free: Vec<u32>,
    /// The number of each slot's connection, or [`NONE`].
    of_slot: Vec<u32>,
    /// Entries that the kernel has not been given, in the order in which they were asked for.
    queue: VecDeque<Named>,
    closing: usize,
}

struct Connection<R> {
    key: Key,
    /// Not closed: entries that wait may be given to the kernel, and completions are reported.
    open: bool,
    /// The kernel has a connect of it.
    connecting: bool,
    /// Entries that name it, in the queue or with the kernel.
    entries: u32,
    held: Option<R>,
}

impl<R> Connections<R> {
    pub(super) fn new(slots: usize) -> Self {
        Self { list: Vec::new(), free: Vec::new(), of_slot: vec![NONE; slots], queue: VecDeque::new(), closing: 0 }
    }

    /// Begins a connection in a slot, which must be below the number of slots; one that the slot still has is closed.
    pub(super) fn open(&mut self, key: Key, held: R) -> u32 {
        let slot = key.slot as usize;
        if self.of_slot[slot] != NONE {
            self.close(self.of_slot[slot]);
        }
        let connection = Connection { key, open: true, connecting: false, entries: 0, held: Some(held) };
        let number = match self.free.pop() {
            Some(number) => {
                self.list[number as usize] = connection;
                number
            }
            None => {
                self.list.push(connection);
                (self.list.len() - 1) as u32
            }
        };
        self.of_slot[slot] = number;
        number
    }

    /// The number of the open connection that a key names.
    pub(super) fn find(&self, key: Key) -> Option<u32> {
        let number = *self.of_slot.get(key.slot as usize)?;
        let connection = self.list.get(number as usize)?;
        let same = (connection.key.generation ^ key.generation) & GENERATION_MASK == 0;
        same.then_some(number)
    }

    /// The key of a connection, unless it is closed.
    #[inline]
    pub(super) fn key(&self, number: u32) -> Option<Key> {
        let connection = self.list.get(number as usize)?;
        connection.open.then_some(connection.key)
    }

    /// What a connection holds, until it is released.
    pub(super) fn held(&mut self, number: u32) -> Option<&mut R> {
        self.list.get_mut(number as usize)?.held.as_mut()
    }

    /// Whether the kernel has a connect of it.
    pub(super) fn connecting(&self, number: u32) -> bool {
        self.list[number as usize].connecting
    }

    /// Asks for an entry. It may be given to the kernel by [`next`](Self::next), and has to be reported to
    /// [`completed`](Self::completed).
    pub(super) fn ask(&mut self, op: Op, number: u32) {
        self.list[number as usize].entries += 1;
        self.queue.push_back((op, number));
    }

    /// The next entry for the kernel. Those of connections that were closed meanwhile are dropped here.
    pub(super) fn next(&mut self) -> Option<Named> {
        while let Some((op, number)) = self.queue.pop_front() {
            let connection = &mut self.list[number as usize];
            if connection.open || op == Op::Cancel {
                connection.connecting |= op == Op::Connect;
                return Some((op, number));
            }
            self.completed(op, number);
        }
        None
    }

    /// Whether entries wait for [`next`](Self::next).
    pub(super) fn waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The last completion of an entry was seen: the kernel refers to nothing of it any more.
    pub(super) fn completed(&mut self, op: Op, number: u32) {
        let Some(connection) = self.list.get_mut(number as usize) else {
            return;
        };
        connection.entries = connection.entries.saturating_sub(1);
        if op == Op::Connect {
            connection.connecting = false;
        }
        self.release(number);
    }

    /// Closes a connection: its slot is free. What it holds is released now, or by the last
    /// [`completed`](Self::completed).
    pub(super) fn close(&mut self, number: u32) {
        let connection = &mut self.list[number as usize];
        if !connection.open {
            return;
        }
        connection.open = false;
        self.closing += 1;
        let slot = connection.key.slot as usize;
        if self.of_slot[slot] == number {
            self.of_slot[slot] = NONE;
        }
        if connection.connecting {
            self.ask(Op::Cancel, number);
        }
        self.release(number);
    }

    /// Connections that are closed but not released.
    pub(super) fn closing(&self) -> usize {
        self.closing
    }

    /// The numbers of the open connections.
    pub(super) fn all(&self) -> Vec<u32> {
        let numbers = self.of_slot.iter().copied();
        numbers.filter(|number| *number != NONE).collect()
    }

    fn release(&mut self, number: u32) {
        let connection = &mut self.list[number as usize];
        if !connection.open && connection.entries == 0 && connection.held.take().is_some() {
            self.closing -= 1;
            self.free.push(number);
        }
    }
}

const NONE: u32 = u32::MAX;

#[cfg(test)]
mod tests;
