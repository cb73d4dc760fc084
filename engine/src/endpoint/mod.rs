//! Pure: API dialects. Request body out; output, usage, finish and error in.
//!
//! A dialect is one row of `DIALECTS`: its path, its request body, and the rules (`rules.rs`) by which its answers are read. To add one, write
//! its file and its line in the table.

mod ask;
mod chat;
mod completions;
mod full;
mod lex;
mod message;
mod rules;
mod scan;
mod template;
mod text;
mod walk;

pub use ask::{Ask, Body, Message, Texts, thread};
pub use message::error_message;
pub use scan::{BadJson, Scanner, Seen};
pub use text::{Text, unescape};

use crate::plan::{EndpointKind, Plan, Target};
use ask::Thread;
use rules::Node;
use serde_json::{Map, Value};

/// One API dialect.
struct Dialect {
    kind: EndpointKind,
    /// Path under the base URL.
    path: &'static str,
    /// What this dialect puts into a request body beside the model and the stream options.
    ask: fn(&mut Map<String, Value>, &Plan, &Ask<'_>),
    /// Where its conversations are; `None` where each request stands for itself.
    thread: Option<Thread>,
    /// How an event of a stream is read.
    event: &'static Node,
    /// How a body that is not a stream is read.
    body: &'static Node,
}

/// All dialects.
static DIALECTS: [&Dialect; 2] = [&chat::CHAT, &completions::COMPLETIONS];

fn dialect(kind: EndpointKind) -> &'static Dialect {
    // Every kind has its row, as a test asserts; the first row stands in for one that has not.
    DIALECTS
        .iter()
        .find(|d| d.kind == kind)
        .unwrap_or(&DIALECTS[0])
}

/// The path of requests to `target`: the dialect's own under the target's base path, without doubling a `/v1` that both have, or
/// [`Plan::custom_endpoint`] under the base path.
#[must_use]
pub fn path(plan: &Plan, target: &Target) -> String {
    let base = target.base_path.trim_end_matches('/');
    if let Some(custom) = &plan.custom_endpoint {
        return format!("{base}/{}", custom.trim_start_matches('/'));
    }
    let own = dialect(plan.endpoint).path;
    let own = match own.strip_prefix("/v1") {
        Some(rest) if base.ends_with("/v1") => rest,
        _ => own,
    };
    format!("{base}{own}")
}

/// The body of one request.
///
/// `stream` is always said, also when it is false: servers differ in what they take its absence for. Fields of
/// [`Plan::extra_inputs`] come after ours and replace them, and those of [`Ask::extra`] after those; their `stream_options` are merged
/// into ours.
#[must_use]
pub fn request_body(plan: &Plan, ask: &Ask<'_>) -> Body {
    let dialect = dialect(plan.endpoint);
    let mut body = Map::new();
    body.insert("model".into(), ask.model.into());
    (dialect.ask)(&mut body, plan, ask);
    body.insert("stream".into(), plan.streaming.into());
    if plan.streaming {
        let mut options = Map::new();
        options.insert("include_usage".into(), true.into());
        if plan.per_chunk_usage {
            options.insert("continuous_usage_stats".into(), true.into());
        }
        body.insert("stream_options".into(), options.into());
    }
    for (name, value) in plan
        .extra_inputs
        .iter()
        .chain(ask.extra.into_iter().flatten())
    {
        match (body.get_mut(name), value) {
            (Some(Value::Object(ours)), Value::Object(theirs)) if name == "stream_options" => {
                ours.extend(theirs.clone());
            }
            _ => {
                body.insert(name.clone(), value.clone());
            }
        }
    }
    ask::write(&body, dialect.thread, ask)
}

/// Whether this is the terminator of a stream, `[DONE]`, rather than JSON.
#[must_use]
pub fn is_done(data: &[u8]) -> bool {
    data == b"[DONE]" || data.first() != Some(&b'{') && data.trim_ascii() == b"[DONE]"
}

#[cfg(test)]
pub(crate) mod tests;
