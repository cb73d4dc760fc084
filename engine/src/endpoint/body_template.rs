//! A request body from a Jinja template.

use super::ask::{Ask, Message};
use super::jinja::{self, Bounded};
use crate::error::{Error, Result};
use minijinja::UndefinedBehavior;
use minijinja::machinery::WhitespaceConfig;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A template that renders to a JSON object, compiled.
///
/// It sees AIPerf's variables: `text`, `texts`, `image`, `images`, `audio`, `audios`, `video`, `videos`, `query`,
/// `queries`, `passage`, `passages`, `texts_by_name`, `model`, `max_tokens`, `role`, `system`, `stream`. Nothing is
/// escaped by itself: strings are written as `{{ text|tojson }}`.
#[derive(Clone)]
pub struct BodyTemplate {
    source: Arc<str>,
    compiled: Arc<Bounded>,
}

impl BodyTemplate {
    /// Compiles a template; `source` may be the name of one of [`Self::NAMED`].
    ///
    /// # Errors
    /// [`crate::Blame::Usage`] when it is no template.
    pub fn new(source: &str) -> Result<Self> {
        let named = Self::NAMED.iter().find(|(name, _)| *name == source);
        let source = named.map_or(source, |(_, text)| text);
        let mut environment = jinja::environment();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let compiled = Bounded::new(environment, source, WhitespaceConfig::default())
            .map_err(|e| Error::usage(format!("the payload template: {e}"), "fix it; its syntax is Jinja's"))?;
        Ok(Self { source: source.into(), compiled: Arc::new(compiled) })
    }

    /// Templates with a name, as AIPerf has them.
    pub const NAMED: &'static [(&'static str, &'static str)] = &[("nv-embedqa", r#"{"text": {{ texts|tojson }}}"#)];

    /// The template's text.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The body of one request.
    ///
    /// # Errors
    /// [`crate::Blame::Usage`] when the template fails, or makes no JSON object.
    pub fn render(&self, ask: &Ask<'_>, stream: bool) -> Result<Map<String, Value>> {
        let failed = |what: String, remedy: &str| Error::usage(format!("the payload template {what}"), remedy);
        let text = self
            .compiled
            .render(minijinja::Value::from_serialize(variables(ask, stream)))
            .map_err(|e| failed(format!("fails: {e}"), "fix it; docs/ENDPOINTS.md lists its variables"))?;
        serde_json::from_str(&text).map_err(|e| {
            let start: String = text.chars().take(SHOWN).collect();
            failed(
                format!("makes no JSON object ({e}): {start}"),
                "write strings as {{ text|tojson }}, without quotes around",
            )
        })
    }
}

fn variables(ask: &Ask<'_>, stream: bool) -> Value {
    let mut texts: Vec<&str> = Vec::new();
    let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for named in ask.messages.iter().flat_map(|m| &m.texts) {
        let contents = named.contents.iter().map(String::as_str);
        texts.extend(contents.clone());
        if !named.name.is_empty() {
            by_name.entry(&named.name).or_default().extend(contents);
        }
    }
    let gather = |list: fn(&Message) -> &Vec<String>| -> Vec<&str> {
        let all = ask.messages.iter().flat_map(|m| list(m).iter());
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
        "model": ask.model,
        "max_tokens": ask.osl,
        "role": ask.messages.last().map_or("user", Message::role),
        "system": ask.system,
        "stream": stream,
    })
}

impl std::fmt::Debug for BodyTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("BodyTemplate").field(&self.source).finish()
    }
}

impl<'de> Deserialize<'de> for BodyTemplate {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        let name = String::deserialize(d)?;
        Self::new(&name).ok().ok_or_else(|| D::Error::custom(format!("no template is `{name}`")))
    }
}

impl Serialize for BodyTemplate {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        s.serialize_str(&self.source)
    }
}

/// Characters of a body that is no JSON, in an error.
const SHOWN: usize = 80;
