//! Images of noise.

use super::{data_url, noise};
use crate::error;
use crate::plan::{ImageFormat, Images, Length};
use crate::random::ItemRng;
use rand_distr::{Distribution, StandardNormal};

/// Whether images can be made: they can.
pub(super) fn check_can_make() -> error::Result<()> {
    Ok(())
}

/// One image, as a `data:` URL. Noise in three channels of 8 bits.
pub(super) fn make(images: &Images, mut rng: ItemRng) -> String {
    let (width, height) = (side(images.width, &mut rng), side(images.height, &mut rng));
    let jpeg = match images.format {
        ImageFormat::Png => false,
        ImageFormat::Jpeg => true,
        ImageFormat::Random => rng.below(2) == 1,
    };
    let pixels = noise(usize::from(width) * usize::from(height) * 3, &mut rng);
    // Encoding to memory does not fail for sizes that fit.
    if jpeg {
        data_url(&jpeg_of(&pixels, width, height).unwrap_or_default(), "image/jpeg")
    } else {
        data_url(&png_of(&pixels, width, height).unwrap_or_default(), "image/png")
    }
}

/// Pixels, three bytes each, as a JPEG file.
pub(super) fn jpeg(pixels: &[u8], width: u16, height: u16) -> Vec<u8> {
    jpeg_of(pixels, width, height).unwrap_or_default()
}

fn png_of(pixels: &[u8], width: u16, height: u16) -> Result<Vec<u8>, png::EncodingError> {
    let mut out = Vec::with_capacity(pixels.len() + pixels.len() / 100 + 1024);
    let mut encoder = png::Encoder::new(&mut out, width.into(), height.into());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // Noise does not become smaller.
    encoder.set_compression(png::Compression::NoCompression);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(out)
}

fn jpeg_of(pixels: &[u8], width: u16, height: u16) -> Result<Vec<u8>, jpeg_encoder::EncodingError> {
    let mut out = Vec::with_capacity(pixels.len());
    jpeg_encoder::Encoder::new(&mut out, QUALITY).encode(pixels, width, height, jpeg_encoder::ColorType::Rgb)?;
    Ok(out)
}

/// A side in pixels: normal, rounded, at least 1.
fn side(length: Length, rng: &mut ItemRng) -> u16 {
    let deviations: f64 = StandardNormal.sample(rng);
    deviations.mul_add(length.stddev, length.mean).round().clamp(1.0, f64::from(u16::MAX)) as u16
}

/// Of JPEG, on its scale to 100: that which encoders take by default.
const QUALITY: u8 = 75;
