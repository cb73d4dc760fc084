//! Structs in Thrift's compact protocol, as Parquet has them (thrift-compact-protocol.md of Apache Thrift).

/// A struct under construction, and the structs in it.
#[derive(Default)]
pub(super) struct Thrift {
    bytes: Vec<u8>,
    /// The last field of each struct that is open.
    last: Vec<i16>,
}

/// The type of a list's elements.
#[derive(Clone, Copy)]
pub(super) enum Element {
    Int = 5,
    Text = 8,
    Struct = 12,
}

const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;
const END: u8 = 0;

impl Thrift {
    /// The bytes of a struct that `fields` writes.
    pub(super) fn of(fields: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut thrift = Self::default();
        thrift.element(fields);
        thrift.bytes
    }

    /// A struct that is an element of a list.
    pub(super) fn element(&mut self, fields: impl FnOnce(&mut Self)) {
        self.last.push(0);
        fields(self);
        self.last.pop();
        self.bytes.push(END);
    }

    /// A field that is a struct.
    pub(super) fn inner(&mut self, id: i16, fields: impl FnOnce(&mut Self)) {
        self.field(id, STRUCT);
        self.element(fields);
    }

    pub(super) fn int(&mut self, id: i16, value: i32) {
        self.field(id, I32);
        self.zigzag(value.into());
    }

    pub(super) fn long(&mut self, id: i16, value: u64) {
        self.field(id, I64);
        self.zigzag(value as i64);
    }

    pub(super) fn text(&mut self, id: i16, text: &str) {
        self.field(id, BINARY);
        self.text_element(text);
    }

    /// The head of a field that is a list; its elements follow.
    pub(super) fn list(&mut self, id: i16, of: Element, length: usize) {
        self.field(id, LIST);
        if length < 15 {
            self.bytes.push((length as u8) << 4 | of as u8);
        } else {
            self.bytes.push(0xf0 | of as u8);
            varint(&mut self.bytes, length as u64);
        }
    }

    pub(super) fn int_element(&mut self, value: i32) {
        self.zigzag(value.into());
    }

    pub(super) fn text_element(&mut self, text: &str) {
        varint(&mut self.bytes, text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Fields come in the order of their numbers, less than 16 apart.
    fn field(&mut self, id: i16, kind: u8) {
        let last = self.last.last_mut().expect("a struct is open");
        self.bytes.push(((id - *last) as u8) << 4 | kind);
        *last = id;
    }

    fn zigzag(&mut self, value: i64) {
        varint(&mut self.bytes, (value << 1 ^ value >> 63) as u64);
    }
}

/// Seven bits a byte, those of the lowest order first; the top bit says that more follow.
pub(super) fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}
