//! Flags on requests that end before their answer → time-outs, cancellations.

use crate::flags::plan::nanos;
use crate::flags::{EndpointArgs, LoadArgs};
use ringload_engine::plan::{Cancellation, Timeouts};
use ringload_engine::{Error, Result};

/// How long is waited for what.
pub(crate) fn timeouts(args: &EndpointArgs) -> Result<Timeouts> {
    for (flag, given) in [
        ("--ttft-timeout-seconds", args.ttft_timeout_seconds),
        ("--inter-token-timeout-seconds", args.inter_token_timeout_seconds),
    ] {
        if given.is_some() && !args.streaming {
            return Err(Error::usage(
                format!("{flag} without --streaming: the whole answer comes at once"),
                "add --streaming; or bound the whole request with --request-timeout-seconds",
            ));
        }
    }
    Ok(Timeouts {
        request: nanos(args.request_timeout_seconds),
        connect: nanos(args.connect_timeout_seconds),
        ttft: args.ttft_timeout_seconds.map(nanos),
        inter_token: args.inter_token_timeout_seconds.map(nanos),
    })
}

/// Which requests are broken off, and when.
pub(crate) fn cancellation(args: &LoadArgs) -> Result<Option<Cancellation>> {
    let delay = args.request_cancellation_delay;
    match args.request_cancellation_rate {
        None if delay.is_some() => Err(Error::usage(
            "--request-cancellation-delay without a share of requests to cancel",
            "add --request-cancellation-rate PERCENT, or drop it",
        )),
        None => Ok(None),
        Some(percent) => Ok(Some(Cancellation { share: percent / 100.0, delay: nanos(delay.unwrap_or(0.0)) })),
    }
}
