//! The run while it runs: one live line, drawn from outside the pinned cores.

use crate::terminal::{eprint_line, screen, unless_stalled};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ringload_engine::driver::keep_off;
use ringload_engine::plan::Plan;
use ringload_engine::run::{Control, Progress};
use std::collections::VecDeque;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Draws until the run is over, which the flag tells.
pub(crate) type View = Box<dyn FnOnce(&Control, &AtomicBool) + Send>;

/// The live line of a run.
pub(crate) fn line(plan: &Plan) -> View {
    let requests = plan.profiling.requests;
    Box::new(move |control, over| draw(requests, control, over))
}

/// Runs `work` while the view, where there is one, is drawn on cores that no worker has. It has gone when this returns,
/// unless the terminal stalls.
pub(crate) fn watch<T>(control: &Arc<Control>, workers: &[usize], view: Option<View>, work: impl FnOnce() -> T) -> T {
    let over = Arc::new(AtomicBool::new(false));
    let (drawing, drawn) = mpsc::channel::<()>();
    match view {
        Some(view) => {
            let (control, over, workers) = (Arc::clone(control), Arc::clone(&over), workers.to_vec());
            // A run is worth as much without its live view.
            let _ = thread::Builder::new().name("live view".into()).spawn(move || {
                let _drawing = drawing;
                keep_off(&workers);
                view(&control, &over);
            });
        }
        None => drop(drawing),
    }
    let done = work();
    over.store(true, Ordering::Relaxed);
    unless_stalled(&drawn);
    // Of a view that stalls, the terminal is given back all the same.
    screen::restore();
    done
}

fn draw(requests: Option<u64>, control: &Control, over: &AtomicBool) {
    let terminal = io::stderr().is_terminal();
    let bar = bar(requests, terminal);
    let started = Instant::now();
    let mut pace = Pace::default();
    let mut next_line = PLAIN_EVERY;
    while !over.load(Ordering::Relaxed) {
        thread::sleep(REFRESH);
        let now = started.elapsed();
        let figures = Figures::read(control);
        pace.see(now, &figures);
        if let Some(bar) = &bar {
            bar.set_position(match bar.length() {
                Some(_) => figures.done,
                None => now.as_secs(),
            });
            bar.set_message(figures.line(&pace, now));
        } else if now >= next_line {
            next_line += PLAIN_EVERY;
            eprint_line(format_args!(
                "{:>5.0} s  {} done, {}",
                now.as_secs_f64(),
                figures.done,
                figures.line(&pace, now)
            ));
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

fn bar(requests: Option<u64>, terminal: bool) -> Option<ProgressBar> {
    if !terminal {
        return None;
    }
    let target = ProgressDrawTarget::stderr_with_hz(HZ);
    let (bar, template) = match requests {
        Some(n) => (ProgressBar::with_draw_target(Some(n), target), "{bar:10} {pos}/{len} {wide_msg} ETA {eta}"),
        None => (ProgressBar::with_draw_target(None, target), "{spinner} {elapsed} {wide_msg}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    Some(bar.with_style(style))
}

/// Sums over the workers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) done: u64,
    pub(crate) failed: u64,
    pub(crate) events: u64,
    pub(crate) in_flight: u64,
    pub(crate) issued: u64,
    pub(crate) warmup_done: u64,
}

impl Figures {
    /// As they stand.
    pub(crate) fn read(control: &Control) -> Self {
        Self::of(&control.progress)
    }

    /// Of the leader of a fleet and of each of its other members; nothing of a run without any. The leader's own
    /// workers come first.
    pub(crate) fn of_members(control: &Control, workers: usize) -> Vec<Self> {
        let (own, others) = control.progress.split_at(workers.min(control.progress.len()));
        if others.is_empty() {
            return Vec::new();
        }
        std::iter::once(own).chain(others.chunks(1)).map(Self::of).collect()
    }

    fn of(places: &[Progress]) -> Self {
        let mut sum = Self::default();
        let load = |a: &AtomicU64| a.load(Ordering::Relaxed);
        for p in places {
            sum.done += load(&p.done);
            sum.failed += load(&p.failed);
            sum.events += load(&p.events);
            sum.in_flight += load(&p.in_flight);
            sum.issued += load(&p.issued);
            sum.warmup_done += load(&p.warmup_done);
        }
        sum
    }

    fn line(&self, pace: &Pace, now: Duration) -> String {
        // The end of a line that is too long is cut: what matters most comes first.
        let silence = pace
            .silence(now)
            .map_or_else(String::new, |silence| format!("nothing has come for {} s, ", silence.as_secs()));
        if self.issued == 0 {
            return format!("{silence}warm-up: {} done, {} in flight", self.warmup_done, self.in_flight);
        }
        let failed = if self.failed > 0 { format!("{} failed, ", self.failed) } else { String::new() };
        format!(
            "{silence}{failed}{:.1} req/s, {:.0} events/s, {} in flight",
            pace.requests, pace.events, self.in_flight
        )
    }
}

/// Rates over the last seconds: at least two, and at least as long as four requests take, so that answers which come
/// in waves make no waves.
#[derive(Default)]
pub(crate) struct Pace {
    /// When, how many requests were done, how many events seen.
    seen: VecDeque<(Duration, u64, u64)>,
    /// A second.
    pub(crate) requests: f64,
    /// A second.
    pub(crate) events: f64,
    /// Since when nothing has come.
    silent_since: Duration,
}

impl Pace {
    /// Takes in the sums of an instant.
    pub(crate) fn see(&mut self, now: Duration, figures: &Figures) {
        let moved = self.seen.back().is_none_or(|(_, done, events)| (*done, *events) != (figures.done, figures.events));
        if moved || figures.in_flight == 0 {
            self.silent_since = now;
        }
        self.seen.push_back((now, figures.done, figures.events));
        // Little's law: a request takes as long as those in flight take to be done.
        let latency = figures.in_flight as f64 / self.requests.max(1e-9);
        let window = Duration::from_secs_f64((4.0 * latency).clamp(LEAST_WINDOW, MOST_WINDOW));
        let from = now.saturating_sub(window);
        while self.seen.len() > 2 && (self.seen[1].0 <= from || self.seen.len() > MOST_SEEN) {
            self.seen.pop_front();
        }
        if let Some((then, done, events)) = self.seen.front() {
            let span = (now - *then).as_secs_f64();
            if span > 0.0 {
                self.requests = figures.done.saturating_sub(*done) as f64 / span;
                self.events = figures.events.saturating_sub(*events) as f64 / span;
            }
        }
    }

    /// The time over which rates are taken, as far as it has been seen.
    pub(crate) fn window(&self) -> Duration {
        let (first, last) = (self.seen.front(), self.seen.back());
        first.zip(last).map_or(Duration::ZERO, |(first, last)| last.0 - first.0)
    }

    /// For how long nothing has come, where that is long.
    pub(crate) fn silence(&self, now: Duration) -> Option<Duration> {
        Some(now.saturating_sub(self.silent_since)).filter(|silence| *silence >= SILENCE)
    }
}

/// Seconds over which rates are taken.
const LEAST_WINDOW: f64 = 2.0;
const MOST_WINDOW: f64 = 60.0;
const MOST_SEEN: usize = 1_000;
/// A server that sends nothing for so long is told of.
const SILENCE: Duration = Duration::from_secs(30);
const HZ: u8 = 10;
const REFRESH: Duration = Duration::from_millis(100);
const PLAIN_EVERY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_summed_over_the_workers() {
        let control = Control::new(2);
        for (i, p) in control.progress.iter().enumerate() {
            p.issued.store(5, Ordering::Relaxed);
            p.done.store(i as u64 + 1, Ordering::Relaxed);
            p.in_flight.store(2, Ordering::Relaxed);
        }
        let figures = Figures::read(&control);
        let mut pace = Pace::default();
        pace.see(Duration::ZERO, &Figures::default());
        pace.see(Duration::from_secs(2), &figures);
        assert_eq!(figures.line(&pace, Duration::from_secs(2)), "1.5 req/s, 0 events/s, 4 in flight");
        let failing = Figures { failed: 2, ..figures };
        assert_eq!(failing.line(&pace, Duration::from_secs(2)), "2 failed, 1.5 req/s, 0 events/s, 4 in flight");
    }

    #[test]
    fn the_workers_of_the_leader_are_one_member_and_the_others_one_each() {
        let control = Control::new(4);
        for (i, p) in control.progress.iter().enumerate() {
            p.done.store(1 << i, Ordering::Relaxed);
        }
        let done = |workers| Figures::of_members(&control, workers).iter().map(|f| f.done).collect::<Vec<_>>();
        assert_eq!(done(2), [3, 4, 8]);
        assert!(done(4).is_empty(), "one machine");
    }

    #[test]
    fn a_rate_is_taken_over_two_latencies_and_silence_is_told() {
        // 187 requests take 2 s each and end in waves of 187: 93.5 a second, whenever one looks.
        let mut pace = Pace::default();
        let figures = |done: u64| Figures { done, in_flight: 187, issued: done + 187, ..Figures::default() };
        for tenth in 0..600_u64 {
            pace.see(Duration::from_millis(100 * tenth), &figures(tenth / 20 * 187));
            if tenth > 100 {
                assert!((70.0..=120.0).contains(&pace.requests), "{tenth}: {}", pace.requests);
            }
        }
        let last = figures(29 * 187);
        pace.see(Duration::from_secs(100), &last);
        assert!(
            last.line(&pace, Duration::from_secs(100)).starts_with("nothing has come for 42 s, "),
            "{}",
            last.line(&pace, Duration::from_secs(100))
        );
        pace.see(Duration::from_secs(101), &figures(30 * 187));
        assert_eq!(pace.silence(Duration::from_secs(101)), None);
    }
}
