//! Failures that look the same.

use crate::record::{Cause, Record};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// Failures that look the same.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct ErrorGroup {
    /// Why they failed.
    pub cause: Cause,
    /// HTTP status; 0 when no head was read.
    pub status: u16,
    /// What the server or the engine said of it.
    pub message: String,
    /// Requests of the group.
    pub count: u64,
}

/// Groups failures by cause, status and message. A server can say something else each time: beyond [`MAX_GROUPS`],
/// messages are not told apart any more.
#[derive(Clone, Debug, Default)]
pub(super) struct Errors {
    groups: BTreeMap<(Cause, u16, String), u64>,
}

impl Errors {
    pub(super) fn add(&mut self, cause: Cause, record: &Record) {
        let message = shortened(record.detail.as_deref().unwrap_or_default());
        let mut key = (cause, record.status, message.to_owned());
        if self.groups.len() >= MAX_GROUPS && !self.groups.contains_key(&key) {
            key.2 = OTHER.into();
        }
        *self.groups.entry(key).or_default() += 1;
    }

    /// Adds the groups of other requests.
    pub(super) fn merge(&mut self, other: &Self) {
        for ((cause, status, message), count) in &other.groups {
            let mut key = (*cause, *status, message.clone());
            if self.groups.len() >= MAX_GROUPS && !self.groups.contains_key(&key) {
                key.2 = OTHER.into();
            }
            *self.groups.entry(key).or_default() += count;
        }
    }

    /// Failures by a status outside 2xx, each status by itself.
    pub(super) fn by_http_status(&self) -> BTreeMap<u16, u64> {
        let mut statuses = BTreeMap::new();
        for ((_, status, _), count) in self.groups.iter().filter(|((cause, ..), _)| *cause == Cause::HttpStatus) {
            *statuses.entry(*status).or_default() += count;
        }
        statuses
    }

    /// Most frequent first.
    pub(super) fn finish(self) -> Vec<ErrorGroup> {
        let mut groups: Vec<ErrorGroup> = self
            .groups
            .into_iter()
            .map(|((cause, status, message), count)| ErrorGroup { cause, status, message, count })
            .collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups
    }
}

/// The groups.
impl Serialize for Errors {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.clone().finish().serialize(s)
    }
}

impl<'de> Deserialize<'de> for Errors {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let groups = Vec::<ErrorGroup>::deserialize(d)?.into_iter();
        let groups = groups.map(|group| ((group.cause, group.status, group.message), group.count));
        Ok(Self { groups: groups.take(MAX_GROUPS + 1).collect() })
    }
}

fn shortened(message: &str) -> &str {
    let mut end = message.len().min(MAX_MESSAGE);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    &message[..end]
}

const MAX_GROUPS: usize = 1_000;
const MAX_MESSAGE: usize = 1_024;
const OTHER: &str = "(messages beyond the first 1000 kinds)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::{failed, streamed};

    fn add(errors: &mut Errors, cause: Cause, message: &str) {
        errors.add(cause, &failed(streamed(0, 0, 1, &[]), cause, 500, message));
    }

    #[test]
    fn failures_that_look_the_same_are_one_group_and_the_largest_is_first() {
        let mut errors = Errors::default();
        add(&mut errors, Cause::Reset, "reset");
        add(&mut errors, Cause::HttpStatus, "busy");
        add(&mut errors, Cause::HttpStatus, "busy");
        let groups = errors.finish();
        assert_eq!(groups.len(), 2);
        assert_eq!((groups[0].cause, groups[0].count), (Cause::HttpStatus, 2));
    }

    #[test]
    fn a_server_cannot_make_the_list_grow_without_bound() {
        let mut errors = Errors::default();
        for i in 0..3_000 {
            add(&mut errors, Cause::HttpStatus, &format!("request {i}"));
        }
        add(&mut errors, Cause::HttpStatus, &"é".repeat(100_000));
        assert_eq!(errors.by_http_status(), [(500, 3_001)].into());
        let groups = errors.finish();
        assert_eq!(groups.len(), MAX_GROUPS + 1);
        assert_eq!(groups[0].message, OTHER);
        assert_eq!(groups.iter().map(|g| g.count).sum::<u64>(), 3_001);
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        assert_eq!(shortened(&"é".repeat(1_000)).len(), MAX_MESSAGE);
        assert_eq!(shortened(&format!("a{}", "é".repeat(1_000))).len(), MAX_MESSAGE - 1);
    }
}
