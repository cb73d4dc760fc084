//! Flags on how many arrivals a second are wanted → a rate over time.

use super::{limits, series};
use crate::flags::files;
use crate::flags::{Interpolation, LoadArgs, RampShape};
use ringload_engine::plan::Rate;
use ringload_engine::{Error, Result};
use std::path::Path;

/// The rate of an open loop, where a flag asks for one.
pub(crate) fn of(args: &LoadArgs) -> Result<Option<Rate>> {
    if args.rate_interpolation.is_some() && args.request_rate_series.is_none() {
        return Err(Error::usage(
            "--rate-interpolation without --request-rate-series",
            "add --request-rate-series FILE, or drop it",
        ));
    }
    if args.request_rate_ramp_duration.is_some() && args.request_rate.is_none() {
        return Err(Error::usage(
            "--request-rate-ramp-duration without --request-rate",
            "add --request-rate RATE; a ramp between other rates is --stage rate=FROM,to=TO,for=TIME",
        ));
    }
    if let Some(rate) = args.request_rate {
        let seconds = args.request_rate_ramp_duration;
        return Ok(Some(ramped(rate, seconds, args.ramp_shape)));
    }
    if let Some(file) = &args.request_rate_series {
        let how = args.rate_interpolation.unwrap_or(Interpolation::Linear);
        return read(file, how).map(Some);
    }
    if args.stage.is_empty() {
        return Ok(None);
    }
    let rate = Rate::new(args.stage.clone(), 0.0);
    if rate.highest() == 0.0 {
        return Err(Error::usage(
            "no --stage has a rate above 0: nothing would ever be sent",
            "write --stage rate=5,for=60s",
        ));
    }
    Ok(Some(rate))
}

/// A rate, reached gradually where a duration says so.
pub(crate) fn ramped(rate: f64, seconds: Option<f64>, shape: Option<RampShape>) -> Rate {
    limits::ramp(seconds, shape).map_or(Rate::from(rate), |ramp| Rate::ramped(rate, ramp))
}

fn read(file: &Path, how: Interpolation) -> Result<Rate> {
    let named = |what: String| format!("--request-rate-series {}: {what}", file.display());
    let text = files::text(file, files::SERIES_BYTES)
        .map_err(|e| Error::usage(named(e.to_string()), "write the path of a file of offset_s,rate lines"))?;
    series::parse(&text, how).map_err(|(what, remedy)| Error::usage(named(what), remedy))
}
