//! Words and parts of responses that say that a generation failed.

use super::rules::{Node, Rule};

/// Groq's own part of an event.
pub(super) static X_GROQ: Node = Node::of(&[("error", Rule::Error)]);

/// MiniMax's own word on every response: 0 where all went well.
pub(super) static BASE_RESP: Node = Node::of(&[("status_code", Rule::Error)]);

/// Reasons to stop that say that the generation failed, in any case of letters, beside those that end in `error`:
/// `error` (OpenRouter, Mistral, vLLM), `abort` (vLLM, SGLang), `cancelled` and `timeout` (TensorRT-LLM), `failed`
/// (Responses), `insufficient_system_resource` (DeepSeek), `recover_stop` (FastDeploy, of a result that is incomplete),
/// `time_limit` (watsonx); and what others of these words are called elsewhere.
pub(super) const FAILED: &[&str] = &[
    "error",
    "abort",
    "aborted",
    "cancelled",
    "canceled",
    "user_cancel",
    "timeout",
    "timed_out",
    "time_limit",
    "failed",
    "failure",
    "exception",
    "insufficient_system_resource",
    "recover_stop",
];

/// Tencent's envelope of a whole response.
pub(super) static TENCENT: Node = Node::of(&[("Error", Rule::Error)]);

/// Whether a reason to stop says that the generation failed; `error` may be followed by what went wrong (`error: …`,
/// Cohere's `ERROR_TOXIC`), and words may stand before it (`network_error`).
pub(super) fn failed(reason: &[u8]) -> bool {
    let word = match reason.get(5) {
        Some(b':' | b' ' | b'_') if reason[..5].eq_ignore_ascii_case(b"error") => &reason[..5],
        _ => reason,
    };
    let ends_in_error = word.len().checked_sub(5).is_some_and(|at| word[at..].eq_ignore_ascii_case(b"error"));
    ends_in_error || FAILED.iter().any(|failed| word.eq_ignore_ascii_case(failed.as_bytes()))
}

/// Whether the name of an object's kind, or of the reason that a proxy's own server gave, is that of an error:
/// `"object": "error"` (vLLM, Mistral, LMDeploy), `"type": "BadRequestError"`, `"native_finish_reason": "ERROR"`.
pub(super) fn names_error(name: &[u8]) -> bool {
    let exception = name.len().checked_sub(9).is_some_and(|at| name[at..].eq_ignore_ascii_case(b"exception"));
    exception || failed(name)
}

/// Whether a status in words says that the request failed.
pub(super) fn denies(status: &[u8]) -> bool {
    failed(status) || [&b"failure"[..], b"fail"].iter().any(|word| status.eq_ignore_ascii_case(word))
}
