//! Names as NATS allows them. Pure.

/// A name in the letters that buckets and subjects of NATS allow: `A` to `Z`, `a` to `z`, digits, `-`, and `_`, which
/// stands before the two hexadecimal digits of each other byte. An `_` stays as it is, where no such digits follow it.
#[must_use]
pub fn name_of(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut name = String::new();
    for (i, byte) in bytes.iter().enumerate() {
        let digits = |from: usize| bytes.get(from..from + 2).is_some_and(|two| two.iter().all(is_lower_hex));
        match byte {
            b'_' if digits(i + 1) => name.push_str("_5f"),
            b'_' | b'-' => name.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => name.push(char::from(*byte)),
            byte => name.push_str(&format!("_{byte:02x}")),
        }
    }
    name
}

fn is_lower_hex(byte: &u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_nats_allows_stay_and_others_are_told_apart() {
        for (text, name) in [
            ("run-7_final", "run-7_final"),
            ("a.b", "a_2eb"),
            ("a_2eb", "a_5f2eb"),
            ("4711_0", "4711_0"),
            ("job 3/é", "job_203_2f_c3_a9"),
        ] {
            assert_eq!(name_of(text), name);
        }
    }
}
