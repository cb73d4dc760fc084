//! Rankings of passages by a query: Cohere's, Hugging Face text-embeddings-inference's and NVIDIA NIM's. No tokens come
//! out.

use super::request::RequestContent;
use super::rules::{INPUT_USAGE, Node, Rule, SURE, response};
use super::{Dialect, Extras, Fields, Path, Reading, StreamField};
use crate::error::{Error, Result};
use crate::plan::EndpointKind;
use serde_json::{Value, json};

pub(super) const COHERE: Dialect = Dialect {
    kind: EndpointKind::CohereRankings,
    path: Path::Under("/v2/rerank"),
    headers: &[],
    names_model: true,
    stream: StreamField::Absent,
    extras: Extras::Body,
    fill: |body, _, content| {
        let (query, passages) = texts(content)?;
        body.insert("query".into(), query.into());
        body.insert("documents".into(), passages.into());
        Ok(())
    },
    turns: None,
    reading: Reading::Rules { event: &BODY, body: &BODY },
};

pub(super) static HF_TEI: Dialect = Dialect {
    kind: EndpointKind::HfTeiRankings,
    path: Path::Under("/rerank"),
    names_model: false,
    fill: |body, _, content| {
        let (query, passages) = texts(content)?;
        body.insert("query".into(), query.into());
        body.insert("texts".into(), passages.into());
        Ok(())
    },
    ..COHERE
};

pub(super) static NIM: Dialect = Dialect {
    kind: EndpointKind::NimRankings,
    path: Path::Under("/v1/ranking"),
    fill: |body, _, content| {
        let (query, passages) = texts(content)?;
        let passages = passages.iter().map(|text| json!({"text": text}));
        body.insert("query".into(), json!({"text": query}));
        body.insert("passages".into(), passages.collect::<Value>());
        Ok(())
    },
    ..COHERE
};

/// The query and the passages of a request, by their names.
fn texts<'a>(content: &RequestContent<'a>) -> Result<(&'a str, Vec<&'a str>)> {
    let all = content.messages.iter().flat_map(|message| &message.texts);
    let named = |names: &'static [&str]| {
        let texts = all.clone().filter(|t| names.contains(&t.name.as_str()));
        texts.flat_map(|t| t.contents.iter().map(String::as_str))
    };
    let query = named(&["query", "queries"])
        .next()
        .ok_or_else(|| Error::usage("a ranking has no query", "name its texts `query` and `passages`"))?;
    Ok((query, named(&["passages", "passage"]).collect()))
}

/// A score for each passage, or for as many of the best as are asked for (Cohere's `top_n`, Voyage's `top_k`).
pub(in crate::api) fn results(body: &Fields) -> usize {
    let passages = ["documents", "texts", "passages"].iter().find_map(|name| body.get(*name)?.as_array());
    let best = ["top_n", "top_k"].iter().find_map(|name| body.get(*name)?.as_u64()).filter(|best| *best > 0);
    let best = best.map_or(usize::MAX, |best| usize::try_from(best).unwrap_or(usize::MAX));
    passages.map_or(0, |passages| passages.len().min(best))
}

/// One shape for all: a list at the top (TEI), under `results` (Cohere) or under `rankings` (NIM). A response ranks
/// something.
static BODY: Node = response![
    ("results", Rule::List(&SCORE)),
    ("rankings", Rule::List(&SCORE)),
    ("score", Rule::Given),
    ("usage", Rule::Object(&INPUT_USAGE)),
];

static SCORE: Node = Node::of(&[
    ("relevance_score", Rule::Given),
    ("score", Rule::Given),
    ("logit", Rule::Given),
    ("error", Rule::Error),
]);
