//! What a run must not tell: the values of its headers, and keys in the path of its requests.

use super::Plan;
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// The secrets of a run.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Those of a plan. A value of a few letters is no secret, and hiding it everywhere would garble the text.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let headers = plan.headers.iter().flat_map(|h| {
            let word = h.value.rsplit(' ').next().unwrap_or_default();
            [h.value.as_str(), word]
        });
        let paths = plan.custom_endpoint.iter().flat_map(|path| keys(path));
        let mut secrets: Vec<String> = headers
            .chain(paths)
            .filter(|v| v.len() >= SHORTEST)
            .map(str::to_owned)
            .collect();
        secrets.sort_by_key(|s| std::cmp::Reverse(s.len()));
        secrets.dedup();
        Self(secrets)
    }

    /// The text without them.
    #[must_use]
    pub fn scrub<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for secret in &self.0 {
            if text.contains(secret.as_str()) {
                text = Cow::Owned(text.replace(secret.as_str(), HIDDEN));
            }
        }
        text
    }

    /// What is kept of something that a server or the engine says: without them, at most 200 characters. First struck out, then cut: the front of a
    /// secret is one too.
    #[must_use]
    pub fn excerpt(&self, said: &str) -> String {
        let mut said = said;
        if said.len() >= CUT_BEFORE {
            // It has been cut already, perhaps in the middle of one.
            let longest = self.0.first().map_or(0, String::len);
            said = &said[..said.floor_char_boundary(said.len().saturating_sub(longest))];
        }
        self.scrub(said).chars().take(EXCERPT).collect()
    }
}

/// The values in a query whose names say that they are secret.
fn keys(path: &str) -> impl Iterator<Item = &str> {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let name = name.to_ascii_lowercase();
        let secret = ["key", "token", "secret", "sig", "password", "code"];
        secret.iter().any(|s| name.contains(s)).then_some(value)
    })
}

/// A path as it may be shown.
pub(super) fn without_keys<S: Serializer>(path: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
    let shown = path.as_ref().map(|path| {
        let values = keys(path).filter(|v| v.len() >= SHORTEST);
        values.fold(path.clone(), |shown, value| shown.replace(value, HIDDEN))
    });
    shown.serialize(to)
}

/// What stands in their place.
pub const HIDDEN: &str = "<redacted>";
const SHORTEST: usize = 6;
/// Characters of what is said that are kept.
const EXCERPT: usize = 200;
/// Bytes from which on what a server said may have been cut where it was read.
const CUT_BEFORE: usize = 4000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Phase, Target};

    fn secrets() -> Secrets {
        let target = Target::parse("http://h").unwrap();
        let mut plan = Plan::new(vec![target], "m", Phase::closed(1, 1));
        plan.custom_endpoint = Some("/v1/chat?version=2024-02-01&api_key=sk-in-a-query".into());
        plan.headers.push(super::super::Header {
            name: "Authorization".into(),
            value: format!("Bearer {KEY}"),
        });
        Secrets::of(&plan)
    }

    const KEY: &str = "sk-ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    #[test]
    fn a_secret_across_the_cut_is_struck_out_whole() {
        let secrets = secrets();
        for before in 0..260 {
            for after in [0, 5_000] {
                let said = format!("{}{KEY}{}", "x".repeat(before), "y".repeat(after));
                let kept = secrets.excerpt(&said);
                assert!(kept.chars().count() <= EXCERPT);
                assert!(!kept.contains("sk-A"), "{before}: {kept}");
            }
        }
    }

    #[test]
    fn what_was_cut_where_it_was_read_tells_no_front_of_a_secret() {
        let secrets = secrets();
        for cut in 1..=KEY.len() {
            let said = format!("{}{}", KEY.repeat(110), &KEY[..cut]);
            let kept = secrets.excerpt(&said);
            assert!(!kept.contains("sk-A"), "{cut}: {kept}");
        }
    }

    #[test]
    fn of_a_query_only_what_is_named_so_is_secret() {
        let shown = secrets()
            .scrub("/v1/chat?version=2024-02-01&api_key=sk-in-a-query")
            .into_owned();
        assert_eq!(
            shown,
            format!("/v1/chat?version=2024-02-01&api_key={HIDDEN}")
        );
    }
}
