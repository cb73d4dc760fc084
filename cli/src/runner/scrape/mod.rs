//! Scrapes of the server's metrics and of exporters of GPUs while a run is under way: a thread and a connection for
//! each endpoint, off the cores of the workers.

mod fetch;
mod figures;
#[cfg(feature = "nvml")]
mod nvml;
#[cfg(not(feature = "nvml"))]
#[path = "no_nvml.rs"]
mod nvml;
mod source;
mod watch;

use crate::dashboard::ServerNow;
use crate::export::LineOf;
use crate::flags::{MetricsFormat, TelemetryArgs};
use crate::redact::Secrets;
use crate::result::telemetry::{Absent, Scraped, ScrapedEndpoint};
use crate::terminal::eprint_line;
use fetch::Source as Http;
pub(super) use fetch::agent;
pub(crate) use figures::add_figures;
use ringload_engine::clock::RealtimeOffset;
use ringload_engine::driver::keep_off;
use ringload_engine::plan::Plan;
use ringload_engine::run::Control;
use ringload_engine::telemetry::gpus_now;
use source::Source;
use std::sync::{Arc, Condvar, Mutex, Once, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use watch::{Found, Now, Watch};

/// The scrapes of a run. When it is dropped they end by themselves.
pub(crate) struct Scraper {
    threads: Vec<(Endpoint, JoinHandle<Result<Found, String>>)>,
    end: Arc<End>,
    /// Targets whose metrics cannot be asked for: Unix sockets.
    hidden: bool,
    formats: Vec<MetricsFormat>,
}

/// What is scraped.
struct Endpoint {
    gpus: bool,
    /// As the user wrote it, where a user did.
    named: Option<String>,
}

/// The end of a run, as its threads see it.
#[derive(Default)]
struct End {
    over: Mutex<bool>,
    woken: Condvar,
}

impl End {
    fn set(&self) {
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.woken.notify_all();
    }

    /// Waits until an instant or the end; whether it has come.
    fn wait_until(&self, at: Instant) -> bool {
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let left = at.saturating_duration_since(Instant::now());
            if *over || left.is_zero() {
                return *over;
            }
            (over, _) = self.woken.wait_timeout(over, left).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Scraper {
    /// Makes the first scrape of each endpoint, and goes on in threads of their own. Nothing of it can end a run.
    /// What servers say of themselves is shown in `now`.
    pub(crate) fn start(
        plan: &Plan,
        args: &TelemetryArgs,
        control: &Arc<Control>,
        workers: &[usize],
        now: &Arc<Mutex<Vec<ServerNow>>>,
    ) -> Self {
        let end = Arc::new(End::default());
        let mut threads = Vec::new();
        let (ready, waiting) = mpsc::channel();
        for (endpoint, source) in sources(plan, args) {
            // Columns are made of the lines.
            let lines = args.writes(MetricsFormat::Jsonl) || args.writes(MetricsFormat::Parquet);
            let line = match (endpoint.gpus, lines) {
                (true, _) => Some(LineOf::Gpus),
                (false, true) => Some(LineOf::Server { warmup: plan.warmup.is_some() }),
                (false, false) => None,
            };
            let watch = Watch {
                source,
                control: Arc::clone(control),
                end: Arc::clone(&end),
                offset: RealtimeOffset::sample(),
                secrets: Secrets::of(plan),
                line,
                now: (!endpoint.gpus).then(|| Now::in_the_next_place(now)),
            };
            let (ready, workers) = (ready.clone(), workers.to_vec());
            let work = move || {
                keep_off(&workers);
                watch.run(&ready)
            };
            // A run is worth as much without it.
            if let Ok(thread) = thread::Builder::new().name("metrics".into()).spawn(work) {
                threads.push((endpoint, thread));
            }
        }
        drop(ready);
        let until = Instant::now() + FIRST_SCRAPE;
        for _ in &threads {
            if waiting.recv_timeout(until.saturating_duration_since(Instant::now())).is_err() {
                break;
            }
        }
        let hidden = plan.targets.iter().any(|target| target.unix.is_some() || target.zone.is_some());
        let formats = args.server_metrics_formats.clone();
        Self { threads, end, hidden, formats }
    }

    /// Makes the last scrapes, and gives what all have brought.
    pub(crate) fn finish(mut self) -> Scraped {
        self.end.set();
        let mut scraped = Scraped { formats: std::mem::take(&mut self.formats), ..Scraped::default() };
        let (mut of_targets, mut found_of_targets) = (usize::from(self.hidden), 0);
        for (endpoint, thread) in std::mem::take(&mut self.threads) {
            let joined = thread.join();
            if !endpoint.gpus && endpoint.named.is_none() {
                of_targets += 1;
                found_of_targets += usize::from(matches!(joined, Ok(Ok(_))));
            }
            match (joined, endpoint.named) {
                (Ok(Ok(found)), _) if endpoint.gpus => scraped.gpus.push(found.into()),
                (Ok(Ok(found)), _) => scraped.server.push(found.into()),
                (Ok(Err(why)), Some(url)) => scraped.absent.push(Absent { url, why, gpus: endpoint.gpus }),
                (Ok(Err(_)), None) | (Err(_), _) => {}
            }
        }
        drop_twice_read(&mut scraped.gpus);
        // Where no target has metrics of its own, the user has named those of all.
        scraped.is_whole = found_of_targets == of_targets || found_of_targets == 0;
        scraped
    }
}

/// Prints which URLs that the user named have no metrics, once: the runs of a sweep have the same.
pub(crate) fn tell_absent(scraped: &Scraped) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        for Absent { url, why, .. } in &scraped.absent {
            eprint_line(format_args!("note: no metrics at {url}: {why}"));
        }
    });
}

impl Drop for Scraper {
    fn drop(&mut self) {
        self.end.set();
    }
}

/// Leaves out what NVML says of GPUs that an exporter tells of too.
fn drop_twice_read(gpus: &mut Vec<ScrapedEndpoint>) {
    let by_nvml = |endpoint: &ScrapedEndpoint| endpoint.collector.endpoint().url == source::NVML;
    let of =
        |endpoint: &ScrapedEndpoint| gpus_now(&endpoint.collector).into_keys().map(|gpu| gpu.uuid).collect::<Vec<_>>();
    let exported: Vec<String> = gpus.iter().filter(|endpoint| !by_nvml(endpoint)).flat_map(of).collect();
    gpus.retain(|endpoint| !by_nvml(endpoint) || of(endpoint).iter().all(|uuid| !exported.contains(uuid)));
}

/// The endpoints: those of the targets, those that the user names, exporters of GPUs, and NVML.
fn sources(plan: &Plan, args: &TelemetryArgs) -> Vec<(Endpoint, Source)> {
    let mut sources: Vec<(Endpoint, Source)> = Vec::new();
    let mut add = |endpoint: Endpoint, source: Source| {
        if sources.len() < MOST_ENDPOINTS && sources.iter().all(|(_, known)| known.first() != source.first()) {
            sources.push((endpoint, source));
        }
    };
    let tls = &plan.network.tls;
    if !args.no_server_metrics {
        for target in &plan.targets {
            if let Some(source) = Http::of_target(target, &plan.headers, tls) {
                add(Endpoint { gpus: false, named: None }, Source::Http(source));
            }
        }
        for url in args.server_metrics.iter().flatten() {
            let source = Source::Http(Http::of_url(&url.0, tls));
            add(Endpoint { gpus: false, named: Some(url.0.clone()) }, source);
        }
    }
    for (url, named) in args.exporters(plan) {
        add(Endpoint { gpus: true, named: named.then(|| url.clone()) }, Source::Http(Http::of_url(&url, tls)));
    }
    if let Some(named) = args.nvml(plan) {
        add(Endpoint { gpus: true, named: named.then(|| source::NVML.to_owned()) }, Source::nvml());
    }
    sources
}

/// Endpoints that are scraped.
const MOST_ENDPOINTS: usize = 64;
/// The load waits so long for the first scrapes.
const FIRST_SCRAPE: Duration = Duration::from_secs(2);
