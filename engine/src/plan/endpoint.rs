//! The API dialects, and what holds for each whatever its shapes are.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The API dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointKind {
    /// OpenAI chat completions, `/v1/chat/completions`.
    Chat,
    /// OpenAI (legacy) completions, `/v1/completions`.
    Completions,
    /// OpenAI Responses, `/v1/responses`.
    Responses,
    /// Anthropic Messages, `/v1/messages`.
    Messages,
    /// OpenAI embeddings, `/v1/embeddings`.
    Embeddings,
    /// NVIDIA NIM's embeddings, which take images beside texts, `/v1/embeddings`.
    NimEmbeddings,
    /// Cohere's re-ranking, `/v2/rerank`.
    CohereRankings,
    /// Hugging Face text-embeddings-inference's re-ranking, `/rerank`.
    HfTeiRankings,
    /// NVIDIA NIM's ranking, `/v1/ranking`.
    NimRankings,
    /// Hugging Face text-generation-inference, `/generate` and `/generate_stream`.
    HuggingfaceGenerate,
    /// A body that a template makes, to the path of the URL.
    Template,
    /// A body that a file holds, to the path of the URL.
    Raw,
}

impl EndpointKind {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 12] = [
        Self::Chat,
        Self::Completions,
        Self::Responses,
        Self::Messages,
        Self::Embeddings,
        Self::NimEmbeddings,
        Self::CohereRankings,
        Self::HfTeiRankings,
        Self::NimRankings,
        Self::HuggingfaceGenerate,
        Self::Template,
        Self::Raw,
    ];

    /// Its name in a plan's JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completions => "completions",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::Embeddings => "embeddings",
            Self::NimEmbeddings => "nim_embeddings",
            Self::CohereRankings => "cohere_rankings",
            Self::HfTeiRankings => "hf_tei_rankings",
            Self::NimRankings => "nim_rankings",
            Self::HuggingfaceGenerate => "huggingface_generate",
            Self::Template => "template",
            Self::Raw => "raw",
        }
    }

    /// Whether its requests are a query and passages to rank.
    #[must_use]
    pub fn ranks(self) -> bool {
        matches!(self, Self::CohereRankings | Self::HfTeiRankings | Self::NimRankings)
    }

    /// Whether answers are tokens, which come one after the other and can be streamed; else they are vectors or
    /// rankings.
    #[must_use]
    pub fn produces_tokens(self) -> bool {
        !self.ranks() && !matches!(self, Self::Embeddings | Self::NimEmbeddings)
    }

    /// Whether a request can hold images.
    #[must_use]
    pub fn takes_images(self) -> bool {
        self.takes_audio() || matches!(self, Self::Messages | Self::NimEmbeddings)
    }

    /// Whether a request has a place for instructions that stand before all messages.
    #[must_use]
    pub fn takes_system(self) -> bool {
        matches!(self, Self::Chat | Self::Responses | Self::Messages)
    }

    /// Whether a request is made of messages, so that a file's own can be sent as they are.
    #[must_use]
    pub fn takes_messages(self) -> bool {
        self.takes_system() || matches!(self, Self::Raw | Self::Template)
    }

    /// Whether a request can hold videos.
    #[must_use]
    pub fn takes_videos(self) -> bool {
        matches!(self, Self::Chat | Self::Template)
    }

    /// Whether a request can hold audio.
    #[must_use]
    pub fn takes_audio(self) -> bool {
        matches!(self, Self::Chat | Self::Responses | Self::Template)
    }
}

impl<'de> Deserialize<'de> for EndpointKind {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        let name = String::deserialize(d)?;
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.name() == name)
            .ok_or_else(|| D::Error::custom(format!("no API dialect is called `{name}`")))
    }
}

impl Serialize for EndpointKind {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}
