//! `ringload mock`

use crate::flags::MockArgs;
use crate::live::signals;
use crate::runner::server::{allowed_cores, start};
use ringload_engine::plan::Cores;
use ringload_engine::{Error, Result};
use ringload_mock::batching::Settings;
use ringload_mock::truth::Truth;
use ringload_mock::{Certificate, ClientCa, Config, Delays, Jitter, Protocol, Timing, TlsConfig};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Serves until SIGINT, SIGTERM or SIGHUP.
///
/// # Errors
/// When it cannot listen.
pub(crate) fn mock(args: &MockArgs) -> anyhow::Result<()> {
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

fn milliseconds(ms: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(ms / 1e3).map_err(|e| Error::usage(format!("{ms} ms: {e}"), "write a shorter time"))
}
