//! The response to a request that does not stream.

use crate::routes::Api;

use super::digits::Digits;
use super::template::{Usage, object};
use super::words::Words;

/// The JSON body with all words and the usage.
pub(crate) fn body(
    api: Api,
    id: u128,
    created: u64,
    model: &str,
    words: &mut Words,
    usage: Usage,
    sent: &Digits,
) -> Vec<u8> {
    let mut body = object(api, false, id, created, model).into_bytes();
    body.extend_from_slice(match api {
        Api::Chat => br#""choices":[{"index":0,"message":{"role":"assistant","content":""#,
        Api::Completions => br#""choices":[{"index":0,"text":""#,
    });
    for _ in 0..usage.completion_tokens {
        body.extend_from_slice(words.take());
    }
    body.extend_from_slice(match api {
        Api::Chat => br#""},"logprobs":null,"finish_reason":"length"}],"usage":"#,
        Api::Completions => br#"","logprobs":null,"finish_reason":"length"}],"usage":"#,
    });
    body.extend_from_slice(usage.json().as_bytes());
    body.extend_from_slice(br#","sent_ns":"#);
    body.extend_from_slice(sent.as_bytes());
    body.push(b'}');
    body
}
