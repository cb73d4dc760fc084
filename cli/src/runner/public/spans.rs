//! Recorded sessions as spans of their calls (Exgentic's traces) → lines of `mooncake_trace`: each call says all of
//! its messages itself, and comes as long after the one before as it did.

use jiff::Timestamp;
use ringload_engine::dataset::chat_messages;
use serde_json::{Value, json};

/// The calls of a session, in the order in which they began; none where it has no call with tokens.
pub(super) fn lines(session: &Value) -> Vec<Value> {
    let Some(id) = session["session_id"].as_str() else { return Vec::new() };
    let spans = session["spans"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut calls: Vec<Call> = spans.iter().filter_map(Call::of).collect();
    calls.sort_by(|a, b| a.start.total_cmp(&b.start));
    let first = calls.first().map_or(0.0, |call| call.start);
    let mut before: Option<f64> = None;
    let line = |call: Call| {
        let mut line = json!({
            "session_id": id,
            "timestamp": call.start - first,
            "output_length": call.output,
            "messages": call.messages,
        });
        if let Some(tools) = call.tools {
            line["tools"] = tools;
        }
        if let Some(end) = before.replace(call.end) {
            line["delay"] = (call.start - end).max(0.0).into();
        }
        line
    };
    calls.into_iter().map(line).collect()
}

/// A call of a model.
struct Call {
    start: f64,
    end: f64,
    output: u64,
    messages: Vec<Value>,
    tools: Option<Value>,
}

impl Call {
    /// That of a span; none where the span is none of a call, or of one that failed.
    fn of(span: &Value) -> Option<Self> {
        let attributes = &span["attributes"];
        let failed = span["status"]["code"] == 2;
        let count = |name: &str| attributes[name].as_u64().filter(|n| *n > 0);
        if span["type"] != "llm_call" || failed || count("gen_ai.usage.input_tokens").is_none() {
            return None;
        }
        let mut said = list(&attributes["gen_ai.input.messages"])?;
        for message in said.iter_mut().filter(|message| message["role"].is_null()) {
            message["role"] = "system".into();
        }
        let tools = list(&attributes["gen_ai.tool.definitions"]).filter(|tools| !tools.is_empty());
        Some(Self {
            start: milliseconds(span["start_time"].as_str()?)?,
            end: milliseconds(span["end_time"].as_str()?)?,
            output: count("gen_ai.usage.output_tokens")?,
            messages: chat_messages(&Value::Array(said))?,
            tools: tools.map(|tools| tools.iter().map(tool).collect()),
        })
    }
}

/// A list, or JSON of one in a text.
fn list(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::String(text) => serde_json::from_str(text).ok(),
        Value::Array(list) => Some(list.clone()),
        _ => None,
    }
}

fn tool(tool: &Value) -> Value {
    let function = json!({"name": tool["name"], "description": tool["description"], "parameters": tool["parameters"]});
    json!({"type": "function", "function": function})
}

/// Milliseconds since 1970 of an instant in ISO 8601; in UTC where it says no zone.
fn milliseconds(text: &str) -> Option<f64> {
    let at: Timestamp = text.parse().or_else(|_| format!("{text}Z").parse()).ok()?;
    Some(at.as_nanosecond() as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_lines_in_their_order_and_failed_ones_are_left_out() {
        let span = |start: &str, end: &str, more: Value| {
            let mut span = json!({
                "type": "llm_call", "start_time": start, "end_time": end, "status": {"code": 1},
                "attributes": {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 4,
                    "gen_ai.input.messages": "[{\"role\": \"user\", \"parts\": [{\"type\": \"text\", \"content\": \"hi\"}]}]"},
            });
            span.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            span
        };
        let tools = json!([{"type": "function", "name": "f", "description": "d", "parameters": {}}]).to_string();
        let said = json!([
            {"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "f", "arguments": {"a": 1}}]},
            {"role": "user", "parts": [{"type": "tool_call_response", "id": "1", "result": "done"}]},
        ]);
        let session = json!({"session_id": "s", "spans": [
            span("2026-01-01T00:00:02Z", "2026-01-01T00:00:03Z", json!({"attributes": {
                "gen_ai.usage.input_tokens": 20, "gen_ai.usage.output_tokens": 5,
                "gen_ai.input.messages": said, "gen_ai.tool.definitions": tools}})),
            span("2026-01-01T00:00:00", "2026-01-01T00:00:01.5", json!({})),
            span("2026-01-01T00:00:09Z", "2026-01-01T00:00:10Z", json!({"status": {"code": 2}})),
            span("2026-01-01T00:00:09Z", "2026-01-01T00:00:10Z", json!({"type": "tool"})),
        ]});
        let lines = lines(&session);
        assert_eq!(lines.len(), 2);
        assert_eq!(
            lines[0],
            json!({"session_id": "s", "timestamp": 0.0, "output_length": 4, "messages": [{"role": "user", "content": "hi"}]})
        );
        assert_eq!((&lines[1]["timestamp"], &lines[1]["delay"]), (&json!(2000.0), &json!(500.0)));
        assert_eq!(
            lines[1]["messages"][0]["tool_calls"][0]["function"],
            json!({"name": "f", "arguments": "{\"a\":1}"})
        );
        assert_eq!(lines[1]["messages"][1], json!({"role": "tool", "tool_call_id": "1", "content": "done"}));
        assert_eq!(lines[1]["tools"][0]["function"]["name"], "f");
        assert!(super::lines(&json!({"spans": []})).is_empty());
    }
}
