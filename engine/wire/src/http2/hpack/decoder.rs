//! Header blocks → fields.

use super::table::Table;
use super::{HpackError, huffman, integer};

/// Decodes the header blocks of one connection, in the order in which they came.
///
/// Blocks must be whole, and none may be left out, whatever became of its stream: each may change the table. After an
/// error the decoder is of no further use. Strings that are not in a table are copied into buffers that are kept.
#[derive(Debug)]
pub struct Decoder {
    table: Table,
    /// Our `SETTINGS_HEADER_TABLE_SIZE`.
    limit: usize,
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Decoder {
    /// A decoder for a fresh connection; `limit` is the table's greatest size, in the measure of RFC 7541 §4.1.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { table: Table::new(limit), limit, name: Vec::new(), value: Vec::new() }
    }

    /// Decodes one whole block and hands out its fields in order.
    ///
    /// # Errors
    /// The first thing that is wrong; fields before it were handed out.
    pub fn decode(&mut self, mut block: &[u8], mut field: impl FnMut(&[u8], &[u8])) -> Result<(), HpackError> {
        let mut fields = false;
        while let Some((first, rest)) = block.split_first() {
            block = rest;
            let kind = Kind::of(*first);
            if let Kind::Resize = kind {
                if fields {
                    return Err(HpackError::LateTableSize);
                }
                let size = integer::read(*first, 5, &mut block)?;
                if size > self.limit {
                    return Err(HpackError::TableSize);
                }
                self.table.resize(size);
                continue;
            }
            fields = true;
            let index = integer::read(*first, kind.prefix(), &mut block)?;
            if let Kind::Indexed = kind {
                let (name, value) = self.table.entry(index)?;
                field(name, value);
                continue;
            }
            self.name.clear();
            self.value.clear();
            if index == 0 {
                string(&mut block, &mut self.name)?;
            } else {
                self.name.extend_from_slice(self.table.entry(index)?.0);
            }
            string(&mut block, &mut self.value)?;
            field(&self.name, &self.value);
            if let Kind::Added = kind {
                self.table.add(&self.name, &self.value);
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn table(&self) -> &Table {
        &self.table
    }
}

/// The representation that a first byte begins (RFC 7541 §6).
#[derive(Clone, Copy)]
enum Kind {
    Indexed,
    /// A literal that enters the table.
    Added,
    Resize,
    /// A literal that does not, now or ever.
    Plain,
}

impl Kind {
    fn of(first: u8) -> Self {
        match first.leading_zeros() {
            0 => Self::Indexed,
            1 => Self::Added,
            2 => Self::Resize,
            _ => Self::Plain,
        }
    }

    fn prefix(self) -> u32 {
        match self {
            Self::Indexed => 7,
            Self::Added => 6,
            Self::Resize => 5,
            Self::Plain => 4,
        }
    }
}

fn string(block: &mut &[u8], out: &mut Vec<u8>) -> Result<(), HpackError> {
    let (first, rest) = block.split_first().ok_or(HpackError::Truncated)?;
    *block = rest;
    let length = integer::read(*first, 7, block)?;
    let (text, rest) = block.split_at_checked(length).ok_or(HpackError::Truncated)?;
    *block = rest;
    if first & 0x80 == 0 {
        out.extend_from_slice(text);
        Ok(())
    } else {
        huffman::decode(text, out)
    }
}
