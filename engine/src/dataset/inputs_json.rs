//! AIPerf's and our own `inputs.json`: `{"data": [{"session_id": "a", "payloads": [{…}, {…}]}]}`. The payloads are sent
//! as they are, those of a session one after the other, each with its own context.

use super::mooncake::body;
use super::sharegpt::{Elements, located};
use super::{Content, Each, Read, Row, Session, Spec, Turn};
use crate::error::{Error, Result};
use crate::plan::Remarks;
use serde::Deserialize;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::HashSet;
use std::fmt;
use std::io::BufRead;

pub(super) const SPEC: Spec = Spec {
    what: r#"{"data": [{"session_id": "s1", "payloads": [{"model": "m", "messages": [{"role": "user", "content": "Hello"}]}]}]}"#,
    looks_like: |head| {
        let begin: String = head.text.chars().filter(|c| !c.is_whitespace()).take(9).collect();
        begin.starts_with(r#"{"data":["#)
    },
    fields: &[],
    read: Read::Whole(read),
};

#[derive(Deserialize)]
struct Saved {
    session_id: String,
    payloads: Vec<Box<RawValue>>,
}

fn read(input: &mut dyn BufRead, remarks: &mut Remarks, each: Each<'_>) -> Result<()> {
    let mut failed = None;
    let mut seen = HashSet::new();
    let mut one = |i: usize, saved: Saved| -> Result<()> {
        let place = |e: Error| e.within(format!("data[{i}]"));
        if !seen.insert(saved.session_id.clone()) {
            let e = Error::usage(
                format!("session_id `{}` is there twice", saved.session_id),
                "give each session an id of its own",
            );
            return Err(place(e));
        }
        if saved.payloads.is_empty() {
            return Err(place(Error::usage("it has no payloads", format!("write {}", SPEC.what))));
        }
        remarks.rows += 1;
        for payload in saved.payloads {
            each(Row {
                session: Session::Named(saved.session_id.clone()),
                ..Row::single(Turn {
                    content: Content::Payload(body(payload.get()).map_err(place)?),
                    ..Turn::default()
                })
            })
            .map_err(place)?;
        }
        Ok(())
    };
    let mut json = serde_json::Deserializer::from_reader(input);
    let result = Data(Elements::new(&mut one, &mut failed)).deserialize(&mut json);
    if let Some(error) = failed {
        return Err(error);
    }
    result.and_then(|()| json.end()).map_err(|e| located(e, SPEC.what))
}

/// An object whose `data` is a list.
struct Data<'a, F>(Elements<'a, Saved, F>);

impl<'de, F: FnMut(usize, Saved) -> Result<()>> DeserializeSeed<'de> for Data<'_, F> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, d: D) -> std::result::Result<(), D::Error> {
        d.deserialize_map(self)
    }
}

impl<'de, F: FnMut(usize, Saved) -> Result<()>> Visitor<'de> for Data<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with data")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        let mut elements = Some(self.0);
        while let Some(name) = map.next_key::<String>()? {
            match elements.take().filter(|_| name == "data") {
                Some(elements) => map.next_value_seed(elements)?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}
