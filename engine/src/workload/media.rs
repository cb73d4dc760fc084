//! Images, audio and video as requests hold them: text. Images and the frames of videos are made with the feature
//! `images`; without it, `no_image.rs` stands for `image.rs` and refuses the plan.

mod audio;
mod files;
#[cfg_attr(not(feature = "images"), path = "media/no_image.rs")]
mod image;
mod mp4;
mod video;

pub(super) use files::MediaFiles;

use super::turns::Item;
use crate::error::{Error, Result};
use crate::plan::Message;
use crate::plan::{Length, Plan};
use crate::random::{ItemRng, Stream};
use crate::setting::Setting::{AudioLength, Entries, ImageHeight, ImageWidth, VideoSize};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A `data:` URL (RFC 2397) of bytes of this media type (`image/png`, `audio/wav` …).
#[must_use]
pub fn data_url(bytes: &[u8], media_type: &str) -> String {
    let mut url = format!("data:{media_type};base64,");
    STANDARD.encode_string(bytes, &mut url);
    url
}

/// A sound as [`Message::audios`] has it: `FORMAT,BASE64`.
#[must_use]
pub fn sound(bytes: &[u8], format: &str) -> String {
    let mut sound = format!("{format},");
    STANDARD.encode_string(bytes, &mut sound);
    sound
}

/// Puts the files that a message names in place of their paths: images and video as `data:` URLs, audio as
/// `FORMAT,BASE64`. A URL, and what holds its data already, stays.
///
/// # Errors
/// [`crate::Blame::Usage`] when a file may not or cannot be read, is over the limit, or has an ending that says no
/// format.
pub(super) fn take_in(message: &mut Message, files: &MediaFiles) -> Result<()> {
    for image in message.images.iter_mut().filter(|i| is_path(i)) {
        let (bytes, ending) = files.read(image, &["png", "jpg", "jpeg", "gif", "webp"])?;
        let kind = if ending == "jpg" { "jpeg" } else { ending };
        *image = data_url(&bytes, &format!("image/{kind}"));
    }
    for video in message.videos.iter_mut().filter(|v| is_path(v)) {
        let (bytes, ending) = files.read(video, &["mp4", "webm"])?;
        *video = data_url(&bytes, &format!("video/{ending}"));
    }
    for audio in message.audios.iter_mut() {
        if is_path(audio) && !audio.starts_with("wav,") && !audio.starts_with("mp3,") {
            let (bytes, ending) = files.read(audio, &["wav", "mp3"])?;
            *audio = sound(&bytes, ending);
        }
    }
    Ok(())
}

fn is_path(text: &str) -> bool {
    !text.is_empty() && !text.contains("://") && !text.starts_with("data:")
}

/// Adds the images, audio and videos of a turn to its message: they depend on (seed, turn) and the plan's sizes alone.
pub(super) fn attach(plan: &Plan, item: Item, message: &mut Message) {
    let numbers = |n: u32, kind: u64| {
        let key = crate::random::derive(plan.seed, u64::from(n) << 1 | kind);
        ItemRng::new(key, Stream::Media, item.0 as u64)
    };
    if let Some(images) = &plan.payload.images {
        let made = (0..images.count).map(|n| image::make(images, numbers(n, 0)));
        message.images.extend(made);
    }
    if let Some(audio) = &plan.payload.audio {
        let made = (0..audio.count).map(|n| audio::make(audio, numbers(n, 1)));
        message.audios.extend(made);
    }
    if let Some(videos) = &plan.payload.videos {
        let key = |n: u32| crate::random::derive(crate::random::derive(plan.seed, VIDEO), n.into());
        let numbers = |n: u32| ItemRng::new(key(n), Stream::Media, item.0 as u64);
        message.videos.extend((0..videos.count).map(|n| video::make(videos, numbers(n))));
    }
}

/// Refuses sizes that are no sizes, or too much for a machine.
pub(super) fn check(plan: &Plan) -> Result<()> {
    let turns = plan.prompts.entries as f64 * plan.prompts.turns.count.mean.max(1.0);
    let mut bytes = 0.0;
    if let Some(images) = &plan.payload.images {
        image::check_can_make()?;
        for (setting, side) in [(ImageWidth, images.width), (ImageHeight, images.height)] {
            if furthest(side) > MAX_SIDE {
                return Err(Error::usage(
                    format!("{setting}: {} ± {} pixels pass the limit of {MAX_SIDE}", side.mean, side.stddev),
                    "choose a smaller mean or deviation",
                ));
            }
        }
        bytes += f64::from(images.count) * images.width.mean * images.height.mean * 3.0;
    }
    if let Some(audio) = &plan.payload.audio {
        let longest = furthest(Length { mean: audio.seconds_mean, stddev: audio.seconds_stddev });
        if longest > MAX_SECONDS {
            return Err(Error::usage(
                format!(
                    "{AudioLength}: {} ± {} s pass the limit of {MAX_SECONDS}",
                    audio.seconds_mean, audio.seconds_stddev
                ),
                "choose a shorter mean or a smaller deviation",
            ));
        }
        let rate = audio.rates.iter().copied().max().unwrap_or(0);
        let depth = audio.depths.iter().copied().max().unwrap_or(0);
        bytes += f64::from(audio.count) * audio.seconds_mean * f64::from(rate) * f64::from(depth / 8 * audio.channels);
    }
    if let Some(videos) = &plan.payload.videos {
        image::check_can_make()?;
        if f64::from(videos.width.max(videos.height)) > MAX_SIDE || videos.seconds > MAX_SECONDS {
            return Err(Error::usage(
                format!(
                    "{VideoSize}: {} by {} pixels for {} s pass the limits of {MAX_SIDE} pixels and {MAX_SECONDS} s",
                    videos.width, videos.height, videos.seconds
                ),
                "choose smaller frames or a shorter video",
            ));
        }
        let frame = f64::from(videos.width) * f64::from(videos.height) * FRAME_BYTES;
        let sound = videos.seconds * f64::from(videos.rate) * f64::from(videos.channels) * 2.0;
        bytes += f64::from(videos.count) * (f64::from(video::frames(videos)) * frame + sound);
    }
    // Base64 writes three bytes as four.
    let total = turns * bytes * 4.0 / 3.0;
    if total > MAX_TOTAL_BYTES {
        return Err(Error::usage(
            format!(
                "images, audio and videos of {turns} requests are {:.1} GiB, over the limit of {:.0} GiB",
                total / GIB,
                MAX_TOTAL_BYTES / GIB
            ),
            format!("prepare fewer requests with {Entries} (they are reused in turn), or smaller media"),
        ));
    }
    Ok(())
}

/// Random bytes.
fn noise(bytes: usize, rng: &mut ItemRng) -> Vec<u8> {
    let mut noise = Vec::with_capacity(bytes + 8);
    while noise.len() < bytes {
        noise.extend_from_slice(&rng.next_bits().to_le_bytes());
    }
    noise.truncate(bytes);
    noise
}

/// Nine deviations out: one draw in 10¹⁸ is farther.
fn furthest(length: Length) -> f64 {
    length.mean + 9.0 * length.stddev
}

const GIB: f64 = (1u64 << 30) as f64;
/// Most pixels of a side of an image.
const MAX_SIDE: f64 = 16_384.0;
/// Longest sound, seconds.
const MAX_SECONDS: f64 = 3_600.0;
/// Bytes of a pixel of a frame, as JPEG: those of noise.
const FRAME_BYTES: f64 = 1.5;
/// Where the random numbers of videos begin.
const VIDEO: u64 = 0x7669_6465_6f00;
/// Most bytes of all media of a run together: they are held in memory.
const MAX_TOTAL_BYTES: f64 = 8.0 * GIB;

#[cfg(test)]
mod tests;
