//! Pure: API dialects. Request body out; output, usage, finish and error in.
//!
//! A dialect is one value of `Dialect` in a file of `dialects/`: its path, its request body, and the rules (`rules.rs`)
//! by which its responses are read.
//!
//! # Adding a dialect
//!
//! 1. `plan/endpoint.rs`: the kind and its name, and what its requests can hold (`takes_*`) or are (`ranks`,
//!    `produces_tokens`). Until the next step is done, nothing compiles.
//! 2. `dialects/`: its file, and its line in `dialect` (`dialects/mod.rs`). Where the API counts tokens by rules of its
//!    own, `whole_usage` here; where its requests cannot hold what a user can ask for, `check_content` refuses that.
//! 3. In the program: the help of the endpoint's flag (`cli/src/flags/endpoint/mod.rs`, then `docs/flags.md` anew); the
//!    header of its key, where that is not `Authorization: Bearer` (`cli/src/flags/endpoint/headers.rs`); its path,
//!    where people paste it with the URL (`ENDS` in `cli/src/runner/models.rs`).
//! 4. In the synthetic server: its path (`engine/mock/src/routes/mod.rs`) and, where it streams, its events
//!    (`engine/mock/src/stream/template.rs`). `tests/tests/it/endpoints.rs` runs every dialect against it.
//! 5. Tests: request bodies and responses (`request_tests.rs`, `api_tests.rs`), an event of each kind for the table of
//!    failures (`token` and its neighbours in `engine/tests/it/failures/mod.rs`), what servers sent, as captures
//!    (`tests/captures`). A dialect with a stream also goes into the plain reader that the fuzz target is compared with
//!    (`fuzz/src/scan/reference.rs`).
//! 6. `docs/ENDPOINTS.md`: a row in *types* and one in *token counts*, what is particular about it, and the errors
//!    that its servers send.

mod choices;
mod dialects;
mod failed;
mod form;
mod full;
mod head;
mod lex;
mod message;
mod parts;
mod rendered;
mod repeated_event;
mod request;
mod rules;
mod scan;
mod text;
mod timings;
mod walk;

pub use dialects::video::{Job, unfinished_job};
pub use form::read_form;
pub use head::{http1_head, http2_head};
pub use message::{error_message, first_words, message_at_top};
pub use request::{Body, RequestContent, append_turn};
pub use scan::{BadJson, ParsedEvent, Repeat, Scanner};
pub use text::{Text, unescape};

use crate::error::{Error, Result};
use crate::plan::{EndpointKind, Plan, Target};
use crate::record::Usage;
use crate::setting::Setting::{Endpoint, Prefixes, SystemPrompt, UserTokens};
use dialects::{any, chat, completions, dialect, embeddings, pictures, rankings};
use request::TurnList;
use rules::Node;
use serde_json::{Map, Value};

/// The fields of a body.
type Fields = Map<String, Value>;

/// One API dialect.
struct Dialect {
    kind: EndpointKind,
    path: Path,
    /// Header fields that the API wants, unless the user gives them.
    headers: &'static [(&'static str, &'static str)],
    /// The body says which model is meant.
    names_model: bool,
    stream: StreamField,
    extras: Extras,
    /// What this dialect puts into a request body beside the model and the stream options.
    fill: fn(&mut Fields, &Plan, &RequestContent<'_>) -> Result<()>,
    /// Where its requests hold the turns of a conversation; `None` where each request stands for itself.
    turns: Option<TurnList>,
    reading: Reading,
}

/// The path of a dialect's requests.
enum Path {
    /// A path under the base URL.
    Under(&'static str),
    /// One for whole responses, another for streams.
    ByStream { whole: &'static str, stream: &'static str },
    /// The path of the URL itself.
    OfUrl,
}

/// How a body asks for a stream. Where it has the field, it has it also when no stream is wanted: servers differ in
/// their default.
#[derive(Clone, Copy, PartialEq)]
enum StreamField {
    /// No field: the path or nothing decides.
    Absent,
    /// `stream`.
    Flag,
    /// `stream`, and `stream_options` that ask for usage.
    FlagWithUsage,
}

/// The place of extra inputs.
enum Extras {
    /// Into the body.
    Body,
    /// Into the object that is this field of the body.
    Field(&'static str),
    /// Nowhere: the body is sent as it is.
    Nowhere,
}

/// The way in which responses are read.
enum Reading {
    /// By rules.
    Rules {
        /// Of an event of a stream.
        event: &'static Node,
        /// Of a body that is not a stream.
        body: &'static Node,
    },
    /// By what such responses usually look like.
    Any,
}

/// The path of requests to `target`: the dialect's own under the target's base path, without doubling it or a `/v1` or
/// `/v2` that both have, or [`Plan::custom_endpoint`] under the base path; then the target's query.
#[must_use]
pub fn path(plan: &Plan, target: &Target) -> String {
    let path = path_alone(plan, target);
    match target.query.as_deref().and_then(|query| query.strip_prefix('?')) {
        Some(query) => format!("{path}{}{query}", if path.contains('?') { '&' } else { '?' }),
        None => path,
    }
}

fn path_alone(plan: &Plan, target: &Target) -> String {
    let base = target.base_path.trim_end_matches('/');
    if let Some(custom) = &plan.custom_endpoint {
        let custom = custom.trim_start_matches('/');
        let own = custom.split('?').next().unwrap_or_default();
        // A URL that was copied with this path.
        let before = base.strip_suffix(own).and_then(|before| before.strip_suffix('/')).filter(|_| !own.is_empty());
        return format!("{}/{custom}", before.unwrap_or(base));
    }
    let own = match dialect(plan.endpoint).path {
        Path::Under(path) => path,
        Path::ByStream { stream, .. } if plan.streaming => stream,
        Path::ByStream { whole, .. } => whole,
        Path::OfUrl if base.is_empty() => "/",
        Path::OfUrl => return target.base_path.clone(),
    };
    // A URL that was copied with the path of the API.
    if base.ends_with(own) && own != "/" {
        return base.to_owned();
    }
    let doubled = VERSIONS.iter().find(|version| base.ends_with(**version));
    let own = doubled.and_then(|version| own.strip_prefix(version)).unwrap_or(own);
    format!("{base}{own}")
}

/// Header fields that the dialect wants, unless the user gives them.
#[must_use]
pub fn headers(kind: EndpointKind) -> &'static [(&'static str, &'static str)] {
    dialect(kind).headers
}

/// Whether a stream of this dialect is complete only with `[DONE]` or a finish reason. Else the end of its body ends
/// it.
#[must_use]
pub fn marks_its_end(kind: EndpointKind) -> bool {
    matches!(dialect(kind).reading, Reading::Rules { .. })
}

/// The counts of a complete response, in the terms of [`Usage`], whatever the API counts apart.
#[must_use]
pub fn whole_usage(kind: EndpointKind, usage: Usage) -> Usage {
    match kind {
        EndpointKind::Messages => usage.with_cache_in_prompt(),
        _ => usage.with_reasoning_in_completion(),
    }
}

/// The body of one request.
///
/// Fields of [`Plan::extra_inputs`] come after ours and replace them, and those of [`RequestContent::extra`] after
/// those; their `stream_options` and `nvext` are merged into ours.
///
/// # Errors
/// [`crate::Blame::Usage`] when the dialect has no shape for what is asked, or a template of the user's makes no body
/// of it.
pub fn request_body(plan: &Plan, content: &RequestContent<'_>) -> Result<Body> {
    check_content(plan.endpoint, content)?;
    let dialect = dialect(plan.endpoint);
    let mut body = Map::new();
    if dialect.names_model {
        body.insert("model".into(), content.model.into());
    }
    (dialect.fill)(&mut body, plan, content)?;
    if dialect.stream != StreamField::Absent {
        body.insert("stream".into(), plan.streaming.into());
    }
    if dialect.stream == StreamField::FlagWithUsage && plan.streaming {
        let mut options = Map::new();
        options.insert("include_usage".into(), true.into());
        if plan.per_chunk_usage {
            options.insert("continuous_usage_stats".into(), true.into());
        }
        body.insert("stream_options".into(), options.into());
    }
    timings::ask(&mut body, plan);
    match dialect.extras {
        Extras::Body => merge(&mut body, &plan.extra_inputs),
        Extras::Field(field) => {
            if let Some(Value::Object(inner)) = body.get_mut(field) {
                merge(inner, &plan.extra_inputs);
            }
        }
        Extras::Nowhere => return Ok(request::write(&body, None, content)),
    }
    if let Some(extra) = content.extra {
        merge(&mut body, extra);
    }
    let results = results(plan.endpoint, &body);
    if plan.endpoint.sends_forms() {
        return Ok(Body { bytes: form::write(&body)?, own: None, results });
    }
    Ok(Body { results, ..request::write(&body, dialect.turns, content) })
}

/// Results that a complete response to this body must have: one for each of its inputs, or as many as it asks for; 0
/// where the API has no such rule, or any response that has output has them.
#[must_use]
pub fn results(kind: EndpointKind, body: &Map<String, Value>) -> u32 {
    let results = match kind {
        EndpointKind::Embeddings | EndpointKind::NimEmbeddings => embeddings::results(body),
        EndpointKind::CohereRankings | EndpointKind::HfTeiRankings | EndpointKind::NimRankings => {
            rankings::results(body)
        }
        EndpointKind::ImageGeneration | EndpointKind::ImageEdit => pictures::results(body),
        EndpointKind::Chat => chat::results(body),
        EndpointKind::Completions => completions::results(body),
        _ => 0,
    };
    u32::try_from(results).unwrap_or(u32::MAX)
}

/// Refuses what the dialect would have to leave out.
fn check_content(kind: EndpointKind, content: &RequestContent<'_>) -> Result<()> {
    let name = kind.name();
    if content.system.is_some() && !kind.takes_system() {
        return Err(Error::usage(
            format!("{Endpoint} {name} has no place for a system prompt"),
            format!(
                "use {Endpoint} chat, responses or messages; {Prefixes} and {UserTokens} stand in the prompt itself"
            ),
        ));
    }
    for message in content.messages.iter().filter_map(|m| m.verbatim.as_ref()) {
        if !kind.takes_messages() {
            return Err(Error::usage(
                format!("{Endpoint} {name} has no messages, and the file gives them"),
                format!("use {Endpoint} chat, or write text_input in the file"),
            ));
        }
        if kind == EndpointKind::Messages && message["role"] == "system" {
            return Err(Error::usage(
                format!("{Endpoint} messages has no message of the role system, and the file gives one"),
                format!("use {Endpoint} chat, or {SystemPrompt} in place of it"),
            ));
        }
    }
    let ours = content.messages.iter().filter(|m| m.verbatim.is_none());
    for message in ours {
        if !kind.takes_texts() && message.contents().any(|text| !text.is_empty()) {
            return Err(Error::usage(
                format!("{Endpoint} {name} takes no texts"),
                "leave them out of the file: its requests are images",
            ));
        }
        for (what, list, taken) in [
            ("images", &message.images, kind.takes_images()),
            ("audio", &message.audios, kind.takes_audio()),
            ("videos", &message.videos, kind.takes_videos()),
        ] {
            if !list.is_empty() && !taken {
                return Err(Error::usage(
                    format!("{Endpoint} {name} takes no {what}"),
                    format!("use {Endpoint} chat, or leave them out"),
                ));
            }
        }
    }
    Ok(())
}

fn merge(body: &mut Fields, extra: &Fields) {
    for (name, value) in extra {
        match (body.get_mut(name), value) {
            (Some(Value::Object(ours)), Value::Object(theirs))
                if ["stream_options", "nvext"].contains(&name.as_str()) =>
            {
                ours.extend(theirs.clone());
            }
            _ => {
                body.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Versions that a base path and a dialect's path may both have.
const VERSIONS: [&str; 2] = ["/v1", "/v2"];

/// Whether this is the terminator of a stream, `[DONE]`, rather than JSON.
#[must_use]
pub fn is_done(data: &[u8]) -> bool {
    data == b"[DONE]" || data.first() != Some(&b'{') && data.trim_ascii().eq_ignore_ascii_case(b"[DONE]")
}

#[cfg(test)]
mod api_tests;
#[cfg(test)]
mod head_tests;
#[cfg(test)]
mod request_tests;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod timings_tests;
