//! No images: in place of `image.rs` where the feature `images` is off.

use crate::error::{Error, Result};
use crate::plan::Images;
use crate::random::ItemRng;
use crate::setting::Setting::{ImageHeight, ImageWidth};

/// Refuses a plan that asks for images.
///
/// # Errors
/// [`crate::Blame::Usage`], always.
pub(super) fn check_can_make() -> Result<()> {
    Err(Error::usage(
        format!("{ImageWidth}, {ImageHeight}: this build makes no images"),
        "build ringload-engine with its feature `images`, or take the images from a dataset",
    ))
}

/// No frame: [`check_can_make`] has refused the plan.
pub(super) fn jpeg(_pixels: &[u8], _width: u16, _height: u16) -> Vec<u8> {
    Vec::new()
}

/// No image: [`check_can_make`] has refused the plan.
pub(super) fn make(_images: &Images, _rng: ItemRng) -> String {
    String::new()
}
