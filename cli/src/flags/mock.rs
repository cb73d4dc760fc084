//! `ringload mock`: flags, checks and the server that they ask for.

use super::values;
use clap::Args;
use ringload_engine::plan::Cores;
use ringload_engine::{Error, Result};
use ringload_mock::batching::Settings;
use ringload_mock::{Certificate, ClientCa, Config, Delays, Jitter, Protocol, Timing, TlsConfig};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

/// The synthetic server.
#[derive(Args, Clone, Debug)]
pub(crate) struct MockArgs {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: String,

    /// Port; 0 takes a free one and prints it.
    #[arg(long, default_value_t = 8000)]
    pub(crate) port: u16,

    /// Threads.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: u16,

    /// Cores to pin the threads to, as a list (`2-3`; core 3 alone: `3,`), or a count.
    #[arg(long, value_name = "CORES", value_parser = values::cores)]
    pub(crate) cores: Option<Cores>,

    /// Time to the first token, in milliseconds.
    #[arg(long, value_name = "MS", default_value = "20", value_parser = values::not_negative)]
    pub(crate) ttft_ms: f64,

    /// Time between tokens, in milliseconds.
    #[arg(long, value_name = "MS", default_value = "5", value_parser = values::not_negative)]
    pub(crate) itl_ms: f64,

    /// Spread of both times: evenly up to this share less or more (0 to 1).
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = values::not_negative)]
    pub(crate) jitter: f64,

    /// Events put into one write.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub(crate) events_per_write: u32,

    /// Tokens in one event.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub(crate) tokens_per_event: u32,

    /// Output tokens when the request asks for none.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) default_output_tokens: u32,

    /// Continuous batching instead of fixed times: most sequences in one step.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_batch: Option<u32>,

    /// With --max-batch: prompt tokens a second.
    #[arg(long, value_name = "TOKENS", default_value = "40000", value_parser = values::positive, requires = "max_batch")]
    pub(crate) prefill_rate: f64,

    /// With --max-batch: milliseconds of a step, whatever is in it.
    #[arg(long, value_name = "MS", default_value = "6", value_parser = values::not_negative, requires = "max_batch")]
    pub(crate) step_base_ms: f64,

    /// With --max-batch: milliseconds that each sequence adds to a step.
    #[arg(long, value_name = "MS", default_value = "0.04", value_parser = values::not_negative, requires = "max_batch")]
    pub(crate) step_per_seq_ms: f64,

    /// Send the head and the role chunk when the request has arrived, not with the first token.
    #[arg(long)]
    pub(crate) early_role: bool,

    /// Answer as fast as the socket takes it, without pacing.
    #[arg(long)]
    pub(crate) unpaced: bool,

    /// Speak TLS, with a certificate for localhost, 127.0.0.1 and ::1 made at the start.
    #[arg(long)]
    pub(crate) tls: bool,

    /// Certificate to show, as a PEM file with those between it and its authority; means --tls.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// Private key of --tls-cert, as a PEM file.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Demand a client certificate signed by this authority, a PEM file; means --tls.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_client_ca: Option<PathBuf>,

    /// Write the PEM of the authority made at the start here; means --tls.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_ca_out: Option<PathBuf>,

    /// Speak HTTP/2 as well, on the same port: by ALPN with TLS, by prior knowledge without.
    #[arg(long)]
    pub(crate) http2: bool,

    /// HTTP/2: most streams open on a connection.
    #[arg(long, value_name = "N", default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) h2_max_streams: u32,

    /// Do not read from a new connection for so many milliseconds; the kernel still completes its connect at once.
    #[arg(long, value_name = "MS", default_value = "0", value_parser = values::not_negative)]
    pub(crate) accept_delay_ms: f64,

    /// TLS: milliseconds from the ClientHello to the ServerHello.
    #[arg(long, value_name = "MS", default_value = "0", value_parser = values::not_negative)]
    pub(crate) handshake_delay_ms: f64,

    /// Milliseconds from a generation request to the head of its response, which then goes out before the first token.
    #[arg(long, value_name = "MS", default_value = "0", value_parser = values::not_negative)]
    pub(crate) head_delay_ms: f64,

    /// Share of the requests (0 to 1) that end in a fault drawn at random: an error status, an error event, a close or
    /// a reset within the stream.
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = values::not_negative)]
    pub(crate) faults: f64,

    /// Note when each request was received and each of its writes made, and write that here at the end, as JSON lines;
    /// at most 16 777 216 writes.
    #[arg(long, value_name = "FILE")]
    pub(crate) truth_log: Option<PathBuf>,

    /// Name of the model.
    #[arg(long, default_value = "mock")]
    pub(crate) model: String,

    /// Seed of the jitter and of the faults.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

impl MockArgs {
    /// The server that they ask for, on a machine on whose cores this process may run.
    ///
    /// # Errors
    /// [`ringload_engine::Blame::Usage`] for what contradicts itself, and for an address that is none.
    pub(crate) fn config(&self, allowed: Vec<usize>) -> Result<Config> {
        config(self, allowed)
    }
}

fn config(args: &MockArgs, allowed: Vec<usize>) -> Result<Config> {
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
        Some(Cores::Count(n)) => allowed.into_iter().take(*n).collect(),
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
