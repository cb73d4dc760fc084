//! The ways in which servers say that a generation failed, and what only looks like one of them.
//!
//! One file: it is the table of `docs/ENDPOINTS.md`, which is read as one.

use super::ALL;
use ringload_engine::plan::EndpointKind::{
    self, Chat, Completions, HuggingfaceGenerate, Messages, Raw, Responses, Template,
};

/// One way to say that a generation failed.
pub(crate) struct Failure {
    pub(crate) what: &'static str,
    /// Servers in which it was met, or whose documentation has it.
    pub(crate) by: &'static str,
    pub(crate) kinds: &'static [EndpointKind],
    pub(crate) sent: Sent,
    /// Part of the message.
    pub(crate) words: &'static str,
}

/// What is sent.
#[derive(Clone, Copy)]
pub(crate) enum Sent {
    /// JSON: as an event, a whole response, or a line of a stream.
    Json(&'static str),
    /// JSON that means so in an event alone.
    Event(&'static str),
    /// Lines of a stream.
    Lines(&'static str),
}

/// What is no failure.
pub(crate) struct Pass {
    pub(crate) what: &'static str,
    pub(crate) why: &'static str,
    pub(crate) kind: EndpointKind,
    pub(crate) event: &'static str,
}

const TEXT: &[EndpointKind] = &[Chat, Completions];
const STREAMED: &[EndpointKind] = &[Chat, Completions, Responses, Messages, HuggingfaceGenerate, Template, Raw];
const FLAT: &[EndpointKind] = &[Chat, Completions, Responses, HuggingfaceGenerate, Template, Raw];
const W: &str = super::WORDS;

pub(crate) const FAILURES: &[Failure] = &[
    Failure {
        what: "`{\"error\": {\"message\": …}}`",
        by: "OpenAI, vLLM, SGLang, llama.cpp, TGI, LiteLLM, Dynamo, litserve, OpenRouter",
        kinds: &ALL,
        sent: Sent::Json(
            r#"{"error":{"message":"the words of the server","type":"server_error","param":null,"code":500}}"#,
        ),
        words: W,
    },
    Failure {
        what: "`{\"error\": \"…\"}`, with or without `error_type`",
        by: "TGI, Triton, text-embeddings-inference, Ollama",
        kinds: &ALL,
        sent: Sent::Json(r#"{"error":"the words of the server","error_type":"generation"}"#),
        words: W,
    },
    Failure {
        what: "a list with such an object",
        by: "Gemini's compatible API",
        kinds: &ALL,
        sent: Sent::Json(r#"[{"error":{"code":503,"message":"the words of the server","status":"UNAVAILABLE"}}]"#),
        words: W,
    },
    Failure {
        what: "`{\"object\": \"error\", \"message\": …}`",
        by: "vLLM before 0.10, Mistral, LMDeploy",
        kinds: &ALL,
        sent: Sent::Json(
            r#"{"object":"error","message":"the words of the server","type":"invalid_request_error","param":null,"code":"x"}"#,
        ),
        words: W,
    },
    Failure {
        what: "`{\"type\": \"error\", \"error\": {…}}`",
        by: "Anthropic, and those that speak its API",
        kinds: &ALL,
        sent: Sent::Json(r#"{"type":"error","error":{"type":"overloaded_error","message":"the words of the server"}}"#),
        words: W,
    },
    Failure {
        what: "`{\"type\": \"error\", \"message\": …}`",
        by: "OpenAI's Responses",
        kinds: FLAT,
        sent: Sent::Json(
            r#"{"type":"error","code":"server_error","message":"the words of the server","param":null,"sequence_number":3}"#,
        ),
        words: W,
    },
    Failure {
        what: "`{\"detail\": …}`, a text or a list, without choices or output",
        by: "FastAPI: transformers, infinity, many of one's own",
        kinds: &ALL,
        sent: Sent::Json(r#"{"detail":[{"loc":["body"],"msg":"the words of the server"}]}"#),
        words: W,
    },
    Failure {
        what: "`{\"message\": …, \"code\": …}`, without choices or output",
        by: "Dynamo",
        kinds: FLAT,
        sent: Sent::Json(r#"{"message":"the words of the server","type":"Service Unavailable","code":503}"#),
        words: W,
    },
    Failure {
        what: "`error_message`, beside choices or without any; `error_type` beside no choices",
        by: "DeepInfra",
        kinds: TEXT,
        sent: Sent::Json(
            r#"{"choices":null,"error_type":"BadRequestError","error_message":"the words of the server"}"#,
        ),
        words: W,
    },
    Failure {
        what: "`error_message` beside choices",
        by: "gateways",
        kinds: FLAT,
        sent: Sent::Json(
            r#"{"choices":[{"delta":{"content":""},"text":"","finish_reason":null}],"error_message":"the words of the server"}"#,
        ),
        words: W,
    },
    Failure {
        what: "`choices[].error_message`",
        by: "gateways",
        kinds: &[Chat, Completions, Template, Raw],
        sent: Sent::Json(r#"{"choices":[{"text":"","delta":{},"error_message":"the words of the server"}]}"#),
        words: W,
    },
    Failure {
        what: "`finish_reason` `error`, followed by what went wrong",
        by: "gateways",
        kinds: &[Chat, Completions, Template, Raw],
        sent: Sent::Json(r#"{"choices":[{"text":"","delta":{},"finish_reason":"error: out of memory"}]}"#),
        words: "",
    },
    Failure {
        what: "`finish_reason` `error` at the top",
        by: "servers of one's own",
        kinds: &[Template, Raw],
        sent: Sent::Json(r#"{"finish_reason":"error"}"#),
        words: "",
    },
    Failure {
        what: "`{\"code\": …, \"message\": …}`",
        by: "gateways before Anthropic's API",
        kinds: &[Messages],
        sent: Sent::Json(r#"{"code":503,"message":"the words of the server"}"#),
        words: W,
    },
    Failure {
        what: "`{\"errors\": […]}`, without choices or output",
        by: "gateways",
        kinds: &ALL,
        sent: Sent::Json(r#"{"errors":[{"message":"the words of the server"}]}"#),
        words: W,
    },
    Failure {
        what: "`statusCode` with a `message`, without choices or output",
        by: "Azure API Management",
        kinds: FLAT,
        sent: Sent::Json(r#"{"statusCode":429,"message":"the words of the server"}"#),
        words: W,
    },
    Failure {
        what: "`{\"fault\": …}`, without choices or output",
        by: "Apigee",
        kinds: FLAT,
        sent: Sent::Json(r#"{"fault":{"faultstring":"the words of the server"}}"#),
        words: W,
    },
    Failure {
        what: "`error` as a flag, a number or a title, with a `message`",
        by: "Spring, Fastify",
        kinds: &ALL,
        sent: Sent::Json(r#"{"statusCode":500,"error":"Internal Server Error","message":"the words of the server"}"#),
        words: "Internal Server Error: the words of the server",
    },
    Failure {
        what: "`{\"error\": true, \"message\": …}`",
        by: "gateways",
        kinds: &ALL,
        sent: Sent::Json(r#"{"error":true,"message":"the words of the server"}"#),
        words: W,
    },
    Failure {
        what: "`error_code` with `error_msg` or `message`, without choices or output",
        by: "Baidu, Databricks",
        kinds: FLAT,
        sent: Sent::Json(r#"{"error_code":336100,"error_msg":"the words of the server","id":"as-1"}"#),
        words: W,
    },
    Failure {
        what: "`base_resp` with a `status_code` that is not 0, beside choices too",
        by: "MiniMax",
        kinds: FLAT,
        sent: Sent::Json(r#"{"choices":null,"base_resp":{"status_code":1013,"status_msg":"the words of the server"}}"#),
        words: W,
    },
    Failure {
        what: "`error` in a choice",
        by: "OpenRouter",
        kinds: TEXT,
        sent: Sent::Json(
            r#"{"choices":[{"index":0,"delta":{"content":""},"message":{"content":"par"},"text":"","finish_reason":null,"error":{"code":502,"message":"the words of the server"}}]}"#,
        ),
        words: W,
    },
    Failure {
        what: "`error` beside a choice whose `finish_reason` is `error`",
        by: "OpenRouter",
        kinds: TEXT,
        sent: Sent::Json(
            r#"{"error":{"code":"server_error","message":"Provider returned error","metadata":{"raw":"the words of the server"}},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#,
        ),
        words: "Provider returned error: the words of the server",
    },
    Failure {
        what: "`finish_reason` `error` alone",
        by: "OpenRouter, Mistral, vLLM",
        kinds: TEXT,
        sent: Sent::Json(
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"error","native_finish_reason":"MALFORMED_FUNCTION_CALL"}]}"#,
        ),
        words: r#"finish_reason "error", native_finish_reason "MALFORMED_FUNCTION_CALL""#,
    },
    Failure {
        what: "`finish_reason` `abort`",
        by: "vLLM, SGLang",
        kinds: TEXT,
        sent: Sent::Json(
            r#"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"abort"}],"usage":{"completion_tokens":3}}"#,
        ),
        words: r#"finish_reason "abort""#,
    },
    Failure {
        what: "`finish_reason` `cancelled`, `timeout` or `failed`",
        by: "TensorRT-LLM, Dynamo",
        kinds: TEXT,
        sent: Sent::Json(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"cancelled"}]}"#),
        words: r#"finish_reason "cancelled""#,
    },
    Failure {
        what: "`finish_reason` `insufficient_system_resource`",
        by: "DeepSeek",
        kinds: TEXT,
        sent: Sent::Json(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"insufficient_system_resource"}]}"#),
        words: "insufficient_system_resource",
    },
    Failure {
        what: "`finish_reason` that ends in `error`",
        by: "Zhipu (`network_error`)",
        kinds: TEXT,
        sent: Sent::Json(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"network_error"}]}"#),
        words: r#"finish_reason "network_error""#,
    },
    Failure {
        what: "`native_finish_reason` `error`, whatever the `finish_reason`",
        by: "OpenRouter",
        kinds: TEXT,
        sent: Sent::Json(
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop","native_finish_reason":"upstream_ERROR"}]}"#,
        ),
        words: r#"native_finish_reason "upstream_ERROR""#,
    },
    Failure {
        what: "`finish_reason` `{\"type\": \"abort\", \"message\": …}` in a choice",
        by: "SGLang",
        kinds: TEXT,
        sent: Sent::Json(
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":{"type":"abort","message":"the words of the server","status_code":503}}]}"#,
        ),
        words: W,
    },
    Failure {
        what: "the same in `meta_info`",
        by: "SGLang's own `/generate`",
        kinds: &[Template, Raw],
        sent: Sent::Json(
            r#"{"text":"","meta_info":{"id":"1","finish_reason":{"type":"abort","message":"the words of the server"}}}"#,
        ),
        words: W,
    },
    Failure {
        what: "`stop_reason` `error` or `abort`",
        by: "vLLM, SGLang",
        kinds: &[Messages],
        sent: Sent::Json(
            r#"{"type":"message_delta","delta":{"stop_reason":"abort"},"stop_reason":"abort","usage":{"output_tokens":3}}"#,
        ),
        words: r#"stop_reason "abort""#,
    },
    Failure {
        what: "`response.failed`",
        by: "OpenAI, LiteLLM, vLLM",
        kinds: &[Responses],
        sent: Sent::Event(
            r#"{"type":"response.failed","response":{"id":"r","status":"failed","error":{"code":"server_error","message":"the words of the server"}}}"#,
        ),
        words: W,
    },
    Failure {
        what: "`error` in the `response` of `response.created` or `response.in_progress`",
        by: "gateways that wrap another API",
        kinds: &[Responses],
        sent: Sent::Event(
            r#"{"type":"response.in_progress","response":{"id":"r","status":"in_progress","error":{"message":"the words of the server"}}}"#,
        ),
        words: W,
    },
    Failure {
        what: "`error` in the `message` of `message_start`",
        by: "gateways that wrap another API",
        kinds: &[Messages],
        sent: Sent::Event(
            r#"{"type":"message_start","message":{"id":"m","role":"assistant","content":[],"error":{"message":"the words of the server"}}}"#,
        ),
        words: W,
    },
    Failure {
        what: "`response.failed` without an error, `response.cancelled`",
        by: "OpenAI",
        kinds: &[Responses],
        sent: Sent::Event(r#"{"type":"response.failed","response":{"id":"r","status":"failed","error":null}}"#),
        words: r#"status "failed""#,
    },
    Failure {
        what: "`status` `failed` or `cancelled`",
        by: "OpenAI",
        kinds: &[Responses],
        sent: Sent::Json(
            r#"{"id":"r","object":"response","type":"response.completed","response":{"status":"cancelled"},"status":"cancelled","error":null,"output":[]}"#,
        ),
        words: r#"status "cancelled""#,
    },
    Failure {
        what: "an event named `error`",
        by: "Anthropic, LiteLLM, TGI",
        kinds: STREAMED,
        sent: Sent::Lines("event: error\ndata: {\"message\": \"the words of the server\"}\n\n"),
        words: W,
    },
    Failure {
        what: "an event that is a JSON text of words alone",
        by: "servers that print an exception into the stream",
        kinds: &[Chat, Completions, Responses, Messages, HuggingfaceGenerate],
        sent: Sent::Lines("data: \"the words of the server\"\n\n"),
        words: W,
    },
    Failure {
        what: "an event named `response.failed` or `response.error` whose data has no `type`",
        by: "servers of the Responses API that leave it out",
        kinds: &[Responses],
        sent: Sent::Lines(
            "event: response.failed\ndata: {\"response\":{\"error\":{\"message\":\"the words of the server\"}}}\n\n",
        ),
        words: W,
    },
    Failure {
        what: "an event named `error` whose words are a comment, without data",
        by: "Dynamo",
        kinds: STREAMED,
        sent: Sent::Lines("event: error\n: the words of the server\n\n"),
        words: W,
    },
    Failure {
        what: "a field `error:`",
        by: "llama.cpp until September 2025",
        kinds: STREAMED,
        sent: Sent::Lines(
            "error: {\"code\":500,\"message\":\"the words of the server\",\"type\":\"server_error\"}\n\n",
        ),
        words: W,
    },
    Failure {
        what: "`x_groq.error`, beside choices or without any",
        by: "Groq",
        kinds: FLAT,
        sent: Sent::Json(r#"{"id":"c","choices":[],"x_groq":{"id":"r","error":"the words of the server"}}"#),
        words: W,
    },
    Failure {
        what: "the `finish_reason` of one choice of several is one of these",
        by: "OpenRouter, vLLM, with `n` over 1",
        kinds: TEXT,
        sent: Sent::Json(r#"{"choices":[{"index":0,"finish_reason":"stop"},{"index":1,"finish_reason":"error"}]}"#),
        words: "finish_reason \"error\"",
    },
    Failure {
        what: "`success` `false`, without choices, output or counts",
        by: "Zhipu",
        kinds: FLAT,
        sent: Sent::Json(r#"{"code":1214,"msg":"the words of the server","success":false}"#),
        words: W,
    },
    Failure {
        what: "two of `code`, `msg`, `errcode`, `errmsg`, `Code`, `Message`, without choices, output or counts",
        by: "gateways",
        kinds: FLAT,
        sent: Sent::Json(r#"{"errcode":"E7","errmsg":"the words of the server"}"#),
        words: W,
    },
    Failure {
        what: "a `status` of 400 or more, or in words (`failure`), with a `message` or a `title`",
        by: "gateways, RFC 9457",
        kinds: &[Chat, Completions, HuggingfaceGenerate],
        sent: Sent::Json(r#"{"type":"about:blank","title":"the words of the server","status":503}"#),
        words: W,
    },
    Failure {
        what: "a `type` that is the name of an error or an exception",
        by: "gateways",
        kinds: &[Chat, Completions, HuggingfaceGenerate],
        sent: Sent::Json(r#"{"message":"the words of the server","type":"BadRequestError"}"#),
        words: W,
    },
    Failure {
        what: "`ErrorMsg`, and `Response.Error` of a whole response",
        by: "Tencent Hunyuan",
        kinds: FLAT,
        sent: Sent::Json(r#"{"Choices":[],"ErrorMsg":{"Msg":"the words of the server","Code":4001}}"#),
        words: W,
    },
    Failure {
        what: "the name of an exception (`modelStreamErrorException`, `throttlingException` and the other four of a stream)",
        by: "Amazon Bedrock",
        kinds: FLAT,
        sent: Sent::Json(
            r#"{"modelStreamErrorException":{"message":"the words of the server","originalStatusCode":500}}"#,
        ),
        words: W,
    },
    Failure {
        what: "`finish_reason` `recover_stop`",
        by: "FastDeploy, of a result that is incomplete",
        kinds: TEXT,
        sent: Sent::Json(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"recover_stop"}]}"#),
        words: "recover_stop",
    },
    Failure {
        what: "an item of a batch that is an error",
        by: "gateways",
        kinds: &[EndpointKind::Embeddings],
        sent: Sent::Json(
            r#"{"data":[{"index":0,"embedding":[0.5]},{"index":1,"embedding":null,"error":{"message":"the words of the server"}}]}"#,
        ),
        words: "",
    },
    Failure {
        what: "a line of JSON within an event that has not ended, behind blanks, or before a comma",
        by: "gateways",
        kinds: STREAMED,
        sent: Sent::Lines("event: message\n  {\"error\":{\"message\":\"the words of the server\"}},\n\n"),
        words: W,
    },
    Failure {
        what: "JSON of several lines without `data:` that is one of the above",
        by: "Google's gateways",
        kinds: STREAMED,
        sent: Sent::Lines(
            "[{\n  \"error\": {\n    \"code\": 503,\n    \"message\": \"the words of the server\"\n  }\n}\n]\n",
        ),
        words: W,
    },
];

pub(crate) const PASSES: &[Pass] = &[
    Pass {
        what: "`\"error\": null`, and an `error` that is `false`, 0 or empty, or an object of such fields and of `200`, `ok`, `none`, `success`",
        why: "servers write all their fields",
        kind: Chat,
        event: r#"{"error":{"code":200,"message":"Success"},"choices":[{"error":false,"delta":{"content":"a"},"finish_reason":null}],"errors":[],"detail":""}"#,
    },
    Pass {
        what: "text of the model that looks like an error",
        why: "only fields beside the output count",
        kind: Chat,
        event: r#"{"choices":[{"delta":{"content":"{\"error\":{\"message\":\"x\"}}\n\nerror: x","error":"x"}}]}"#,
    },
    Pass {
        what: "`finish_reason` `content_filter`, `refusal`, `length`, and any that is not named above",
        why: "it is why a generation that worked stopped",
        kind: Chat,
        event: r#"{"choices":[{"delta":{},"finish_reason":"content_filter"}]}"#,
    },
    Pass {
        what: "`detail`, `message`, `code`, `error_type` beside choices, output or counts",
        why: "they are remarks there",
        kind: Completions,
        event: r#"{"choices":[{"text":"","finish_reason":null}],"detail":"warm","message":"x","code":7,"error_type":"x"}"#,
    },
    Pass {
        what: "`message` alone, or with `code` 0 or 200",
        why: "some servers greet",
        kind: Chat,
        event: r#"{"message":"success","code":200}"#,
    },
    Pass {
        what: "`response.incomplete` for `max_output_tokens` or a filter",
        why: "it is the usual end under load",
        kind: Responses,
        event: r#"{"type":"response.incomplete","response":{"status":"incomplete","error":null,"incomplete_details":{"reason":"max_output_tokens"}}}"#,
    },
    Pass {
        what: "an event of JSON without a field name that is no error",
        why: "the standard ignores it",
        kind: Chat,
        event: "{}\n\n{\"status\":\"loading\"}",
    },
];
