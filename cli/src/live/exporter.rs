//! ringload's own live figures as a page of metrics: for a Prometheus that watches a long load.

use crate::terminal::eprint_line;
use ringload_engine::driver::keep_off;
use ringload_engine::run::Control;
use ringload_engine::{Error, Result};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A listener and its thread; both end when it is dropped.
pub(crate) struct Exporter {
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    over: AtomicBool,
    shown: Mutex<Shown>,
}

/// What is shown: the runs that are over, and the one under way.
#[derive(Default)]
struct Shown {
    before: Totals,
    runs: u64,
    control: Option<Arc<Control>>,
    /// The cores of its workers, off which the exporter stays.
    workers: Vec<usize>,
}

/// Counters that only grow, over all runs of the process.
#[derive(Clone, Copy, Default)]
struct Totals {
    issued: u64,
    done: u64,
    failed: u64,
    warmup_done: u64,
    events: u64,
}

impl Exporter {
    /// Listens.
    ///
    /// # Errors
    /// [`ringload_engine::Blame::Environment`] when the address cannot be had.
    pub(crate) fn start(address: SocketAddr, quiet: bool) -> Result<Self> {
        let unusable = |e: std::io::Error| {
            Error::environment(format!("--prometheus-port {address}: {e}"), "name a port that is free, or 0 for any")
        };
        let listener = TcpListener::bind(address).map_err(unusable)?;
        let address = listener.local_addr().map_err(unusable)?;
        let shared = Arc::new(Shared::default());
        let served = Arc::clone(&shared);
        let work = move || serve(&listener, &served);
        let thread = thread::Builder::new().name("exporter".into()).spawn(work).map_err(unusable)?;
        if !quiet {
            eprint_line(format_args!("live figures: http://{address}/metrics"));
        }
        Ok(Self { shared, address, thread: Some(thread) })
    }

    /// A run is about to begin, whose figures are added to those of the runs before it.
    pub(crate) fn show(&self, control: &Arc<Control>, workers: &[usize]) {
        let mut shown = self.shared.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let before = shown.totals();
        *shown = Shown { before, runs: shown.runs + 1, control: Some(Arc::clone(control)), workers: workers.to_vec() };
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for a reader; where that fails the process ends without it.
        if TcpStream::connect_timeout(&self.address, TIME_LIMIT).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

impl Shown {
    fn totals(&self) -> Totals {
        let sum = |of: fn(&ringload_engine::run::Progress) -> &AtomicU64| {
            let progress = self.control.iter().flat_map(|control| &control.progress);
            progress.map(|worker| of(worker).load(Ordering::Relaxed)).sum::<u64>()
        };
        Totals {
            issued: self.before.issued + sum(|p| &p.issued),
            done: self.before.done + sum(|p| &p.done),
            failed: self.before.failed + sum(|p| &p.failed),
            warmup_done: self.before.warmup_done + sum(|p| &p.warmup_done),
            events: self.before.events + sum(|p| &p.events),
        }
    }

    fn in_flight(&self) -> u64 {
        let progress = self.control.iter().flat_map(|control| &control.progress);
        progress.map(|worker| worker.in_flight.load(Ordering::Relaxed)).sum()
    }

    /// The page, in Prometheus text 0.0.4.
    fn page(&self) -> String {
        let totals = self.totals();
        let mut page = String::new();
        let mut metric = |name: &str, kind: &str, help: &str, value: u64| {
            let _ =
                writeln!(page, "# HELP ringload_{name} {help}\n# TYPE ringload_{name} {kind}\nringload_{name} {value}");
        };
        metric("runs_total", "counter", "Runs that have begun.", self.runs);
        metric("requests_issued_total", "counter", "Requests issued in measured phases.", totals.issued);
        metric("requests_finished_total", "counter", "Requests of them that have ended.", totals.done);
        metric("requests_failed_total", "counter", "Requests of them that have failed.", totals.failed);
        metric(
            "warmup_requests_finished_total",
            "counter",
            "Requests of warm-ups that have ended.",
            totals.warmup_done,
        );
        metric("output_events_total", "counter", "Output events that have arrived.", totals.events);
        metric("requests_in_flight", "gauge", "Requests in flight.", self.in_flight());
        page
    }
}

fn serve(listener: &TcpListener, shared: &Shared) {
    for stream in listener.incoming() {
        if shared.over.load(Ordering::Relaxed) {
            return;
        }
        let Ok(mut stream) = stream else {
            // Without descriptors there is nothing to do but wait for some.
            thread::sleep(TIME_LIMIT);
            continue;
        };
        let workers = shared.shown.lock().unwrap_or_else(PoisonError::into_inner).workers.clone();
        keep_off(&workers);
        // What a reader does is its own matter: the next one is served.
        let _ = answer(&mut stream, shared);
    }
}

/// Reads a request's head, of which only the first line matters, and answers it.
fn answer(stream: &mut TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_read_timeout(Some(TIME_LIMIT))?;
    stream.set_write_timeout(Some(TIME_LIMIT))?;
    let mut head = [0; MOST_OF_A_HEAD];
    let mut read = 0;
    while read < head.len() && !head[..read].windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut head[read..])? {
            0 => return Ok(()),
            more => read += more,
        }
    }
    let found = head.starts_with(b"GET /metrics ") || head.starts_with(b"GET /metrics?");
    let (status, body) = match found {
        true => {
            let shown = shared.shown.lock().unwrap_or_else(PoisonError::into_inner);
            ("200 OK", shown.page())
        }
        false => ("404 Not Found", "metrics are at /metrics\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())
}

/// A reader that is slower is not served.
const TIME_LIMIT: Duration = Duration::from_secs(1);
const MOST_OF_A_HEAD: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_grow_over_the_runs_of_a_process() {
        let exporter = Exporter::start(SocketAddr::from(([127, 0, 0, 1], 0)), true).unwrap();
        let get = |path: &str| {
            let mut stream = TcpStream::connect(exporter.address).unwrap();
            write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        };
        assert!(get("/metrics").contains("\nringload_requests_issued_total 0\n"));
        for run in 1..=2 {
            let control = Arc::new(Control::new(2));
            exporter.show(&control, &[]);
            control.progress[0].issued.store(5, Ordering::Relaxed);
            control.progress[1].issued.store(2, Ordering::Relaxed);
            control.progress[1].in_flight.store(3, Ordering::Relaxed);
            let page = get("/metrics");
            for line in [
                format!("ringload_runs_total {run}"),
                format!("ringload_requests_issued_total {}", 7 * run),
                "ringload_requests_in_flight 3".to_owned(),
            ] {
                assert!(page.contains(&format!("\n{line}\n")), "{line}: {page}");
            }
        }
        assert!(get("/").starts_with("HTTP/1.1 404"));
        let taken = Exporter::start(exporter.address, true).err().unwrap();
        assert!(taken.to_string().contains("--prometheus-port"), "{taken}");
    }
}
