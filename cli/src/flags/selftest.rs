//! Flags of the selftest.

use super::{CalibrateArgs, values};
use clap::Args;

/// What `ringload selftest` takes beside the flags of `ringload calibrate`.
#[derive(Args, Clone, Debug)]
pub(crate) struct SelftestArgs {
    /// Everything that a calibration takes.
    #[command(flatten)]
    pub(crate) calibrate: CalibrateArgs,
    /// What is asked about.
    #[command(flatten)]
    pub(crate) drive: DriveArgs,
}

/// What this machine is to drive.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Selftest")]
pub(crate) struct DriveArgs {
    /// Streams at a time that this machine is to drive [default: --concurrency, else 1000].
    #[arg(long, value_name = "N", value_parser = values::one_count)]
    pub(crate) streams: Option<u32>,
    /// Tokens a second of each.
    #[arg(long, value_name = "RATE", default_value = "50", value_parser = values::one_rate)]
    pub(crate) tokens_per_second: f64,
}

impl SelftestArgs {
    /// Streams that are asked about; a load that says nothing of how many are in flight gets them.
    pub(crate) fn fill_in(&mut self) -> u32 {
        let profile = &mut self.calibrate.profile;
        profile.endpoint.streaming = true;
        let streams = self.drive.streams.or(profile.load.concurrency).unwrap_or(DEFAULT_STREAMS);
        if profile.load.concurrency.is_none() && !profile.is_scheduled() {
            profile.load.request_count = None;
            profile.load.concurrency = Some(streams);
        }
        streams
    }
}

const DEFAULT_STREAMS: u32 = 1_000;
