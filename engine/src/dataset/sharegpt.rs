//! ShareGPT's collections:
//! `[{"id": "a", "conversations": [{"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}]}]`.
//!
//! Each `human` that a `gpt` answers is a turn; the length of that answer is the output length, and the answer itself
//! is not sent: the server's own is. A first `system` stands before all turns. Conversations without such a pair are
//! left out.

use super::lines::unreadable;
use super::{Content, Each, Read, Row, Session, Spec, Turn};
use crate::error::{Error, Result};
use crate::plan::{LeftOut, Message, Remarks};
use serde::Deserialize;
use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use std::fmt;
use std::io::BufRead;
use std::marker::PhantomData;

pub(super) const SPEC: Spec = Spec {
    what: r#"[{"conversations": [{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "Hi"}]}]"#,
    looks_like: |head| head.text.trim_start().starts_with('['),
    fields: &[],
    read: Read::Whole(read),
};

#[derive(Deserialize)]
struct Shared {
    #[serde(default)]
    conversations: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    from: String,
    #[serde(default)]
    value: Option<String>,
}

fn read(input: &mut dyn BufRead, remarks: &mut Remarks, each: Each<'_>) -> Result<()> {
    let mut failed = None;
    let mut one = |_: usize, shared: Shared| -> Result<()> {
        let mut session = Session::Fresh;
        let parts = &shared.conversations;
        let pairs = pairs(parts);
        remarks.rows += 1;
        if pairs.is_empty() {
            remarks.leave_out(LeftOut::Unanswered);
        }
        let mut system = parts.first().filter(|p| p.from == "system").and_then(|p| p.value.clone());
        for (asked, answered) in pairs {
            each(Row {
                session: std::mem::replace(&mut session, Session::Same),
                alone: false,
                system: system.take(),
                ..Row::single(Turn {
                    content: Content::Messages(vec![Message::text(asked)]),
                    answer: Some(answered.to_owned()),
                    ..Turn::default()
                })
            })?;
        }
        Ok(())
    };
    let mut json = serde_json::Deserializer::from_reader(input);
    let result = Elements::new(&mut one, &mut failed).deserialize(&mut json);
    if let Some(error) = failed {
        return Err(error);
    }
    result.and_then(|()| json.end()).map_err(|e| located(e, SPEC.what))
}

/// Each question and its answer; of parts that name nobody, the first two.
fn pairs(parts: &[Part]) -> Vec<(&str, &str)> {
    let is = |part: &Part, who: &[&str]| who.contains(&part.from.as_str());
    let named = parts.iter().any(|p| is(p, HUMAN) || is(p, MACHINE));
    let spoken: Vec<&Part> = parts.iter().filter(|p| p.from != "system").collect();
    let is_exchange = |two: &[&'_ Part]| !named || is(two[0], HUMAN) && is(two[1], MACHINE);
    let pairs = spoken.windows(2).filter(|two| is_exchange(two)).filter_map(|two| {
        let asked = two[0].value.as_deref().filter(|v| !v.is_empty())?;
        let answered = two[1].value.as_deref().filter(|v| !v.is_empty())?;
        Some((asked, answered))
    });
    pairs.take(if named { usize::MAX } else { 1 }).collect()
}

/// A list whose elements are handed on one by one. What `each` refuses is kept beside the parser's own errors.
pub(super) struct Elements<'a, T, F> {
    each: &'a mut F,
    failed: &'a mut Option<Error>,
    of: PhantomData<T>,
}

impl<'a, T, F> Elements<'a, T, F> {
    pub(super) fn new(each: &'a mut F, failed: &'a mut Option<Error>) -> Self {
        Self { each, failed, of: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(usize, T) -> Result<()>> DeserializeSeed<'de> for Elements<'_, T, F> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, d: D) -> std::result::Result<(), D::Error> {
        d.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(usize, T) -> Result<()>> Visitor<'de> for Elements<'_, T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<(), A::Error> {
        let mut i = 0;
        while let Some(element) = list.next_element::<T>()? {
            if let Err(error) = (self.each)(i, element) {
                *self.failed = Some(error);
                return Err(serde::de::Error::custom("refused"));
            }
            i += 1;
        }
        Ok(())
    }
}

/// A parser's error, with its line.
pub(super) fn located(e: serde_json::Error, shape: &str) -> Error {
    if e.is_io() {
        return unreadable(e.into());
    }
    Error::usage(e.to_string(), format!("write {shape}"))
}

const HUMAN: &[&str] = &["human", "user"];
const MACHINE: &[&str] = &["gpt", "assistant", "chatgpt", "bing", "bard"];
