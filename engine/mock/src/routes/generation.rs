//! The body of a generation request.

use std::borrow::Cow;
use std::num::NonZeroU32;

use rand::RngExt as _;
use serde::Deserialize;

use super::prompt::Text;
use crate::config::{Config, GROUP_LIMIT, MODEL_LIMIT, OUTPUT_LIMIT};
use crate::http::{Head, Refusal};
use crate::random;

/// The dialect of the response.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Api {
    Chat,
    Completions,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
    /// Hugging Face text-generation-inference; the path says whether it streams.
    Generate {
        streamed: bool,
    },
    Embeddings,
    Rank(Ranker),
    /// A picture, of JSON or of a form.
    Picture {
        form: bool,
    },
    /// A job that makes a video.
    Video,
    /// The parts of pages, found in their pictures.
    Boxes,
}

/// Whose shape a ranking has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ranker {
    Cohere,
    Tei,
    Nim,
}

/// A generation request.
#[derive(Debug)]
pub(crate) struct GenerationRequest {
    pub(crate) api: Api,
    pub(crate) model: Option<String>,
    pub(crate) prompt_tokens: u32,
    /// Inputs to embed, or passages to rank.
    pub(crate) items: u32,
    pub(crate) output_tokens: Option<u32>,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    pub(crate) mock: Mock,
}

/// The request's own times and faults: the body's `mock` field or the `x-mock` header. Times make the
/// stream's timing `Fixed`, whatever the server's is; the one that is not given stays the server's, or 0.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Mock {
    pub(crate) ttft_ms: Option<f64>,
    pub(crate) itl_ms: Option<f64>,
    pub(crate) tokens_per_event: Option<NonZeroU32>,
    pub(crate) events_per_write: Option<NonZeroU32>,
    /// Answer with this status at once.
    pub(crate) status: Option<u16>,
    /// Send an error event after so many tokens, then `[DONE]`.
    fail_after: Option<u32>,
    /// Close the connection after so many tokens, with nothing to end the body.
    close_after: Option<u32>,
    /// Reset the connection after so many tokens.
    reset_after: Option<u32>,
    /// Send nothing more after so many tokens.
    stall_after: Option<u32>,
}

/// A scripted end of a stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) after_tokens: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FaultKind {
    Fail,
    Close,
    Reset,
    Stall,
}

impl GenerationRequest {
    /// Reads a body, or says what is wrong with it.
    pub(crate) fn parse(api: Api, head: &Head, bytes: &[u8]) -> Result<Self, Refusal> {
        let form: Vec<u8>;
        let bytes = match api {
            Api::Picture { form: true } => {
                form = fields_of(bytes)?;
                &form
            }
            _ => bytes,
        };
        let body: Body<'_> = serde_json::from_slice(bytes).map_err(invalid)?;
        let asked = body.asked_tokens(api);
        let required = |field| Refusal::bad_request(format!("the field {field} is required"));
        if api == Api::Messages && asked.is_none() {
            return Err(required("max_tokens"));
        }
        let (text, items) = match api {
            Api::Chat | Api::Messages => (body.messages.ok_or("messages"), 1),
            Api::Completions | Api::Picture { .. } | Api::Video => (body.prompt.ok_or("prompt"), 1),
            Api::Boxes => (body.input.ok_or("input"), body.input.map_or(0, Text::items)),
            Api::Responses => (body.input.ok_or("input"), 1),
            Api::Generate { .. } => (body.inputs.ok_or("inputs"), 1),
            Api::Embeddings => (body.input.ok_or("input"), body.input.map_or(0, Text::items)),
            Api::Rank(ranker) => {
                let (name, passages) = match ranker {
                    Ranker::Cohere => ("documents", body.documents),
                    Ranker::Tei => ("texts", body.texts),
                    Ranker::Nim => ("passages", body.passages),
                };
                let text = body.query.ok_or("query").and_then(|query| {
                    let passages = passages.ok_or(name)?;
                    Ok(query.with(passages))
                });
                (text, passages.map_or(0, Text::items))
            }
        };
        let text = text.map_err(required)?;
        let makes_tokens =
            !matches!(api, Api::Embeddings | Api::Rank(_) | Api::Picture { .. } | Api::Video | Api::Boxes);
        // A vector, a ranking or a picture is one thing, which is due when a first token would be.
        let output_tokens = if makes_tokens { asked } else { Some(1) };
        if output_tokens.is_some_and(|tokens| !(1..=OUTPUT_LIMIT).contains(&tokens)) {
            return Err(Refusal::bad_request("max_tokens must be between 1 and 1000000"));
        }
        if body.model.as_ref().is_some_and(|model| model.len() > MODEL_LIMIT) {
            return Err(Refusal::bad_request("model is longer than 256 bytes"));
        }
        let mock = match &head.mock {
            Some(header) => serde_json::from_slice(header).map_err(invalid)?,
            None => body.mock.unwrap_or_default(),
        };
        mock.check()?;
        Ok(Self {
            api,
            model: body.model.map(Cow::into_owned),
            prompt_tokens: text.tokens(),
            items,
            output_tokens,
            stream: match api {
                Api::Generate { streamed } => streamed,
                _ => makes_tokens && body.stream.unwrap_or(false),
            },
            include_usage: body.stream_options.is_some_and(|options| options.include_usage),
            mock,
        })
    }

    /// With the fault that is drawn for the `nth` request, if one is: the server's [`Config::faults`] tells for what
    /// share of them. What it wishes for itself goes before.
    pub(crate) fn with_fault(mut self, config: &Config, nth: u64) -> Self {
        let mut random = random::of_request(!config.seed, nth);
        if self.mock == Mock::default() && random.random::<f64>() < config.faults {
            let tokens = self.output_tokens.unwrap_or(config.output_tokens);
            let after = Some(random.random_range(0..=tokens));
            match random.random_range(0..4) {
                0 => self.mock.status = Some([429, 500, 503][random.random_range(0..3)]),
                1 => self.mock.fail_after = after,
                2 => self.mock.close_after = after,
                _ => self.mock.reset_after = after,
            }
        }
        self
    }

    /// Itself, unless it asks for an error status.
    pub(crate) fn admitted(self) -> Result<Self, Refusal> {
        match self.mock.status {
            Some(status) => Err(Refusal::scripted(status)),
            None => Ok(self),
        }
    }
}

impl Mock {
    /// The first fault that was asked for.
    pub(crate) fn fault(&self) -> Option<Fault> {
        let wishes = [
            (FaultKind::Fail, self.fail_after),
            (FaultKind::Close, self.close_after),
            (FaultKind::Reset, self.reset_after),
            (FaultKind::Stall, self.stall_after),
        ];
        let faults = wishes.into_iter().filter_map(|(kind, after)| Some(Fault { kind, after_tokens: after? }));
        faults.min_by_key(|fault| fault.after_tokens)
    }

    fn check(&self) -> Result<(), Refusal> {
        let times = [self.ttft_ms, self.itl_ms].into_iter().flatten();
        if times.into_iter().any(|ms| !(0.0..=HOUR_MS).contains(&ms)) {
            return Err(Refusal::bad_request("mock.ttft_ms and mock.itl_ms must be between 0 and 3600000"));
        }
        let groups = [self.tokens_per_event, self.events_per_write].into_iter().flatten();
        if groups.into_iter().any(|group| group.get() > GROUP_LIMIT) {
            return Err(Refusal::bad_request("mock.tokens_per_event and mock.events_per_write must be at most 1024"));
        }
        if self.status.is_some_and(|status| !(400..600).contains(&status)) {
            return Err(Refusal::bad_request("mock.status must be between 400 and 599"));
        }
        Ok(())
    }
}

/// The fields of a form (RFC 7578) that are texts, as JSON; of its files, `image` has to be there.
fn fields_of(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let text = String::from_utf8_lossy(bytes);
    let boundary = text.split("\r\n").next().filter(|line| line.starts_with("--"));
    let boundary = boundary.ok_or_else(|| Refusal::bad_request("a multipart/form-data body is required"))?;
    let mut fields = serde_json::Map::new();
    for part in text.split(boundary).skip(1) {
        let Some((head, content)) = part.split_once("\r\n\r\n") else { continue };
        let Some(name) = head.split("name=\"").nth(1).and_then(|rest| rest.split('"').next()) else { continue };
        let content = if head.contains("filename=") { "" } else { content.trim_end_matches("\r\n") };
        fields.insert(name.to_owned(), content.into());
    }
    match fields.remove("image").or_else(|| fields.remove("url")) {
        Some(_) => Ok(serde_json::Value::Object(fields).to_string().into_bytes()),
        None => Err(Refusal::bad_request("the field image is required")),
    }
}

fn invalid(error: serde_json::Error) -> Refusal {
    Refusal::bad_request(format!("invalid JSON body: {error}"))
}

/// Fields that are not named here are accepted and have no effect (`temperature`, `ignore_eos`, `seed`, …).
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    messages: Option<Text>,
    prompt: Option<Text>,
    input: Option<Text>,
    inputs: Option<Text>,
    query: Option<Text>,
    documents: Option<Text>,
    texts: Option<Text>,
    passages: Option<Text>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    max_output_tokens: Option<u32>,
    parameters: Option<Parameters>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    mock: Option<Mock>,
}

impl Body<'_> {
    fn asked_tokens(&self, api: Api) -> Option<u32> {
        match api {
            Api::Responses => self.max_output_tokens,
            Api::Generate { .. } => self.parameters.as_ref()?.max_new_tokens,
            _ => self.max_completion_tokens.or(self.max_tokens),
        }
    }
}

#[derive(Deserialize)]
struct Parameters {
    max_new_tokens: Option<u32>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

const HOUR_MS: f64 = 3_600_000.0;
