//! How much one core of this machine can drive, in the shape of a run.

use crate::export;
use crate::runner::calibration_steps::{MeasuredStep, StepRunner};
use ringload_engine::Error;
use ringload_engine::calibration::{Basis, Calibration, Ceiling, Step, costs};
use ringload_engine::clock;

/// A load that is tried.
pub(crate) enum StepEvent<'a> {
    /// It begins: its kind.
    Begins(&'a str),
    /// It is over.
    Over(&'a Step),
}

/// Hears of each load.
pub(crate) type Listener<'a> = &'a mut dyn FnMut(StepEvent<'_>) -> anyhow::Result<()>;

/// What a request and an output event cost one core; `None` when a signal ended it.
///
/// # Errors
/// What stands in the way, with a remedy; those of `tell`.
pub(crate) fn calibration(runner: &StepRunner, tell: Listener<'_>) -> anyhow::Result<Option<Calibration>> {
    Calibrator { runner, tell, steps: Vec::new(), interrupted: false }.calibration()
}

/// The loads, one after the other.
struct Calibrator<'a> {
    runner: &'a StepRunner,
    tell: Listener<'a>,
    steps: Vec<Step>,
    interrupted: bool,
}

impl Calibrator<'_> {
    /// All of them; `None` when a signal stopped it.
    fn calibration(&mut self) -> anyhow::Result<Option<Calibration>> {
        if !self.runner.streaming() {
            return self.whole();
        }
        let Some(long) = self.tokens()? else {
            return Ok(None);
        };
        let half = long.step.events_per_s / long.step.busy_share.max(LEAST_BUSY) / 2.0;
        (self.tell)(StepEvent::Begins("tokens at half of that"))?;
        let headroom = self.runner.paced("headroom", half.min(long.step.events_per_s));
        if self.took(headroom)?.is_none() {
            return Ok(None);
        }
        (self.tell)(StepEvent::Begins("requests"))?;
        let requests = self.runner.requests();
        let Some(short) = self.took(requests)? else {
            return Ok(None);
        };
        let found = costs(&long.load, &short.load).ok_or_else(|| nothing(&long))?;
        let event = ceiling(found.event, basis(&long.step));
        let request = ceiling(found.request, basis(&short.step));
        self.made(&long, Some(event), request).map(Some)
    }

    /// Where answers come whole, a request is all there is.
    fn whole(&mut self) -> anyhow::Result<Option<Calibration>> {
        (self.tell)(StepEvent::Begins("requests"))?;
        let requests = self.runner.requests();
        let Some(measured) = self.took(requests)? else {
            return Ok(None);
        };
        let half = measured.step.requests_per_s / measured.step.busy_share.max(LEAST_BUSY) / 2.0;
        let half = half.min(measured.step.requests_per_s);
        if half > 0.0 {
            let headroom = self.runner.whole("headroom", half);
            if self.took(headroom)?.is_none() {
                return Ok(None);
            }
        }
        let load = &measured.load;
        if load.requests <= 0.0 {
            return Err(nothing(&measured).into());
        }
        let each = (load.user_ns / load.requests, load.system_ns / load.requests);
        let request = ceiling(each, basis(&measured.step));
        self.made(&measured, None, request).map(Some)
    }

    /// The heaviest stream of tokens that keeps its shape: the rate rises towards what fills the core, for as long as
    /// the server can follow and events do not share reads.
    fn tokens(&mut self) -> anyhow::Result<Option<MeasuredStep>> {
        let mut target = (f64::from(self.runner.streams) * FIRST_EACH).min(FIRST_IN_ALL);
        let mut best: Option<MeasuredStep> = None;
        let mut refused = false;
        for _ in 0..MOST_TOKEN_STEPS {
            (self.tell)(StepEvent::Begins("tokens"))?;
            let paced = self.runner.paced("tokens", target);
            let Some(measured) = self.took(paced)? else {
                return Ok(None);
            };
            let step = &measured.step;
            let (rate, busy) = (step.events_per_s, step.busy_share.max(LEAST_BUSY));
            let in_shape = step.coalesced_share <= MOST_COALESCED;
            let followed = rate >= FOLLOWED * target;
            let full = busy >= FULL;
            if in_shape && best.as_ref().is_none_or(|b| rate > b.step.events_per_s) {
                best = Some(measured);
            }
            if in_shape && full {
                break;
            }
            let reached = best.as_ref().map_or(target / 4.0, |b| b.step.events_per_s);
            let next = if in_shape && followed && !refused {
                (4.0 * target).min(0.92 * rate / busy)
            } else if refused {
                break;
            } else {
                refused = true;
                (reached * target).sqrt()
            };
            if best.is_some() && next < 1.1 * reached {
                break;
            }
            target = next;
        }
        match best {
            Some(best) => Ok(Some(best)),
            None => Err(Error::environment(
                "the built-in server cannot keep tokens apart on this machine: every load arrived coalesced",
                "keep other programs off this machine's cores, or let the process use more of them (taskset, the container's CPU limit)",
            )
            .into()),
        }
    }

    /// Shows and keeps a step; `None` when a signal ended it.
    fn took(&mut self, measured: anyhow::Result<MeasuredStep>) -> anyhow::Result<Option<MeasuredStep>> {
        let measured = measured?;
        self.interrupted |= measured.interrupted;
        if self.interrupted {
            return Ok(None);
        }
        (self.tell)(StepEvent::Over(&measured.step))?;
        self.steps.push(measured.step.clone());
        Ok(Some(measured))
    }

    fn made(&self, measured: &MeasuredStep, event: Option<Ceiling>, request: Ceiling) -> anyhow::Result<Calibration> {
        let shape = measured.shape.clone();
        Ok(Calibration {
            made_at: export::utc(clock::realtime()).unwrap_or_default(),
            ringload_version: env!("CARGO_PKG_VERSION").into(),
            machine: measured.machine.clone(),
            shape: shape.ok_or_else(|| Error::bug("a run against one server has no shape"))?,
            event,
            request,
            steps: self.steps.clone(),
        })
    }
}

fn ceiling((user_ns, system_ns): (f64, f64), basis: Basis) -> Ceiling {
    Ceiling { user_ns, system_ns, basis }
}

/// A core that was nearly full shows its ceiling; any other lets it be estimated.
fn basis(step: &Step) -> Basis {
    if step.busy_share >= FULL { Basis::Measured } else { Basis::Estimated }
}

fn nothing(measured: &MeasuredStep) -> Error {
    Error::environment(
        format!("nothing came back in the {:.1} s of a step", measured.step.seconds),
        "raise --calibrate-seconds, or keep other programs off this machine's cores",
    )
}

/// Loads of tokens that are measured.
const MOST_TOKEN_STEPS: usize = 5;
/// Tokens a second of each stream, and of all of them, in the first step.
const FIRST_EACH: f64 = 400.0;
const FIRST_IN_ALL: f64 = 20_000.0;
/// Share of events that may share a read: as the verdict has it.
const MOST_COALESCED: f64 = 0.2;
/// Share of the wanted rate with which the server has kept up.
const FOLLOWED: f64 = 0.85;
/// A core that is busy for this share of the time shows its ceiling.
const FULL: f64 = 0.85;
/// So that nothing is divided by a core that did nothing.
const LEAST_BUSY: f64 = 1e-3;
