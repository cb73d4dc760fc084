//! What a request asks for: the table of paths, and the bodies of the generation requests.

mod generation;
mod prompt;

use crate::http::{Head, Method, Refusal};

pub(crate) use generation::{Api, Fault, FaultKind, GenerationRequest, Ranker};

/// A path that is served.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Route {
    Generate(Api),
    Models,
    /// A job of a video, which is done.
    Video,
    Health,
    Metrics,
    Arrivals,
    State,
    Freeze {
        ms: u64,
    },
    Reset,
}

/// The route of a request, or why there is none.
pub(crate) fn route(head: &Head) -> Result<Route, Refusal> {
    let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
    let (allowed, route) = match path {
        "/v1/chat/completions" => (Method::Post, Route::Generate(Api::Chat)),
        "/v1/completions" => (Method::Post, Route::Generate(Api::Completions)),
        "/v1/responses" => (Method::Post, Route::Generate(Api::Responses)),
        "/v1/messages" => (Method::Post, Route::Generate(Api::Messages)),
        "/generate" => (Method::Post, Route::Generate(Api::Generate { streamed: false })),
        "/generate_stream" => (Method::Post, Route::Generate(Api::Generate { streamed: true })),
        "/v1/embeddings" => (Method::Post, Route::Generate(Api::Embeddings)),
        "/v2/rerank" | "/v1/rerank" => (Method::Post, Route::Generate(Api::Rank(Ranker::Cohere))),
        "/rerank" => (Method::Post, Route::Generate(Api::Rank(Ranker::Tei))),
        "/v1/ranking" => (Method::Post, Route::Generate(Api::Rank(Ranker::Nim))),
        "/v1/images/generations" => (Method::Post, Route::Generate(Api::Picture { form: false })),
        "/v1/images/edits" => (Method::Post, Route::Generate(Api::Picture { form: true })),
        "/v1/videos" => (Method::Post, Route::Generate(Api::Video)),
        path if path.starts_with("/v1/videos/") => (Method::Get, Route::Video),
        "/v1/infer" => (Method::Post, Route::Generate(Api::Boxes)),
        "/v1/models" => (Method::Get, Route::Models),
        "/health" => (Method::Get, Route::Health),
        "/metrics" => (Method::Get, Route::Metrics),
        "/mock/arrivals" => (Method::Get, Route::Arrivals),
        "/mock/state" => (Method::Get, Route::State),
        "/mock/freeze" => (Method::Post, Route::Freeze { ms: 0 }),
        "/mock/reset" => (Method::Post, Route::Reset),
        _ => return Err(Refusal::unknown_path(path)),
    };
    if head.method != allowed {
        return Err(Refusal::wrong_method(if allowed == Method::Post { "POST" } else { "GET" }));
    }
    match route {
        Route::Freeze { .. } => Ok(Route::Freeze { ms: milliseconds(query)? }),
        other => Ok(other),
    }
}

fn milliseconds(query: &str) -> Result<u64, Refusal> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("ms="));
    let ms = value.and_then(|value| value.parse().ok()).filter(|&ms| ms <= FREEZE_LIMIT_MS);
    ms.ok_or_else(|| Refusal::bad_request("say how long: ?ms=1000 (at most 600000)"))
}

const FREEZE_LIMIT_MS: u64 = 600_000;
