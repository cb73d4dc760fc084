//! The dialects, a file each, and the reading of responses of any other shape.

pub(super) mod any;
pub(super) mod chat;
pub(super) mod completions;
pub(super) mod embeddings;
mod generate;
mod messages;
pub(super) mod pictures;
pub(super) mod rankings;
mod responses;
mod user_defined;
pub(super) mod video;

use super::{
    Dialect, Extras, Fields, Path, Reading, StreamField, form, full, parts, rendered, request, rules, timings,
};
use crate::plan::EndpointKind;

pub(super) fn dialect(kind: EndpointKind) -> &'static Dialect {
    match kind {
        EndpointKind::Chat => &chat::CHAT,
        EndpointKind::Completions => &completions::COMPLETIONS,
        EndpointKind::Responses => &responses::RESPONSES,
        EndpointKind::Messages => &messages::MESSAGES,
        EndpointKind::Embeddings => &embeddings::EMBEDDINGS,
        EndpointKind::NimEmbeddings => &embeddings::NIM_EMBEDDINGS,
        EndpointKind::CohereRankings => &rankings::COHERE,
        EndpointKind::HfTeiRankings => &rankings::HF_TEI,
        EndpointKind::NimRankings => &rankings::NIM,
        EndpointKind::HuggingfaceGenerate => &generate::GENERATE,
        EndpointKind::ImageGeneration => &pictures::GENERATION,
        EndpointKind::ImageEdit => &pictures::EDIT,
        EndpointKind::ImageRetrieval => &pictures::RETRIEVAL,
        EndpointKind::VideoGeneration => &video::GENERATION,
        EndpointKind::Template => &user_defined::TEMPLATE,
        EndpointKind::Raw => &user_defined::RAW,
    }
}
