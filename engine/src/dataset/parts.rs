//! Messages in parts, as OpenTelemetry's conventions for generative AI write them in `gen_ai.input.messages`, as
//! messages of OpenAI's API.

use serde_json::{Value, json};

/// The messages of a list, or of JSON of one in a text: each with `role`, and `parts` (`{"type": "text", "content":
/// "hi"}`) or `content`. What tools answered are messages of their own; reasoning is not sent back.
///
/// `None` where it is no list of messages with a role, or a part is neither text nor of a tool.
#[must_use]
pub fn chat_messages(value: &Value) -> Option<Vec<Value>> {
    let said: Option<Vec<Vec<Value>>> = match value {
        Value::String(text) => serde_json::from_str::<Vec<Value>>(text).ok()?.iter().map(message).collect(),
        Value::Array(list) => list.iter().map(message).collect(),
        _ => None,
    };
    said.map(|said| said.concat()).filter(|said| !said.is_empty())
}

/// What one message is; several where tools answered in it.
fn message(message: &Value) -> Option<Vec<Value>> {
    let role = match message["role"].as_str()? {
        "developer" => "system",
        role => role,
    };
    let Some(parts) = message["parts"].as_array() else {
        let content = message["content"].as_str()?;
        return Some(vec![json!({"role": role, "content": content})]);
    };
    let (mut out, mut texts, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        match part["type"].as_str() {
            Some("tool_call_response") => {
                // `result` until the conventions of 2025.
                let answer = part.get("response").or_else(|| part.get("result"))?;
                out.push(json!({"role": "tool", "tool_call_id": part["id"], "content": text(answer)}));
            }
            Some("tool_call") => {
                let function = json!({"name": part["name"], "arguments": text(&part["arguments"])});
                calls.push(json!({"id": part["id"], "type": "function", "function": function}));
            }
            Some("reasoning") => {}
            _ => texts.push(part["content"].as_str().filter(|_| part.get("modality").is_none())?),
        }
    }
    if !texts.is_empty() || !calls.is_empty() || out.is_empty() {
        let mut said = json!({"role": role, "content": texts.join("\n")});
        if !calls.is_empty() {
            said["tool_calls"] = calls.into();
        }
        out.push(said);
    }
    Some(out)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_messages_of_the_api() {
        let said = json!([
            {"role": "developer", "content": "be brief"},
            {"role": "user", "parts": [{"type": "text", "content": "a"}, {"type": "text", "content": "b"}]},
            {"role": "assistant", "parts": [
                {"type": "reasoning", "content": "hm"},
                {"type": "tool_call", "id": "1", "name": "f", "arguments": {"x": 1}}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": "21"}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "2", "result": {"n": 2}}]},
        ]);
        let call = json!({"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}});
        let expected = json!([
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "a\nb"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": "21"},
            {"role": "tool", "tool_call_id": "2", "content": "{\"n\":2}"},
        ]);
        assert_eq!(chat_messages(&said), expected.as_array().cloned());
        assert_eq!(chat_messages(&Value::String(said.to_string())), expected.as_array().cloned());
    }

    #[test]
    fn what_cannot_be_sent_as_it_was_is_no_list_of_messages() {
        for said in [
            json!("no list"),
            json!([]),
            json!([{"parts": [{"type": "text", "content": "no role"}]}]),
            json!([{"role": "user"}]),
            json!([{"role": "user", "parts": [{"type": "uri", "modality": "image", "uri": "https://a/b.png"}]}]),
            json!([{"role": "user", "parts": [{"type": "blob", "modality": "image", "content": "AAAA"}]}]),
            json!([{"role": "tool", "parts": [{"type": "tool_call_response", "id": "1"}]}]),
        ] {
            assert_eq!(chat_messages(&said), None, "{said}");
        }
    }
}
