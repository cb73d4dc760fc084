//! Synthetic video: flags, checks and its part of the payload.

use super::takes;
use crate::flags::values;
use clap::{Args, ValueEnum};
use ringload_engine::plan::{EndpointKind, VideoContent, Videos};
use ringload_engine::{Error, Result};

/// Synthetic video.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Batches, rankings, images, audio and video")]
pub(crate) struct VideoArgs {
    /// Width of the videos of a request, in pixels; with --video-height it gives requests a video.
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(1..=16_384))]
    pub(crate) video_width: Option<u16>,

    /// Height of the videos of a request, in pixels.
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(1..=16_384))]
    pub(crate) video_height: Option<u16>,

    /// Length of a video, in seconds [default: 5].
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    pub(crate) video_duration: Option<f64>,

    /// Frames of a video a second [default: 4].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) video_fps: Option<u32>,

    /// Videos in one request [default: 1]; 0 for none.
    #[arg(long, visible_alias = "batch-size-video", value_name = "N", value_parser = values::count_or_none)]
    pub(crate) video_batch_size: Option<u32>,

    /// What a video shows [default: moving_shapes].
    #[arg(long, value_enum, value_name = "TYPE")]
    pub(crate) video_synth_type: Option<SynthType>,

    /// AIPerf's container. Videos are MP4 here whatever it says, and a note says so.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) video_format: Option<String>,

    /// AIPerf's encoder. Videos are Motion JPEG here whatever it says, and a note says so.
    #[arg(long, value_name = "CODEC")]
    pub(crate) video_codec: Option<String>,

    /// Channels of a video's sound: 0 for none, 1 or 2 [default: 0].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=2))]
    pub(crate) video_audio_num_channels: Option<u16>,

    /// Samples a second of a video's sound, in kHz or Hz, up to 48 kHz [default: 44.1].
    #[arg(long, value_name = "KHZ", value_parser = values::sample_rate)]
    pub(crate) video_audio_sample_rate: Option<u32>,

    /// AIPerf's encoder of sound. It is PCM here whatever this says, and a note says so.
    #[arg(long, value_name = "CODEC")]
    pub(crate) video_audio_codec: Option<String>,

    /// Bits of a sample of a video's sound: 16 here.
    #[arg(long, value_name = "BITS", value_parser = values::depth)]
    pub(crate) video_audio_depth: Option<u16>,
}

/// What a video shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum SynthType {
    /// Discs and squares that move.
    MovingShapes,
    /// A grid, and the hand of a clock.
    GridClock,
    /// Noise.
    Noise,
}

impl VideoArgs {
    /// The videos of a request, where both sides are said.
    pub(super) fn plan(&self, kind: EndpointKind) -> Result<Option<Videos>> {
        let (Some(width), Some(height)) = (self.video_width, self.video_height) else {
            return match self.given() {
                Some(flag) => Err(Error::usage(
                    format!("{flag} without --video-width and --video-height: no video has a size"),
                    "add both, as in --video-width 640 --video-height 480; or drop it",
                )),
                None => Ok(None),
            };
        };
        let count = self.video_batch_size.unwrap_or(1);
        if count == 0 {
            return Ok(None);
        }
        takes(kind, kind.takes_videos(), "videos")?;
        let rate = self.video_audio_sample_rate.unwrap_or(44_100);
        if rate > HIGHEST_RATE {
            return Err(Error::usage(
                format!(
                    "--video-audio-sample-rate: {rate} samples a second, and the sound of a video has {HIGHEST_RATE} at most"
                ),
                "write 48",
            ));
        }
        if let Some(depth) = self.video_audio_depth.filter(|depth| *depth != 16) {
            return Err(Error::usage(
                format!("--video-audio-depth {depth}: the sound of a video has 16 bits here"),
                "write 16, or leave it out",
            ));
        }
        Ok(Some(Videos {
            count,
            width,
            height,
            seconds: self.video_duration.unwrap_or(5.0),
            fps: self.video_fps.unwrap_or(4),
            content: match self.video_synth_type {
                None | Some(SynthType::MovingShapes) => VideoContent::MovingShapes,
                Some(SynthType::GridClock) => VideoContent::GridClock,
                Some(SynthType::Noise) => VideoContent::Noise,
            },
            channels: self.video_audio_num_channels.unwrap_or(0),
            rate,
        }))
    }

    /// That the encoding is ringload's own, where requests have videos.
    pub(super) fn note(&self) -> Option<String> {
        self.video_width.filter(|_| self.video_batch_size != Some(0))?;
        let flags = [
            ("--video-format", &self.video_format, "mp4"),
            ("--video-codec", &self.video_codec, "mjpeg"),
            ("--video-audio-codec", &self.video_audio_codec, "pcm_s16le"),
        ];
        let other = |(flag, given, ours): &(&str, &Option<String>, &str)| {
            let given = given.as_ref().filter(|given| !given.eq_ignore_ascii_case(ours))?;
            Some(format!("{flag} {given}"))
        };
        let others: Vec<String> = flags.iter().filter_map(other).collect();
        let whatever =
            if others.is_empty() { String::new() } else { format!(", whatever {} says", others.join(" and ")) };
        Some(format!(
            "videos are Motion JPEG in MP4{whatever}: ringload has no other encoder (AIPerf's default is VP9 in WebM)"
        ))
    }

    fn given(&self) -> Option<&'static str> {
        let flags = [
            ("--video-width", self.video_width.is_some()),
            ("--video-height", self.video_height.is_some()),
            ("--video-duration", self.video_duration.is_some()),
            ("--video-fps", self.video_fps.is_some()),
            ("--video-batch-size", self.video_batch_size.is_some_and(|n| n > 0)),
            ("--video-synth-type", self.video_synth_type.is_some()),
            ("--video-format", self.video_format.is_some()),
            ("--video-codec", self.video_codec.is_some()),
            ("--video-audio-num-channels", self.video_audio_num_channels.is_some()),
            ("--video-audio-sample-rate", self.video_audio_sample_rate.is_some()),
            ("--video-audio-codec", self.video_audio_codec.is_some()),
            ("--video-audio-depth", self.video_audio_depth.is_some()),
        ];
        flags.iter().find(|(_, given)| *given).map(|(flag, _)| *flag)
    }
}

/// Most samples a second of a video's sound: the field of the file has 16 bits.
const HIGHEST_RATE: u32 = 48_000;
