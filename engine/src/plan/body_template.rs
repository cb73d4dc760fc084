//! A request body from a Jinja template.

use super::secrets::without_template_secrets;
use crate::error::{Error, Result};
use crate::jinja::{self, Bounded};
use minijinja::UndefinedBehavior;
use minijinja::machinery::WhitespaceConfig;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

/// A template that renders to a JSON object, compiled. It is shown and written without its literal secrets.
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

    /// The compiled template.
    pub(crate) fn compiled(&self) -> &Bounded {
        &self.compiled
    }

    /// The template's text.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }
}

impl std::fmt::Debug for BodyTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("BodyTemplate").field(&without_template_secrets(&self.source)).finish()
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
        s.serialize_str(&without_template_secrets(&self.source))
    }
}
