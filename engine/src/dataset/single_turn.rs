//! AIPerf's `single_turn`: `{"text": "What is deep learning?"}`, one request a line.
//!
//! Beside `text` there are `texts` (texts, or `{"name": …, "contents": […]}`), `image(s)`, `audio(s)`, `video(s)`;
//! `timestamp` and `delay` in milliseconds; `role`, `output_length`, `extra`; and `session_id`: lines that share one
//! are sent in order, each with its own context.

use super::fields::{id, instant, tokens};
use super::lines::{Line, State};
use super::{Content, Head, Read, Row, Session, Spec, Turn};
use crate::error::{Error, Result};
use crate::plan::{Message, Texts};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) const SPEC: Spec = Spec {
    what: r#"a request a line: {"text": "Hello"}"#,
    looks_like: |head| has_content(head) && !head.has("turns"),
    fields: FIELDS,
    read: Read::Lines(row),
};

/// The fields of a turn, and of a line that has several.
pub(super) const FIELDS: &[&str] = &[
    "text",
    "texts",
    "image",
    "images",
    "audio",
    "audios",
    "video",
    "videos",
    "timestamp",
    "delay",
    "role",
    "session_id",
    "output_length",
    "extra",
    "turns",
    // AIPerf names the format in each line.
    "type",
];

/// A turn as this format, `multi_turn` and `random_pool` write it.
#[derive(Deserialize)]
pub(super) struct RawTurn {
    text: Option<String>,
    texts: Option<Several>,
    image: Option<String>,
    images: Option<Several>,
    audio: Option<String>,
    audios: Option<Several>,
    video: Option<String>,
    videos: Option<Several>,
    timestamp: Option<f64>,
    delay: Option<f64>,
    role: Option<String>,
    session_id: Option<Value>,
    output_length: Option<u64>,
    extra: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Several {
    Plain(Vec<String>),
    Named(Vec<Named>),
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
    contents: Vec<String>,
}

impl RawTurn {
    /// Its turn.
    pub(super) fn turn(self) -> Result<Turn> {
        if self.timestamp.is_some_and(|t| t > 0.0) && self.delay.is_some_and(|d| d > 0.0) {
            return Err(Error::usage(
                "timestamp and delay at once",
                "leave one of them out: a timestamp is of the trace's clock, a delay counts from the answer before",
            ));
        }
        let message = Message {
            role: self.role,
            texts: texts(one_of("text", self.text, "texts", self.texts)?),
            images: plain(one_of("image", self.image, "images", self.images)?),
            audios: plain(one_of("audio", self.audio, "audios", self.audios)?),
            videos: plain(one_of("video", self.video, "videos", self.videos)?),
            verbatim: None,
        };
        let media = [&message.images, &message.audios, &message.videos];
        if message.texts.is_empty() && media.iter().all(|m| m.is_empty()) {
            return Err(Error::usage(
                "it says nothing",
                r#"write one of text, texts, image, images, audio, audios, video, videos, as in {"text": "Hello"}"#,
            ));
        }
        Ok(Turn {
            at: self.timestamp.map(|ms| instant("timestamp", ms)).transpose()?,
            delay: self.delay.map(|ms| instant("delay", ms)).transpose()?,
            content: Content::Messages(vec![message]),
            osl: self.output_length.map(|n| tokens("output_length", n)).transpose()?,
            answer: None,
            model: None,
            extra: self.extra,
        })
    }

    /// Its text and nothing else, where it is instructions for a whole conversation.
    pub(super) fn is_system(&self) -> bool {
        let bare =
            self.timestamp.is_none() && self.delay.is_none() && self.output_length.is_none() && self.extra.is_none();
        let media = self.image.is_some() || self.audio.is_some() || self.video.is_some();
        let more = self.images.is_some() || self.audios.is_some() || self.videos.is_some();
        self.role.as_deref() == Some("system") && bare && !media && !more
    }
}

/// Whether the first line of a file is a turn.
pub(super) fn has_content(head: &Head<'_>) -> bool {
    ["text", "texts", "image", "images", "audio", "audios", "video", "videos"].iter().any(|f| head.has(f))
}

fn row(line: &Line<'_>, _: &mut State, rows: &mut Vec<Row>) -> Result<()> {
    let row: RawTurn = line.json(SPEC.what)?;
    let session = row.session_id.as_ref().map(id);
    rows.push(Row { session: session.map_or(Session::Fresh, Session::Named), ..Row::single(row.turn()?) });
    Ok(())
}

fn one_of(one: &str, single: Option<String>, many: &str, several: Option<Several>) -> Result<Vec<Named>> {
    match (single, several) {
        (Some(_), Some(_)) => {
            Err(Error::usage(format!("{one} and {many} at once"), format!("write all of them under {many}")))
        }
        (Some(text), None) => Ok(vec![Named { name: String::new(), contents: vec![text] }]),
        (None, Some(Several::Plain(contents))) => Ok(vec![Named { name: String::new(), contents }]),
        (None, Some(Several::Named(all))) => Ok(all),
        (None, None) => Ok(Vec::new()),
    }
}

fn texts(all: Vec<Named>) -> Vec<Texts> {
    let texts = all.into_iter().map(|n| Texts { name: n.name, contents: n.contents });
    texts.filter(|t| !t.contents.is_empty()).collect()
}

fn plain(all: Vec<Named>) -> Vec<String> {
    all.into_iter().flat_map(|n| n.contents).collect()
}
