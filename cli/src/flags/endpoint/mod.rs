//! Where requests go, and what bounds a response: flags, checks and their part of the plan.

mod headers;
#[cfg(test)]
mod tests;

use super::environment::Environment;
use super::units::nanos;
use super::values;
use clap::{Args, ValueEnum};
use ringload_engine::plan::{EndpointKind, Header, Limits, Reuse, Target, Timeouts};
use ringload_engine::{Error, Result};
use std::path::PathBuf;

/// Where requests go and how they travel.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Endpoint")]
pub(crate) struct EndpointArgs {
    /// Model as the server names it; several, or a comma list, are assigned round robin.
    #[arg(short, long, visible_alias = "model-names", value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub(crate) model: Vec<String>,

    /// Base URL of the server, or `unix:/path` for a Unix socket; request k goes to URL k modulo their number.
    #[arg(short, long, value_name = "URL", num_args = 1.., value_delimiter = ',', default_value = "http://localhost:8000")]
    pub(crate) url: Vec<String>,

    /// How requests are spread over several URLs.
    #[arg(long, value_enum, default_value = "round_robin")]
    pub(crate) url_strategy: UrlStrategy,

    /// API dialect: chat (/v1/chat/completions), completions (/v1/completions), responses (/v1/responses), messages
    /// (Anthropic's /v1/messages; without --osl it is sent max_tokens 1024), embeddings and nim_embeddings
    /// (/v1/embeddings), cohere_rankings (/v2/rerank), hf_tei_rankings (/rerank), nim_rankings (/v1/ranking),
    /// huggingface_generate (/generate, /generate_stream), image_generation (/v1/images/generations), image_edit
    /// (/v1/images/edits, a form), image_retrieval (NIM's /v1/infer), video_generation (/v1/videos, asked for until it
    /// is done), template (a body by --extra-inputs payload_template:…, to the URL's path), raw (bodies of a file, to
    /// the URL's path).
    #[arg(long, value_name = "TYPE", default_value = "chat", value_parser = values::endpoint_type)]
    pub(crate) endpoint_type: EndpointKind,

    /// How conversations choose among several models.
    #[arg(long, value_enum, default_value = "round_robin")]
    pub(crate) model_selection_strategy: ModelStrategy,

    /// Header that names the session of a request, instead of `X-Correlation-ID`.
    #[arg(long, value_name = "NAME", value_parser = values::header_name)]
    pub(crate) session_header: Option<String>,

    /// Start the load without the one request that is sent before it to show whether the server answers. Loads of at
    /// most 100 requests or 5 s start without it.
    #[arg(long, conflicts_with = "wait_for_server")]
    pub(crate) no_probe: bool,

    /// Ask again for so long until the server answers, for jobs that start with their server.
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    pub(crate) wait_for_server: Option<f64>,

    /// Path instead of the dialect's own.
    #[arg(long, visible_alias = "endpoint", value_name = "PATH")]
    pub(crate) custom_endpoint: Option<String>,

    /// Ask for a stream: the only way to know when the first token came.
    #[arg(long)]
    pub(crate) streaming: bool,

    /// Key sent as `Authorization: Bearer KEY` (messages: `x-api-key: KEY`); also from RINGLOAD_API_KEY. Never shown,
    /// never written.
    #[arg(long, value_name = "KEY")]
    pub(crate) api_key: Option<String>,

    /// File whose first line is the key, so that it is not in the process list.
    #[arg(long, value_name = "FILE", conflicts_with = "api_key")]
    pub(crate) api_key_file: Option<PathBuf>,

    /// Header of every request: `Name:Value`, or a JSON object. Values are never shown, never written.
    #[arg(short = 'H', long, value_name = "NAME:VALUE", num_args = 1..)]
    pub(crate) header: Vec<String>,

    /// File of headers, `Name: value` on a line or a JSON object, so that they are not in the process list; lines that
    /// begin with # are left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) header_file: Vec<PathBuf>,

    /// Ask with `max_tokens` instead of `max_completion_tokens` (chat).
    #[arg(long)]
    pub(crate) use_legacy_max_tokens: bool,

    /// Take token counts from the server's usage only, never from a tokenizer.
    #[arg(long)]
    pub(crate) use_server_token_count: bool,

    /// Ask for usage in every chunk (`stream_options.continuous_usage_stats`).
    #[arg(long)]
    pub(crate) per_chunk_usage: bool,

    /// Whether connections are kept: `pooled`, `never`, or `sticky-user-sessions` (one for each session; while
    /// a session has one request, the same as `never`).
    #[arg(long, value_name = "STRATEGY", default_value = "pooled", value_parser = values::reuse)]
    pub(crate) connection_reuse_strategy: Reuse,

    /// Longest time for one request, connection included.
    #[arg(long, value_name = "SECONDS", default_value = "21600", value_parser = values::seconds)]
    pub(crate) request_timeout_seconds: f64,

    /// Longest time from a request's issue to its first output; it fails as `ttft_timeout`. Needs --streaming.
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    pub(crate) ttft_timeout_seconds: Option<f64>,

    /// Longest time between two outputs of a stream; it fails as `inter_token_timeout`. Needs --streaming.
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds)]
    pub(crate) inter_token_timeout_seconds: Option<f64>,

    /// Longest time for a connection to come to be: its name's look-up, the TCP connect and the TLS handshake together.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = values::seconds)]
    pub(crate) connect_timeout_seconds: f64,

    /// Largest response head (bytes; `64k`, `4M`).
    #[arg(long, value_name = "BYTES", default_value = "64k", value_parser = values::bytes)]
    pub(crate) max_head_bytes: usize,

    /// Largest event of a stream.
    #[arg(long, value_name = "BYTES", default_value = "4M", value_parser = values::bytes)]
    pub(crate) max_event_bytes: usize,

    /// Largest body that is not a stream.
    #[arg(long, value_name = "BYTES", default_value = "64M", value_parser = values::bytes)]
    pub(crate) max_body_bytes: usize,

    /// Most bytes that the responses of the run hold at once, all requests together. Half of it is shared out in equal
    /// parts, and a quarter is for responses of at most 64 KiB, so that one without an end takes no room of the others.
    /// By default half of the memory that is available at the start.
    #[arg(long, value_name = "BYTES", value_parser = values::memory)]
    pub(crate) max_buffered_bytes: Option<usize>,
}

/// How requests are spread over several URLs.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum UrlStrategy {
    /// One after the other.
    RoundRobin,
}

/// How conversations choose among several models.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum ModelStrategy {
    /// One after the other.
    RoundRobin,
    /// Each draws one, by the seed.
    Random,
}

/// What the flags on the endpoint come to.
pub(super) struct Endpoint {
    pub(super) targets: Vec<Target>,
    pub(super) models: Vec<String>,
    pub(super) custom_path: Option<String>,
    pub(super) headers: Vec<Header>,
    pub(super) timeouts: Timeouts,
    pub(super) limits: Limits,
}

impl EndpointArgs {
    /// Headers of every request, the key among them. Their files are read.
    ///
    /// # Errors
    /// [`ringload_engine::Blame::Usage`] or [`ringload_engine::Blame::Environment`] with what is wrong with one.
    pub(crate) fn headers(&self, environment: &Environment) -> Result<Vec<Header>> {
        headers::headers(self, environment.api_key.as_deref())
    }

    /// Where requests go, with which headers, and what bounds a response. Files of headers and of the key are read.
    pub(super) fn plan(&self, environment: &Environment) -> Result<Endpoint> {
        let models = models(self)?;
        if self.per_chunk_usage && !self.streaming {
            return Err(Error::usage("--per-chunk-usage without --streaming: there are no chunks", "add --streaming"));
        }
        Ok(Endpoint {
            targets: self.url.iter().map(|u| Target::parse(u)).collect::<Result<_>>()?,
            models,
            custom_path: custom_path(self)?,
            headers: self.headers(environment)?,
            timeouts: timeouts(self)?,
            limits: Limits {
                head_bytes: self.max_head_bytes,
                event_bytes: self.max_event_bytes,
                body_bytes: self.max_body_bytes,
                buffered_bytes: self.max_buffered_bytes.map(|bytes| bytes as u64),
                ..Limits::default()
            },
        })
    }
}

fn models(endpoint: &EndpointArgs) -> Result<Vec<String>> {
    let models: Vec<String> = endpoint.model.iter().map(|m| m.trim().to_owned()).filter(|m| !m.is_empty()).collect();
    if models.is_empty() {
        return Err(Error::usage(
            "no model is named",
            "add --model NAME, as the server lists it under /v1/models; or try --demo, which needs no server",
        ));
    }
    Ok(models)
}

fn custom_path(endpoint: &EndpointArgs) -> Result<Option<String>> {
    let Some(path) = &endpoint.custom_endpoint else {
        return Ok(None);
    };
    if path.contains("://") {
        return Err(Error::usage(
            "--custom-endpoint is a path, not a URL",
            "put http://host:port in --url, and the path (/v1/chat/completions) here",
        ));
    }
    if path.bytes().any(|b| b <= b' ' || b == 0x7f || b == b'#') {
        return Err(Error::usage(
            "--custom-endpoint holds a space, a control character or a fragment",
            "percent-encode it, as in /v1/my%20path",
        ));
    }
    Ok(Some(if path.starts_with('/') { path.clone() } else { format!("/{path}") }))
}

/// How long is waited for what.
fn timeouts(args: &EndpointArgs) -> Result<Timeouts> {
    for (flag, given) in [
        ("--ttft-timeout-seconds", args.ttft_timeout_seconds),
        ("--inter-token-timeout-seconds", args.inter_token_timeout_seconds),
    ] {
        if given.is_some() && !args.streaming {
            return Err(Error::usage(
                format!("{flag} without --streaming: the whole answer comes at once"),
                "add --streaming; or bound the whole request with --request-timeout-seconds",
            ));
        }
    }
    Ok(Timeouts {
        request: nanos(args.request_timeout_seconds),
        connect: nanos(args.connect_timeout_seconds),
        ttft: args.ttft_timeout_seconds.map(nanos),
        inter_token: args.inter_token_timeout_seconds.map(nanos),
    })
}
