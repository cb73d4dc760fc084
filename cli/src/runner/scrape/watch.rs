//! The scrapes of one endpoint, from before the load to after it.

use super::End;
use super::fetch::{Failure, Fetched};
use super::source::Source;
use crate::dashboard::ServerNow;
use crate::export::{LineAt, LineOf};
use crate::redact::Secrets;
use crate::result::telemetry::ScrapedEndpoint;
use ringload_engine::clock::RealtimeOffset;
use ringload_engine::plan::without_query_secrets;
use ringload_engine::run::Control;
use ringload_engine::telemetry::{Collector, Role, Window};
use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a thread needs.
pub(super) struct Watch {
    pub(super) source: Source,
    pub(super) control: Arc<Control>,
    pub(super) end: Arc<End>,
    pub(super) offset: RealtimeOffset,
    /// What is struck out of all that a server says.
    pub(super) secrets: Secrets,
    /// The lines that are written, where they are.
    pub(super) line: Option<LineOf>,
    /// Where it is shown what a server says.
    pub(super) now: Option<Now>,
}

/// A place among what all endpoints say.
pub(super) struct Now {
    all: Arc<Mutex<Vec<ServerNow>>>,
    place: usize,
}

impl Now {
    pub(super) fn in_the_next_place(all: &Arc<Mutex<Vec<ServerNow>>>) -> Self {
        let mut known = all.lock().unwrap_or_else(PoisonError::into_inner);
        known.push(ServerNow::default());
        Self { all: Arc::clone(all), place: known.len() - 1 }
    }

    fn show(&self, collector: &Collector) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(now) = all.get_mut(self.place) {
            *now = ServerNow {
                running: collector.now(Role::Running),
                waiting: collector.now(Role::Waiting),
                kv_use: collector.now(Role::KvUse),
            };
        }
    }
}

/// What it found.
pub(super) struct Found {
    collector: Collector,
    lines: Option<Lines>,
}

impl From<Found> for ScrapedEndpoint {
    fn from(found: Found) -> Self {
        let lines = found.lines.and_then(|lines| {
            let mut file = lines.to.into_inner().ok()?;
            file.rewind().ok()?;
            Some(file)
        });
        Self { collector: found.collector, lines }
    }
}

/// Lines of scrapes, as long as there is room for them.
struct Lines {
    of: LineOf,
    to: BufWriter<File>,
    written: u64,
}

impl Watch {
    /// Scrapes until the run ends; `ready` hears of the first scrape.
    ///
    /// # Errors
    /// Why nothing was found, in words.
    pub(super) fn run(self, ready: &Sender<()>) -> Result<Found, String> {
        let first = self.find();
        // The load may have begun without it.
        let _ = ready.send(());
        let (place, mut found) = first?;
        let mut next = Instant::now() + INTERVAL;
        while !self.end.wait_until(next) {
            next = (next + INTERVAL).max(Instant::now());
            self.scrape(&place, &mut found, false);
        }
        self.settle(&place, &mut found);
        Ok(found)
    }

    /// The first place that has metrics, with its first scrape.
    fn find(&self) -> Result<(String, Found), String> {
        let mut why = None;
        for place in self.source.places() {
            let fetched = match self.source.fetch(&place) {
                Ok(fetched) => fetched,
                Err(Failure::Absent(e)) => {
                    why.get_or_insert(e);
                    continue;
                }
                Err(Failure::Silent(e)) => return Err(e),
            };
            let collector = Collector::new(&without_query_secrets(&place));
            let lines = self.line.and_then(|of| {
                let to = BufWriter::new(tempfile::tempfile().ok()?);
                Some(Lines { of, to, written: 0 })
            });
            let mut found = Found { collector, lines };
            if self.take(&fetched, &mut found, self.window(&fetched)) {
                return Ok((place, found));
            }
            why.get_or_insert_with(|| "the response is not in the format of Prometheus or OpenMetrics".to_owned());
        }
        Err(why.unwrap_or_default())
    }

    fn scrape(&self, place: &str, found: &mut Found, over: bool) {
        match self.source.fetch(place) {
            Ok(fetched) => {
                let window = if over { Window::After } else { self.window(&fetched) };
                self.take(&fetched, found, window);
            }
            Err(_) => found.collector.handle_failure(),
        }
    }

    fn window(&self, fetched: &Fetched) -> Window {
        if self.control.is_measured(fetched.sent_at) { Window::Inside } else { Window::Before }
    }

    /// Whether what was fetched are metrics.
    fn take(&self, fetched: &Fetched, found: &mut Found, window: Window) -> bool {
        let wall = |at| self.offset.to_realtime(at);
        let (at, took) = (wall(fetched.first_byte_at), fetched.ended_at.saturating_sub(fetched.sent_at));
        let scrape = found.collector.handle_scrape(&self.secrets.scrub(&fetched.body), at, took, window);
        if scrape.is_metrics
            && scrape.is_new
            && let Some(lines) = found.lines.as_mut().filter(|lines| lines.written < MOST_LINE_BYTES)
        {
            let line = lines
                .of
                .line(&found.collector, &LineAt { sent_at: wall(fetched.sent_at), first_byte_at: at, took, window });
            lines.written += line.len() as u64;
            if lines.to.write_all(line.as_bytes()).is_err() {
                // What was written is kept; without room nothing more is.
                lines.written = MOST_LINE_BYTES;
            }
        }
        if let Some(now) = self.now.as_ref().filter(|_| scrape.is_metrics) {
            now.show(&found.collector);
        }
        scrape.is_metrics
    }

    /// The last scrapes: a server may count the last tokens a little after it has sent them.
    fn settle(&self, place: &str, found: &mut Found) {
        let until = Instant::now() + SETTLE;
        let mut before = None;
        loop {
            self.scrape(place, found, true);
            let now = |role| found.collector.now(role);
            let (tokens, running) = ((now(Role::PromptTokens), now(Role::GenerationTokens)), now(Role::Running));
            let is_still = before == Some(tokens) && running.unwrap_or(0.0) == 0.0;
            // Of a run that was ended early the counts are not compared.
            let early = self.control.stops() > 0;
            if early || tokens == (None, None) || is_still || Instant::now() >= until {
                return;
            }
            before = Some(tokens);
            std::thread::sleep(PAUSE);
        }
    }
}

/// As AIPerf: three times a second.
const INTERVAL: Duration = Duration::from_millis(333);
/// A server whose counters still move is waited for so long, as AIPerf does.
const SETTLE: Duration = Duration::from_millis(666);
const PAUSE: Duration = Duration::from_millis(50);
/// Bytes of lines of an endpoint.
const MOST_LINE_BYTES: u64 = 4 << 30;
