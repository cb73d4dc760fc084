//! What ringload reported, against what the server did.
//!
//! * `truth join LOG RECORDS`: the errors of a `profile_export.jsonl` against the truth log of `ringload mock`, as a
//!   line of JSON.
//! * `truth server LOG`: what the log says of the run by itself.
//! * `truth burn CORE SHARE SECONDS`: keeps a core busy for that share of each 10 ms, or for what of it the scheduler
//!   gives.
#![forbid(unsafe_code)]

use ringload_engine::clock::{MILLI, Nanos, SECOND, monotonic};
use ringload_engine::driver::prepare_thread;
use ringload_mock::comparison::{clients, compare, server_figures};
use ringload_mock::truth::Truth;
use rustix::time::{ClockId, clock_gettime};
use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["join", log, records] => join(log, records),
        ["server", log] => server(log),
        ["burn", core, share, seconds] => burn(core, share, seconds),
        _ => Err("usage: truth join LOG RECORDS | truth server LOG | truth burn CORE SHARE SECONDS".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("truth: {error}");
            ExitCode::from(2)
        }
    }
}

fn join(log: &str, records: &str) -> Result<(), Box<dyn Error>> {
    let truth = Truth::read(open(log)?)?;
    if truth.header.writes_lost > 0 {
        return Err(format!("{log}: {} writes were not noted: make the run shorter", truth.header.writes_lost).into());
    }
    let (clients, left_out) = clients(open(records)?, truth.header.wall_offset_ns)?;
    let comparison = compare(&clients, &truth.served);
    let mut errors = serde_json::to_value(comparison.errors())?;
    errors["left_out"] = left_out.into();
    errors["offset_error_us"] = (truth.header.offset_error_ns as f64 / 1e3).into();
    println!("{errors}");
    Ok(())
}

fn server(log: &str) -> Result<(), Box<dyn Error>> {
    let truth = Truth::read(open(log)?)?;
    println!("{}", serde_json::to_string(&server_figures(&truth))?);
    Ok(())
}

fn open(path: &str) -> Result<BufReader<File>, String> {
    let file = File::open(path).map_err(|e| format!("{path}: {e}; give a file that is there"))?;
    Ok(BufReader::with_capacity(1 << 20, file))
}

fn burn(core: &str, share: &str, seconds: &str) -> Result<(), Box<dyn Error>> {
    let (core, share, seconds): (usize, f64, f64) = (core.parse()?, share.parse()?, seconds.parse()?);
    prepare_thread(core, false)?;
    let mut begun = monotonic();
    let end = begun + (seconds * SECOND as f64) as Nanos;
    while begun < end {
        let enough = cpu_time() + (share * PERIOD as f64) as Nanos;
        while cpu_time() < enough {
            std::hint::spin_loop();
        }
        // A period that took longer, as others had the core, is not made up for.
        let next = (begun + PERIOD).max(monotonic());
        std::thread::sleep(Duration::from_nanos(next.saturating_sub(monotonic())));
        begun = next;
    }
    Ok(())
}

/// What this thread has had of a core.
fn cpu_time() -> Nanos {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as Nanos * SECOND + time.tv_nsec as Nanos
}

const PERIOD: Nanos = 10 * MILLI;
