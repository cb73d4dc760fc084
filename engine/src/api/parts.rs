//! What a message says, in the parts that an API takes.

use crate::plan::Message;
use serde_json::{Value, json};

/// The shapes of an API's parts.
pub(super) struct Parts {
    /// The type of a text.
    pub(super) text: &'static str,
    /// An image, of its URL.
    pub(super) image: fn(&str) -> Value,
    /// A sound, as [`Message::audios`] has it; `None` where the API has none.
    pub(super) audio: Option<fn(&str) -> Value>,
    /// A video, of its URL; `None` where the API has none.
    pub(super) video: Option<fn(&str) -> Value>,
}

impl Parts {
    /// The content of a message: one text is a string; anything more is a list of parts, texts before images, audio
    /// and videos.
    pub(super) fn content(&self, message: &Message) -> Value {
        let mut texts = message.contents();
        let media = [&message.images, &message.audios, &message.videos];
        if let (Some(text), None, true) = (texts.next(), texts.next(), media.iter().all(|all| all.is_empty())) {
            return text.into();
        }
        let texts = message.contents().map(|text| json!({"type": self.text, "text": text}));
        let images = message.images.iter().map(|url| (self.image)(url));
        let audios = self.audio.map(|part| message.audios.iter().map(move |a| part(a)));
        let videos = self.video.map(|part| message.videos.iter().map(move |v| part(v)));
        texts.chain(images).chain(audios.into_iter().flatten()).chain(videos.into_iter().flatten()).collect()
    }
}

/// An image as OpenAI's chat takes it.
pub(super) fn image_url(url: &str) -> Value {
    json!({"type": "image_url", "image_url": {"url": url}})
}

/// A sound as OpenAI takes it: of `FORMAT,BASE64` or a `data:audio/` URL.
pub(super) fn input_audio(sound: &str) -> Value {
    let (head, data) = sound.split_once(',').unwrap_or(("wav", sound));
    let format = head.strip_prefix("data:audio/").map_or(head, |kind| kind.split(';').next().unwrap_or(kind));
    json!({"type": "input_audio", "input_audio": {"data": data, "format": format}})
}

/// A video as vLLM and SGLang take it in a chat.
pub(super) fn video_url(url: &str) -> Value {
    json!({"type": "video_url", "video_url": {"url": url}})
}
