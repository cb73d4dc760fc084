//! Rows of public datasets → lines of `single_turn` and `multi_turn`.

use super::spans;
use crate::flags::PublicRow as Row;
use serde_json::{Value, json};

/// The lines of a row: one, but for a recorded session, which has one a call; none where it has nothing to send.
pub(super) fn lines(row: &Row, fields: &Value) -> Vec<Value> {
    match row {
        Row::CallSpans => spans::lines(fields),
        Row::CodingSession => {
            let whole = fields["id"].is_string() && fields["requests"].is_array();
            whole.then(|| fields.clone()).into_iter().collect()
        }
        _ => line(row, fields).into_iter().collect(),
    }
}

/// Whether a row has each of these values, whatever their case: in the column of that name, or, of `source_model`, in
/// the list of the models that it was recorded of, without what stands before their names.
pub(super) fn matches(fields: &Value, filters: &[(String, String)]) -> bool {
    filters.iter().all(|(column, wanted)| {
        let is = |text: &str| text.eq_ignore_ascii_case(wanted);
        let of_model = |text: &str| is(text) || text.rsplit('/').next().is_some_and(is);
        match (column.as_str(), &fields["models"]) {
            ("source_model", Value::Array(models)) => models.iter().filter_map(Value::as_str).any(of_model),
            _ => fields[column].as_str().is_some_and(is),
        }
    })
}

/// What is sent of a row, media as they stand there; `None` where it has nothing to send.
fn line(row: &Row, fields: &Value) -> Option<Value> {
    let text = |column: &str| fields.get(column)?.as_str().filter(|text| !text.trim().is_empty());
    match row {
        Row::Text { text: column, image } => {
            let mut line = json!({"text": text(column)?});
            if !image.is_empty() {
                line["image"] = media(fields.get(*image)?)?.into();
            }
            Some(line)
        }
        Row::Template(template) => {
            let mut out = String::new();
            let mut rest = *template;
            while let Some((before, after)) = rest.split_once('{') {
                let (column, behind) = after.split_once('}')?;
                out = out + before + text(column)?;
                rest = behind;
            }
            Some(json!({"text": out + rest}))
        }
        Row::First(column) => Some(json!({"text": fields.get(*column)?.as_array()?.first()?.as_str()?})),
        Row::Turns(column) => {
            let turns = fields.get(*column)?.as_array()?.iter();
            let turns: Vec<Value> = turns.filter_map(|turn| Some(json!({"text": turn.as_str()?}))).collect();
            (!turns.is_empty()).then(|| json!({"turns": turns}))
        }
        Row::Chat { messages, content, image } => {
            let user = |message: &&Value| {
                let role = message.get("role").or_else(|| message.get("from")).and_then(Value::as_str);
                role.is_some_and(|role| ["user", "human"].contains(&role))
            };
            // A conversation may be a list of turns, each of which is a list of messages.
            let all = fields.get(*messages)?.as_array()?;
            let flat = all.iter().flat_map(|one| one.as_array().map_or(std::slice::from_ref(one), Vec::as_slice));
            let said = flat.clone().find(user)?.get(*content)?.as_str()?.replace("<image>", "");
            let mut line = json!({"text": said.trim()});
            if let Some(image) = fields.get(*image).and_then(media) {
                line["image"] = image.into();
            }
            Some(line)
        }
        Row::Video => {
            let choices = fields.get("choices").and_then(Value::as_object);
            let choices = choices.into_iter().flatten().filter_map(|(name, choice)| {
                choice.as_str().filter(|choice| !choice.is_empty()).map(|choice| format!("\n{name}. {choice}"))
            });
            let asked = text("question")?.to_owned() + &choices.collect::<String>();
            Some(json!({"text": asked, "video": media(fields.get("video")?)?}))
        }
        Row::Audio(column) => Some(json!({"text": "Transcribe this audio.", "audio": media(fields.get(*column)?)?})),
        Row::ShareGpt | Row::CallSpans | Row::CodingSession => None,
    }
}

/// Where an image, a video or audio is: a text, an object with `src` (as the hub shows rows) or with `bytes` in
/// base64 (as its library writes them), or the first of a list of these.
fn media(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(list) => list.first().and_then(media),
        Value::Object(fields) => {
            let text = |key: &str| fields.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
            let encoded = || text("bytes").map(|data| format!("data:{};base64,{data}", mime_of(data)));
            text("src").map(str::to_owned).or_else(encoded)
        }
        _ => None,
    }
}

/// The type of content by its first signs in base64.
fn mime_of(base64: &str) -> &'static str {
    let known = [
        ("iVBORw0KGgo", "image/png"),
        ("/9j/", "image/jpeg"),
        ("UklGR", "audio/wav"),
        ("ZkxhQ", "audio/flac"),
        ("SUQz", "audio/mp3"),
    ];
    known.iter().find(|(start, _)| base64.starts_with(start)).map_or("application/octet-stream", |(_, mime)| mime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_requests_of_their_columns() {
        let cases = [
            (Row::Text { text: "problem", image: "" }, json!({"problem": "1+1"}), Some(json!({"text": "1+1"}))),
            (Row::Text { text: "problem", image: "" }, json!({"problem": " "}), None),
            (
                Row::Text { text: "q", image: "image" },
                json!({"q": "what", "image": {"src": "https://h/i.jpg", "height": 1}}),
                Some(json!({"text": "what", "image": "https://h/i.jpg"})),
            ),
            (Row::Template("{a}\n```{b}"), json!({"a": "x", "b": "{y}"}), Some(json!({"text": "x\n```{y}"}))),
            (Row::First("turns"), json!({"turns": ["a", "b"]}), Some(json!({"text": "a"}))),
            (
                Row::Turns("prompt"),
                json!({"prompt": ["a", "b"]}),
                Some(json!({"turns": [{"text": "a"}, {"text": "b"}]})),
            ),
            (
                Row::Chat { messages: "c", content: "content", image: "images" },
                json!({"c": [[{"role": "user", "content": "<image>\nlook"}], [{"role": "assistant", "content": "no"}]], "images": [{"src": "u"}]}),
                Some(json!({"text": "look", "image": "u"})),
            ),
            (
                Row::Chat { messages: "c", content: "value", image: "image" },
                json!({"c": [{"from": "gpt", "value": "no"}, {"from": "human", "value": "yes"}], "image": {"bytes": "/9j/AA=="}}),
                Some(json!({"text": "yes", "image": "data:image/jpeg;base64,/9j/AA=="})),
            ),
            (
                Row::Video,
                json!({"question": "which?", "choices": {"A": "one", "B": ""}, "video": "https://h/v.mp4"}),
                Some(json!({"text": "which?\nA. one", "video": "https://h/v.mp4"})),
            ),
            (
                Row::Audio("audio"),
                json!({"audio": [{"src": "https://h/a.wav", "type": "audio/wav"}]}),
                Some(json!({"text": "Transcribe this audio.", "audio": "https://h/a.wav"})),
            ),
        ];
        for (row, fields, expected) in cases {
            assert_eq!(line(&row, &fields), expected, "{row:?}");
        }
    }
}
