//! The run on a screen of its own, drawn from outside the pinned cores: what it does now and over time, and keys to
//! stop it.
//!
//! ```text
//! workers ── counters ──────────────────────────┐
//! the thread of the records ──► Samples ────────┼──► Model ──► draw ──► backend ──► the terminal
//! scrapes ──► ServerNow ────────────────────────┘                     keys ──► signals
//! ```

mod backend;
mod draw;
mod model;
mod samples;
mod widgets;

pub(crate) use model::Load;
pub(crate) use samples::Samples;

use crate::live::progress::Figures;
use crate::live::signals;
use crate::terminal::screen;
use model::{Model, Snapshot};
use ratatui_core::terminal::Terminal;
use ringload_engine::clock::{self, Nanos};
use ringload_engine::host::CoreWatch;
use ringload_engine::run::Control;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The share of its cores' ceiling that a load is.
pub(crate) type Ceiling = Box<dyn Fn(Load) -> Option<f64> + Send>;

/// What is known of a run before it begins. Texts are printable.
#[derive(Default)]
pub(crate) struct Facts {
    /// Model and server.
    pub(crate) title: String,
    /// The load.
    pub(crate) load: String,
    /// Which of several runs it is.
    pub(crate) place: Option<String>,
    /// Requests of the measured phase.
    pub(crate) requests: Option<u64>,
    /// Its length.
    pub(crate) duration: Option<Nanos>,
    /// Whether responses are streams.
    pub(crate) streaming: bool,
    /// Whether there are objectives.
    pub(crate) judged: bool,
    /// Percentiles that the user asked for.
    pub(crate) percentiles: Vec<f64>,
    /// Whether colours are wanted.
    pub(crate) colour: bool,
    /// What the machine can do at most, where that is known.
    pub(crate) ceiling: Option<Ceiling>,
}

/// What the server says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ServerNow {
    /// Requests in the batch.
    pub(crate) running: Option<f64>,
    /// Requests that wait to be admitted.
    pub(crate) waiting: Option<f64>,
    /// Share of the key-value cache in use.
    pub(crate) kv_use: Option<f64>,
}

/// The dashboard of a run.
#[derive(Default)]
pub(crate) struct Dashboard {
    /// What is known of it.
    pub(crate) facts: Facts,
    /// Its requests.
    pub(crate) samples: Option<Arc<Samples>>,
    /// Its server: of each endpoint that is scraped, what it says.
    pub(crate) server: Arc<Mutex<Vec<ServerNow>>>,
    /// The cores of its workers.
    pub(crate) workers: Vec<usize>,
}

/// Whether stderr is a terminal on which the dashboard fits.
pub(crate) fn fits() -> bool {
    screen::fits(LEAST)
}

impl Dashboard {
    /// Draws until the run is over.
    pub(crate) fn show(self, control: &Control, over: &AtomicBool) {
        screen::enter();
        let _restored = Restored;
        let Ok(mut terminal) = Terminal::new(backend::Ansi::default()) else {
            return;
        };
        let started = Instant::now();
        let mut model = Model::new(self.facts.percentiles.clone());
        let mut cores = Cores::watch(&self.workers);
        let mut next = Duration::ZERO;
        while !over.load(Ordering::Relaxed) {
            let mut turned = false;
            for key in screen::keys() {
                turned |= press(key, &mut model);
            }
            let now = started.elapsed();
            if now >= next {
                next = now + REFRESH;
                let snapshot = self.snapshot(now, &mut cores, &model, control);
                if !model.paused {
                    model.update(snapshot, &self.facts);
                }
                turned = true;
            }
            let notes = screen::held(draw::MOST_NOTES);
            if turned {
                // A terminal that has gone shows nothing.
                let _ = terminal.draw(|frame| draw::draw(frame.buffer_mut(), &model, &self.facts, &notes));
            }
        }
    }

    fn snapshot(&self, now: Duration, cores: &mut Cores, model: &Model, control: &Control) -> Snapshot {
        let since = clock::monotonic().saturating_sub(model.window().as_nanos() as Nanos);
        let samples = self.samples.as_ref();
        Snapshot {
            now,
            figures: Figures::read(control),
            members: Figures::of_members(control, self.workers.len()),
            server: self.server_now(),
            busiest: cores.busiest(now),
            stops: control.asked(),
            failures: samples.map_or_else(Vec::new, |samples| samples.failures()),
            recent: samples.map_or_else(Vec::new, |samples| samples.since(since)),
        }
    }

    /// All endpoints together.
    fn server_now(&self) -> ServerNow {
        let all = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        let values = |of: fn(&ServerNow) -> Option<f64>| all.iter().filter_map(of).collect::<Vec<f64>>();
        let sum = |values: Vec<f64>| (!values.is_empty()).then(|| values.iter().sum::<f64>());
        let kv = values(|now| now.kv_use);
        let endpoints = kv.len() as f64;
        ServerNow {
            running: sum(values(|now| now.running)),
            waiting: sum(values(|now| now.waiting)),
            kv_use: sum(kv).map(|sum| sum / endpoints),
        }
    }
}

/// Does what a key asks for; whether the screen is another one now.
fn press(key: u8, model: &mut Model) -> bool {
    match key {
        b'p' | b' ' => model.turn_pause(),
        b'%' => model.turn_percentiles(),
        b's' | b'q' => signals::ask(1),
        b'x' => signals::ask(2),
        _ => return false,
    }
    true
}

/// Gives the terminal back when the drawing ends, however it does.
struct Restored;

impl Drop for Restored {
    fn drop(&mut self) {
        screen::restore();
    }
}

/// How busy the workers' cores are, over the last second or more: the kernel counts in ticks.
struct Cores {
    workers: Vec<usize>,
    since: Duration,
    watched: Vec<CoreWatch>,
    busiest: Option<f64>,
}

impl Cores {
    fn watch(workers: &[usize]) -> Self {
        Self { workers: workers.to_vec(), since: Duration::ZERO, watched: watch(workers), busiest: None }
    }

    fn busiest(&mut self, now: Duration) -> Option<f64> {
        if now.saturating_sub(self.since) >= Duration::from_secs(1) {
            self.since = now;
            self.busiest = self.watched.iter().filter_map(|core| core.finish().busy_share).reduce(f64::max);
            self.watched = watch(&self.workers);
        }
        self.busiest
    }
}

fn watch(workers: &[usize]) -> Vec<CoreWatch> {
    workers.iter().map(|core| CoreWatch::start(*core)).collect()
}

/// Columns and rows that it takes.
const LEAST: (usize, usize) = (100, 20);
const REFRESH: Duration = Duration::from_millis(250);
