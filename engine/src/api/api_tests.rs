//! Known answers of the APIs beside OpenAI's chat: bodies and streams as their specifications have them.

use super::tests::plan;
use super::*;
use crate::plan::OutputPath;
use crate::record::Usage;

/// What the events of a stream, or one whole body, add up to.
#[derive(Debug, Default, PartialEq)]
struct Answer {
    events: usize,
    visible: String,
    reasoning: String,
    usage: Option<Usage>,
    finished: bool,
    error: bool,
}

impl Answer {
    fn take(&mut self, seen: ParsedEvent) {
        self.events += usize::from(seen.output);
        self.finished |= seen.finish;
        self.error |= seen.error;
        if let Some(usage) = seen.usage {
            self.usage = Some(self.usage.unwrap_or_default().updated(usage));
        }
    }

    fn said(events: usize, visible: &str, reasoning: &str) -> Self {
        Self { events, visible: visible.into(), reasoning: reasoning.into(), finished: true, ..Self::default() }
    }

    fn used(mut self, prompt: u32, completion: u32) -> Self {
        self.usage = Some(Usage { prompt: Some(prompt), completion: Some(completion), ..Usage::default() });
        self
    }
}

/// Reads events one by one, with the fast ways and with the full parse, which must agree.
fn streamed(kind: EndpointKind, events: &[&str]) -> Answer {
    let mut scanner = Scanner::new(kind);
    let mut answer = Answer::default();
    let mut text = Text::default();
    for event in events {
        let seen = scanner.event(event.as_bytes(), Some(&mut text)).expect(event);
        assert_eq!(seen, in_full(kind, event, true), "{event}");
        answer.take(seen);
    }
    answer.visible = unescape(&text.visible);
    answer.reasoning = unescape(&text.reasoning);
    answer
}

fn whole(kind: EndpointKind, body: &str) -> Answer {
    let mut text = Text::default();
    let seen = Scanner::new(kind).body(body.as_bytes(), Some(&mut text)).expect(body);
    assert_eq!(seen, in_full(kind, body, false), "{body}");
    let mut answer = Answer::default();
    answer.take(seen);
    answer.visible = unescape(&text.visible);
    answer.reasoning = unescape(&text.reasoning);
    answer
}

fn in_full(kind: EndpointKind, json: &str, is_event: bool) -> ParsedEvent {
    let Reading::Rules { event, body } = dialect(kind).reading else {
        return Scanner::new(kind).event(json.as_bytes(), None).expect(json);
    };
    let mut found = rules::Found::new(None);
    full::parse(json.as_bytes(), if is_event { event } else { body }, &mut found).expect(json);
    found.seen
}

/// OpenAI's reference of the streaming events of Responses, in the order and with the fields that vLLM sends.
const RESPONSES: &[&str] = &[
    r#"{"response":{"id":"resp_1","object":"response","status":"in_progress","error":null,"output":[],"usage":null},"sequence_number":0,"type":"response.created"}"#,
    r#"{"response":{"id":"resp_1","object":"response","status":"in_progress","output":[],"usage":null},"sequence_number":1,"type":"response.in_progress"}"#,
    r#"{"item":{"id":"rs_1","summary":[],"type":"reasoning","content":null,"status":"in_progress"},"output_index":0,"sequence_number":2,"type":"response.output_item.added"}"#,
    r#"{"content_index":0,"delta":"Hm","item_id":"rs_1","output_index":0,"sequence_number":3,"type":"response.reasoning_text.delta"}"#,
    r#"{"content_index":0,"delta":"m.","item_id":"rs_1","output_index":0,"sequence_number":4,"type":"response.reasoning_text.delta"}"#,
    r#"{"content_index":0,"item_id":"rs_1","output_index":0,"sequence_number":5,"text":"Hmm.","type":"response.reasoning_text.done"}"#,
    r#"{"content_index":0,"item_id":"msg_1","output_index":1,"part":{"annotations":[],"text":"","type":"output_text"},"sequence_number":6,"type":"response.content_part.added"}"#,
    r#"{"content_index":0,"delta":"Hel","item_id":"msg_1","logprobs":[{"token":"Hel"}],"output_index":1,"sequence_number":7,"type":"response.output_text.delta"}"#,
    r#"{"type":"response.output_text.delta","item_id":"msg_1","output_index":1,"content_index":0,"delta":"lo \"you\""}"#,
    r#"{"content_index":0,"delta":"","item_id":"msg_1","logprobs":[],"output_index":1,"sequence_number":9,"type":"response.output_text.delta"}"#,
    r#"{"content_index":0,"item_id":"msg_1","output_index":1,"sequence_number":10,"text":"Hello \"you\"","type":"response.output_text.done"}"#,
    r#"{"item":{"id":"fc_1","type":"function_call","name":"f","arguments":"","call_id":"c"},"output_index":2,"sequence_number":11,"type":"response.output_item.added"}"#,
    r#"{"delta":"{\"x\":1}","item_id":"fc_1","output_index":2,"sequence_number":12,"type":"response.function_call_arguments.delta"}"#,
    r#"{"arguments":"{\"x\":1}","item_id":"fc_1","output_index":2,"sequence_number":13,"type":"response.function_call_arguments.done"}"#,
    r#"{"response":{"id":"resp_1","object":"response","status":"completed","error":null,"incomplete_details":null,"output":[{"type":"message","content":[{"type":"output_text","text":"Hello"}]}],"usage":{"input_tokens":11,"input_tokens_details":{"cached_tokens":4},"output_tokens":9,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":20}},"sequence_number":14,"type":"response.completed"}"#,
];

fn all_usage() -> Option<Usage> {
    Some(Usage {
        prompt: Some(11),
        completion: Some(9),
        total: Some(20),
        reasoning: Some(3),
        cached: Some(4),
        cache_written: None,
    })
}

#[test]
fn a_stream_of_responses_is_its_deltas_and_its_completion() {
    let answer = streamed(EndpointKind::Responses, RESPONSES);
    let expected = Answer { usage: all_usage(), ..Answer::said(6, "Hello \"you\"f{\"x\":1}", "Hmm.") };
    assert_eq!(answer, expected);
}

#[test]
fn a_response_may_be_cut_short_or_fail() {
    let incomplete = r#"{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"usage":{"input_tokens":1,"output_tokens":2}}}"#;
    let answer = streamed(EndpointKind::Responses, &[incomplete]);
    assert_eq!(answer, Answer::said(0, "", "").used(1, 2));
    for failed in [
        r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"x"}}}"#,
        r#"{"type":"error","code":"rate_limit","message":"slow down","param":null,"sequence_number":1}"#,
        r#"{"error":{"message":"of a proxy"}}"#,
    ] {
        assert!(streamed(EndpointKind::Responses, &[failed]).error, "{failed}");
    }
    for nothing in [
        r#"{"type":"response.new_kind.delta","delta":"x"}"#,
        r#"{"type":7,"delta":"x"}"#,
        r#"{"delta":"x"}"#,
        r#"{"t\u0079pe":"response.output_text.delta"}"#,
    ] {
        assert_eq!(streamed(EndpointKind::Responses, &[nothing]), Answer::default(), "{nothing}");
    }
    let escaped = r#"{"t\u0079pe":"response.output_text.delta","delta":"x"}"#;
    assert_eq!(streamed(EndpointKind::Responses, &[escaped]).visible, "x");
}

#[test]
fn a_whole_response_has_its_items() {
    let body = r#"{"id":"resp_1","object":"response","status":"completed","error":null,"instructions":"be kind","output":[
        {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"Hm"}]},
        {"type":"message","role":"assistant","content":[{"type":"output_text","text":"Hi","annotations":[]},{"type":"refusal","refusal":" no"}]},
        {"type":"function_call","name":"f","arguments":"{}"},
        {"type":"web_search_call","status":"completed"}],
        "usage":{"input_tokens":11,"input_tokens_details":{"cached_tokens":4},"output_tokens":9,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":20}}"#;
    let expected = Answer { usage: all_usage(), ..Answer::said(1, "Hi nof{}", "Hm") };
    assert_eq!(whole(EndpointKind::Responses, body), expected);
    for spoken in ["response.audio.transcript.delta", "response.reasoning.delta", "response.audio.delta"] {
        let event = format!(r#"{{"type":"{spoken}","delta":"x"}}"#);
        assert_eq!(streamed(EndpointKind::Responses, &[&event]).events, 1, "{spoken}");
    }
}

/// Anthropic's documentation of streaming: thoughts, then a text, then a tool.
const MESSAGES: &[&str] = &[
    r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"m","stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":0,"cache_read_input_tokens":7,"output_tokens":1}}}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
    r#"{"type":"ping"}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Let me"}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":" see"}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQBCg"}}"#,
    r#"{"type":"content_block_stop","index":0}"#,
    r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hello"}}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"!"}}"#,
    r#"{"type":"content_block_stop","index":1}"#,
    r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"get_weather","input":{}}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}"#,
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"location\": \"S"}}"#,
    r#"{"type":"content_block_stop","index":2}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":89}}"#,
    r#"{"type":"message_stop"}"#,
];

#[test]
fn a_stream_of_messages_is_its_deltas_and_its_usage_adds_up() {
    let answer = streamed(EndpointKind::Messages, MESSAGES);
    let mut expected = Answer::said(6, "Hello!get_weather{\"location\": \"S", "Let me see").used(25, 89);
    expected.usage = expected.usage.map(|usage| Usage { cached: Some(7), cache_written: Some(0), ..usage });
    assert_eq!(answer, expected);
    let overloaded = r#"{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}"#;
    assert!(streamed(EndpointKind::Messages, &[overloaded]).error);
}

#[test]
fn a_whole_message_has_its_blocks() {
    let body = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[
        {"type":"thinking","thinking":"Hm","signature":"x"},
        {"type":"text","text":"Hi"},
        {"type":"tool_use","id":"t","name":"f","input":{"a": "b"}},
        {"type":"tool_use","id":"u","name":"g","input":{}}],
        "stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":9}}"#;
    let expected = Answer::said(1, r#"Hif{"a":"b"}g"#, "Hm").used(3, 9);
    assert_eq!(whole(EndpointKind::Messages, body), expected);
}

#[test]
fn a_stream_of_tgi_is_its_tokens_and_ends_with_all_its_text() {
    let events = [
        r#"{"index":1,"token":{"id":9,"text":" the","logprob":-0.5,"special":false},"generated_text":null,"details":null}"#,
        r#"{"index":2,"token":{"id":8,"text":" cat","logprob":-1.25e-3,"special":false},"generated_text":null,"details":null}"#,
        r#"{"index":3,"token":{"id":7,"text":"!","logprob":-1,"special":false},"generated_text":" the cat!","details":{"finish_reason":"length","generated_tokens":3,"seed":null,"input_length":5}}"#,
    ];
    let mut expected = Answer::said(3, " the cat!", "");
    expected.usage = Some(Usage { prompt: Some(5), completion: Some(3), ..Usage::default() });
    assert_eq!(streamed(EndpointKind::HuggingfaceGenerate, &events), expected);
    let error = r#"{"error":"Request failed during generation","error_type":"generation"}"#;
    assert!(streamed(EndpointKind::HuggingfaceGenerate, &[error]).error);
    expected.events = 1;
    expected.usage = None;
    expected.finished = false;
    for body in [r#"{"generated_text":" the cat!"}"#, r#"[{"generated_text":" the cat!"}]"#] {
        assert_eq!(whole(EndpointKind::HuggingfaceGenerate, body), expected, "{body}");
    }
}

#[test]
fn vectors_and_rankings_are_output_without_text() {
    use EndpointKind::{CohereRankings, Embeddings, HfTeiRankings, NimEmbeddings, NimRankings};
    for (kind, body) in [
        (
            Embeddings,
            r#"{"object":"list","data":[{"object":"embedding","embedding":[0.1,-2e-3],"index":0}],"model":"m","usage":{"prompt_tokens":8,"total_tokens":8}}"#,
        ),
        (Embeddings, r#"{"object":"list","data":[{"object":"embedding","embedding":"zczMPQ==","index":0}]}"#),
        (NimEmbeddings, r#"{"data":[{"embedding":[1]}]}"#),
        (CohereRankings, r#"{"id":"1","results":[{"index":3,"relevance_score":0.999071}],"meta":{}}"#),
        (HfTeiRankings, r#"[{"index":0,"score":0.9},{"index":1,"score":0.1}]"#),
        (NimRankings, r#"{"rankings":[{"index":0,"logit":2.5}],"usage":{"prompt_tokens":1,"total_tokens":1}}"#),
    ] {
        let answer = whole(kind, body);
        assert_eq!((answer.events, answer.visible.as_str()), (1, ""), "{body}");
        assert!(!kind.produces_tokens());
    }
    for (kind, body) in [
        (Embeddings, r#"{"object":"list","data":[]}"#),
        (Embeddings, r#"{"data":[{"embedding":[ ]},{"embedding":""},{"embedding":null}]}"#),
        (CohereRankings, r#"{"results":[]}"#),
        (HfTeiRankings, "[]"),
        (HfTeiRankings, "[1]"),
    ] {
        assert_eq!(whole(kind, body).events, 0, "{body}");
    }
    assert!(whole(HfTeiRankings, r#"{"error":"too long","error_type":"validation"}"#).error);
}

#[test]
fn results_are_counted_and_empty_ones_are_none() {
    use EndpointKind::{Chat, CohereRankings, Completions, Embeddings, HfTeiRankings, NimRankings};
    for (kind, body, results) in [
        (Embeddings, r#"{"data":[{"embedding":[0.1]},{"embedding":[-1]},{"embedding":"AAA="}]}"#, 3),
        (Embeddings, r#"{"data":[{"embedding":[0.1]},{"embedding":null},{"embedding":[]},{"index":3}]}"#, 1),
        (Embeddings, r#"{"data":[{"embedding":[ null, null]},{"embedding":[0]}]}"#, 1),
        (Embeddings, r#"{"data":[{"embedding":[[0.1,0.2],[0.3]]},{"embedding":{"a":1}},{"embedding":{ }}]}"#, 2),
        (CohereRankings, r#"{"results":[{"relevance_score":0},{"relevance_score":null}]}"#, 1),
        (HfTeiRankings, r#"[{"index":1,"score":0.9},{"index":0,"score":0.0}]"#, 2),
        (NimRankings, r#"{"rankings":[{"index":0,"logit":-3.5}]}"#, 1),
        (Chat, r#"{"choices":[{"index":0,"message":{"content":"a"}},{"index":1,"message":{"content":"b"}}]}"#, 2),
        (Completions, r#"{"choices":[{"text":"a"},{"text":"b"},{"text":"c"}]}"#, 3),
    ] {
        let mut walked = Scanner::new(kind);
        walked.body(body.as_bytes(), None).expect("JSON");
        // An escaped key is left to the full parse.
        let mut parsed = Scanner::new(kind);
        parsed.body(body.replace("\"e", "\"\\u0065").replace("\"r", "\"\\u0072").as_bytes(), None).expect("JSON");
        assert_eq!((walked.results(), parsed.results()), (results, results), "{body}");
    }
}

#[test]
fn answers_of_unknown_shape_are_read_by_their_usual_names() {
    for (body, visible, output) in [
        (r#"{"text":"a","usage":{"completion_tokens":2}}"#, "a", true),
        (r#"{"text":["a","b"]}"#, "ab", true),
        (r#"{"content":"","response":"b"}"#, "b", true),
        (r#"{"choices":[{"text":"c"}]}"#, "c", true),
        (r#"{"choices":[{"message":{"content":"d"}}]}"#, "d", true),
        (r#"{"choices":[{"delta":{"content":"e"}}]}"#, "e", true),
        (r#"{"choices":[{"delta":{"content":[{"type":"text","text":"g"}]}}]}"#, "g", true),
        (r#"{"content":[{"type":"text","text":"h"}]}"#, "h", true),
        (r#"{"output":[{"type":"message","content":[{"type":"output_text","text":"i"}]}]}"#, "i", true),
        (r#"{"choices":[{"message":{"content":null,"tool_calls":[{"function":{"name":"j"}}]}}]}"#, "j", true),
        (r#"{"token":{"text":"f"}}"#, "f", true),
        (r#"{"data":[{"embedding":[1,2]}]}"#, "", true),
        (r#"{"embedding":[1,2]}"#, "", true),
        (r#"{"results":[{"index":0}],"text":"not this"}"#, "", true),
        (r#"[{"index":0,"score":1}]"#, "", true),
        (r#""just text""#, "just text", true),
        ("not JSON", "not JSON", true),
        (r#"{"unknown":"x"}"#, "", false),
        ("7", "", false),
    ] {
        for kind in [EndpointKind::Raw, EndpointKind::Template] {
            let answer = whole(kind, body);
            assert_eq!((answer.visible.as_str(), answer.events == 1), (visible, output), "{body}");
        }
    }
    assert!(whole(EndpointKind::Raw, r#"{"error":"x"}"#).error);
    let mut text = Text::default();
    let field = OutputPath::parse("a.b[1]").expect("a place");
    let mut scanner = Scanner::new(EndpointKind::Template).looking_at(Some(field));
    let seen = scanner.body(br#"{"text":"no","a":{"b":[1,"yes"]}}"#, Some(&mut text));
    assert!(seen.expect("any").output);
    assert_eq!(unescape(&text.visible), "yes");
    let missed = scanner.body(br#"{"text":"no"}"#, None).expect("any");
    assert!(!missed.output, "the place that was named is the only one");
    let beside = scanner.body(br#"{"a":{"b":[1,"yes"],"error":"broke"}}"#, None).expect("any");
    assert!(beside.error, "an error beside the output is one");
    let over = scanner.body(br#"{"a":{"b":[1,"yes"],"finish_reason":"stop"}}"#, None).expect("any");
    assert!(over.finish && !over.error);
}

#[test]
fn paths_follow_the_url_and_the_stream() {
    let mut tgi = plan(EndpointKind::HuggingfaceGenerate);
    let at = |plan: &Plan, url: &str| path(plan, &Target::parse(url).expect(url));
    assert_eq!(at(&tgi, "http://h"), "/generate_stream");
    tgi.streaming = false;
    assert_eq!(at(&tgi, "http://h/x/"), "/x/generate");
    let cohere = plan(EndpointKind::CohereRankings);
    assert_eq!(at(&cohere, "http://h/v2"), "/v2/rerank");
    assert_eq!(at(&cohere, "http://h/v1"), "/v1/v2/rerank");
    let raw = plan(EndpointKind::Raw);
    assert_eq!(at(&raw, "http://h"), "/");
    assert_eq!(at(&raw, "http://h/any/where"), "/any/where");
    assert_eq!(at(&plan(EndpointKind::Messages), "http://h/v1"), "/v1/messages");
}

#[test]
fn broken_and_shuffled_events_say_what_their_trees_say() {
    let streams = [(EndpointKind::Responses, RESPONSES), (EndpointKind::Messages, MESSAGES)];
    for (kind, events) in streams {
        for event in events {
            let tree: Value = serde_json::from_str(event).expect(event);
            let fields = tree.as_object().expect("an object");
            let turned: Fields = fields.iter().rev().map(|(k, v)| (k.clone(), v.clone())).collect();
            agree(kind, Value::Object(turned).to_string().as_bytes());
            for at in 0..event.len() {
                let bytes = event.as_bytes();
                agree(kind, &[&bytes[..at], &bytes[at + 1..]].concat());
                for put in [b'"', b'0', b'{', b','] {
                    agree(kind, &[&bytes[..at], &[put], &bytes[at + 1..]].concat());
                }
            }
        }
    }
}

/// The scanner and the full parse say the same of an event, or both that it is no JSON.
fn agree(kind: EndpointKind, event: &[u8]) {
    let Reading::Rules { event: rules, .. } = dialect(kind).reading else {
        panic!("{kind:?} has no rules");
    };
    let mut text = Text::default();
    let mut found = rules::Found::new(Some(&mut text));
    let expected = full::parse(event, rules, &mut found).map(|()| found.seen);
    let mut said = Text::default();
    let seen = Scanner::new(kind).event(event, Some(&mut said));
    let shown = String::from_utf8_lossy(event);
    assert_eq!(seen, expected, "{shown}");
    if seen.is_ok() {
        assert_eq!(unescape(&said.visible), unescape(&text.visible), "{shown}");
        assert_eq!(unescape(&said.reasoning), unescape(&text.reasoning), "{shown}");
    }
}
