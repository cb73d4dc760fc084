//! What a request holds beside its prompt: flags, checks and the payload of the plan.

#[cfg(test)]
mod tests;
mod video;

use super::{EndpointArgs, ModelStrategy, files, values};
use clap::{Args, ValueEnum};
use ringload_engine::plan::{
    Audio, BodyTemplate, EndpointKind, ImageFormat, Images, Length, ModelChoice, OutputPath, Passages, Payload,
};
use ringload_engine::{Error, Result};
use serde_json::{Map, Value};
use std::path::Path;
pub(crate) use video::VideoArgs;

/// What a request holds beside its prompt.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Batches, rankings, images, audio and video")]
pub(crate) struct MediaArgs {
    /// Texts in one request, each of the input length (embeddings: inputs of a batch; chat: parts of the message).
    #[arg(
        short = 'b',
        long,
        visible_aliases = ["batch-size-text", "batch-size"],
        value_name = "N",
        default_value = "1",
        value_parser = values::one_count
    )]
    pub(crate) prompt_batch_size: u32,

    /// Mean number of passages of a ranking [default: 10].
    #[arg(long, value_name = "N", value_parser = values::mean_tokens)]
    pub(crate) rankings_passages_mean: Option<f64>,

    /// Its standard deviation [default: 0].
    #[arg(long, value_name = "N", value_parser = values::stddev_tokens)]
    pub(crate) rankings_passages_stddev: Option<f64>,

    /// Mean length of a passage in tokens [default: 128].
    #[arg(long, value_name = "TOKENS", value_parser = values::mean_tokens)]
    pub(crate) rankings_passages_prompt_token_mean: Option<f64>,

    /// Its standard deviation [default: 0].
    #[arg(long, value_name = "TOKENS", value_parser = values::stddev_tokens)]
    pub(crate) rankings_passages_prompt_token_stddev: Option<f64>,

    /// Mean length of a ranking's query in tokens [default: 32].
    #[arg(long, value_name = "TOKENS", value_parser = values::mean_tokens)]
    pub(crate) rankings_query_prompt_token_mean: Option<f64>,

    /// Its standard deviation [default: 0].
    #[arg(long, value_name = "TOKENS", value_parser = values::stddev_tokens)]
    pub(crate) rankings_query_prompt_token_stddev: Option<f64>,

    /// Mean width of the images of a request, in pixels [default: 512]. Any of these flags gives requests images of
    /// noise.
    #[arg(long, value_name = "PIXELS", value_parser = values::stddev_tokens)]
    pub(crate) image_width_mean: Option<f64>,

    /// Its standard deviation [default: 0].
    #[arg(long, value_name = "PIXELS", value_parser = values::stddev_tokens)]
    pub(crate) image_width_stddev: Option<f64>,

    /// Mean height of the images of a request, in pixels [default: 512].
    #[arg(long, value_name = "PIXELS", value_parser = values::stddev_tokens)]
    pub(crate) image_height_mean: Option<f64>,

    /// Its standard deviation [default: 0].
    #[arg(long, value_name = "PIXELS", value_parser = values::stddev_tokens)]
    pub(crate) image_height_stddev: Option<f64>,

    /// Images in one request [default: 1]; 0 for none.
    #[arg(long, visible_alias = "batch-size-image", value_name = "N", value_parser = values::count_or_none)]
    pub(crate) image_batch_size: Option<u32>,

    /// How images are encoded [default: png].
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) image_format: Option<ImageFormatArg>,

    /// Mean length of the audio of a request, in seconds [default: 10]. Any of these flags gives requests audio of
    /// white noise.
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    pub(crate) audio_length_mean: Option<f64>,

    /// Its standard deviation [default: 0].
    #[arg(long, value_name = "SECONDS", value_parser = values::stddev_tokens)]
    pub(crate) audio_length_stddev: Option<f64>,

    /// Audio parts in one request [default: 1]; 0 for none.
    #[arg(long, visible_alias = "batch-size-audio", value_name = "N", value_parser = values::count_or_none)]
    pub(crate) audio_batch_size: Option<u32>,

    /// How audio is encoded [default: wav].
    #[arg(long, value_enum, value_name = "FORMAT", ignore_case = true)]
    pub(crate) audio_format: Option<AudioFormatArg>,

    /// Bits of a sample: 8, 16, 24, 32; of several, each audio part draws one [default: 16].
    #[arg(long, value_name = "BITS", num_args = 1.., value_delimiter = ',', value_parser = values::depth)]
    pub(crate) audio_depths: Vec<u16>,

    /// Samples a second, in kHz; of several, each audio part draws one [default: 16].
    #[arg(long, value_name = "KHZ", num_args = 1.., value_delimiter = ',', value_parser = values::sample_rate)]
    pub(crate) audio_sample_rates: Vec<u32>,

    /// Channels of the audio: 1 or 2 [default: 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=2))]
    pub(crate) audio_num_channels: Option<u16>,

    /// Videos.
    #[command(flatten)]
    pub(crate) video: VideoArgs,
}

/// How images are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImageFormatArg {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// Each image draws one of the two.
    Random,
}

/// How audio is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AudioFormatArg {
    /// PCM in a WAV file.
    Wav,
}

impl MediaArgs {
    /// What requests hold; a file of a template is read here. Takes `payload_template` and `response_field` out of the
    /// extra inputs.
    pub(super) fn plan(
        &self,
        endpoint: &EndpointArgs,
        mut extra: Map<String, Value>,
    ) -> Result<(Payload, Map<String, Value>)> {
        let payload = payload(self, endpoint, &mut extra)?;
        Ok((payload, extra))
    }

    /// What is to be said of them.
    pub(super) fn notes(&self) -> Option<String> {
        self.video.note()
    }

    /// The length of a ranking's query, which is the first text of its request; none for what ranks nothing.
    pub(super) fn query(&self, kind: EndpointKind) -> Option<Length> {
        kind.ranks().then(|| Length {
            mean: self.rankings_query_prompt_token_mean.unwrap_or(32.0),
            stddev: self.rankings_query_prompt_token_stddev.unwrap_or(0.0),
        })
    }
}

fn payload(media: &MediaArgs, endpoint: &EndpointArgs, extra: &mut Map<String, Value>) -> Result<Payload> {
    let kind = endpoint.endpoint_type;
    if kind == EndpointKind::Raw && extra.keys().any(|name| name != "response_field") {
        return Err(Error::usage(
            "--extra-inputs with --endpoint-type raw: bodies are sent as they are",
            "put those fields into the file; response_field alone may stay",
        ));
    }
    let own = matches!(kind, EndpointKind::Template | EndpointKind::Raw);
    Ok(Payload {
        texts: media.prompt_batch_size,
        passages: passages(kind, media)?,
        images: images(kind, media)?,
        audio: audio(kind, media)?,
        videos: media.video.plan(kind)?,
        template: match kind {
            EndpointKind::Template => Some(template(extra)?),
            _ => None,
        },
        output: match own.then(|| extra.shift_remove("response_field")).flatten() {
            Some(Value::String(place)) => Some(OutputPath::parse(&place)?),
            Some(other) => {
                return Err(Error::usage(
                    format!("--extra-inputs response_field:{other} is no place"),
                    "write response_field:choices[0].text, say",
                ));
            }
            None => None,
        },
        models: match endpoint.model_selection_strategy {
            ModelStrategy::RoundRobin => ModelChoice::RoundRobin,
            ModelStrategy::Random => ModelChoice::Random,
        },
    })
}

fn passages(kind: EndpointKind, media: &MediaArgs) -> Result<Passages> {
    let given = [
        media.rankings_passages_mean,
        media.rankings_passages_stddev,
        media.rankings_passages_prompt_token_mean,
        media.rankings_passages_prompt_token_stddev,
        media.rankings_query_prompt_token_mean,
        media.rankings_query_prompt_token_stddev,
    ];
    if !kind.ranks() && given.iter().any(Option::is_some) {
        return Err(Error::usage(
            format!("--rankings-… with --endpoint-type {}: it ranks nothing", kind.name()),
            "write --endpoint-type cohere_rankings, hf_tei_rankings or nim_rankings; or drop it",
        ));
    }
    let plain = Passages::default();
    Ok(Passages {
        count: Length {
            mean: media.rankings_passages_mean.unwrap_or(plain.count.mean),
            stddev: media.rankings_passages_stddev.unwrap_or(0.0),
        },
        tokens: Length {
            mean: media.rankings_passages_prompt_token_mean.unwrap_or(plain.tokens.mean),
            stddev: media.rankings_passages_prompt_token_stddev.unwrap_or(0.0),
        },
    })
}

/// As AIPerf: any of their flags asks for images, of 512 by 512 pixels where no size is said.
fn images(kind: EndpointKind, media: &MediaArgs) -> Result<Option<Images>> {
    let sizes = [media.image_width_mean, media.image_width_stddev, media.image_height_mean, media.image_height_stddev];
    let asked = sizes.iter().any(Option::is_some) || media.image_batch_size.is_some() || media.image_format.is_some();
    let count = media.image_batch_size.unwrap_or(1);
    let side =
        |mean: Option<f64>, stddev: Option<f64>| Length { mean: mean.unwrap_or(512.0), stddev: stddev.unwrap_or(0.0) };
    let width = side(media.image_width_mean, media.image_width_stddev);
    let height = side(media.image_height_mean, media.image_height_stddev);
    if !asked || count == 0 || width.mean == 0.0 || height.mean == 0.0 {
        return Ok(None);
    }
    takes(kind, kind.takes_images(), "images")?;
    Ok(Some(Images {
        count,
        width,
        height,
        format: match media.image_format {
            None | Some(ImageFormatArg::Png) => ImageFormat::Png,
            Some(ImageFormatArg::Jpeg) => ImageFormat::Jpeg,
            Some(ImageFormatArg::Random) => ImageFormat::Random,
        },
    }))
}

/// As AIPerf: any of their flags asks for audio, of 10 s at 16 kHz and 16 bits where that is not said.
fn audio(kind: EndpointKind, media: &MediaArgs) -> Result<Option<Audio>> {
    let asked = media.audio_length_mean.is_some()
        || media.audio_length_stddev.is_some()
        || media.audio_batch_size.is_some()
        || media.audio_format.is_some()
        || media.audio_num_channels.is_some()
        || !media.audio_depths.is_empty()
        || !media.audio_sample_rates.is_empty();
    let count = media.audio_batch_size.unwrap_or(1);
    let seconds_mean = media.audio_length_mean.unwrap_or(10.0);
    if !asked || count == 0 || seconds_mean == 0.0 {
        return Ok(None);
    }
    takes(kind, kind.takes_audio(), "audio")?;
    let mut depths = media.audio_depths.clone();
    let mut rates = media.audio_sample_rates.clone();
    if depths.is_empty() {
        depths.push(16);
    }
    if rates.is_empty() {
        rates.push(16_000);
    }
    Ok(Some(Audio {
        count,
        seconds_mean,
        seconds_stddev: media.audio_length_stddev.unwrap_or(0.0),
        depths,
        rates,
        channels: media.audio_num_channels.unwrap_or(1),
    }))
}

pub(super) fn takes(kind: EndpointKind, holds: bool, what: &str) -> Result<()> {
    if holds {
        return Ok(());
    }
    Err(Error::usage(
        format!("--endpoint-type {} takes no {what}", kind.name()),
        "use --endpoint-type chat, or drop those flags",
    ))
}

/// The template: a named one, a file, or the text itself.
fn template(extra: &mut Map<String, Value>) -> Result<BodyTemplate> {
    let source = match extra.shift_remove("payload_template") {
        Some(Value::String(source)) => source,
        // A template without any place to fill in is JSON already.
        Some(json) => json.to_string(),
        None => {
            return Err(Error::usage(
                "--endpoint-type template without a template",
                r#"add --extra-inputs 'payload_template:{"text": {{ text|tojson }}}', a file's name behind payload_template:, or payload_template:nv-embedqa"#,
            ));
        }
    };
    let path = Path::new(&source);
    let looks_like_text = source.contains(['{', '\n']);
    if looks_like_text || BodyTemplate::NAMED.iter().any(|(name, _)| *name == source) {
        return BodyTemplate::new(&source);
    }
    let text = files::text(path, MOST_BYTES).map_err(|e| {
        Error::usage(
            format!("payload_template:{source}: {e}"),
            "name a file that can be read, or write the template itself",
        )
    })?;
    BodyTemplate::new(&text)
}

const MOST_BYTES: u64 = 1 << 20;
