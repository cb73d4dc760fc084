//! Random lives of connections over a kernel that completes entries in any order.

use super::*;
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// A descriptor: one of a table from which the lowest free number is given to the next that asks, as the kernel's are.
struct Descriptor {
    number: usize,
    table: Rc<RefCell<Vec<bool>>>,
}

impl Descriptor {
    fn open(table: &Rc<RefCell<Vec<bool>>>) -> Self {
        let mut used = table.borrow_mut();
        let number = used.iter().position(|used| !used).unwrap_or(used.len());
        if number == used.len() {
            used.push(true);
        }
        used[number] = true;
        Self { number, table: Rc::clone(table) }
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        self.table.borrow_mut()[self.number] = false;
    }
}

/// What a connection holds: its descriptor, and which of all connections it is.
struct Held {
    descriptor: Descriptor,
    serial: u32,
}

#[derive(Clone, Debug)]
enum Step {
    /// Begins a connection in a slot, closing the slot's own where there is one.
    Open(u32),
    /// A further entry for the connection of a slot.
    Ask(u32, Op),
    Close(u32),
    /// The kernel is given up to so many entries.
    Submit(usize),
    /// One of the kernel's entries completes: for good, or with more to come.
    Complete(usize, bool),
}

const SLOTS: u32 = 4;

fn step() -> impl Strategy<Value = Step> {
    let op = prop_oneof![
        Just(Op::Receive),
        Just(Op::Send),
        Just(Op::Readable),
        Just(Op::HangUp),
        Just(Op::CancelReceive),
        Just(Op::ReceiveLarge)
    ];
    prop_oneof![
        3 => (0..SLOTS).prop_map(Step::Open),
        4 => ((0..SLOTS), op).prop_map(|(slot, op)| Step::Ask(slot, op)),
        2 => (0..SLOTS).prop_map(Step::Close),
        3 => (0..6_usize).prop_map(Step::Submit),
        5 => ((0..64_usize), any::<bool>()).prop_map(|(i, more)| Step::Complete(i, more)),
    ]
}

/// An entry in the kernel: the descriptor that it was given, and whose it was when it was asked for.
struct Submitted {
    named: Named,
    descriptor: usize,
    serial: u32,
}

/// Connections over a kernel that completes whatever it likes, in any order.
struct Model {
    connections: Connections<Held>,
    table: Rc<RefCell<Vec<bool>>>,
    generations: [u32; SLOTS as usize],
    serials: u32,
    open: HashMap<u32, u32>,
    kernel: Vec<Submitted>,
}

impl Model {
    fn new() -> Self {
        Self {
            connections: Connections::new(SLOTS as usize),
            table: Rc::default(),
            generations: [GENERATION_MASK - 1; SLOTS as usize],
            serials: 0,
            open: HashMap::new(),
            kernel: Vec::new(),
        }
    }

    fn key(&self, slot: u32) -> Key {
        Key { slot, generation: self.generations[slot as usize] }
    }

    fn play(&mut self, step: &Step) {
        match *step {
            Step::Open(slot) => {
                self.generations[slot as usize] = (self.generations[slot as usize] + 1) & GENERATION_MASK;
                let held = Held { descriptor: Descriptor::open(&self.table), serial: self.serials };
                self.open.insert(slot, self.serials);
                self.serials += 1;
                let number = self.connections.open(self.key(slot), held);
                self.connections.ask(Op::Connect, number);
            }
            Step::Ask(slot, op) => {
                if let Some(number) = self.connections.find(self.key(slot)) {
                    self.connections.ask(op, number);
                }
            }
            Step::Close(slot) => {
                if let Some(number) = self.connections.find(self.key(slot)) {
                    self.connections.close(number);
                }
                self.open.remove(&slot);
            }
            Step::Submit(most) => {
                for _ in 0..most {
                    let Some(named) = self.connections.next() else {
                        break;
                    };
                    self.submit(named);
                }
            }
            Step::Complete(index, more) => self.complete(index, more),
        }
    }

    fn submit(&mut self, named: Named) {
        let (op, number) = named;
        let key = self.connections.key(number);
        let held = self.connections.held(number);
        let held = held.expect("an entry is only given to the kernel while its connection holds what it names");
        let (descriptor, serial) = (held.descriptor.number, held.serial);
        match key {
            Some(key) => assert_eq!(self.open.get(&key.slot), Some(&serial)),
            None => assert_eq!(op, Op::Cancel, "an entry of a closed connection was submitted"),
        }
        self.kernel.push(Submitted { named, descriptor, serial });
    }

    fn complete(&mut self, index: usize, more: bool) {
        if self.kernel.is_empty() {
            return;
        }
        let index = index % self.kernel.len();
        let (op, number) = self.kernel[index].named;
        // A completion is reported to whom the entry was asked for, or to nobody.
        if let Some(key) = self.connections.key(number) {
            assert_eq!(
                self.open.get(&key.slot),
                Some(&self.kernel[index].serial),
                "a completion reached another connection"
            );
        }
        if more && matches!(op, Op::Receive | Op::ReceiveLarge) {
            return;
        }
        self.kernel.swap_remove(index);
        self.connections.completed(op, number);
    }

    /// Nothing that the kernel refers to has been released or given to another.
    fn check(&mut self) {
        for entry in &self.kernel {
            let held = self.connections.held(entry.named.1);
            let held = held.expect("released while the kernel refers to it");
            assert_eq!((held.serial, held.descriptor.number), (entry.serial, entry.descriptor));
            assert!(self.table.borrow()[entry.descriptor]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 512 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_released_while_an_entry_names_it_and_all_is_released_in_the_end(
        steps in prop::collection::vec(step(), 0..200)
    ) {
        let mut model = Model::new();
        for step in &steps {
            model.play(step);
            model.check();
        }
        for slot in 0..SLOTS {
            model.play(&Step::Close(slot));
        }
        while model.connections.waiting() || !model.kernel.is_empty() {
            model.play(&Step::Submit(64));
            model.play(&Step::Complete(0, false));
            model.check();
        }
        prop_assert_eq!(model.connections.closing(), 0);
        prop_assert!(model.table.borrow().iter().all(|used| !used), "a descriptor was never closed");
        prop_assert_eq!(model.connections.free.len(), model.connections.list.len());
    }
}

#[test]
fn a_connection_that_is_closed_before_its_connect_was_submitted_leaves_nothing_to_submit() {
    let mut connections = Connections::new(2);
    let key = |generation| Key { slot: 1, generation };
    let number = connections.open(key(1), "first");
    connections.ask(Op::Connect, number);
    connections.close(number);
    assert_eq!(connections.closing(), 1);
    let second = connections.open(key(2), "second");
    assert_ne!(second, number, "a number is not given away while an entry has it");
    connections.ask(Op::Connect, second);
    assert_eq!(connections.next(), Some((Op::Connect, second)));
    assert_eq!((connections.next(), connections.closing()), (None, 0));
    assert_eq!(connections.find(key(1)), None);
    assert_eq!(connections.find(key(2)), Some(second));
}

#[test]
fn a_connect_that_the_kernel_has_is_cancelled_and_holds_its_address_until_both_have_completed() {
    let mut connections = Connections::new(1);
    let key = Key { slot: 0, generation: 7 };
    let number = connections.open(key, "address");
    connections.ask(Op::Connect, number);
    assert_eq!(connections.next(), Some((Op::Connect, number)));
    connections.close(number);
    assert_eq!(connections.key(number), None);
    assert_eq!(connections.next(), Some((Op::Cancel, number)));
    connections.completed(Op::Connect, number);
    assert_eq!(connections.held(number), Some(&mut "address"));
    connections.completed(Op::Cancel, number);
    assert_eq!(connections.held(number), None);
    assert_eq!(connections.closing(), 0);
}
