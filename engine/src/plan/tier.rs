//! Several sets of objectives, judged in one run.

use super::slo::Slo;
use crate::error::{Error, Result};
use crate::setting::Setting::Tiers;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// A named set of objectives: a request is good by it when all hold.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Tier {
    /// Its name in the report.
    pub name: String,
    /// Objectives of the tier, which hold together.
    pub slos: Vec<Slo>,
}

impl Tier {
    /// Parses a file of tiers: a JSON object of tiers, in the order of the report. Each tier's objectives are
    /// written as for [`Slo::parse_all`], in one text or in a list of them:
    ///
    /// ```json
    /// {
    ///   "interactive": ["time_to_first_token:200", "inter_token_latency:50"],
    ///   "batch": "request_latency:30000"
    /// }
    /// ```
    ///
    /// # Errors
    /// [`crate::Blame::Usage`] for text that is not such an object, a name that is empty, given twice or not fit for a
    /// heading, too many tiers, and for objectives that [`Slo::parse_all`] would refuse.
    pub fn parse_all(text: &str) -> Result<Vec<Self>> {
        let file: File = serde_json::from_str(text).map_err(|e| Error::usage(format!("{Tiers}: {e}"), EXAMPLE))?;
        if file.0.is_empty() || file.0.len() > MOST {
            return Err(Error::usage(
                format!("{Tiers}: {} tiers", file.0.len()),
                format!("write 1 to {MOST}; {EXAMPLE}"),
            ));
        }
        let mut tiers: Vec<Self> = Vec::new();
        for (name, objectives) in file.0 {
            if tiers.iter().any(|tier| tier.name == name) {
                return Err(Error::usage(format!("{Tiers}: tier `{name}` is given twice"), "keep one of them"));
            }
            tiers.push(Self::of(name, objectives)?);
        }
        Ok(tiers)
    }

    fn of(name: String, objectives: Objectives) -> Result<Self> {
        let fits = (1..=LONGEST_NAME).contains(&name.chars().count())
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' '));
        if !fits || name.trim() != name {
            return Err(Error::usage(
                format!("{Tiers}: `{}` is no name for a tier", name.escape_debug()),
                format!("write up to {LONGEST_NAME} letters, digits, `-`, `_`, `.` and spaces"),
            ));
        }
        let words = match objectives {
            Objectives::One(text) => vec![text],
            Objectives::Several(list) => list,
        };
        let source = format!("{Tiers}: tier `{name}`");
        let slos = Slo::parse_from(&source, &words)?;
        if slos.is_empty() {
            return Err(Error::usage(format!("{source}: no objective in it"), EXAMPLE));
        }
        Ok(Self { name, slos })
    }
}

/// Names and objectives in the order of the file, with names that come twice.
struct File(Vec<(String, Objectives)>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "objectives are a text or a list of texts")]
enum Objectives {
    One(String),
    Several(Vec<String>),
}

impl<'de> Deserialize<'de> for File {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct Tiers;
        impl<'de> Visitor<'de> for Tiers {
            type Value = File;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tiers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<File, A::Error> {
                let mut tiers = Vec::new();
                while let Some(tier) = map.next_entry()? {
                    tiers.push(tier);
                }
                Ok(File(tiers))
            }
        }
        from.deserialize_map(Tiers)
    }
}

/// The most tiers of a file: each is judged for every request.
const MOST: usize = 32;
const LONGEST_NAME: usize = 40;
const EXAMPLE: &str =
    r#"write {"interactive": ["time_to_first_token:200", "inter_token_latency:50"], "batch": "request_latency:30000"}"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_keep_their_order_and_take_a_text_or_a_list() {
        let tiers = Tier::parse_all(
            r#"{"z": ["time_to_first_token:200", "inter_token_latency:50"], "a": "request_latency:3e4 time_to_first_token:900"}"#,
        )
        .unwrap();
        let names: Vec<&str> = tiers.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["z", "a"]);
        assert_eq!((tiers[0].slos.len(), tiers[1].slos.len()), (2, 2));
        assert_eq!(tiers[1].slos[0].threshold, 30_000.0);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_tier() {
        for (text, word) in [
            ("", "EOF"),
            ("[]", "an object of tiers"),
            ("{}", "0 tiers"),
            (r#"{"a": 5}"#, "a text or a list"),
            (r#"{"a": []}"#, "tier `a`: no objective"),
            (r#"{"a": " "}"#, "tier `a`: no objective"),
            (r#"{"a": "tttf:5"}"#, "tier `a`: unknown metric `tttf`"),
            (r#"{"a": "request_latency:fast"}"#, "tier `a`: `fast`"),
            (r#"{"a": "request_latency:1", "a": "request_latency:2"}"#, "given twice"),
            (r#"{"": "request_latency:1"}"#, "no name"),
            ("{\"a\\nb\": \"request_latency:1\"}", "no name"),
        ] {
            let e = Tier::parse_all(text).unwrap_err();
            assert!(e.what.contains(word), "{text}: {e}");
            assert!(e.what.starts_with("`plan.tiers`"), "{e}");
        }
    }
}
