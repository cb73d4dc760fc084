//! Flags of the calibration.

use super::{ProfileArgs, values};
use clap::Args;

/// What `ringload calibrate` takes beside the flags of `ringload profile`, of which those count that give a run its
/// shape.
#[derive(Args, Clone, Debug)]
pub(crate) struct CalibrateArgs {
    /// Everything that a run takes.
    #[command(flatten)]
    pub(crate) profile: ProfileArgs,
    /// How the calibration goes.
    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
}

/// How the calibration goes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Calibrate")]
pub(crate) struct MeasureArgs {
    /// Time under load, of all steps together: 1 to 18.
    #[arg(long, value_name = "SECONDS", default_value = "12", value_parser = values::calibration)]
    pub(crate) calibrate_seconds: f64,
}
