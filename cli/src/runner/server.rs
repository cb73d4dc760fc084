//! `ringload mock`, and the server behind `--demo`.

use crate::args::{MockArgs, ProfileArgs};
use crate::live::signals;
use ringload_engine::host::HostFacts;
use ringload_engine::plan::Cores;
use ringload_engine::{Error, Result};
use ringload_mock::batching::Settings;
use ringload_mock::truth::Truth;
use ringload_mock::{Certificate, ClientCa, Config, Delays, Jitter, Protocol, Server, Timing, TlsConfig};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Serves until SIGINT, SIGTERM or SIGHUP.
///
/// # Errors
/// When it cannot listen.
pub(crate) fn serve(args: &MockArgs) -> anyhow::Result<()> {
    let config = config(args)?;
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let log = args.truth_log.as_deref().map(TruthLog::create).transpose()?;
    let server = start(config)?;
    // A reader that closed the pipe does not stop the server.
    let _ = writeln!(io::stdout(), "{scheme}://{}", server.addr());
    signals::serve();
    let truth = log.as_ref().map(|_| server.truth());
    server.stop();
    if let (Some(log), Some(truth)) = (log, truth) {
        log.write(&truth)?;
    }
    Ok(())
}

/// Where `--truth-log` points: made at the start, so that it does not fail at the end over its path.
struct TruthLog {
    path: PathBuf,
    file: File,
}

impl TruthLog {
    fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(|e| unwritable(path, &e))?;
        let path = path.to_owned();
        Ok(Self { path, file })
    }

    fn write(self, truth: &Truth) -> Result<()> {
        truth.write(BufWriter::new(self.file)).map_err(|e| unwritable(&self.path, &e))
    }
}

fn unwritable(path: &Path, e: &io::Error) -> Error {
    Error::environment(
        format!("{}: cannot write the truth log: {e}", path.display()),
        "choose a --truth-log that is writable and has space",
    )
}

/// The built-in server of `--demo`.
pub(crate) struct Demo {
    server: Server,
    cores: Cores,
}

impl Demo {
    /// Starts it, where the flags ask for it; on cores of its own where there are some.
    ///
    /// # Errors
    /// When it cannot listen.
    pub(crate) fn start(args: &ProfileArgs) -> Result<Option<Self>> {
        let timing = Timing::Fixed {
            ttft: Duration::from_millis(50),
            itl: Duration::from_millis(10),
            jitter: Jitter::Uniform { share: 0.1 },
        };
        Self::with(args, timing, 64)
    }

    /// The same with continuous batching, which has a capacity: 8 sequences in a step of 8 ms, 32 tokens an answer.
    ///
    /// # Errors
    /// When it cannot listen.
    pub(crate) fn crowded(args: &ProfileArgs) -> Result<Option<Self>> {
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
    pub(crate) fn aim(&self, args: &mut ProfileArgs) {
        args.machine.cores = Some(self.cores.clone());
        args.endpoint.url = vec![format!("http://{}", self.server.addr())];
        args.endpoint.streaming = true;
        if args.endpoint.model.is_empty() {
            args.endpoint.model.push("mock".into());
        }
        let load = &mut args.load;
        let scheduled = load.request_rate.is_some()
            || load.request_rate_series.is_some()
            || load.user_centric_rate.is_some()
            || !load.stage.is_empty()
            || args.trace.input_file.is_some() && !args.trace.no_fixed_schedule;
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

fn config(args: &MockArgs) -> Result<Config> {
    let timing = match (args.unpaced, args.max_batch) {
        (true, Some(_)) => {
            return Err(Error::usage("--unpaced and --max-batch contradict each other", "drop one of them"));
        }
        (true, None) => Timing::Unpaced,
        (false, Some(max_batch)) => Timing::Batching(Settings {
            max_batch: max_batch as usize,
            prefill_tokens_per_s: args.prefill_rate,
            decode_step_base: milliseconds(args.step_base_ms)?,
            decode_step_per_seq: milliseconds(args.step_per_seq_ms)?,
        }),
        (false, None) => Timing::Fixed {
            ttft: milliseconds(args.ttft_ms)?,
            itl: milliseconds(args.itl_ms)?,
            jitter: if args.jitter > 0.0 { Jitter::Uniform { share: args.jitter } } else { Jitter::None },
        },
    };
    let cores = match &args.cores {
        None | Some(Cores::Auto) => Vec::new(),
        Some(Cores::Count(n)) => allowed_cores().into_iter().take(*n).collect(),
        Some(Cores::List(list)) => list.clone(),
    };
    Ok(Config {
        address: address(&args.host, args.port)?,
        threads: usize::from(args.threads),
        cores,
        timing,
        model: args.model.clone(),
        output_tokens: args.default_output_tokens,
        tokens_per_event: args.tokens_per_event,
        events_per_write: args.events_per_write,
        early_role: args.early_role,
        tls: tls(args),
        protocol: if args.http2 { Protocol::Auto } else { Protocol::Http1 },
        h2_max_streams: args.h2_max_streams,
        delays: Delays {
            accept: milliseconds(args.accept_delay_ms)?,
            handshake: milliseconds(args.handshake_delay_ms)?,
            head: milliseconds(args.head_delay_ms)?,
        },
        truth: args.truth_log.is_some(),
        faults: args.faults,
        seed: args.seed,
        ..Config::default()
    })
}

fn tls(args: &MockArgs) -> Option<TlsConfig> {
    let certificate = match (&args.tls_cert, &args.tls_key) {
        (Some(cert), Some(key)) => Certificate::Files { cert: cert.clone(), key: key.clone() },
        _ => Certificate::Generated,
    };
    let config = TlsConfig {
        certificate,
        client_ca: args.tls_client_ca.clone().map(ClientCa::File),
        ca_out: args.tls_ca_out.clone(),
        ..TlsConfig::default()
    };
    (args.tls || config != TlsConfig::default()).then_some(config)
}

fn address(host: &str, port: u16) -> Result<SocketAddr> {
    let remedy = "write an address of this machine, such as 127.0.0.1 or 0.0.0.0";
    (host, port)
        .to_socket_addrs()
        .map_err(|e| Error::usage(format!("--host {host}: {e}"), remedy))?
        .next()
        .ok_or_else(|| Error::usage(format!("--host {host}: no address"), remedy))
}

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

fn milliseconds(ms: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(ms / 1e3).map_err(|e| Error::usage(format!("{ms} ms: {e}"), "write a shorter time"))
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
