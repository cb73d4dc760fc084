//! Flags on how many requests may be there at a time → closed loops, caps, prefill bounds and their ramps.

use crate::flags::units::nanos;
use crate::flags::{CapPolicyArg, LoadArgs, RampShape, WarmupArgs};
use ringload_engine::plan::{Cap, CapPolicy, Load, Prefill, Ramp, Shape};
use ringload_engine::{Error, Result};

/// A gradual start, where a duration asks for one.
pub(crate) fn ramp(seconds: Option<f64>, shape: Option<RampShape>) -> Option<Ramp> {
    seconds.map(|seconds| Ramp {
        lasting: nanos(seconds),
        shape: match shape {
            Some(RampShape::Exponential) => Shape::Exponential,
            Some(RampShape::Linear) | None => Shape::Linear,
        },
    })
}

/// The cap of the measured phase.
pub(crate) fn cap(args: &LoadArgs) -> Result<Option<Cap>> {
    if args.concurrency.is_none() && args.cap_policy.is_some() {
        return Err(Error::usage(
            "--cap-policy without a cap",
            "add --concurrency N, the most requests in flight; or drop --cap-policy",
        ));
    }
    Wanted::main(args).cap(args.concurrency, args.cap_policy)
}

/// What a phase's flags want beside its concurrency.
pub(crate) struct Wanted {
    prefix: &'static str,
    prefill: Option<u32>,
    ramp: Option<Ramp>,
    prefill_ramp: Option<Ramp>,
}

impl Wanted {
    pub(crate) fn main(args: &LoadArgs) -> Self {
        Self {
            prefix: "--",
            prefill: args.prefill_concurrency,
            ramp: ramp(args.concurrency_ramp_duration, args.ramp_shape),
            prefill_ramp: ramp(args.prefill_concurrency_ramp_duration, args.ramp_shape),
        }
    }

    pub(crate) fn warmup(args: &WarmupArgs, main: &LoadArgs) -> Self {
        let seconds = args.warmup_prefill_concurrency_ramp_duration;
        Self {
            prefix: "--warmup-",
            prefill: args.warmup_prefill_concurrency.or(main.prefill_concurrency),
            ramp: ramp(args.warmup_concurrency_ramp_duration, main.ramp_shape),
            prefill_ramp: ramp(seconds, main.ramp_shape),
        }
    }

    pub(crate) fn closed(&self, concurrency: Option<u32>) -> Result<Load> {
        self.ramp_has(concurrency)?;
        Ok(Load::Closed { concurrency: concurrency.unwrap_or(1), ramp: self.ramp })
    }

    pub(crate) fn cap(&self, concurrency: Option<u32>, policy: Option<CapPolicyArg>) -> Result<Option<Cap>> {
        self.ramp_has(concurrency)?;
        Ok(concurrency.map(|concurrency| Cap {
            concurrency,
            policy: match policy {
                Some(CapPolicyArg::Drop) => CapPolicy::Drop,
                Some(CapPolicyArg::Queue) | None => CapPolicy::Queue,
            },
            ramp: self.ramp,
        }))
    }

    fn ramp_has(&self, concurrency: Option<u32>) -> Result<()> {
        if self.ramp.is_some() && concurrency.is_none() {
            let prefix = self.prefix;
            return Err(Error::usage(
                format!("{prefix}concurrency-ramp-duration without a concurrency to reach"),
                format!("add {prefix}concurrency N, or drop it"),
            ));
        }
        Ok(())
    }

    /// The bound on requests without a first token.
    pub(crate) fn prefill(&self, streaming: bool) -> Result<Option<Prefill>> {
        let prefix = self.prefix;
        let Some(concurrency) = self.prefill else {
            return match self.prefill_ramp {
                None => Ok(None),
                Some(_) => Err(Error::usage(
                    format!("{prefix}prefill-concurrency-ramp-duration without a bound to reach"),
                    format!("add {prefix}prefill-concurrency N, or drop it"),
                )),
            };
        };
        if !streaming {
            return Err(Error::usage(
                format!("{prefix}prefill-concurrency without --streaming: no first token is seen before the last"),
                "add --streaming; or bound requests in flight with --concurrency",
            ));
        }
        Ok(Some(Prefill { concurrency, ramp: self.prefill_ramp }))
    }
}
