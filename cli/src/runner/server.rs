//! The built-in server behind `--demo`.

use crate::flags::{CalibrateArgs, CapacityArgs, ProfileArgs};
use ringload_engine::host::HostFacts;
use ringload_engine::plan::Cores;
use ringload_engine::{Error, Result};
use ringload_mock::batching::Settings;
use ringload_mock::{Config, Jitter, Server, Timing};
use std::net::SocketAddr;
use std::time::Duration;

/// The built-in server of `--demo`.
pub(crate) struct DemoServer {
    server: Server,
    cores: Cores,
}

impl DemoServer {
    /// Starts it, where the flags ask for it, on cores of its own where there are some; the runs are directed to it.
    ///
    /// # Errors
    /// When it cannot listen.
    pub(crate) fn start_for(args: &mut ProfileArgs) -> Result<Option<Self>> {
        let demo = Self::start(args)?;
        if let Some(demo) = &demo {
            demo.fill_in(args);
            args.points.iter_mut().for_each(|point| demo.fill_in(&mut point.args));
        }
        Ok(demo)
    }

    /// The same with continuous batching, for a search: such a server has a capacity. The search decides on the load.
    ///
    /// # Errors
    /// When it cannot listen.
    pub(crate) fn start_for_search(args: &mut CapacityArgs) -> Result<Option<Self>> {
        let demo = Self::with_batching(&args.profile)?;
        if let Some(demo) = &demo {
            demo.fill_in(&mut args.profile);
            args.profile.load.concurrency = None;
        }
        Ok(demo)
    }

    /// Fills in what a calibration takes from the run of a `--demo`, or from a run that names no model.
    ///
    /// # Errors
    /// When it cannot listen.
    pub(crate) fn fill_in_calibration(args: &mut CalibrateArgs) -> Result<()> {
        if let Some(demo) = Self::start(&args.profile)? {
            demo.fill_in(&mut args.profile);
        }
        if args.profile.endpoint.model.is_empty() {
            args.profile.endpoint.model.push("mock".into());
        }
        Ok(())
    }

    fn start(args: &ProfileArgs) -> Result<Option<Self>> {
        let timing = Timing::Fixed {
            ttft: Duration::from_millis(50),
            itl: Duration::from_millis(10),
            jitter: Jitter::Uniform { share: 0.1 },
        };
        Self::with(args, timing, 64)
    }

    /// With continuous batching: 8 sequences in a step of 8 ms, 32 tokens an answer.
    fn with_batching(args: &ProfileArgs) -> Result<Option<Self>> {
        let timing = Timing::Batching(Settings {
            max_batch: 8,
            prefill_tokens_per_s: 40_000.0,
            decode_step_base: Duration::from_millis(8),
            decode_step_per_seq: Duration::ZERO,
        });
        Self::with(args, timing, 32)
    }

    fn with(args: &ProfileArgs, timing: Timing, output_tokens: u32) -> Result<Option<Self>> {
        if !args.machine.demo {
            return Ok(None);
        }
        let (ours, servers) = split(&allowed_cores(), args.machine.cores.as_ref());
        let server = start(Config {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            threads: servers.len().clamp(1, 4),
            cores: servers,
            timing,
            model: "mock".into(),
            output_tokens,
            tokens_per_event: 1,
            events_per_write: 1,
            ..Config::default()
        })?;
        Ok(Some(Self { server, cores: ours }))
    }

    /// Fills in URL and model, and load and objectives where the flags say none.
    fn fill_in(&self, args: &mut ProfileArgs) {
        args.machine.cores = Some(self.cores.clone());
        args.endpoint.url = vec![format!("http://{}", self.server.addr())];
        args.endpoint.streaming = true;
        if args.endpoint.model.is_empty() {
            args.endpoint.model.push("mock".into());
        }
        let scheduled = args.is_scheduled();
        let load = &mut args.load;
        if load.concurrency.is_none() && !scheduled {
            // A count that was asked for is not to be refused over a concurrency that was not.
            let count = load.request_count.map_or(u32::MAX, |n| n.try_into().unwrap_or(u32::MAX));
            load.concurrency = Some(DEMO_CONCURRENCY.min(count));
        }
        if load.goodput.is_empty() {
            load.goodput = DEMO_GOODPUT.map(String::from).to_vec();
        }
    }
}

/// Load and objectives of a `--demo` that says none: enough for every line of the report, over in seconds.
const DEMO_CONCURRENCY: u32 = 64;
const DEMO_GOODPUT: [&str; 2] = ["time_to_first_token:200", "inter_token_latency:50"];

/// Cores for the workers and cores for the server. On a single core they share it, and the verdict will say what that
/// does.
fn split(allowed: &[usize], asked: Option<&Cores>) -> (Cores, Vec<usize>) {
    let ours: Vec<usize> = match asked {
        Some(Cores::List(list)) => list.clone(),
        Some(Cores::Count(n)) => allowed.iter().copied().take(*n).collect(),
        Some(Cores::Auto) | None => allowed.iter().copied().take((allowed.len() / 2).max(1)).collect(),
    };
    let rest: Vec<usize> = allowed.iter().copied().filter(|c| !ours.contains(c)).collect();
    let ours = if ours.is_empty() { Cores::Auto } else { Cores::List(ours) };
    (ours, rest)
}

/// Cores that this process may run on.
pub(crate) fn allowed_cores() -> Vec<usize> {
    HostFacts::read_start().facts.cores_allowed.unwrap_or_default()
}

/// Starts a server.
///
/// # Errors
/// When it cannot listen, or the configuration cannot be.
pub(crate) fn start(config: Config) -> Result<Server> {
    ringload_mock::start(config).map_err(|e| match e {
        ringload_mock::Error::Config { field, problem, remedy } => Error::usage(format!("{field} {problem}"), remedy),
        other => Error::environment("the mock server could not start", other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_and_the_demo_server_share_no_core_where_there_are_two() {
        assert_eq!(split(&[0, 1, 2, 3], None), (Cores::List(vec![0, 1]), vec![2, 3]));
        assert_eq!(split(&[0, 1], None), (Cores::List(vec![0]), vec![1]));
        assert_eq!(split(&[0, 1, 2], Some(&Cores::List(vec![1]))), (Cores::List(vec![1]), vec![0, 2]));
        assert_eq!(split(&[5], None), (Cores::List(vec![5]), vec![]));
    }

    #[test]
    fn the_allowed_cores_can_be_read() {
        assert!(!allowed_cores().is_empty());
    }
}
