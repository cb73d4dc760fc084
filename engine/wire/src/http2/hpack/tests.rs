//! Known answers: the examples of RFC 7541, Appendix C, and what it forbids.

use super::*;
use proptest::prelude::*;

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).expect("ASCII"), 16).expect("hex")).collect()
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Fields, HpackError> {
    let mut fields = Fields::new();
    decoder.decode(block, |name, value| {
        fields.push((name.to_vec(), value.to_vec()));
    })?;
    Ok(fields)
}

fn fields(text: &[(&str, &str)]) -> Fields {
    text.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect()
}

fn error(block: &str) -> HpackError {
    decode(&mut Decoder::new(4096), &bytes(block)).expect_err(block)
}

/// A block, its fields, and the size of the table after it.
type Step<'a> = (&'a str, &'a [(&'a str, &'a str)], usize);

/// Blocks that follow one another, each with its fields and the size of the table after it.
fn sequence(limit: usize, blocks: &[Step<'_>]) {
    let mut decoder = Decoder::new(limit);
    for (block, expected, size) in blocks {
        assert_eq!(decode(&mut decoder, &bytes(block)), Ok(fields(expected)), "{block}");
        assert_eq!(decoder.table().size(), *size, "{block}");
    }
}

#[test]
fn c1_integers() {
    for (value, prefix, text) in [(10, 5, "0a"), (1337, 5, "1f9a0a"), (42, 8, "2a")] {
        let mut out = Vec::new();
        integer::write(&mut out, 0, prefix, value);
        assert_eq!(out, bytes(text));
        let mut rest = &out[1..];
        assert_eq!(integer::read(out[0], prefix, &mut rest), Ok(value));
        assert!(rest.is_empty());
    }
}

#[test]
fn c2_fields() {
    sequence(
        4096,
        &[("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", &[("custom-key", "custom-header")], 55)],
    );
    sequence(4096, &[("040c 2f73 616d 706c 652f 7061 7468", &[(":path", "/sample/path")], 0)]);
    sequence(4096, &[("1008 7061 7373 776f 7264 0673 6563 7265 74", &[("password", "secret")], 0)]);
    sequence(4096, &[("82", &[(":method", "GET")], 0)]);
}

const REQUESTS: [&[(&str, &str)]; 3] = [
    &[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")],
    &[
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "www.example.com"),
        ("cache-control", "no-cache"),
    ],
    &[
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/index.html"),
        (":authority", "www.example.com"),
        ("custom-key", "custom-value"),
    ],
];

#[test]
fn c3_requests_without_huffman_coding() {
    sequence(
        4096,
        &[
            ("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", REQUESTS[0], 57),
            ("8286 84be 5808 6e6f 2d63 6163 6865", REQUESTS[1], 110),
            ("8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", REQUESTS[2], 164),
        ],
    );
}

#[test]
fn c4_requests_with_huffman_coding() {
    sequence(
        4096,
        &[
            ("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", REQUESTS[0], 57),
            ("8286 84be 5886 a8eb 1064 9cbf", REQUESTS[1], 110),
            ("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", REQUESTS[2], 164),
        ],
    );
}

const RESPONSES: [&[(&str, &str)]; 3] = [
    &[
        (":status", "302"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("location", "https://www.example.com"),
    ],
    &[
        (":status", "307"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("location", "https://www.example.com"),
    ],
    &[
        (":status", "200"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
        ("location", "https://www.example.com"),
        ("content-encoding", "gzip"),
        ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
    ],
];

#[test]
fn c5_responses_without_huffman_coding_in_a_table_of_256() {
    sequence(
        256,
        &[
            (
                "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 \
             2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 \
             6c65 2e63 6f6d",
                RESPONSES[0],
                222,
            ),
            ("4803 3330 37c1 c0bf", RESPONSES[1], 222),
            (
                "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d \
             54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 \
             5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e \
             3d31",
                RESPONSES[2],
                215,
            ),
        ],
    );
}

#[test]
fn c6_responses_with_huffman_coding_in_a_table_of_256() {
    sequence(
        256,
        &[
            (
                "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 \
             2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
                RESPONSES[0],
                222,
            ),
            ("4883 640e ffc1 c0bf", RESPONSES[1], 222),
            (
                "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab \
             77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f \
             9587 3160 65c0 03ed 4ee5 b106 3d50 07",
                RESPONSES[2],
                215,
            ),
        ],
    );
}

#[test]
fn bad_huffman_strings_are_refused() {
    let huffman = |text: &str| {
        let mut out = Vec::new();
        huffman::decode(&bytes(text), &mut out).map(|()| out)
    };
    assert_eq!(huffman(""), Ok(vec![]));
    // `0` is 00000; three ones pad it.
    assert_eq!(huffman("07"), Ok(b"0".to_vec()));
    // `&` is 8 bits: no padding at all.
    assert_eq!(huffman("f8"), Ok(b"&".to_vec()));
    // Seven bits of padding after `?`-sized words: `'` is 11 bits, `00000` makes 16; then `:` of 7 bits and one of
    // padding.
    assert_eq!(huffman("b9"), Ok(b":".to_vec()));
    for (text, why) in [
        ("ff", "8 bits of padding"),
        ("f8ff", "8 bits of padding after a word"),
        ("ffffffff", "the end of the string"),
        ("fffffffc", "the end of the string and two bits"),
        ("07ffffffff", "the end of the string after a word"),
        ("06", "padding with a zero"),
        ("00", "padding of zeros"),
        ("fe", "a word that is cut"),
        ("fffffff0", "a word that is cut late"),
    ] {
        assert_eq!(huffman(text), Err(HpackError::Huffman), "{why}");
    }
}

#[test]
fn integers_that_are_cut_or_too_large_are_refused() {
    assert_eq!(error("ff"), HpackError::Truncated);
    assert_eq!(error("ff80"), HpackError::Truncated);
    assert_eq!(error("ff8080808001"), HpackError::Integer);
    assert_eq!(error("ffffffffffffffffffffff01"), HpackError::Integer);
    assert_eq!(error("7fffffffff"), HpackError::Integer);
    // The largest there is: a string that is not there.
    assert_eq!(error("007fffffff7f"), HpackError::Truncated);
}

#[test]
fn blocks_that_are_cut_or_point_nowhere_are_refused() {
    for (block, expected) in [
        ("80", HpackError::Index),
        ("be", HpackError::Index),
        ("7e0161", HpackError::Index),
        ("ffffff7f", HpackError::Index),
        ("40", HpackError::Truncated),
        ("400161", HpackError::Truncated),
        ("40016102", HpackError::Truncated),
        ("4001610262", HpackError::Truncated),
        ("400a61", HpackError::Truncated),
    ] {
        assert_eq!(error(block), expected, "{block}");
    }
}

#[test]
fn the_table_changes_its_size_only_before_the_fields_and_within_the_limit() {
    assert_eq!(error("8220"), HpackError::LateTableSize);
    // 4 097 and 4 096.
    assert_eq!(error("3fe21f"), HpackError::TableSize);
    sequence(4096, &[("3fe11f 82", &[(":method", "GET")], 0)]);
    sequence(
        4096,
        &[
            ("4001610162", &[("a", "b")], 34),
            // Down to 0 and up again: the entry is gone.
            ("20 3fe11f 4001610163", &[("a", "c")], 34),
            ("be", &[("a", "c")], 34),
            ("20", &[], 0),
            // Larger than the table: it stays empty.
            ("4001610163", &[("a", "c")], 0),
        ],
    );
}

#[test]
fn old_entries_make_room_and_their_names_survive_it() {
    // A table for two entries of 34.
    let mut decoder = Decoder::new(68);
    let mut add = |block: &str| decode(&mut decoder, &bytes(block));
    for block in ["4001610131", "4001620132"] {
        add(block).expect(block);
    }
    // Named by the entry that it evicts (RFC 7541 §4.4).
    assert_eq!(add("7f000133"), Ok(fields(&[("a", "3")])));
    assert_eq!(add("be bf"), Ok(fields(&[("a", "3"), ("b", "2")])));
    assert_eq!(add("c0"), Err(HpackError::Index));
}

#[test]
fn secrets_are_never_indexed() {
    let mut out = Vec::new();
    field(&mut out, b"authorization", b"Bearer x");
    assert_eq!(out[..2], [0x1f, 23 - 15]);
    out.clear();
    field(&mut out, b"x-api-key", b"x");
    assert_eq!(out[0], 0x10);
    out.clear();
    field(&mut out, b"accept", b"*/*");
    assert_eq!(out[..2], [0x0f, 19 - 15]);
}

proptest! {
    #[test]
    fn huffman_coding_goes_both_ways(text in any::<Vec<u8>>()) {
        let (mut coded, mut out) = (vec![], vec![]);
        huffman::encode(&text, &mut coded);
        prop_assert_eq!(coded.len(), huffman::encoded_len(&text));
        huffman::decode(&coded, &mut out).expect("ours");
        prop_assert_eq!(out, text);
    }

    #[test]
    fn integers_go_both_ways(value in 0_usize..(1 << 28), prefix in 4_u32..=7) {
        let mut out = vec![];
        integer::write(&mut out, 0, prefix, value);
        let mut rest = &out[1..];
        prop_assert_eq!(integer::read(out[0], prefix, &mut rest), Ok(value));
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn the_table_is_the_list_that_the_rfc_describes(
        limit in 0_usize..200,
        steps in prop::collection::vec((0_usize..20, 0_usize..60, 0_usize..20), 0..60),
    ) {
        let mut table = table::Table::new(limit);
        let mut model: std::collections::VecDeque<(Vec<u8>, Vec<u8>)> = Default::default();
        let mut max = limit;
        let size = |model: &std::collections::VecDeque<(Vec<u8>, Vec<u8>)>| {
            model.iter().map(|(n, v)| n.len() + v.len() + 32).sum::<usize>()
        };
        for (i, (name, value, resize)) in steps.into_iter().enumerate() {
            if resize == 0 {
                max = value * 3;
                table.resize(max);
            } else {
                let entry = (vec![i as u8; name], vec![!(i as u8); value]);
                table.add(&entry.0, &entry.1);
                model.push_front(entry);
            }
            while size(&model) > max {
                model.pop_back();
            }
            prop_assert_eq!(table.size(), size(&model));
            for (at, (name, value)) in model.iter().enumerate() {
                prop_assert_eq!(table.entry(62 + at), Ok((&name[..], &value[..])));
            }
            prop_assert!(table.entry(62 + model.len()).is_err());
        }
    }
}
