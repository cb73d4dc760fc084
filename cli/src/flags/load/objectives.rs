//! What a run is judged by: tiers from a file, and conditions under which it has failed.

use crate::flags::ProfileArgs;
use ringload_engine::plan::{Threshold, Tier};
use ringload_engine::{Error, Result};
use std::path::Path;

/// The tiers of `--slo-file`.
///
/// # Errors
/// When the file cannot be read, is too long, or is not one of tiers.
pub(crate) fn tiers(file: Option<&Path>) -> Result<Vec<Tier>> {
    let Some(file) = file else {
        return Ok(Vec::new());
    };
    let shown = file.display();
    let text = crate::flags::files::text(file, MOST_BYTES)
        .map_err(|e| Error::usage(format!("--slo-file {shown}: {e}"), "name a file of JSON that can be read"))?;
    Tier::parse_all(&text)
}

/// The conditions of `--fail-if`, against what the plan measures.
///
/// # Errors
/// When one is of a metric that no request will have, or of goodput without objectives.
pub(crate) fn thresholds(args: &ProfileArgs, goodput: bool, tiers: &[Tier]) -> Result<Vec<Threshold>> {
    for threshold in &args.load.fail_if {
        threshold.check(goodput, tiers)?;
        let streams = threshold.info().is_some_and(|info| info.streaming_only);
        if streams && !args.endpoint.streaming {
            return Err(Error::usage(
                format!("--fail-if {}: without --streaming no request has this metric", threshold.text),
                "add --streaming, or compare request_latency",
            ));
        }
    }
    Ok(args.load.fail_if.clone())
}

const MOST_BYTES: u64 = 1 << 20;
