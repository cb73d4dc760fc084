//! Serves until it is interrupted:
//! `serve [address] [fixed|unpaced|batching] [threads] [events_per_write] [first core]`.

use std::sync::atomic::AtomicBool;

use ringload_mock::{Config, Timing, batching, run_until};

fn main() {
    let mut args = std::env::args().skip(1);
    let mut next = |default: &str| args.next().unwrap_or(default.to_owned());
    let mut config = Config { address: next("127.0.0.1:8000").parse().expect("an address"), ..Config::default() };
    match next("fixed").as_str() {
        "unpaced" => config.timing = Timing::Unpaced,
        "batching" => config.timing = Timing::Batching(batching::Settings::default()),
        _ => {}
    }
    config.threads = next("1").parse().expect("a number of threads");
    config.events_per_write = next("1").parse().expect("a number of events");
    let core: Option<usize> = next("").parse().ok();
    config.cores = core.map_or(Vec::new(), |first| (first..first + config.threads).collect());
    if let Err(error) = run_until(config, &AtomicBool::new(false)) {
        eprintln!("{error}");
        std::process::exit(1);
    }
}
