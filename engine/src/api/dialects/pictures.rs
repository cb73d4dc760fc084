//! Pictures: OpenAI's image generation and edits, and NVIDIA NIM's image retrieval, which finds the parts of a page in
//! its picture. Their answers are pictures or boxes: no tokens come out.

use super::form::{self, FILE};
use super::request::RequestContent;
use super::rules::{Count, Node, Rule, SURE, response};
use super::{Dialect, Extras, Fields, Path, Reading, StreamField};
use crate::error::{Error, Result};
use crate::plan::{EndpointKind, Message};
use crate::setting::Setting::Endpoint;
use serde_json::{Map, Value, json};

pub(super) const GENERATION: Dialect = Dialect {
    kind: EndpointKind::ImageGeneration,
    path: Path::Under("/v1/images/generations"),
    headers: &[],
    names_model: true,
    stream: StreamField::Absent,
    extras: Extras::Body,
    fill: |body, _, content| picture(body, content),
    turns: None,
    reading: Reading::Rules { event: &PICTURES, body: &PICTURES },
};

pub(super) static EDIT: Dialect = Dialect {
    kind: EndpointKind::ImageEdit,
    path: Path::Under("/v1/images/edits"),
    headers: &[("Content-Type", form::CONTENT_TYPE)],
    fill: |body, _, content| {
        picture(body, content)?;
        let image = images(content).next().ok_or_else(|| no_image(EndpointKind::ImageEdit))?;
        if image.starts_with("http://") || image.starts_with("https://") {
            body.insert("url".into(), image.into());
        } else {
            body.insert("image".into(), file(image)?);
        }
        Ok(())
    },
    ..GENERATION
};

pub(super) static RETRIEVAL: Dialect = Dialect {
    kind: EndpointKind::ImageRetrieval,
    path: Path::Under("/v1/infer"),
    names_model: false,
    fill: |body, _, content| {
        let input: Vec<Value> = images(content).map(|url| json!({"type": "image_url", "url": url})).collect();
        if input.is_empty() {
            return Err(no_image(EndpointKind::ImageRetrieval));
        }
        body.insert("input".into(), input.into());
        Ok(())
    },
    reading: Reading::Rules { event: &BOXES, body: &BOXES },
    ..GENERATION
};

/// The prompt of a picture or a video.
pub(super) fn prompt(body: &mut Fields, content: &RequestContent<'_>) -> Result<()> {
    let prompt = content.messages.iter().flat_map(Message::contents).find(|text| !text.is_empty());
    let prompt = prompt.ok_or_else(|| Error::usage("a request has no prompt", "give each line of the file a text"))?;
    body.insert("prompt".into(), prompt.into());
    Ok(())
}

/// A prompt, and one picture in base64: SGLang's server has no other.
fn picture(body: &mut Fields, content: &RequestContent<'_>) -> Result<()> {
    prompt(body, content)?;
    body.insert("response_format".into(), "b64_json".into());
    body.insert("n".into(), 1.into());
    Ok(())
}

fn images<'a>(content: &RequestContent<'a>) -> impl Iterator<Item = &'a str> {
    content.messages.iter().flat_map(|message| message.images.iter().map(String::as_str))
}

fn no_image(kind: EndpointKind) -> Error {
    Error::usage(
        format!("{Endpoint} {} without an image", kind.name()),
        "give each line of the file an image, or have images made",
    )
}

/// A picture as the file of a form.
fn file(image: &str) -> Result<Value> {
    let (mime, data) = match image.strip_prefix("data:").and_then(|rest| rest.split_once(',')) {
        Some((head, data)) => (head.split(';').next().unwrap_or_default(), data),
        None => ("", image),
    };
    let known = ["image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp"];
    let named = known.into_iter().find(|known| *known == mime);
    let sniffed = || SIGNATURES.iter().find(|(start, _)| data.starts_with(start)).map(|(_, mime)| *mime);
    let mime = named.or_else(sniffed).ok_or_else(|| {
        Error::usage("a picture is none of PNG, JPEG, WebP, GIF and BMP", "give a file, a data: URL, or an http(s) URL")
    })?;
    let ending = match mime {
        "image/jpeg" => "jpg",
        other => other.trim_start_matches("image/"),
    };
    let mut fields = Map::new();
    fields.insert(FILE.into(), data.into());
    fields.insert("filename".into(), format!("image.{ending}").into());
    fields.insert("content_type".into(), mime.into());
    Ok(Value::Object(fields))
}

/// First signs of pictures in base64.
const SIGNATURES: [(&str, &str); 5] = [
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("Qk", "image/bmp"),
];

/// As many pictures as are asked for.
pub(in crate::api) fn results(body: &Fields) -> usize {
    body.get("n").and_then(Value::as_u64).map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX))
}

static PICTURES: Node = response![("data", Rule::List(&PICTURE)), ("usage", Rule::Object(&USAGE)),];

static PICTURE: Node = Node::of(&[("b64_json", Rule::Given), ("url", Rule::Given)]);

/// What comes out are tokens of a picture: those of the prompt alone are counted.
static USAGE: Node =
    Node::of(&[("input_tokens", Rule::Count(Count::Prompt)), ("prompt_tokens", Rule::Count(Count::Prompt))]);

/// A page without a box has been looked at all the same.
static BOXES: Node = response![("data", Rule::List(&PAGE)),];

static PAGE: Node = Node::of(&[("index", Rule::Given), ("bounding_boxes", Rule::Given)]);
