//! Names of a closed set (metrics, gates, statistics, units) that are `&'static str` in results, read back.

use serde::{Deserialize, Deserializer, de::Error};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// A name: one of few, known when the program was built.
pub type Name = &'static str;

/// Reads a name. Each different one is kept for the life of the process, so what is read is bounded: a file cannot make
/// it grow.
///
/// # Errors
/// When it is over 64 bytes, or more than 1 024 different ones were read.
pub(crate) fn name<'de, D: Deserializer<'de>>(d: D) -> Result<Name, D::Error> {
    intern(&String::deserialize(d)?).map_err(D::Error::custom)
}

/// As [`name`], or none.
///
/// # Errors
/// As [`name`].
pub(crate) fn optional<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Name>, D::Error> {
    Option::<String>::deserialize(d)?.map(|text| intern(&text)).transpose().map_err(D::Error::custom)
}

fn intern(text: &str) -> Result<Name, &'static str> {
    static NAMES: Mutex<BTreeSet<Name>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(text) {
        return Ok(known);
    }
    if text.len() > BYTES || names.len() >= MOST {
        return Err("a name that no result has");
    }
    let kept: Name = Box::leak(text.to_owned().into_boxed_str());
    names.insert(kept);
    Ok(kept)
}

/// Bytes of a name.
const BYTES: usize = 64;
/// Different names.
const MOST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_and_no_text_is_a_name() {
        let (a, b) = (intern("time_to_first_token").unwrap(), intern(&["time_to_", "first_token"].concat()).unwrap());
        assert!(std::ptr::eq(a, b));
        assert!(intern(&"x".repeat(65)).is_err());
    }
}
