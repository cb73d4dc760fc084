use super::*;

fn text(cells: &[Option<&str>]) -> Cells {
    let mut texts = Texts::default();
    cells.iter().for_each(|cell| texts.push(*cell));
    Cells::Text(texts)
}

/// Two groups of rows, with and without texts.
fn sample() -> Vec<u8> {
    let columns = [("name", Type::Text), ("at", Type::Int), ("value", Type::Real)];
    let mut bytes = Vec::new();
    let mut table = Table::new(columns.map(|(name, of)| (name.to_owned(), of)).to_vec(), &mut bytes).unwrap();
    table
        .group(&[
            text(&[Some("a"), Some("bc"), None, Some("a"), Some("é")]),
            Cells::Int(vec![Some(1), Some(-2), Some(1_764_044_972_123_456_789), None, Some(0)]),
            Cells::Real(vec![Some(0.5), None, Some(-1e300), Some(f64::INFINITY), Some(2.0)]),
        ])
        .unwrap();
    table.group(&[text(&[None]), Cells::Int(vec![None]), Cells::Real(vec![None])]).unwrap();
    table.finish(&[("said.of", "the whole".to_owned())]).unwrap();
    bytes
}

/// These bytes were read by pyarrow 26.0.1 and polars 2.1.0 as the rows that [`sample`] writes.
#[test]
fn a_file_is_what_other_readers_have_read() {
    let hex: String = sample().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, include_str!("sample.hex").replace('\n', ""));
}

#[test]
fn numbers_are_packed_from_the_lowest_bit_on() {
    // The example of Parquet's documentation of encodings: 0 to 7 in three bits each.
    assert_eq!(runs_of_bits(&[0, 1, 2, 3, 4, 5, 6, 7], 3), [0b11, 0b1000_1000, 0b1100_0110, 0b1111_1010]);
    assert_eq!(runs_of_bits(&[1], 1), [3, 1]);
    assert_eq!(runs_of_bits(&[], 4), [1]);
}
