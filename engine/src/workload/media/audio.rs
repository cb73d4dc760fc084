//! Audio of white noise: PCM in a WAV file (RFC 2361's format 1).

use super::noise;
use crate::plan::Audio;
use crate::random::ItemRng;
use rand_distr::{Distribution, StandardNormal};

/// One sound, as [`crate::plan::Message::audios`] has it.
pub(super) fn make(audio: &Audio, mut rng: ItemRng) -> String {
    let deviations: f64 = StandardNormal.sample(&mut rng);
    let seconds = deviations.mul_add(audio.seconds_stddev, audio.seconds_mean).max(SHORTEST_S);
    let depth = audio.depths[rng.below(audio.depths.len())];
    let rate = audio.rates[rng.below(audio.rates.len())];
    let samples = (seconds * f64::from(rate)).round() as usize;
    let frame = depth / 8 * audio.channels;
    let data = noise(samples * usize::from(frame), &mut rng);
    super::sound(&wav(&data, rate, depth, audio.channels), "wav")
}

fn wav(data: &[u8], rate: u32, depth: u16, channels: u16) -> Vec<u8> {
    let frame = depth / 8 * channels;
    let size = data.len() as u32;
    let pad = size % 2;
    let mut out = Vec::with_capacity(HEAD_BYTES + data.len() + 1);
    out.extend_from_slice(b"RIFF");
    out.extend_from_slice(&(HEAD_BYTES as u32 - 8 + size + pad).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt ");
    out.extend_from_slice(&16_u32.to_le_bytes());
    out.extend_from_slice(&PCM.to_le_bytes());
    out.extend_from_slice(&channels.to_le_bytes());
    out.extend_from_slice(&rate.to_le_bytes());
    out.extend_from_slice(&(rate * u32::from(frame)).to_le_bytes());
    out.extend_from_slice(&frame.to_le_bytes());
    out.extend_from_slice(&depth.to_le_bytes());
    out.extend_from_slice(b"data");
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(data);
    out.resize(out.len() + pad as usize, 0);
    out
}

const PCM: u16 = 1;
const HEAD_BYTES: usize = 44;
/// Nothing shorter is a sound.
const SHORTEST_S: f64 = 0.01;
