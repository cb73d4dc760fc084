//! Flags on what a request holds beside its prompt.

pub(super) mod plan;
#[cfg(test)]
mod tests;

use super::values;
use clap::{Args, ValueEnum};

/// What a request holds beside its prompt.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Batches, rankings, images and audio")]
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
