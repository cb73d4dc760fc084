//! What a message of a request holds.

use serde_json::Value;

/// One message of a conversation, or the inputs of a request that has none (embeddings, rankings).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// Who says it; `user` where it is not said.
    pub role: Option<String>,
    /// Texts, by name.
    pub texts: Vec<Texts>,
    /// Images: URLs, `data:` URLs included.
    pub images: Vec<String>,
    /// Audio: `FORMAT,BASE64`, as AIPerf writes them, or URLs.
    pub audios: Vec<String>,
    /// Videos: URLs, `data:` URLs included.
    pub videos: Vec<String>,
    /// The message in the endpoint's own shape, sent as it is in place of all of the above.
    pub verbatim: Option<Value>,
}

/// Texts under one name: rankings have a `query` and `passages`; elsewhere the name says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// The name; empty where there is none.
    pub name: String,
    /// The texts under it.
    pub contents: Vec<String>,
}

impl Message {
    /// What a user says in one text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { texts: vec![Texts { name: String::new(), contents: vec![text.into()] }], ..Self::default() }
    }

    /// All its texts, in order, whatever their names.
    pub fn contents(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().flat_map(|t| t.contents.iter().map(String::as_str))
    }

    /// Who says it.
    #[must_use]
    pub fn role(&self) -> &str {
        self.role.as_deref().unwrap_or("user")
    }
}
