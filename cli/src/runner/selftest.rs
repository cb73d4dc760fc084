//! What ringload says of streams against what the built-in server did, how late a schedule's requests leave, and what
//! this machine can drive.

use crate::export::uuid;
use crate::live::signals;
use crate::result::selftest::{ScheduleError, Selftest, Truthfulness};
use crate::runner::calibrate::{StepEvent, calibration};
use crate::runner::calibration_steps::StepRunner;
use ringload_engine::calibration::{Asked, drive};
use ringload_engine::clock::{MICRO, MILLI, SECOND};
use ringload_engine::host::HostFacts;
use ringload_engine::plan::{Arrival, Load, Phase, Plan};
use ringload_engine::record::{Outcome, Record};
use ringload_engine::{Blame, Error};
use ringload_mock::comparison::{Client, Percentiles, Token, compare};
use ringload_mock::truth::Served;
use ringload_mock::{Jitter, Timing};
use std::collections::HashMap;
use std::time::Duration;

/// All of it, in order; `None` when a signal ended it. `tell` hears what goes on.
///
/// # Errors
/// What stands in the way, with a remedy.
pub(crate) fn selftest(
    runner: &StepRunner,
    streams: u32,
    tokens_per_s: f64,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<Option<Selftest>> {
    tell("tokens against the server's own writes");
    let truth = truth(runner)?;
    if signals::received() {
        return Ok(None);
    }
    tell("a schedule against when its requests leave");
    let schedule = schedule(runner)?;
    let step = &mut |load: StepEvent<'_>| {
        if let StepEvent::Begins(kind) = load {
            tell(&format!("what a core can drive: {kind}"));
        }
        Ok(())
    };
    let (calibration, not_calibrated) = match calibration(runner, step) {
        Ok(None) => return Ok(None),
        _ if signals::received() => return Ok(None),
        Ok(Some(calibration)) => (Some(calibration), None),
        // What was found before is told all the same.
        Err(error) if error.downcast_ref::<Error>().is_some_and(|e| e.blame == Blame::Environment) => {
            (None, Some(format!("{error:#}")))
        }
        Err(error) => return Err(error),
    };
    let host = HostFacts::read_start().facts;
    let asked = Asked { streams: streams.into(), tokens_per_s, answer_tokens: runner.answer_tokens() };
    let drive = calibration.as_ref().and_then(|calibration| drive(calibration, runner.cores(), &host, asked));
    Ok(Some(Selftest {
        schema_version: "1.0",
        ringload_version: env!("CARGO_PKG_VERSION"),
        truth,
        schedule,
        calibration,
        not_calibrated,
        drive,
    }))
}

/// Streams at the pace of a server, each token against its write.
fn truth(runner: &StepRunner) -> anyhow::Result<Truthfulness> {
    let timing = Timing::Fixed {
        ttft: Duration::from_millis(20),
        itl: Duration::from_millis(10),
        jitter: Jitter::Uniform { share: 0.5 },
    };
    let awaited = |plan: Plan| Plan { profiling: Phase { grace: Some(5 * SECOND), ..plan.profiling }, ..plan };
    let (records, served) = runner.noted(timing, STREAMS, TOKENS, awaited)?;
    let said: Vec<Client> = records.iter().filter(|r| r.outcome == Outcome::Succeeded).map(as_said).collect();
    Ok(hold(&said, &served))
}

/// What was said, held against what was done.
fn hold(said: &[Client], served: &[Served]) -> Truthfulness {
    let found = compare(said, served);
    let size = |errors: &mut dyn Iterator<Item = i64>| Percentiles::of_ns(errors.map(i64::abs).collect());
    let finished = served.iter().filter(|one| one.finished).count();
    let tokens = || found.joined.iter().flat_map(|joined| &joined.tokens);
    Truthfulness {
        requests: found.joined.len(),
        tokens: tokens().count(),
        mismatched: found.of_other_length + found.unknown_to_server + finished.saturating_sub(said.len()),
        off: tokens().filter(|token| is_off(token)).count(),
        stamp_us: size(&mut tokens().map(Token::error_ns)),
        gap_us: size(&mut found.joined.iter().flat_map(|joined| joined.gap_errors_ns())),
        first_token_us: size(&mut found.joined.iter().filter_map(|joined| joined.ttft_error_ns())),
    }
}

/// Of tokens that share a read, the last alone has a stamp of its own.
fn is_off(token: &Token) -> bool {
    token.last_of_read && (token.arrived_ns + EARLY < token.begun_ns || token.arrived_ns > token.ended_ns + LATE)
}

/// Requests at instants that were wanted, to a server that answers at once.
fn schedule(runner: &StepRunner) -> anyhow::Result<ScheduleError> {
    let open = |plan: Plan| {
        let load = Load::Open { rate: PER_S.into(), pattern: Arrival::Constant, cap: None };
        Plan { profiling: Phase { load, grace: Some(SECOND), ..plan.profiling }, ..plan }
    };
    let (records, served) = runner.noted(Timing::Unpaced, STREAMS, 1, open)?;
    let received: HashMap<&str, u64> =
        served.iter().filter_map(|one| Some((one.request_id.as_deref()?, one.received_ns))).collect();
    let of = |error: &dyn Fn(&Record) -> Option<u64>| {
        Percentiles::of_ns(records.iter().filter_map(error).map(|ns| ns as i64).collect())
    };
    let at = |record: &Record| record.instants;
    Ok(ScheduleError {
        arrivals: records.len(),
        per_s: PER_S,
        taken_up_us: of(&|r| Some(at(r).issued.saturating_sub(at(r).scheduled))),
        received_us: of(&|r| Some(received.get(uuid(r.request_id).as_str())?.saturating_sub(at(r).scheduled))),
        floor_us: of(&|r| Some(at(r).first_token?.saturating_sub(at(r).issued))),
    })
}

/// A request as the files say it.
fn as_said(record: &Record) -> Client {
    let mut arrivals_ns: Vec<u64> = record.instants.first_token.into_iter().collect();
    for gap in &record.gaps {
        arrivals_ns.extend(arrivals_ns.last().map(|at| at + gap));
    }
    Client {
        request_id: uuid(record.request_id),
        issued_ns: record.instants.issued,
        sent_ns: record.instants.send_end,
        arrivals_ns,
    }
}

/// Streams of which each token is looked at, and tokens of each.
const STREAMS: u32 = 32;
const TOKENS: u32 = 32;
/// Arrivals a second.
const PER_S: f64 = 500.0;
/// What the offset between the two clocks may be off by.
const EARLY: u64 = 100 * MICRO;
/// What a stamp may come after its write on a machine that does something else as well.
const LATE: u64 = MILLI;

#[cfg(test)]
mod tests {
    use super::*;
    use ringload_mock::truth::Write;

    #[test]
    fn what_was_said_is_held_against_what_was_done() {
        let served = |id: &str, finished, writes: &[(u64, u32, u32)]| Served {
            request_id: Some(id.into()),
            received_ns: 1_000,
            finished,
            writes: writes.iter().map(|&write| Write::from(write)).collect(),
            ..Served::default()
        };
        let said = |id: &str, arrivals_ns: &[u64]| Client {
            request_id: id.into(),
            issued_ns: 500,
            sent_ns: None,
            arrivals_ns: arrivals_ns.to_vec(),
        };
        let did = [
            served("a", true, &[(10_000, 5_000, 1), (30_000_000, 5_000, 1)]),
            served("b", true, &[(20_000, 5_000, 1)]),
            served("c", true, &[(20_000, 5_000, 1)]),
        ];
        // The second token of a is stamped 3 ms late, b has a token too many, c is not known.
        let found = hold(&[said("a", &[12_000, 33_000_000]), said("b", &[1, 2])], &did);
        assert_eq!((found.requests, found.tokens, found.mismatched, found.off), (1, 2, 2, 1));
        assert_eq!((found.stamp_us.p50, found.stamp_us.max), (2.0, 3_000.0));
        assert_eq!((found.gap_us.max, found.first_token_us.max), (2_998.0, 2.5));
        assert!(!found.holds());
        let right = hold(&[said("a", &[12_000, 30_001_000])], &did[..1]);
        assert_eq!((right.mismatched, right.off, right.holds()), (0, 0, true));
        assert!(!hold(&[], &[]).holds(), "nothing was seen");
    }
}
