//! A request body from a template of the user's.

use super::request::RequestContent;
use crate::error::{Error, Result};
use crate::plan::{BodyTemplate, Message};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The body of one request.
///
/// # Errors
/// [`crate::Blame::Usage`] when the template fails, or makes no JSON object.
pub(super) fn render(
    template: &BodyTemplate,
    content: &RequestContent<'_>,
    stream: bool,
) -> Result<Map<String, Value>> {
    let failed = |what: String, remedy: &str| Error::usage(format!("the payload template {what}"), remedy);
    let text = template
        .compiled()
        .render(minijinja::Value::from_serialize(variables(content, stream)))
        .map_err(|e| failed(format!("fails: {e}"), "fix it; docs/ENDPOINTS.md lists its variables"))?;
    serde_json::from_str(&text).map_err(|e| {
        let start: String = text.chars().take(SHOWN).collect();
        failed(
            format!("makes no JSON object ({e}): {start}"),
            "write strings as {{ text|tojson }}, without quotes around",
        )
    })
}

fn variables(content: &RequestContent<'_>, stream: bool) -> Value {
    let mut texts: Vec<&str> = Vec::new();
    let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for named in content.messages.iter().flat_map(|m| &m.texts) {
        let contents = named.contents.iter().map(String::as_str);
        texts.extend(contents.clone());
        if !named.name.is_empty() {
            by_name.entry(&named.name).or_default().extend(contents);
        }
    }
    let gather = |list: fn(&Message) -> &Vec<String>| -> Vec<&str> {
        let all = content.messages.iter().flat_map(|m| list(m).iter());
        all.map(String::as_str).collect()
    };
    let images = gather(|m| &m.images);
    let audios = gather(|m| &m.audios);
    let videos = gather(|m| &m.videos);
    let of = |names: [&str; 2]| {
        let found = names.iter().find_map(|name| by_name.get(name));
        found.cloned().unwrap_or_default()
    };
    let (queries, passages) = (of(["query", "queries"]), of(["passages", "passage"]));
    json!({
        "text": texts.first(), "texts": texts,
        "image": images.first(), "images": images,
        "audio": audios.first(), "audios": audios,
        "video": videos.first(), "videos": videos,
        "query": queries.first(), "queries": queries,
        "passage": passages.first(), "passages": passages,
        "texts_by_name": by_name,
        "model": content.model,
        "max_tokens": content.osl,
        "role": content.messages.last().map_or("user", Message::role),
        "system": content.system,
        "stream": stream,
    })
}

/// Characters of a body that is no JSON, in an error.
const SHOWN: usize = 80;
