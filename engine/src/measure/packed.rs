//! Rows of whole numbers, kept in few bytes: what does not change from row to row takes no room.

/// Rows of `F` numbers in the order in which they were added, without loss. Rows are packed in blocks of 256: of each
/// number a block holds the least value, and how far each row is above it, in as many bits as the furthest takes.
///
/// Memory: `F` · 8 bytes a row for the last rows, up to 255 of them; of a full block at least 2 bytes a number,
/// whatever its rows hold.
#[derive(Debug)]
pub(super) struct Packed<const F: usize> {
    blocks: Vec<Box<[u8]>>,
    /// Rows that do not make a block yet.
    pending: Vec<[u64; F]>,
}

/// A half of the rows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Half {
    First,
    Second,
}

impl Half {
    /// Both, in order.
    pub(super) const BOTH: [Self; 2] = [Self::First, Self::Second];
}

impl<const F: usize> Default for Packed<F> {
    fn default() -> Self {
        Self { blocks: Vec::new(), pending: Vec::new() }
    }
}

impl<const F: usize> Packed<F> {
    pub(super) fn push(&mut self, row: [u64; F]) {
        self.pending.push(row);
        if self.pending.len() == ROWS {
            self.blocks.push(pack(&self.pending));
            self.pending.clear();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.blocks.len() * ROWS + self.pending.len()
    }

    /// Bytes of memory that the rows take.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let blocks: usize = self.blocks.iter().map(|block| block.len()).sum();
        blocks + self.blocks.capacity() * size_of::<Box<[u8]>>() + self.pending.capacity() * size_of::<[u64; F]>()
    }

    /// Shows every row, in order.
    pub(super) fn each(&self, mut look: impl FnMut(&[u64; F])) {
        Half::BOTH.into_iter().for_each(|half| self.each_of(half, &mut look));
    }

    /// Rows of the first half: whole blocks, so that the halves are the same whoever asks.
    pub(super) fn first_half(&self) -> usize {
        self.blocks.len() / 2 * ROWS
    }

    /// Shows every row of a half, in order.
    pub(super) fn each_of(&self, half: Half, mut look: impl FnMut(&[u64; F])) {
        let (first, second) = self.blocks.split_at(self.blocks.len() / 2);
        let (blocks, pending) = match half {
            Half::First => (first, &[][..]),
            Half::Second => (second, &self.pending[..]),
        };
        let mut rows = vec![[0; F]; ROWS];
        let mut same = [Some(0); F];
        for block in blocks {
            unpack(block, &mut rows, &mut same);
            rows.iter().for_each(&mut look);
        }
        pending.iter().for_each(look);
    }

    /// The row at a place below [`Self::len`].
    pub(super) fn row(&self, at: usize) -> [u64; F] {
        let Some(block) = self.blocks.get(at / ROWS) else {
            return self.pending[at - self.blocks.len() * ROWS];
        };
        let mut row = [0; F];
        let mut columns = Columns::<F>::of(block);
        for (place, number) in row.iter_mut().enumerate() {
            *number = columns.next(place).get(at % ROWS);
        }
        row
    }
}

/// ```text
/// block  = width{F} least{F} bits{F}    for each number in turn
/// width  = bits of a row, 0 to 64 (1 byte)
/// least  = the least value, 7 bits a byte, those of the lowest order first; the top bit says that more follow
/// bits   = ROWS · width bits, those of the lowest order first
/// ```
/// and [`PAD`] bytes, so that the last bits can be read as the others are.
fn pack<const F: usize>(rows: &[[u64; F]]) -> Box<[u8]> {
    let mut least = [u64::MAX; F];
    let mut most = [0; F];
    for row in rows {
        for place in 0..F {
            least[place] = least[place].min(row[place]);
            most[place] = most[place].max(row[place]);
        }
    }
    let width = |place: usize| u64::BITS - (most[place] - least[place]).leading_zeros();
    let mut block = Vec::with_capacity(F * 8);
    block.extend((0..F).map(|place| width(place) as u8));
    for mut rest in least {
        while rest >= 0x80 {
            block.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        block.push(rest as u8);
    }
    for place in 0..F {
        let width = width(place);
        let (mut waiting, mut count) = (0u128, 0);
        for row in rows.iter().filter(|_| width > 0) {
            waiting |= u128::from(row[place] - least[place]) << count;
            count += width;
            while count >= 8 {
                block.push(waiting as u8);
                waiting >>= 8;
                count -= 8;
            }
        }
    }
    block.extend([0; PAD]);
    block.into_boxed_slice()
}

/// `same` has of each number what all rows hold, where they hold the same: that of the block before need not be written
/// anew.
fn unpack<const F: usize>(block: &[u8], rows: &mut [[u64; F]], same: &mut [Option<u64>; F]) {
    let mut columns = Columns::<F>::of(block);
    for (place, same) in same.iter_mut().enumerate() {
        let column = columns.next(place);
        let least = (column.width == 0).then_some(column.least);
        if least.is_some() && *same == least {
            continue;
        }
        *same = least;
        match column.width {
            0 => rows.iter_mut().for_each(|row| row[place] = column.least),
            1..=NARROW => rows.iter_mut().enumerate().for_each(|(i, row)| row[place] = column.narrow(i)),
            _ => rows.iter_mut().enumerate().for_each(|(i, row)| row[place] = column.get(i)),
        }
    }
}

/// The numbers of a block, one after the other.
struct Columns<'a, const F: usize> {
    widths: &'a [u8],
    least: &'a [u8],
    bits: &'a [u8],
}

impl<'a, const F: usize> Columns<'a, F> {
    fn of(block: &'a [u8]) -> Self {
        let (widths, least) = block.split_at(F);
        let mut ends = least.iter().enumerate().filter(|(_, byte)| **byte < 0x80);
        let bits = ends.nth(F - 1).map_or(0, |(at, _)| at + 1);
        Self { widths, least, bits: &least[bits..] }
    }

    /// The number at `place`, which is the one after that of the last call.
    fn next(&mut self, place: usize) -> Column<'a> {
        let mut least = 0;
        let mut shift = 0;
        for (at, byte) in self.least.iter().enumerate() {
            least |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if *byte < 0x80 {
                self.least = &self.least[at + 1..];
                break;
            }
        }
        let width = usize::from(self.widths[place]);
        let bits = self.bits;
        self.bits = &bits[ROWS * width / 8..];
        Column { least, width, bits }
    }
}

/// One number of the rows of a block.
struct Column<'a> {
    least: u64,
    width: usize,
    bits: &'a [u8],
}

impl Column<'_> {
    /// [`Self::get`] of a number of at most [`NARROW`] bits.
    #[inline]
    fn narrow(&self, row: usize) -> u64 {
        let bit = row * self.width;
        let mut window = [0; 8];
        window.copy_from_slice(&self.bits[bit / 8..bit / 8 + 8]);
        let above = (u64::from_le_bytes(window) >> (bit % 8)) & ((1 << self.width) - 1);
        self.least + above
    }

    #[inline]
    fn get(&self, row: usize) -> u64 {
        let bit = row * self.width;
        let mut window = [0; PAD];
        window.copy_from_slice(&self.bits[bit / 8..bit / 8 + PAD]);
        let above = (u128::from_le_bytes(window) >> (bit % 8)) & ((1 << self.width) - 1);
        self.least + above as u64
    }
}

/// Rows of a block: few enough that one far value makes few others wide.
const ROWS: usize = 256;
/// Bytes that are read to get at any bits.
const PAD: usize = 16;
/// Bits of a number that lies within 8 bytes, wherever in a byte it begins.
const NARROW: usize = 57;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packed<const F: usize>(rows: &[[u64; F]]) -> Packed<F> {
        let mut packed = Packed::default();
        rows.iter().for_each(|row| packed.push(*row));
        packed
    }

    fn all<const F: usize>(packed: &Packed<F>) -> Vec<[u64; F]> {
        let mut rows = Vec::new();
        packed.each(|row| rows.push(*row));
        rows
    }

    proptest! {
        #[test]
        fn what_was_put_in_comes_out(
            shifts in prop::array::uniform4(0..64u32),
            seeds in prop::collection::vec(prop::array::uniform4(any::<u64>()), 1..700),
        ) {
            // Numbers of every width.
            let rows: Vec<[u64; 4]> = seeds
                .iter()
                .map(|row| std::array::from_fn(|i| row[i] >> shifts[i]))
                .collect();
            let packed = packed(&rows);
            prop_assert_eq!(packed.len(), rows.len());
            prop_assert_eq!(&all(&packed), &rows);
            for (at, row) in rows.iter().enumerate() {
                prop_assert_eq!(&packed.row(at), row);
            }
        }
    }

    #[test]
    fn the_least_and_the_greatest_numbers_stand_side_by_side() {
        let rows: Vec<[u64; 2]> = (0..1_000).map(|i| [if i % 2 == 0 { u64::MAX } else { 0 }, u64::MAX - 1]).collect();
        assert_eq!(all(&packed(&rows)), rows);
    }

    #[test]
    fn what_stays_the_same_takes_no_room_and_what_varies_the_bits_of_its_range() {
        let rows = 256 * 100;
        let still = packed(&vec![[7, 1 << 40, 0]; rows]);
        // Of each block: three widths, three least values of 1, 6 and 1 bytes, and what makes it readable.
        let of_blocks = |bytes| bytes + 128 * size_of::<Box<[u8]>>() + ROWS * size_of::<[u64; 3]>();
        assert_eq!(still.bytes(), of_blocks(100 * (3 + 8 + PAD)));
        let moving: Vec<[u64; 1]> = (0..rows as u64).map(|i| [(1 << 50) + i % 1_000]).collect();
        let most = rows * 10 / 8 + 100 * (1 + 8 + PAD);
        assert!(packed(&moving).bytes() <= of_blocks(most));
    }
}
