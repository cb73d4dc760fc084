//! Apache Parquet files: flat tables of texts, whole numbers and numbers, any of which may be absent. Without
//! compression, which every reader takes; texts are written once a group of rows (format version 2.10, parquet.thrift).
//!
//! ```text
//! file   = "PAR1" group* footer length-of-footer (u32 LE) "PAR1"
//! group  = column*            a column's page of texts, where it has some, and its page of cells
//! page   = header (Thrift) content
//! cells  = presence (length u32 LE, then runs of bits) values
//! ```

mod thrift;

use std::collections::HashMap;
use std::io::{self, Write};
use thrift::{Element, Thrift, varint};

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Int,
    Real,
    Text,
}

/// The cells of one column of a group.
#[derive(Debug)]
pub(super) enum Cells {
    Int(Vec<Option<i64>>),
    Real(Vec<Option<f64>>),
    Text(Texts),
}

/// Texts, each kept once.
#[derive(Debug, Default)]
pub(super) struct Texts {
    places: HashMap<String, u32>,
    texts: Vec<String>,
    cells: Vec<Option<u32>>,
}

/// A file under construction.
pub(super) struct Table<'a> {
    to: &'a mut dyn Write,
    columns: Vec<(String, Type)>,
    at: u64,
    groups: Vec<(u64, Vec<Chunk>)>,
}

/// A column of a group, as it lies in the file.
struct Chunk {
    dictionary_at: Option<u64>,
    cells_at: u64,
    bytes: u64,
    rows: u64,
}

impl Cells {
    /// Without a cell.
    pub(super) fn new(of: Type) -> Self {
        match of {
            Type::Int => Self::Int(Vec::new()),
            Type::Real => Self::Real(Vec::new()),
            Type::Text => Self::Text(Texts::default()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Int(cells) => cells.len(),
            Self::Real(cells) => cells.len(),
            Self::Text(texts) => texts.cells.len(),
        }
    }

    fn present(&self) -> Vec<u32> {
        match self {
            Self::Int(cells) => cells.iter().map(|cell| cell.is_some().into()).collect(),
            Self::Real(cells) => cells.iter().map(|cell| cell.is_some().into()).collect(),
            Self::Text(texts) => texts.cells.iter().map(|cell| cell.is_some().into()).collect(),
        }
    }
}

impl Texts {
    /// Adds a cell.
    pub(super) fn push(&mut self, text: Option<&str>) {
        let place = text.map(|text| match self.places.get(text) {
            Some(place) => *place,
            None => {
                let place = self.texts.len() as u32;
                self.texts.push(text.to_owned());
                self.places.insert(text.to_owned(), place);
                place
            }
        });
        self.cells.push(place);
    }
}

impl<'a> Table<'a> {
    /// Begins a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn new(columns: Vec<(String, Type)>, to: &'a mut dyn Write) -> io::Result<Self> {
        to.write_all(MAGIC)?;
        Ok(Self { to, columns, at: MAGIC.len() as u64, groups: Vec::new() })
    }

    /// Adds a group of rows: the cells of each column, as many of each.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn group(&mut self, cells: &[Cells]) -> io::Result<()> {
        let rows = cells.first().map_or(0, Cells::len) as u64;
        let mut chunks = Vec::with_capacity(cells.len());
        for column in cells {
            chunks.push(self.column(column)?);
        }
        self.groups.push((rows, chunks));
        Ok(())
    }

    fn column(&mut self, cells: &Cells) -> io::Result<Chunk> {
        let begun = self.at;
        let mut dictionary_at = None;
        let mut encoding = PLAIN;
        if let Cells::Text(texts) = cells
            && !texts.texts.is_empty()
        {
            dictionary_at = Some(self.at);
            encoding = OF_DICTIONARY;
            let content: Vec<u8> = texts.texts.iter().flat_map(|text| plain_text(text)).collect();
            self.page(&content, DICTIONARY_PAGE, |header| {
                header.inner(7, |page| {
                    page.int(1, texts.texts.len() as i32);
                    page.int(2, PLAIN);
                });
            })?;
        }
        let cells_at = self.at;
        let present = runs_of_bits(&cells.present(), 1);
        let mut content = (present.len() as u32).to_le_bytes().to_vec();
        content.extend(present);
        content.extend(values(cells));
        self.page(&content, DATA_PAGE, |header| {
            header.inner(5, |page| {
                page.int(1, cells.len() as i32);
                page.int(2, encoding);
                page.int(3, RUNS);
                page.int(4, RUNS);
            });
        })?;
        Ok(Chunk { dictionary_at, cells_at, bytes: self.at - begun, rows: cells.len() as u64 })
    }

    fn page(&mut self, content: &[u8], kind: i32, of_kind: impl FnOnce(&mut Thrift)) -> io::Result<()> {
        let header = Thrift::of(|header| {
            header.int(1, kind);
            header.int(2, content.len() as i32);
            header.int(3, content.len() as i32);
            of_kind(header);
        });
        self.write(&header)?;
        self.write(content)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.to.write_all(bytes)
    }

    /// Ends the file, with what is said of it as a whole.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn finish(mut self, said: &[(&str, String)]) -> io::Result<()> {
        let footer = self.footer(said);
        self.write(&footer)?;
        self.write(&(footer.len() as u32).to_le_bytes())?;
        self.write(MAGIC)
    }

    fn footer(&self, said: &[(&str, String)]) -> Vec<u8> {
        Thrift::of(|file| {
            file.int(1, 2);
            file.list(2, Element::Struct, self.columns.len() + 1);
            file.element(|root| {
                root.text(4, "schema");
                root.int(5, self.columns.len() as i32);
            });
            for (name, of) in &self.columns {
                file.element(|column| {
                    column.int(1, of.physical());
                    column.int(3, OPTIONAL);
                    column.text(4, name);
                    if *of == Type::Text {
                        column.int(6, UTF8);
                        column.inner(10, |logical| logical.inner(1, |_| {}));
                    }
                });
            }
            file.long(3, self.groups.iter().map(|(rows, _)| rows).sum());
            file.list(4, Element::Struct, self.groups.len());
            for (rows, chunks) in &self.groups {
                file.element(|group| {
                    group.list(1, Element::Struct, chunks.len());
                    for (chunk, (name, of)) in chunks.iter().zip(&self.columns) {
                        group.element(|column| chunk.describe(column, name, *of));
                    }
                    group.long(2, chunks.iter().map(|chunk| chunk.bytes).sum());
                    group.long(3, *rows);
                });
            }
            file.list(5, Element::Struct, said.len());
            for (key, value) in said {
                file.element(|pair| {
                    pair.text(1, key);
                    pair.text(2, value);
                });
            }
            file.text(6, "ringload");
        })
    }
}

impl Chunk {
    fn describe(&self, column: &mut Thrift, name: &str, of: Type) {
        column.long(2, self.dictionary_at.unwrap_or(self.cells_at));
        column.inner(3, |meta| {
            meta.int(1, of.physical());
            let encodings: &[i32] =
                if self.dictionary_at.is_some() { &[PLAIN, RUNS, OF_DICTIONARY] } else { &[PLAIN, RUNS] };
            meta.list(2, Element::Int, encodings.len());
            encodings.iter().for_each(|encoding| meta.int_element(*encoding));
            meta.list(3, Element::Text, 1);
            meta.text_element(name);
            meta.int(4, UNCOMPRESSED);
            meta.long(5, self.rows);
            meta.long(6, self.bytes);
            meta.long(7, self.bytes);
            meta.long(9, self.cells_at);
            if let Some(at) = self.dictionary_at {
                meta.long(11, at);
            }
        });
    }
}

impl Type {
    /// `Type` of parquet.thrift.
    fn physical(self) -> i32 {
        match self {
            Self::Int => 2,
            Self::Real => 5,
            Self::Text => 6,
        }
    }
}

/// The values that are there.
fn values(cells: &Cells) -> Vec<u8> {
    match cells {
        Cells::Int(cells) => cells.iter().flatten().flat_map(|value| value.to_le_bytes()).collect(),
        Cells::Real(cells) => cells.iter().flatten().flat_map(|value| value.to_le_bytes()).collect(),
        Cells::Text(texts) if texts.texts.is_empty() => Vec::new(),
        Cells::Text(texts) => {
            let width = (u32::BITS - (texts.texts.len() as u32 - 1).leading_zeros()).max(1);
            let places: Vec<u32> = texts.cells.iter().flatten().copied().collect();
            let mut out = vec![width as u8];
            out.extend(runs_of_bits(&places, width));
            out
        }
    }
}

fn plain_text(text: &str) -> Vec<u8> {
    [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

/// Numbers of so many bits each, as one run of groups of eight, those of the lowest order first (Parquet's hybrid of
/// run lengths and packed bits).
fn runs_of_bits(numbers: &[u32], width: u32) -> Vec<u8> {
    let groups = numbers.len().div_ceil(8);
    let mut out = Vec::with_capacity(groups * width as usize + 5);
    varint(&mut out, (groups as u64) << 1 | 1);
    let (mut waiting, mut count) = (0u64, 0);
    for place in 0..groups * 8 {
        waiting |= u64::from(numbers.get(place).copied().unwrap_or(0)) << count;
        count += width;
        while count >= 8 {
            out.push(waiting as u8);
            waiting >>= 8;
            count -= 8;
        }
    }
    out
}

const MAGIC: &[u8] = b"PAR1";
/// `PageType`, `Encoding`, `CompressionCodec`, `FieldRepetitionType` and `ConvertedType` of parquet.thrift.
const DATA_PAGE: i32 = 0;
const DICTIONARY_PAGE: i32 = 2;
const PLAIN: i32 = 0;
const RUNS: i32 = 3;
const OF_DICTIONARY: i32 = 8;
const UNCOMPRESSED: i32 = 0;
const OPTIONAL: i32 = 1;
const UTF8: i32 = 0;

#[cfg(test)]
mod tests;
