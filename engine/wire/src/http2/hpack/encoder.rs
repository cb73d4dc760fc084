//! Header fields as literals that no table remembers (RFC 7541 §6.1, §6.2.2, §6.2.3).

use super::{huffman, integer, table};

/// Appends one field.
///
/// It refers to the static table where it can. [`sensitive`] fields are marked as never to be indexed, so that
/// intermediaries keep them out of their tables too (RFC 7541 §7.1). `name` must be in lower case.
pub fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let (whole, named) = table::find(name, value);
    let never = sensitive(name);
    if let Some(index) = whole.filter(|_| !never) {
        return integer::write(out, 0x80, 7, index);
    }
    integer::write(out, if never { 0x10 } else { 0 }, 4, named.unwrap_or(0));
    if named.is_none() {
        string(out, name);
    }
    string(out, value);
}

/// Appends a string without Huffman coding, for what is written once per request.
pub(in super::super) fn plain(out: &mut Vec<u8>, length: usize, text: impl Iterator<Item = u8>) {
    integer::write(out, 0, 7, length);
    out.extend(text);
}

/// Appends the name of a field that is in no table; a string must follow.
pub(in super::super) fn name(out: &mut Vec<u8>, name: &[u8]) {
    let (_, named) = table::find(name, b"");
    integer::write(out, 0, 4, named.unwrap_or(0));
    if named.is_none() {
        string(out, name);
    }
}

/// Tells the decoder that its table stays empty. At the front of the first block of a connection it makes every later
/// change of `SETTINGS_HEADER_TABLE_SIZE` irrelevant (RFC 7541 §4.2).
pub(in super::super) fn no_table(out: &mut Vec<u8>) {
    integer::write(out, 0x20, 5, 0);
}

/// Whether the field carries a secret.
#[must_use]
pub fn sensitive(name: &[u8]) -> bool {
    SECRETS.contains(&name)
}

fn string(out: &mut Vec<u8>, text: &[u8]) {
    let coded = huffman::encoded_len(text);
    if coded < text.len() {
        integer::write(out, 0x80, 7, coded);
        huffman::encode(text, out);
    } else {
        plain(out, text.len(), text.iter().copied());
    }
}

const SECRETS: [&[u8]; 5] = [b"authorization", b"proxy-authorization", b"x-api-key", b"api-key", b"cookie"];
