//! The response to a request that does not stream.

use std::fmt::Write as _;

use crate::routes::{Api, GenerationRequest, Ranker};

use super::digits::Digits;
use super::template::{Usage, message_item, object, response};
use super::words::Words;

/// The JSON body with all words and the usage, or with the vectors or scores that were asked for.
pub(crate) fn body(
    request: &GenerationRequest,
    id: u128,
    created: u64,
    model: &str,
    words: &mut Words,
    usage: Usage,
    sent: &Digits,
) -> Vec<u8> {
    let mut body = match request.api {
        Api::Chat | Api::Completions => {
            let text = words.clone().text(usage.completion_tokens);
            let head = object(request.api, false, id, created, model);
            let (before, after) = match request.api {
                Api::Chat => (r#""message":{"role":"assistant","content":""#, r#""}"#),
                _ => (r#""text":""#, r#"""#),
            };
            format!(
                r#"{head}"choices":[{{"index":0,{before}{text}{after},"logprobs":null,"finish_reason":"length"}}],"usage":{}"#,
                usage.json()
            )
        }
        Api::Responses => {
            let text = words.clone().text(usage.completion_tokens);
            let mut response = response(id, model, "completed", Some(usage), &message_item(id, &text));
            response.pop();
            response
        }
        Api::Messages => {
            let text = words.clone().text(usage.completion_tokens);
            let Usage {
                prompt_tokens: prompt,
                completion_tokens: made,
            } = usage;
            format!(
                r#"{{"id":"msg_{id:032x}","type":"message","role":"assistant","model":{model},"content":[{{"type":"text","text":"{text}"}}],"stop_reason":"max_tokens","stop_sequence":null,"usage":{{"input_tokens":{prompt},"output_tokens":{made}}}"#
            )
        }
        Api::Generate { .. } => {
            let text = words.clone().text(usage.completion_tokens);
            let made = usage.completion_tokens;
            format!(
                r#"{{"generated_text":"{text}","details":{{"finish_reason":"length","generated_tokens":{made},"seed":null}}"#
            )
        }
        Api::Embeddings => {
            let data = list(request.items, |i| {
                format!(r#"{{"object":"embedding","index":{i},"embedding":{VECTOR}}}"#)
            });
            let prompt = usage.prompt_tokens;
            format!(
                r#"{{"object":"list","data":{data},"model":{model},"usage":{{"prompt_tokens":{prompt},"total_tokens":{prompt}}}"#
            )
        }
        Api::Picture { .. } | Api::Video | Api::Boxes => pictured(request, created, usage.prompt_tokens),
        Api::Rank(Ranker::Cohere) => {
            let results = list(request.items, |i| {
                format!(r#"{{"index":{i},"relevance_score":{}}}"#, score(i))
            });
            format!(r#"{{"id":"{id:032x}","results":{results}"#)
        }
        Api::Rank(Ranker::Nim) => {
            let rankings = list(request.items, |i| {
                format!(r#"{{"index":{i},"logit":{}}}"#, score(i))
            });
            let prompt = usage.prompt_tokens;
            format!(
                r#"{{"rankings":{rankings},"usage":{{"prompt_tokens":{prompt},"total_tokens":{prompt}}}"#
            )
        }
        // A list has no place for more.
        Api::Rank(Ranker::Tei) => {
            return list(request.items, |i| {
                format!(r#"{{"index":{i},"score":{}}}"#, score(i))
            })
            .into_bytes();
        }
    }
    .into_bytes();
    body.extend_from_slice(br#","sent_ns":"#);
    body.extend_from_slice(sent.as_bytes());
    body.push(b'}');
    body
}

/// A picture, the job of a video, or the boxes of pages, without the end of the object.
fn pictured(request: &GenerationRequest, created: u64, prompt: u32) -> String {
    match request.api {
        Api::Video => {
            format!(r#"{{"id":"video_0","object":"video","created_at":{created},"status":"queued","progress":0"#)
        }
        Api::Boxes => {
            let data = list(request.items, |i| format!(r#"{{"index":{i},"bounding_boxes":{{"table":[{BOX}]}}}}"#));
            format!(r#"{{"data":{data},"usage":{{"images_size_mb":0.1}}"#)
        }
        _ => format!(
            r#"{{"created":{created},"data":[{{"b64_json":"{PIXEL}"}}],"usage":{{"input_tokens":{prompt},"output_tokens":1,"total_tokens":{}}}"#,
            prompt + 1
        ),
    }
}

fn list(items: u32, item: impl Fn(u32) -> String) -> String {
    let mut list = String::from("[");
    for i in 0..items {
        let comma = if i > 0 { "," } else { "" };
        let _ = write!(list, "{comma}{}", item(i));
    }
    list.push(']');
    list
}

fn score(i: u32) -> f64 {
    1.0 / f64::from(i + 1)
}

/// A PNG of one pixel.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const BOX: &str = r#"{"x_min":0.1,"y_min":0.1,"x_max":0.2,"y_max":0.2,"confidence":0.9}"#;
const VECTOR: &str = "[0.0023,-0.0093,0.0157,-0.0078,0.0114,0.0046,-0.0032,0.0081]";
