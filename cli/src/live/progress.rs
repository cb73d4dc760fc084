//! The run while it runs: one live line, drawn from outside the pinned cores.

use crate::terminal::eprint_line;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ringload_engine::driver::keep_off;
use ringload_engine::plan::Plan;
use ringload_engine::run::Control;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Runs `work` while, if wanted, the live line is drawn, on cores that no worker has.
pub(crate) fn watch<T>(plan: &Plan, control: &Control, workers: &[usize], view: bool, work: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        if view {
            // A run is worth as much without its live line.
            let _ = thread::Builder::new().spawn_scoped(scope, || {
                keep_off(workers);
                draw(plan, control, &over);
            });
        }
        // The thread ends even when the work panics: a scope waits for it.
        let _ending = Ending(&over);
        work()
    })
}

struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn draw(plan: &Plan, control: &Control, over: &AtomicBool) {
    let terminal = io::stderr().is_terminal();
    let bar = bar(plan, terminal);
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
            bar.set_message(figures.line(&pace));
        } else if now >= next_line {
            next_line += PLAIN_EVERY;
            eprint_line(format_args!("{:>5.0} s  {} done, {}", now.as_secs_f64(), figures.done, figures.line(&pace)));
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

fn bar(plan: &Plan, terminal: bool) -> Option<ProgressBar> {
    if !terminal {
        return None;
    }
    let target = ProgressDrawTarget::stderr_with_hz(HZ);
    let (bar, template) = match plan.profiling.requests {
        Some(n) => (ProgressBar::with_draw_target(Some(n), target), "{bar:6} {pos}/{len} {wide_msg} ETA {eta}"),
        None => (ProgressBar::with_draw_target(None, target), "{spinner} {elapsed} {wide_msg}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    Some(bar.with_style(style))
}

/// Sums over the workers.
#[derive(Clone, Copy, Default)]
struct Figures {
    done: u64,
    failed: u64,
    events: u64,
    in_flight: u64,
    issued: u64,
    warmup_done: u64,
}

impl Figures {
    fn read(control: &Control) -> Self {
        let mut sum = Self::default();
        let load = |a: &AtomicU64| a.load(Ordering::Relaxed);
        for p in &control.progress {
            sum.done += load(&p.done);
            sum.failed += load(&p.failed);
            sum.events += load(&p.events);
            sum.in_flight += load(&p.in_flight);
            sum.issued += load(&p.issued);
            sum.warmup_done += load(&p.warmup_done);
        }
        sum
    }

    fn line(&self, pace: &Pace) -> String {
        if self.issued == 0 {
            return format!("warm-up: {} done, {} in flight", self.warmup_done, self.in_flight);
        }
        format!(
            "{:.1} req/s, {:.0} events/s, {} in flight, {} failed",
            pace.requests, pace.events, self.in_flight, self.failed
        )
    }
}

/// Rates over about the last second.
#[derive(Default)]
struct Pace {
    since: Duration,
    done: u64,
    seen_events: u64,
    requests: f64,
    events: f64,
}

impl Pace {
    fn see(&mut self, now: Duration, figures: &Figures) {
        let span = (now - self.since).as_secs_f64();
        if span < 1.0 {
            return;
        }
        self.requests = figures.done.saturating_sub(self.done) as f64 / span;
        self.events = figures.events.saturating_sub(self.seen_events) as f64 / span;
        (self.since, self.done, self.seen_events) = (now, figures.done, figures.events);
    }
}

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
        pace.see(Duration::from_secs(2), &figures);
        assert_eq!(figures.line(&pace), "1.5 req/s, 0 events/s, 4 in flight, 0 failed");
    }
}
