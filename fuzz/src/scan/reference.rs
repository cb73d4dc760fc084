//! The rules of output, written a second time over `serde_json` trees.

use ringload_engine::api::{BadJson, ParsedEvent};
use ringload_engine::plan::EndpointKind;
use ringload_engine::record::{FinishReason, Usage};
use serde_json::Value;

/// What an event says, its text unescaped.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Said {
    pub(super) seen: ParsedEvent,
    pub(super) visible: String,
    pub(super) reasoning: String,
    /// While reading: there are choices, and so many texts of reasoning.
    pub(super) items: bool,
    pub(super) thoughts: usize,
}

/// The rules of output, written a second time. `None` where `serde_json` has no opinion: it knows no lone surrogates.
pub(super) fn reference_seen(kind: EndpointKind, event: &[u8]) -> Option<Result<Said, BadJson>> {
    let mut said = Said::default();
    if event.trim_ascii().is_empty() {
        return Some(Ok(said));
    }
    let json: Value = match serde_json::from_str(&String::from_utf8_lossy(event)) {
        Ok(json) => json,
        Err(e) if e.to_string().contains("surrogate") || e.to_string().contains("hex escape") => {
            return None;
        }
        Err(_) => return Some(Err(BadJson)),
    };
    // Words instead of an event are an error, but for the terminator in quotation marks.
    said.seen.error = json.as_str().is_some_and(|words| !words.is_empty() && words != "[DONE]");
    let one = std::slice::from_ref(&json);
    let mut signs = 0;
    for root in json.as_array().map_or(one, Vec::as_slice) {
        if root.is_object() {
            said.items |= json.is_array();
            said.object(kind, root, &mut signs);
        }
    }
    let seen = &mut said.seen;
    seen.error |= signs >= 2 && !(said.items || seen.output || seen.finish || seen.usage.is_some());
    (said.items, said.thoughts) = Default::default();
    Some(Ok(said))
}

/// The dialects whose events are read by rules and streamed.
pub(super) const KINDS: [EndpointKind; 5] = [
    EndpointKind::Chat,
    EndpointKind::Completions,
    EndpointKind::Responses,
    EndpointKind::Messages,
    EndpointKind::HuggingfaceGenerate,
];

/// Reasons to stop that are failures.
const FAILED: [&str; 8] =
    ["error", "abort", "aborted", "cancelled", "canceled", "timeout", "failed", "insufficient_system_resource"];

fn is_given(value: &Value) -> bool {
    let none = ["null", "[]", "{}", "\"\""];
    !none.contains(&value.to_string().as_str())
}

fn says_something(value: &Value) -> bool {
    is_given(value) && value != false && value.as_f64() != Some(0.0)
}

fn fields(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let fields = value.as_object().into_iter().flatten();
    fields.map(|(name, value)| (name.as_str(), value))
}

impl Said {
    fn object(&mut self, kind: EndpointKind, json: &Value, signs: &mut u8) {
        let known = match kind {
            EndpointKind::Responses => self.response(json),
            EndpointKind::Messages => self.message(json),
            EndpointKind::HuggingfaceGenerate => self.generated(json),
            _ => self.choices(kind, json),
        };
        if known {
            return;
        }
        for (name, value) in fields(json).filter(|(_, value)| says_something(value)) {
            match name {
                "error" => self.seen.error = true,
                "x_groq" => self.seen.error |= says_something(&value["error"]),
                "error_message" => self.seen.error = true,
                "object" => self.seen.error |= value == "error",
                "type" => self.seen.error |= value == "error" && kind != EndpointKind::Responses,
                _ if value == 200 => {}
                "code" if kind == EndpointKind::Messages => *signs = signs.saturating_add(2),
                "error_type" | "errors" | "detail" => {
                    *signs = signs.saturating_add(2);
                }
                "message" if kind == EndpointKind::Messages => {}
                "message" | "code" => *signs = signs.saturating_add(1),
                _ => {}
            }
        }
    }

    /// Whether the event is of a known kind, so that nothing else in it counts.
    fn response(&mut self, json: &Value) -> bool {
        let kind = json["type"].as_str().unwrap_or_default();
        let named = |names: &[&str]| names.iter().any(|name| kind == format!("response.{name}"));
        if named(&[
            "output_text.delta",
            "refusal.delta",
            "function_call_arguments.delta",
            "custom_tool_call_input.delta",
            "mcp_call_arguments.delta",
            "code_interpreter_call_code.delta",
            "audio.transcript.delta",
            "output_audio_transcript.delta",
        ]) {
            self.visible(&json["delta"]);
        } else if named(&["audio.delta", "output_audio.delta"]) {
            self.given(&json["delta"]);
        } else if named(&["reasoning_text.delta", "reasoning.delta", "reasoning_summary_text.delta"]) {
            self.reasoned(&json["delta"]);
        } else if named(&["output_item.added"]) {
            self.visible(&json["item"]["name"]);
        } else if named(&["completed", "incomplete"]) {
            (self.seen.last, self.seen.finish) = (true, true);
            let response = &json["response"];
            self.stopped(&response["status"]);
            self.stopped(&response["incomplete_details"]["reason"]);
            self.seen.error |= response.is_object() && says_something(&response["error"]);
            self.in_out(&response["usage"]);
        } else if named(&["failed", "cancelled", "error"]) || kind == "error" {
            self.seen.error = true;
        } else {
            return false;
        }
        true
    }

    fn message(&mut self, json: &Value) -> bool {
        if json["type"] == "message_stop" {
            (self.seen.last, self.seen.finish) = (true, true);
        }
        for (name, value) in fields(json) {
            for (key, value) in fields(value) {
                match (name, key) {
                    ("delta" | "content_block", "text") | ("delta", "partial_json") | ("content_block", "name") => {
                        self.visible(value)
                    }
                    ("delta" | "content_block", "thinking") => self.reasoned(value),
                    ("delta", "stop_reason") => self.stopped(value),
                    ("message", "usage") => self.in_out(value),
                    _ => {}
                }
            }
            if name == "usage" {
                self.in_out(value);
            }
        }
        false
    }

    fn generated(&mut self, json: &Value) -> bool {
        self.visible(&json["token"]["text"]);
        if !json["generated_text"].is_null() {
            (self.seen.last, self.seen.finish) = (true, true);
        }
        let details = &json["details"];
        self.stopped(&details["finish_reason"]);
        self.count(&details["generated_tokens"], |u| &mut u.completion);
        self.count(&details["input_length"], |u| &mut u.prompt);
        false
    }

    fn choices(&mut self, kind: EndpointKind, json: &Value) -> bool {
        for (name, value) in fields(json) {
            match name {
                "usage" => self.usage(value),
                "choices" => {
                    let choices = value.as_array().into_iter().flatten();
                    for choice in choices.filter(|choice| choice.is_object()) {
                        self.items = true;
                        self.choice(kind, choice);
                        self.usage(&choice["usage"]);
                    }
                }
                _ => {}
            }
        }
        false
    }

    fn choice(&mut self, kind: EndpointKind, choice: &Value) {
        self.stopped(&choice["finish_reason"]);
        let native = choice["native_finish_reason"].as_str();
        self.seen.error |= native.is_some_and(|reason| FAILED.contains(&reason));
        self.seen.error |= says_something(&choice["error"]) || says_something(&choice["error_message"]);
        let mut thought = false;
        if kind == EndpointKind::Completions {
            for (name, value) in fields(choice) {
                match name {
                    "text" => self.visible(value),
                    "reasoning" | "reasoning_content" => self.thought(value, &mut thought, false),
                    _ => {}
                }
            }
            return;
        }
        // A response as a body has it.
        self.seen.whole |= !choice["message"].is_null();
        for (name, value) in fields(&choice["delta"]) {
            match name {
                "content" if value.is_array() => self.parts(value, &mut thought),
                "content" | "refusal" => self.visible(value),
                "reasoning" | "reasoning_content" => self.thought(value, &mut thought, false),
                "reasoning_details" if value.is_string() => {
                    self.thought(value, &mut thought, false);
                }
                "reasoning_details" => self.thoughts(value, &["text", "summary"], &mut thought, false),
                "tool_calls" => {
                    for call in value.as_array().into_iter().flatten() {
                        self.function(&call["function"]);
                    }
                }
                "function_call" => self.function(value),
                "audio" => {
                    self.visible(&value["transcript"]);
                    self.given(&value["data"]);
                }
                "images" => self.given(value),
                _ => {}
            }
        }
    }

    /// A content in parts.
    fn parts(&mut self, parts: &Value, thought: &mut bool) {
        let (muted, before) = (*thought, self.thoughts);
        for part in parts.as_array().into_iter().flatten() {
            self.visible(part);
            let thinks = part["type"] == "thinking" || part["type"] == "reasoning";
            let mut of_part = false;
            for (name, value) in fields(part) {
                match name {
                    "thinking" | "reasoning" if thinks && value.is_string() => {
                        self.thought(value, &mut of_part, muted);
                    }
                    "thinking" | "reasoning" if thinks => {
                        self.thoughts(value, &["text"], &mut of_part, muted);
                    }
                    "text" if thinks => self.thought(value, &mut of_part, muted),
                    "text" | "refusal" if !thinks => self.visible(value),
                    "image_url" if !thinks => self.given(value),
                    _ => {}
                }
            }
        }
        *thought |= self.thoughts > before;
    }

    /// Reasoning in parts.
    fn thoughts(&mut self, parts: &Value, keys: &[&str], thought: &mut bool, muted: bool) {
        let (muted, before) = (muted || *thought, self.thoughts);
        for part in parts.as_array().into_iter().flatten() {
            self.thought(part, &mut false, muted);
            let mut of_part = false;
            for (name, value) in fields(part) {
                if keys.contains(&name) {
                    self.thought(value, &mut of_part, muted);
                }
            }
        }
        *thought |= self.thoughts > before;
    }

    /// Reasoning, which counts once.
    fn thought(&mut self, value: &Value, thought: &mut bool, muted: bool) {
        let is_text = value.as_str().is_some_and(|text| !text.is_empty());
        if is_text && !std::mem::replace(thought, true) && !muted {
            self.reasoned(value);
        }
    }

    fn function(&mut self, function: &Value) {
        for (name, value) in fields(function) {
            if matches!(name, "name" | "arguments") {
                self.visible(value);
            }
        }
    }

    fn finish(&mut self, reason: &Value) {
        self.seen.finish |= reason.as_str().is_some_and(|r| !r.is_empty());
    }

    fn stopped(&mut self, reason: &Value) {
        let reason = match reason {
            Value::Object(_) => &reason["type"],
            reason => reason,
        };
        let word = reason.as_str().unwrap_or_default().to_ascii_lowercase();
        if ["null", "none"].contains(&word.as_str()) {
            return;
        }
        self.finish(reason);
        let explained = word.starts_with("error:") || word.starts_with("error ");
        self.seen.error |= explained || FAILED.contains(&word.as_str());
        let known = self.seen.reason.is_some_and(|said| said != FinishReason::Other);
        if !word.is_empty() && !known {
            self.seen.reason = Some(FinishReason::of(word.as_bytes()));
        }
    }

    fn reasoned(&mut self, text: &Value) {
        let text = text.as_str().unwrap_or_default();
        self.seen.output |= !text.is_empty();
        self.thoughts += usize::from(!text.is_empty());
        self.reasoning.push_str(text);
    }

    fn given(&mut self, value: &Value) {
        self.seen.output |= is_given(value);
        self.seen.visible |= is_given(value);
    }

    fn visible(&mut self, text: &Value) {
        let text = text.as_str().unwrap_or_default();
        self.seen.output |= !text.is_empty();
        self.seen.visible |= !text.is_empty();
        self.visible.push_str(text);
    }

    fn in_out(&mut self, usage: &Value) {
        for (name, value) in fields(usage) {
            match name {
                "input_tokens" => self.count(value, |u| &mut u.prompt),
                "output_tokens" => self.count(value, |u| &mut u.completion),
                "total_tokens" => self.count(value, |u| &mut u.total),
                "cache_read_input_tokens" => self.count(value, |u| &mut u.cached),
                "cache_creation_input_tokens" => self.count(value, |u| &mut u.cache_written),
                "input_tokens_details" => self.prompt_details(value),
                "output_tokens_details" => self.completion_details(value),
                _ => {}
            }
        }
    }

    fn usage(&mut self, usage: &Value) {
        for (name, value) in fields(usage) {
            match name {
                "prompt_tokens" => self.count(value, |u| &mut u.prompt),
                "completion_tokens" => self.count(value, |u| &mut u.completion),
                "total_tokens" => self.count(value, |u| &mut u.total),
                "prompt_cache_hit_tokens" | "cached_tokens" => {
                    self.count(value, |u| &mut u.cached);
                }
                "prompt_tokens_details" => self.prompt_details(value),
                "completion_tokens_details" => self.completion_details(value),
                _ => {}
            }
        }
    }

    fn prompt_details(&mut self, details: &Value) {
        for (name, value) in fields(details) {
            match name {
                "cached_tokens" => self.count(value, |u| &mut u.cached),
                "cache_write_tokens" | "cache_creation_tokens" => {
                    self.count(value, |u| &mut u.cache_written);
                }
                _ => {}
            }
        }
    }

    fn completion_details(&mut self, details: &Value) {
        self.count(&details["reasoning_tokens"], |u| &mut u.reasoning);
    }

    fn count(&mut self, value: &Value, field: fn(&mut Usage) -> &mut Option<u32>) {
        let whole = |n: f64| {
            let fits = n.fract() == 0.0 && (0.0..4_294_967_296.0).contains(&n);
            fits.then_some(n as u32)
        };
        let tokens = match value.as_u64() {
            Some(n) => u32::try_from(n).ok(),
            None => value.as_f64().and_then(whole),
        };
        match tokens {
            Some(tokens) => {
                *field(self.seen.usage.get_or_insert_default()) = Some(tokens);
            }
            None => self.seen.refused |= !value.is_null(),
        }
    }
}
