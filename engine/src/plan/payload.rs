//! What requests hold beside one text: several texts, rankings, images, audio; and bodies of the user's own shape.

use super::{BodyTemplate, Length, OutputPath};
use serde::{Deserialize, Serialize};

/// What a request holds, and how a body of the user's own shape is made and read.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Payload {
    /// Texts of one request, each of the input length.
    pub texts: u32,
    /// Passages to rank.
    pub passages: Passages,
    /// Images of each request, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<Images>,
    /// Audio of each request, if any.
    #[serde(alias = "sounds", skip_serializing_if = "Option::is_none")]
    pub audio: Option<Audio>,
    /// Videos of each request, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub videos: Option<Videos>,
    /// The template of the body ([`super::EndpointKind::Template`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<BodyTemplate>,
    /// Where the output of an answer of unknown shape is; found by the usual names where it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputPath>,
    /// How conversations choose among several models.
    pub models: ModelChoice,
}

/// The passages of one ranking.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Passages {
    /// How many a message has.
    pub count: Length,
    /// Tokens of each.
    pub tokens: Length,
}

/// Synthetic images: noise, which no encoder makes small and no cache has seen.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Images {
    /// How many in a request.
    pub count: u32,
    /// Width in pixels.
    pub width: Length,
    /// Height in pixels.
    pub height: Length,
    /// How they are encoded.
    pub format: ImageFormat,
}

/// How an image is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageFormat {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// One or the other, drawn for each.
    Random,
}

/// Synthetic audio: white noise as PCM in a WAV file.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Audio {
    /// How many in a request.
    pub count: u32,
    /// Mean of the length, seconds.
    pub seconds_mean: f64,
    /// Its standard deviation, seconds.
    pub seconds_stddev: f64,
    /// Bits of a sample (8, 16, 24 or 32), of which one is drawn for each.
    pub depths: Vec<u16>,
    /// Samples a second, of which one is drawn for each.
    pub rates: Vec<u32>,
    /// Channels: 1 or 2.
    pub channels: u16,
}

/// Synthetic video: Motion JPEG in an MP4 file.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Videos {
    /// How many in a request.
    pub count: u32,
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
    /// Length, seconds.
    pub seconds: f64,
    /// Frames a second.
    pub fps: u32,
    /// What the frames show.
    pub content: VideoContent,
    /// Channels of sound: 0 for none, 1 or 2.
    pub channels: u16,
    /// Samples a second of the sound.
    pub rate: u32,
}

/// What the frames of a video show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VideoContent {
    /// Discs and squares that move.
    MovingShapes,
    /// A grid, and the hand of a clock.
    GridClock,
    /// Noise.
    Noise,
}

/// How conversations choose among several models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelChoice {
    /// Conversation i names model i modulo their number.
    RoundRobin,
    /// Each draws one, by (seed, i).
    Random,
}

impl Payload {
    /// Whether requests hold one text and nothing else, in a shape of ours.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.texts == 1
            && self.passages == Passages::default()
            && self.images.is_none()
            && self.audio.is_none()
            && self.videos.is_none()
            && self.template.is_none()
            && self.output.is_none()
            && self.models == ModelChoice::RoundRobin
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self {
            texts: 1,
            passages: Passages::default(),
            images: None,
            audio: None,
            videos: None,
            template: None,
            output: None,
            models: ModelChoice::RoundRobin,
        }
    }
}

impl Default for Passages {
    /// AIPerf's: ten passages of 128 tokens.
    fn default() -> Self {
        let exactly = |mean| Length { mean, stddev: 0.0 };
        Self { count: exactly(10.0), tokens: exactly(128.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LengthDistribution, Phase, Plan, Target};
    use super::*;

    #[test]
    fn the_keys_of_an_earlier_schema_are_read() {
        let mut plan = Plan::new(vec![Target::parse("http://h").unwrap()], "m", Phase::closed(1, 1));
        let (depths, rates) = (vec![16], vec![16_000]);
        plan.payload.audio =
            Some(Audio { count: 1, seconds_mean: 1.0, seconds_stddev: 0.0, depths, rates, channels: 1 });
        plan.prompts.distribution = LengthDistribution::Lognormal;
        let text = serde_json::to_string(&plan).unwrap();
        for (key, earlier) in [("audio", "sounds"), ("distribution", "law")] {
            let old = text.replace(&format!("\"{key}\":"), &format!("\"{earlier}\":"));
            assert_ne!(old, text, "{key}");
            let read: Plan = serde_json::from_str(&old).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
    }
}
