//! The content of one request, before a dialect gives it its shape; and the body that is made of it.

use crate::plan::Message;
use serde_json::{Map, Value};
use std::ops::Range;

/// The content of one request.
#[derive(Clone, Copy, Debug)]
pub struct RequestContent<'a> {
    /// The model's name.
    pub model: &'a str,
    /// Instructions that stand before all messages, the same in every turn of a conversation.
    pub system: Option<&'a str>,
    /// What this turn adds to its conversation.
    pub messages: &'a [Message],
    /// Output length to ask for, in tokens.
    pub osl: Option<u32>,
    /// Fields of this request's body alone; they come last and replace all others.
    pub extra: Option<&'a Map<String, Value>>,
}

/// A request body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The body: JSON.
    pub bytes: Vec<u8>,
    /// Where, in `bytes`, the messages of this turn stand, without the commas around them; `None` where the dialect has
    /// no conversation. The earlier turns of a conversation go before them: see [`append_turn`].
    pub own: Option<Range<usize>>,
    /// Results that a complete response must have: choices, vectors, scores, pictures. 0 where any number will do.
    pub results: u32,
}

/// The place of a conversation's messages in a dialect's body.
#[derive(Clone, Copy, Debug)]
pub(super) struct TurnList {
    /// The field that holds the list.
    pub(super) field: &'static str,
    /// [`RequestContent::system`] is the first message of the list, and not a field of its own.
    pub(super) system_leads: bool,
}

/// Writes a body, and finds where the messages of the turn are.
pub(super) fn write(body: &Map<String, Value>, turns: Option<TurnList>, content: &RequestContent<'_>) -> Body {
    let mut out = Body::default();
    out.bytes.push(b'{');
    for (i, (name, value)) in body.iter().enumerate() {
        if i > 0 {
            out.bytes.push(b',');
        }
        put(&mut out.bytes, &Value::String(name.clone()));
        out.bytes.push(b':');
        match (turns, value) {
            (Some(turns), Value::Array(list)) if turns.field == name => {
                let lead = usize::from(turns.system_leads && content.system.is_some());
                out.own = messages(&mut out.bytes, list, lead);
            }
            _ => put(&mut out.bytes, value),
        }
    }
    out.bytes.push(b'}');
    out
}

/// Writes a list of messages: where those after the first `lead` are.
fn messages(out: &mut Vec<u8>, list: &[Value], lead: usize) -> Option<Range<usize>> {
    out.push(b'[');
    let mut own = None;
    for (i, message) in list.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let start = out.len();
        put(out, message);
        if i >= lead {
            own = Some(own.map_or(start, |own: Range<usize>| own.start)..out.len());
        }
    }
    out.push(b']');
    own
}

fn put(out: &mut Vec<u8>, value: &Value) {
    // Writing a tree to memory does not fail.
    let _ = serde_json::to_writer(out, value);
}

/// Appends one turn and its response to the earlier messages of a conversation: both end in a comma, so that the next
/// turn's messages follow. `answer` is the body of a JSON string, still escaped, as [`super::Text`] keeps it.
pub fn append_turn(history: &mut Vec<u8>, own: &[u8], answer: &[u8]) {
    history.extend_from_slice(own);
    history.extend_from_slice(br#",{"role":"assistant","content":""#);
    history.extend_from_slice(answer);
    history.extend_from_slice(br#""},"#);
}
