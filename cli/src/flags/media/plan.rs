//! Flags on what a request holds beside its prompt → [`Payload`]; and what an endpoint has no place for.

use crate::flags::{ImageFormatArg, MediaArgs, ModelStrategy, ProfileArgs};
use ringload_engine::plan::metric::{self, MetricInfo};
use ringload_engine::plan::{
    Audio, EndpointKind, ImageFormat, Images, Length, ModelChoice, Passages, Payload, Slo, Tier,
};
use ringload_engine::plan::{BodyTemplate, OutputPath};
use ringload_engine::{Error, Result};
use serde_json::{Map, Value};
use std::path::Path;

/// What requests hold. Takes `payload_template` and `response_field` out of the extra inputs.
pub(crate) fn payload(args: &ProfileArgs, extra: &mut Map<String, Value>) -> Result<Payload> {
    let kind = args.endpoint.endpoint_type;
    let media = &args.media;
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
        models: match args.endpoint.model_selection_strategy {
            ModelStrategy::RoundRobin => ModelChoice::RoundRobin,
            ModelStrategy::Random => ModelChoice::Random,
        },
    })
}

/// The length of the first text: a ranking's is its query.
pub(crate) fn first_text(args: &ProfileArgs, prompt: Length) -> Length {
    if !args.endpoint.endpoint_type.ranks() {
        return prompt;
    }
    Length {
        mean: args.media.rankings_query_prompt_token_mean.unwrap_or(32.0),
        stddev: args.media.rankings_query_prompt_token_stddev.unwrap_or(0.0),
    }
}

/// Refuses what an endpoint without output tokens cannot have.
pub(crate) fn fits(args: &ProfileArgs, slos: &[Slo], tiers: &[Tier]) -> Result<()> {
    let kind = args.endpoint.endpoint_type;
    if kind.produces_tokens() {
        return Ok(());
    }
    let name = kind.name();
    if args.endpoint.streaming {
        return Err(Error::usage(
            format!("--streaming with --endpoint-type {name}: its answers come whole"),
            "leave --streaming out",
        ));
    }
    if args.input.output_tokens_mean.is_some() {
        return Err(Error::usage(
            format!("--output-tokens-mean with --endpoint-type {name}: no tokens come out"),
            "leave it out",
        ));
    }
    let of_tokens = |info: Option<&MetricInfo>| info.is_some_and(metric::needs_output_tokens);
    let objectives = slos.iter().chain(tiers.iter().flat_map(|tier| &tier.slos));
    let objective = objectives.filter(|slo| of_tokens(slo.info())).map(|slo| format!("objective {}", slo.tag)).next();
    let condition = args.load.fail_if.iter().find(|t| of_tokens(t.info()));
    let condition = condition.map(|t| format!("--fail-if {}", t.text));
    match objective.or(condition) {
        Some(what) => Err(Error::usage(
            format!("{what}: no tokens come out of --endpoint-type {name}, so no request has this metric"),
            "name request_latency or response_time",
        )),
        None => Ok(()),
    }
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

fn takes(kind: EndpointKind, holds: bool, what: &str) -> Result<()> {
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
    let text = crate::flags::files::text(path, MOST_BYTES).map_err(|e| {
        Error::usage(
            format!("payload_template:{source}: {e}"),
            "name a file that can be read, or write the template itself",
        )
    })?;
    BodyTemplate::new(&text)
}

const MOST_BYTES: u64 = 1 << 20;
