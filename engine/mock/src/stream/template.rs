//! The bytes of a stream's chunks. All but the words and `sent_ns` is made once per stream.

use crate::routes::Api;

use super::Framing;
use super::digits::Digits;
use super::words::Words;

/// The parts of one stream's chunks that stay the same.
#[derive(Debug)]
pub(crate) struct Template {
    api: Api,
    /// Events are wrapped as HTTP/1.1 chunks.
    chunked: bool,
    id: u128,
    /// As a JSON string.
    model: String,
    /// All of an event before its words: `data: {"id":…,"model":"…","choices":[{"index":0,"delta":{"content":"`
    prefix: Vec<u8>,
    /// Where `"choices"` begins in the prefix.
    choices: usize,
    /// Where `"delta"` or `"text"` begins in the prefix.
    delta: usize,
}

/// Token counts of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) prompt_tokens: u32,
    pub(crate) completion_tokens: u32,
}

impl Template {
    /// For the request `id`; `model` is the name as a JSON string, with its quotes.
    pub(crate) fn new(api: Api, framing: Framing, id: u128, created: u64, model: &str) -> Self {
        let mut prefix = Vec::new();
        let (mut choices, mut delta) = (0, 0);
        match api {
            Api::Responses => prefix.extend_from_slice(
                format!(
                    "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\
                     \"item_id\":\"msg_{id:032x}\",\"output_index\":0,\"content_index\":0,\"delta\":\""
                )
                .as_bytes(),
            ),
            Api::Messages => prefix.extend_from_slice(
                b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\
                \"delta\":{\"type\":\"text_delta\",\"text\":\"",
            ),
            Api::Generate { .. } => {
                prefix.extend_from_slice(b"data:{\"token\":{\"id\":1,\"text\":\"");
            }
            Api::Chat
            | Api::Completions
            | Api::Embeddings
            | Api::Rank(_)
            | Api::Picture { .. }
            | Api::Video
            | Api::Boxes => {
                let head = object(api, true, id, created, model);
                prefix.extend_from_slice(format!("data: {head}").as_bytes());
                choices = prefix.len();
                prefix.extend_from_slice(br#""choices":[{"index":0,"#);
                delta = prefix.len();
                prefix.extend_from_slice(match api {
                    Api::Chat => br#""delta":{"content":""#,
                    _ => br#""text":""#,
                });
            }
        }
        Self { api, chunked: framing != Framing::Http2, id, model: model.to_owned(), prefix, choices, delta }
    }

    /// What comes before the output: of a chat, a role.
    pub(crate) fn opening(&self, out: &mut Vec<u8>, usage: Usage, sent: &Digits) {
        match self.api {
            Api::Chat => {
                let role =
                    br#""delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"sent_ns":"#;
                self.chunk(out, &[&self.prefix[..self.delta], role, sent.as_bytes(), EVENT_END]);
            }
            Api::Responses => self.event(
                out,
                "response.created",
                &format!(r#""response":{},"#, self.response("in_progress", None, "[]")),
                sent,
            ),
            Api::Messages => {
                let Self { id, model, .. } = self;
                let prompt = usage.prompt_tokens;
                let message = format!(
                    r#""message":{{"id":"msg_{id:032x}","type":"message","role":"assistant","content":[],"model":{model},"stop_reason":null,"usage":{{"input_tokens":{prompt},"output_tokens":1}}}},"#
                );
                self.event(out, "message_start", &message, sent);
                let block = r#""index":0,"content_block":{"type":"text","text":""},"#;
                self.event(out, "content_block_start", block, sent);
            }
            Api::Completions
            | Api::Generate { .. }
            | Api::Embeddings
            | Api::Rank(_)
            | Api::Picture { .. }
            | Api::Video
            | Api::Boxes => {}
        }
    }

    /// One output event with the words of `count` tokens.
    pub(crate) fn tokens(&self, out: &mut Vec<u8>, words: &mut Words, count: u32, sent: &Digits) {
        let after: &[u8] = match self.api {
            Api::Chat => br#""},"logprobs":null,"finish_reason":null}],"sent_ns":"#,
            Api::Responses => br#"","sent_ns":"#,
            Api::Messages => br#""},"sent_ns":"#,
            Api::Generate { .. } => {
                br#"","logprob":-0.5,"special":false},"generated_text":null,"details":null,"sent_ns":"#
            }
            Api::Completions | Api::Embeddings | Api::Rank(_) | Api::Picture { .. } | Api::Video | Api::Boxes => {
                br#"","logprobs":null,"finish_reason":null}],"sent_ns":"#
            }
        };
        let sent = sent.as_bytes();
        if self.chunked {
            let mut peek = words.clone();
            let text: usize = (0..count).map(|_| peek.take().len()).sum();
            chunk_size(out, self.prefix.len() + text + after.len() + sent.len() + EVENT_END.len());
        }
        out.extend_from_slice(&self.prefix);
        for _ in 0..count {
            out.extend_from_slice(words.take());
        }
        out.extend_from_slice(after);
        out.extend_from_slice(sent);
        out.extend_from_slice(EVENT_END);
        if self.chunked {
            out.extend_from_slice(b"\r\n");
        }
    }

    /// The events that say why the output ended; `words` are all of it, from the start.
    pub(crate) fn finish(&self, out: &mut Vec<u8>, words: Words, usage: Usage, sent: &Digits) {
        let delta: &[u8] = match self.api {
            Api::Responses => {
                let text = words.text(usage.completion_tokens);
                let done =
                    format!(r#""item_id":"msg_{:032x}","output_index":0,"content_index":0,"text":"{text}","#, self.id);
                self.event(out, "response.output_text.done", &done, sent);
                let output = message_item(self.id, &text);
                let response = self.response("completed", Some(usage), &output);
                return self.event(out, "response.completed", &format!(r#""response":{response},"#), sent);
            }
            Api::Messages => {
                self.event(out, "content_block_stop", r#""index":0,"#, sent);
                let made = usage.completion_tokens;
                let delta = format!(
                    r#""delta":{{"stop_reason":"max_tokens","stop_sequence":null}},"usage":{{"output_tokens":{made}}},"#
                );
                self.event(out, "message_delta", &delta, sent);
                return self.event(out, "message_stop", "", sent);
            }
            Api::Generate { .. } => {
                let text = words.text(usage.completion_tokens);
                let made = usage.completion_tokens;
                let last = format!(
                    r#"data:{{"token":{{"id":2,"text":"","logprob":0.0,"special":true}},"generated_text":"{text}","details":{{"finish_reason":"length","generated_tokens":{made},"seed":null}},"sent_ns":"#
                );
                return self.chunk(out, &[last.as_bytes(), sent.as_bytes(), EVENT_END]);
            }
            Api::Chat => br#""delta":{},"logprobs":null,"finish_reason":"length"}],"sent_ns":"#,
            Api::Completions | Api::Embeddings | Api::Rank(_) | Api::Picture { .. } | Api::Video | Api::Boxes => {
                br#""text":"","logprobs":null,"finish_reason":"length"}],"sent_ns":"#
            }
        };
        self.chunk(out, &[&self.prefix[..self.delta], delta, sent.as_bytes(), EVENT_END]);
    }

    /// The chunk that has the usage and no choices, in the APIs that have one.
    pub(crate) fn usage(&self, out: &mut Vec<u8>, usage: Usage, sent: &Digits) {
        if !matches!(self.api, Api::Chat | Api::Completions) {
            return;
        }
        let usage = format!(r#""choices":[],"usage":{},"sent_ns":"#, usage.json());
        self.chunk(out, &[&self.prefix[..self.choices], usage.as_bytes(), sent.as_bytes(), EVENT_END]);
    }

    /// An event of a kind, with these fields, each followed by a comma.
    fn event(&self, out: &mut Vec<u8>, kind: &str, fields: &str, sent: &Digits) {
        let start = format!("event: {kind}\ndata: {{\"type\":\"{kind}\",{fields}\"sent_ns\":");
        self.chunk(out, &[start.as_bytes(), sent.as_bytes(), EVENT_END]);
    }

    fn response(&self, status: &str, usage: Option<Usage>, output: &str) -> String {
        response(self.id, &self.model, status, usage, output)
    }

    /// An event with an error in it.
    pub(crate) fn error_event(&self, out: &mut Vec<u8>, json: &str) {
        self.chunk(out, &[b"data: ", json.as_bytes(), b"\n\n"]);
    }

    /// The last event, in the APIs that have one, and the end of the body.
    pub(crate) fn done(&self, out: &mut Vec<u8>) {
        if matches!(self.api, Api::Chat | Api::Completions) {
            self.chunk(out, &[b"data: [DONE]\n\n"]);
        }
        if self.chunked {
            out.extend_from_slice(b"0\r\n\r\n");
        }
    }

    fn chunk(&self, out: &mut Vec<u8>, parts: &[&[u8]]) {
        if self.chunked {
            chunk_size(out, parts.iter().map(|part| part.len()).sum());
        }
        for part in parts {
            out.extend_from_slice(part);
        }
        if self.chunked {
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// The opening of a response object, up to its choices.
pub(crate) fn object(api: Api, streamed: bool, id: u128, created: u64, model: &str) -> String {
    let (prefix, object) = match (api, streamed) {
        (Api::Chat, true) => ("chatcmpl", "chat.completion.chunk"),
        (Api::Chat, false) => ("chatcmpl", "chat.completion"),
        _ => ("cmpl", "text_completion"),
    };
    format!(r#"{{"id":"{prefix}-{id:032x}","object":"{object}","created":{created},"model":{model},"#)
}

/// A response of OpenAI's Responses.
pub(crate) fn response(id: u128, model: &str, status: &str, usage: Option<Usage>, output: &str) -> String {
    let usage = usage.map_or_else(
        || "null".into(),
        |Usage { prompt_tokens: prompt, completion_tokens: completion }| {
            let total = u64::from(prompt) + u64::from(completion);
            format!(
                r#"{{"input_tokens":{prompt},"input_tokens_details":{{"cached_tokens":0}},"output_tokens":{completion},"output_tokens_details":{{"reasoning_tokens":0}},"total_tokens":{total}}}"#
            )
        },
    );
    format!(
        r#"{{"id":"resp_{id:032x}","object":"response","status":"{status}","error":null,"model":{model},"output":{output},"usage":{usage}}}"#
    )
}

/// The output of a response: one message of one text.
pub(crate) fn message_item(id: u128, text: &str) -> String {
    format!(
        r#"[{{"id":"msg_{id:032x}","type":"message","status":"completed","role":"assistant","content":[{{"type":"output_text","text":"{text}","annotations":[]}}]}}]"#
    )
}

impl Usage {
    pub(crate) fn json(self) -> String {
        let Self { prompt_tokens: prompt, completion_tokens: completion } = self;
        let total = u64::from(prompt) + u64::from(completion);
        format!(r#"{{"prompt_tokens":{prompt},"total_tokens":{total},"completion_tokens":{completion}}}"#)
    }
}

/// The size line of a chunk.
fn chunk_size(out: &mut Vec<u8>, size: usize) {
    let mut line = *b"00000000\r\n";
    let mut start = 8;
    let mut left = size;
    while left > 0 {
        start -= 1;
        line[start] = HEX[left & 15];
        left >>= 4;
    }
    out.extend_from_slice(&line[start..]);
}

const EVENT_END: &[u8] = b"}\n\n";
const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_line_is_lower_case_hex_without_zeros() {
        for (size, line) in [(1, "1\r\n"), (14, "e\r\n"), (230, "e6\r\n"), (65_536, "10000\r\n")] {
            let mut out = Vec::new();
            chunk_size(&mut out, size);
            assert_eq!(out, line.as_bytes());
        }
    }

    #[test]
    fn a_token_is_one_chunk_of_the_size_that_vllm_sends() {
        let template =
            Template::new(Api::Chat, Framing::Http1 { keep_alive: true }, 0xab, 1_700_000_000, "\"some-model\"");
        let mut out = Vec::new();
        template.tokens(&mut out, &mut Words::new(0), 2, &Digits::new(123_456_789));
        let event = concat!(
            r#"data: {"id":"chatcmpl-000000000000000000000000000000ab","object":"chat.completion.chunk","#,
            r#""created":1700000000,"model":"some-model","choices":[{"index":0,"delta":{"content":" the of"},"#,
            r#""logprobs":null,"finish_reason":null}],"sent_ns":123456789}"#,
        );
        assert_eq!(String::from_utf8(out).unwrap(), format!("{:x}\r\n{event}\n\n\r\n", event.len() + 2));
        assert!((220..260).contains(&event.len()), "{}", event.len());
    }
}
