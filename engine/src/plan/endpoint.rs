//! The API dialects, and what holds for each whatever its shapes are.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Declares the dialects with their names in a plan's JSON, in the order of the help.
macro_rules! dialects {
    ($($(#[$what:meta])* $kind:ident => $name:literal,)*) => {
        /// The API dialect. `api/mod.rs` lists all that a new one needs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum EndpointKind {
            $($(#[$what])* $kind,)*
        }

        impl EndpointKind {
            /// All of them, in the order of the help.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$kind),*];

            /// Its name in a plan's JSON.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

dialects! {
    /// OpenAI chat completions, `/v1/chat/completions`.
    Chat => "chat",
    /// OpenAI (legacy) completions, `/v1/completions`.
    Completions => "completions",
    /// OpenAI Responses, `/v1/responses`.
    Responses => "responses",
    /// Anthropic Messages, `/v1/messages`.
    Messages => "messages",
    /// OpenAI embeddings, `/v1/embeddings`.
    Embeddings => "embeddings",
    /// NVIDIA NIM's embeddings, which take images beside texts, `/v1/embeddings`.
    NimEmbeddings => "nim_embeddings",
    /// Cohere's re-ranking, `/v2/rerank`.
    CohereRankings => "cohere_rankings",
    /// Hugging Face text-embeddings-inference's re-ranking, `/rerank`.
    HfTeiRankings => "hf_tei_rankings",
    /// NVIDIA NIM's ranking, `/v1/ranking`.
    NimRankings => "nim_rankings",
    /// Hugging Face text-generation-inference, `/generate` and `/generate_stream`.
    HuggingfaceGenerate => "huggingface_generate",
    /// OpenAI's image generation, `/v1/images/generations`.
    ImageGeneration => "image_generation",
    /// OpenAI's image edits, a form with a picture, `/v1/images/edits`.
    ImageEdit => "image_edit",
    /// NVIDIA NIM's image retrieval, which finds the parts of a page in its picture, `/v1/infer`.
    ImageRetrieval => "image_retrieval",
    /// OpenAI's video generation, a job that is asked for until it is done, `/v1/videos`.
    VideoGeneration => "video_generation",
    /// A body that a template makes, to the path of the URL.
    Template => "template",
    /// A body that a file holds, to the path of the URL.
    Raw => "raw",
}

/// What becomes of the durations that servers tell with an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerTimings {
    /// What is told is kept.
    #[default]
    Auto,
    /// Nothing is kept.
    Off,
    /// Requests ask for them in the ways of all servers that can be asked, and what is told is kept.
    Ask,
}

impl ServerTimings {
    /// Whether it is what a plan has that says nothing of it.
    #[must_use]
    pub fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

impl EndpointKind {
    /// Whether its requests are a query and passages to rank.
    #[must_use]
    pub fn ranks(self) -> bool {
        matches!(self, Self::CohereRankings | Self::HfTeiRankings | Self::NimRankings)
    }

    /// Whether answers are tokens, which come one after the other and can be streamed; else they are vectors, rankings
    /// or pictures.
    #[must_use]
    pub fn produces_tokens(self) -> bool {
        !self.ranks() && !self.is_of_pictures() && !matches!(self, Self::Embeddings | Self::NimEmbeddings)
    }

    /// Whether answers are pictures or videos, or what is found in a picture.
    #[must_use]
    pub fn is_of_pictures(self) -> bool {
        matches!(self, Self::ImageGeneration | Self::ImageEdit | Self::ImageRetrieval | Self::VideoGeneration)
    }

    /// Whether a request is answered with a job, which is asked for until it is done.
    #[must_use]
    pub fn answers_with_jobs(self) -> bool {
        self == Self::VideoGeneration
    }

    /// Whether a request can hold texts.
    #[must_use]
    pub fn takes_texts(self) -> bool {
        self != Self::ImageRetrieval
    }

    /// Whether its requests are forms (`multipart/form-data`) and no JSON.
    #[must_use]
    pub fn sends_forms(self) -> bool {
        self == Self::ImageEdit
    }

    /// Whether a request can hold images.
    #[must_use]
    pub fn takes_images(self) -> bool {
        let with_images = [Self::Messages, Self::NimEmbeddings, Self::ImageEdit, Self::ImageRetrieval];
        self.takes_audio() || with_images.contains(&self)
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
