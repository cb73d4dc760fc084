//! Flags of `ringload mock`.

use super::values;
use clap::Args;
use ringload_engine::plan::Cores;
use std::path::PathBuf;

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
