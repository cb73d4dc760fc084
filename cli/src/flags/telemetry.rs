//! What is read of the server and its GPUs beside the load: flags and checks.

use super::MlflowArgs;
use clap::{Args, ValueEnum};
use ringload_engine::plan::{Plan, ServerTimings, Target};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

/// What is read of the server and its GPUs beside the load.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Telemetry")]
pub(crate) struct TelemetryArgs {
    /// Read the server's own metrics (Prometheus text, OpenMetrics) three times a second while the load runs: those of
    /// each --url, and of these URLs. On by default; a server without metrics is no error.
    #[arg(long, value_name = "URL", num_args = 0.., value_delimiter = ',', value_parser = MetricsUrl::parse)]
    pub(crate) server_metrics: Option<Vec<MetricsUrl>>,

    /// Read no metrics of the server.
    #[arg(long, conflicts_with_all = ["server_metrics", "server_metrics_formats"])]
    pub(crate) no_server_metrics: bool,

    /// Files of the server's metrics: json, csv, jsonl (a line a scrape), parquet (a row a sample).
    #[arg(long, value_name = "FORMAT", num_args = 1.., value_delimiter = ',', default_values = ["json", "csv"], value_parser = format)]
    pub(crate) server_metrics_formats: Vec<MetricsFormat>,

    /// Read GPUs: from exporters of DCGM (localhost:9400 and :9401, and these URLs), and those of this host by NVIDIA's
    /// library (NVML). On by default where the server is on this host; without any it is no error. `nvml` (or
    /// `pynvml`): by NVML, and not from localhost's exporters. `dashboard` is taken and changes nothing.
    #[arg(long, value_name = "URL", num_args = 0.., value_delimiter = ',', value_parser = GpuItem::parse)]
    pub(crate) gpu_telemetry: Option<Vec<GpuItem>>,

    /// Read no GPUs.
    #[arg(long, conflicts_with = "gpu_telemetry")]
    pub(crate) no_gpu_telemetry: bool,

    /// What becomes of the durations (queue, prefill, decode …) that servers tell with an answer: `auto` keeps what is
    /// told, `ask` asks for them as well, in the bodies of chat and completions requests (`include_metrics`, `nvext`,
    /// `return_meta_info`: a server that refuses fields it does not know refuses these), `off` keeps none.
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(crate) server_timings: TimingsWhen,

    /// Show ringload's own live figures to a Prometheus, at /metrics of this port of this host; with an address
    /// (`0.0.0.0:9464`) to others too. 0 takes any free port.
    #[arg(long, value_name = "[ADDRESS:]PORT", value_parser = listening)]
    pub(crate) prometheus_port: Option<SocketAddr>,

    /// Send each run, when it is over, to a collector of OpenTelemetry (OTLP over HTTP, JSON): its metrics, and spans
    /// of requests. /v1/metrics and /v1/traces are added. A collector that does not take it fails no run. Header
    /// fields come from OTEL_EXPORTER_OTLP_HEADERS.
    #[arg(long, visible_alias = "otel-url", value_name = "URL", value_parser = OtelUrl::parse)]
    pub(crate) otel_endpoint: Option<OtelUrl>,

    /// Spans of a run: of so many requests, chosen evenly.
    #[arg(long, value_name = "N", default_value = "1000", requires = "otel_endpoint", value_parser = spans)]
    pub(crate) otel_spans: usize,

    /// Attributes of the resource that sends them, beside ringload's own: `key=value,key=value`.
    #[arg(long, value_name = "LIST", num_args = 1.., value_delimiter = ',', requires = "otel_endpoint", value_parser = attribute)]
    pub(crate) otel_resource_attributes: Vec<(String, String)>,

    /// What serves the model, as `gen_ai.provider.name` of the resource.
    #[arg(long, value_name = "NAME", requires = "otel_endpoint")]
    pub(crate) gen_ai_provider: Option<String>,

    /// A tracking server of MLflow.
    #[command(flatten)]
    pub(crate) mlflow: MlflowArgs,
}

fn listening(text: &str) -> Result<SocketAddr, String> {
    let port = text.parse().map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    port.or_else(|_| text.parse()).map_err(|_| "write a port, or an address with one: 0.0.0.0:9464".into())
}

/// A value of `--server-timings`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimingsWhen {
    /// Keep what is told.
    Auto,
    /// Keep nothing.
    Off,
    /// Ask, and keep what is told.
    Ask,
}

impl From<TimingsWhen> for ServerTimings {
    fn from(when: TimingsWhen) -> Self {
        match when {
            TimingsWhen::Auto => Self::Auto,
            TimingsWhen::Off => Self::Off,
            TimingsWhen::Ask => Self::Ask,
        }
    }
}

/// A file of the server's metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MetricsFormat {
    /// Statistics of the measured phase.
    Json,
    /// The same as tables.
    Csv,
    /// A line a scrape.
    Jsonl,
    /// A table of columns, a row a sample.
    Parquet,
}

fn format(text: &str) -> Result<MetricsFormat, String> {
    MetricsFormat::from_str(text, true).map_err(|_| "write json, csv, jsonl or parquet".into())
}

/// Where metrics are, as a user writes it: `/metrics` is added where the path does not end in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MetricsUrl(pub(crate) String);

impl MetricsUrl {
    fn parse(text: &str) -> Result<Self, String> {
        let target = Target::parse(text.trim()).map_err(|e| e.what)?;
        if target.unix.is_some() || target.zone.is_some() {
            return Err("metrics are read over http://host:port and https://host:port alone".into());
        }
        let ends = target.base_path.rsplit('/').next() == Some("metrics");
        Ok(Self(if ends { target.url } else { format!("{}/metrics", target.url) }))
    }
}

impl fmt::Display for MetricsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A collector of OpenTelemetry, without the paths of its signals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OtelUrl(pub(crate) String);

impl OtelUrl {
    fn parse(text: &str) -> Result<Self, String> {
        let target = Target::parse(text.trim()).map_err(|e| e.what)?;
        if target.unix.is_some() || target.zone.is_some() {
            return Err("write http://host:4318 or https://host:port".into());
        }
        let url = target.url.trim_end_matches('/');
        let base = ["/v1/traces", "/v1/metrics"].iter().find_map(|path| url.strip_suffix(path));
        Ok(Self(base.unwrap_or(url).to_owned()))
    }
}

fn attribute(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()));
    pair.filter(|(key, _)| !key.is_empty()).ok_or_else(|| "write key=value".into())
}

fn spans(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| *n <= MOST_SPANS);
    number.ok_or_else(|| format!("write a number from 0 to {MOST_SPANS}"))
}

/// A word of `--gpu-telemetry`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GpuItem {
    /// An exporter.
    Url(MetricsUrl),
    /// NVIDIA's library of this host.
    Nvml,
    /// AIPerf's view.
    Dashboard,
    /// What AIPerf reads and ringload does not: a library of this host, or a file of fields.
    Unread(String),
}

impl GpuItem {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "dashboard" => Ok(Self::Dashboard),
            "nvml" | "pynvml" => Ok(Self::Nvml),
            "amdsmi" => Ok(Self::Unread(text.into())),
            other if other.ends_with(".csv") => Ok(Self::Unread(text.into())),
            other => MetricsUrl::parse(other).map(Self::Url),
        }
    }
}

impl TelemetryArgs {
    /// Whether a file is asked for.
    pub(crate) fn writes(&self, format: MetricsFormat) -> bool {
        !self.no_server_metrics && self.server_metrics_formats.contains(&format)
    }

    /// What of it is taken and not done, a sentence each.
    pub(super) fn notes(&self) -> Vec<String> {
        let unread = self.gpu_telemetry.iter().flatten().filter_map(|item| match item {
            GpuItem::Unread(name) if name.ends_with(".csv") => Some(format!(
                "--gpu-telemetry {name} changes nothing: of an exporter, the fields of docs/OUTPUT.md are read"
            )),
            GpuItem::Unread(name) => Some(format!(
                "--gpu-telemetry {name} changes nothing: GPUs are read from exporters of DCGM and by NVIDIA's library (nvml)"
            )),
            GpuItem::Url(_) | GpuItem::Nvml | GpuItem::Dashboard => None,
        });
        unread.collect()
    }

    /// The exporters of GPUs that are tried, and whether the user named each.
    pub(crate) fn exporters(&self, plan: &Plan) -> Vec<(String, bool)> {
        let named = self.gpu_telemetry.iter().flatten().filter_map(|item| match item {
            GpuItem::Url(url) => Some((url.0.clone(), true)),
            GpuItem::Nvml | GpuItem::Dashboard | GpuItem::Unread(_) => None,
        });
        let here = self.of_this_host(plan) && !self.names_nvml();
        let usual = EXPORTERS.iter().filter(|_| here).map(|url| ((*url).to_owned(), false));
        if self.no_gpu_telemetry { Vec::new() } else { usual.chain(named).collect() }
    }

    /// Whether GPUs are read by NVML, and whether the user named it.
    pub(crate) fn nvml(&self, plan: &Plan) -> Option<bool> {
        (!self.no_gpu_telemetry && self.of_this_host(plan)).then(|| self.names_nvml())
    }

    fn names_nvml(&self) -> bool {
        self.gpu_telemetry.iter().flatten().any(|item| *item == GpuItem::Nvml)
    }

    /// GPUs of this host are those of the server only where it is on this host.
    fn of_this_host(&self, plan: &Plan) -> bool {
        self.gpu_telemetry.is_some() || plan.targets.iter().any(is_here)
    }
}

fn is_here(target: &Target) -> bool {
    let address = target.host.parse::<std::net::IpAddr>();
    target.unix.is_some() || target.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Spans that are held in memory until they are sent: some 100 MB.
const MOST_SPANS: usize = 100_000;

/// Where dcgm-exporter listens, as AIPerf tries it.
const EXPORTERS: [&str; 2] = ["http://localhost:9400/metrics", "http://localhost:9401/metrics"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::testing::{args, made, planned, refused};

    #[test]
    fn metrics_are_on_and_urls_are_added() {
        let plain = args("-m x").telemetry;
        assert!(plain.server_metrics.is_none() && !plain.no_server_metrics);
        assert!(plain.writes(MetricsFormat::Json) && plain.writes(MetricsFormat::Csv));
        assert!(!plain.writes(MetricsFormat::Jsonl));
        let named =
            args("-m x --server-metrics h:9000 http://g:1/prometheus/metrics --server-metrics-formats json jsonl");
        let urls: Vec<String> = named.telemetry.server_metrics.iter().flatten().map(ToString::to_string).collect();
        assert_eq!(urls, ["http://h:9000/metrics", "http://g:1/prometheus/metrics"]);
        assert!(named.telemetry.writes(MetricsFormat::Jsonl) && !named.telemetry.writes(MetricsFormat::Csv));
        assert_eq!(args("-m x --server-metrics").telemetry.server_metrics, Some(Vec::new()));
        assert!(!args("-m x --no-server-metrics").telemetry.writes(MetricsFormat::Json));
    }

    #[test]
    fn exporters_of_this_host_are_tried_where_the_server_is_on_it() {
        let tried = |flags: &str| {
            let exporters = args(flags).telemetry.exporters(&made(flags));
            exporters.into_iter().map(|(url, _)| url).collect::<Vec<_>>()
        };
        assert_eq!(tried("-m x"), EXPORTERS);
        assert_eq!(tried("-m x --url http://127.0.0.1:1 --gpu-telemetry dashboard"), EXPORTERS);
        assert!(tried("-m x --url http://far:1").is_empty() && tried("-m x --no-gpu-telemetry").is_empty());
        assert_eq!(tried("-m x --url http://far:1 --gpu-telemetry g:9400")[2], "http://g:9400/metrics");
        assert_eq!(tried("-m x --gpu-telemetry pynvml g:9400"), ["http://g:9400/metrics"]);
        let nvml = |flags: &str| args(flags).telemetry.nvml(&made(flags));
        assert_eq!((nvml("-m x"), nvml("-m x --gpu-telemetry nvml")), (Some(false), Some(true)));
        assert_eq!((nvml("-m x --url http://far:1"), nvml("-m x --no-gpu-telemetry")), (None, None));
    }

    #[test]
    fn live_figures_are_for_this_host_unless_an_address_says_otherwise() {
        let port = |text: &str| args(&format!("-m x --prometheus-port {text}")).telemetry.prometheus_port;
        assert_eq!(port("9464"), Some(SocketAddr::from(([127, 0, 0, 1], 9464))));
        assert_eq!(port("0.0.0.0:9464"), Some(SocketAddr::from(([0, 0, 0, 0], 9464))));
        assert!(refused("-m x --prometheus-port any").contains("0.0.0.0:9464"));
    }

    #[test]
    fn a_collector_is_named_with_or_without_the_paths_of_its_signals() {
        let url = |text: &str| OtelUrl::parse(text).map(|url| url.0);
        for text in ["http://c:4318", "http://c:4318/", "http://c:4318/v1/traces", " http://c:4318/v1/metrics "] {
            assert_eq!(url(text), Ok("http://c:4318".into()), "{text}");
        }
        assert_eq!(url("https://c/otlp"), Ok("https://c:443/otlp".into()));
        assert!(url("ftp://c").is_err());
    }

    #[test]
    fn what_aiperf_reads_and_ringload_does_not_is_taken_with_a_note() {
        for (flags, said) in [
            ("--gpu-telemetry amdsmi", "exporters of DCGM"),
            ("--gpu-telemetry g:9400 dashboard fields.csv", "fields.csv changes nothing"),
        ] {
            let notes = planned(&format!("-m x {flags}")).unwrap().notes;
            assert!(notes.iter().any(|note| note.contains(said)), "{flags}: {notes:?}");
        }
    }

    #[test]
    fn what_is_not_done_is_refused_with_what_is() {
        for (flags, word) in [
            ("--server-metrics-formats xml", "json, csv, jsonl or parquet"),
            ("--server-metrics ftp://h", "scheme"),
            ("--server-metrics unix:/s", "http://host:port"),
            ("--server-metrics --no-server-metrics", "--no-server-metrics"),
            ("--otel-endpoint unix:/s", "http://host:4318"),
            ("--otel-endpoint http://h --otel-spans 100001", "from 0 to 100000"),
            ("--otel-spans 5", "--otel-endpoint"),
            ("--gpu-telemetry --no-gpu-telemetry", "--no-gpu-telemetry"),
        ] {
            let text = refused(&format!("-m x {flags}"));
            assert!(text.contains(word), "{flags}: {text}");
        }
    }
}
