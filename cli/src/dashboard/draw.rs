//! The model on the screen.

use super::Facts;
use super::model::{Model, Row, Series};
use super::widgets::{bars, framed, gauge, lines};
use crate::live::progress::Figures;
use crate::report::{count, percent, short, time};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Constraint, Layout, Rect};
use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::text::{Line, Span};
use std::time::Duration;

/// Colours and emphasis.
#[derive(Clone, Copy)]
struct Theme {
    colour: bool,
}

impl Theme {
    fn label(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    fn value(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What is over its bound.
    fn over(self) -> Style {
        let style = self.value();
        if self.colour { style.fg(Color::Red) } else { style.add_modifier(Modifier::REVERSED) }
    }

    fn line(self) -> Style {
        if self.colour { Style::new().fg(Color::Cyan) } else { Style::new() }
    }
}

/// Draws all of it: what is done, what is now, what was over time, and what can be done about it.
pub(super) fn draw(buffer: &mut Buffer, model: &Model, facts: &Facts, notes: &[String]) {
    let theme = Theme { colour: facts.colour };
    let failures = model.latest.failures.len().min(MOST_FAILURES);
    let heights = [
        Constraint::Length(2),
        Constraint::Length(1),
        Constraint::Length(NOW),
        Constraint::Min(4),
        Constraint::Length(u16::from(!model.latest.members.is_empty())),
        Constraint::Length(failures as u16),
        Constraint::Length(notes.len() as u16),
        Constraint::Length(1),
    ];
    let [head, gauge, now, over_time, members, failed, said, keys] = Layout::vertical(heights).areas(*buffer.area());
    draw_head(buffer, head, model, facts, theme);
    draw_gauge(buffer, gauge, model, facts, theme);
    let [rates, latencies, client] =
        Layout::horizontal([Constraint::Length(28), Constraint::Min(40), Constraint::Length(30)]).areas(now);
    draw_rates(buffer, rates, model, facts, theme);
    draw_latencies(buffer, latencies, model, theme);
    draw_client(buffer, client, model, theme);
    draw_over_time(buffer, over_time, model, facts, theme);
    lines(buffer, members, [Line::raw(members_in(&model.latest.members, usize::from(members.width)))]);
    let failures_said = model.latest.failures.iter().take(failures).map(|(cause, n)| {
        Line::from(vec![
            Span::styled(format!("  {:>9} ", count(*n)), theme.over()),
            Span::raw(format!("failed: {cause}")),
        ])
    });
    lines(buffer, failed, failures_said);
    lines(buffer, said, notes.iter().map(|note| Line::styled(format!("  {note}"), theme.label())));
    draw_keys(buffer, keys, model, theme);
}

fn draw_head(buffer: &mut Buffer, area: Rect, model: &Model, facts: &Facts, theme: Theme) {
    let place = facts.place.as_deref().unwrap_or_default();
    let [left, right] = Layout::horizontal([Constraint::Min(20), Constraint::Length(width(place) + 1)]).areas(area);
    let title = Line::from(vec![Span::styled("ringload ", theme.value()), Span::raw(facts.title.as_str())]);
    let load = Line::styled(facts.load.as_str(), theme.label());
    lines(buffer, left, [title, load]);
    lines(buffer, right, [Line::styled(place, theme.value()).right_aligned()]);
    if model.paused {
        let below = Rect { y: area.y + 1, height: 1, ..area };
        lines(buffer, below, [Line::styled("screen paused", theme.over()).right_aligned()]);
    }
}

fn draw_gauge(buffer: &mut Buffer, area: Rect, model: &Model, facts: &Facts, theme: Theme) {
    let (share, left) = model.progress(facts);
    let figures = &model.latest.figures;
    let state = match (model.latest.stops, model.measured_for()) {
        (0, None) => format!("warm-up: {} done, {} in flight", count(figures.warmup_done), count(figures.in_flight)),
        (0, Some(elapsed)) => {
            let of = facts.requests.map_or_else(String::new, |all| format!(" of {}", count(all)));
            let left = left.map_or_else(String::new, |left| format!(", {} left", span(left)));
            format!("{}{of} requests, {}{left}", count(figures.done), span(elapsed))
        }
        (1, _) => format!("stopping: {} in flight", count(figures.in_flight)),
        _ => "stopping now".into(),
    };
    let silence =
        model.silence().map_or_else(String::new, |silence| format!(", nothing has come for {}", span(silence)));
    let label = format!("{:>3.0} %  {state}{silence} ", 100.0 * share);
    gauge(buffer, area, &label, share, (theme.line(), theme.label()));
}

fn draw_rates(buffer: &mut Buffer, area: Rect, model: &Model, facts: &Facts, theme: Theme) {
    let figures = &model.latest.figures;
    let mut said = vec![
        pair("requests/s", short(model.requests_per_s()), theme),
        pair(if facts.streaming { "output events/s" } else { "responses/s" }, short(model.events_per_s()), theme),
        pair("in flight", count(figures.in_flight), theme),
    ];
    if facts.judged {
        said.push(pair("goodput", model.good.map_or_else(dash, percent), theme));
        let good = model.good.map_or_else(dash, |good| short(good * model.requests_per_s()));
        said.push(pair("good requests/s", good, theme));
    }
    let failed = if figures.failed > 0 { theme.over() } else { theme.value() };
    said.push(styled_pair("failed", count(figures.failed), theme, failed));
    let title = format!(" now, over {} ", span(model.rates_window()));
    let inner = framed(buffer, area, &title, theme.label());
    lines(buffer, inner, said);
}

fn draw_latencies(buffer: &mut Buffer, area: Rect, model: &Model, theme: Theme) {
    let row = |name: &str, cells: Vec<String>, style: Style| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>9}")).collect();
        Line::from(vec![Span::styled(format!("{name:<9}"), theme.label()), Span::styled(cells, style)])
    };
    let percentiles = model.percentiles();
    let names = percentiles.iter().map(|p| format!("p{p}")).collect();
    let of = |name: &str, values: &Row| {
        let cells = match values {
            Some(values) => values.iter().map(|ms| short(*ms)).collect(),
            None => percentiles.iter().map(|_| dash()).collect(),
        };
        row(name, cells, theme.value())
    };
    let said = [
        row("ms", names, theme.label()),
        of("TTFT", &model.ttft),
        of("ITL", &model.itl),
        of("latency", &model.latency),
    ];
    let title = format!(" requests that ended in the last {} ", span(model.window()));
    let inner = framed(buffer, area, &title, theme.label());
    lines(buffer, inner, said);
}

fn draw_client(buffer: &mut Buffer, area: Rect, model: &Model, theme: Theme) {
    let bounded = |name: &'static str, value: Option<f64>, bound: f64, text: fn(f64) -> String| {
        let style = if value.is_some_and(|value| value > bound) { theme.over() } else { theme.value() };
        styled_pair(name, value.map_or_else(dash, text), theme, style)
    };
    let server = &model.latest.server;
    let whole = |value: Option<f64>| value.map_or_else(dash, |value| count(value.max(0.0) as u64));
    let mut said = vec![
        bounded("dispatch lag p99", model.dispatch_lag, LAG_MS, time),
        bounded("late tokens", model.late, LATE_SHARE, percent),
        bounded("busiest core", model.latest.busiest, BUSY_SHARE, percent),
        bounded("of the ceiling", model.ceiling, CEILING_SHARE, percent),
    ];
    if server.running.is_some() || server.waiting.is_some() {
        let both = format!("{} / {}", whole(server.running), whole(server.waiting));
        said.push(pair("server runs/waits", both, theme));
    }
    if server.kv_use.is_some() {
        said.push(pair("server's KV cache", server.kv_use.map_or_else(dash, percent), theme));
    }
    let inner = framed(buffer, area, " client and server ", theme.label());
    lines(buffer, inner, said);
}

fn draw_over_time(buffer: &mut Buffer, area: Rect, model: &Model, facts: &Facts, theme: Theme) {
    let over_time = &model.over_time;
    let ms: fn(f64) -> String = |value| format!("{} ms", short(value));
    let all: [Chart<'_>; 7] = [
        ("requests/s", &over_time.requests, short),
        ("TTFT p50", &over_time.ttft, ms),
        ("ITL p50", &over_time.itl, ms),
        ("latency p50", &over_time.latency, ms),
        ("goodput", &over_time.good, percent),
        ("waiting at the server", &over_time.waiting, short),
        ("output events/s", &over_time.events, short),
    ];
    // Of few rows the first ones are of most use.
    let rows = usize::from(area.height / LEAST_CHART).max(1);
    let wanted = |(name, series, _): &Chart<'_>| {
        let always = *name == "requests/s" || *name == "TTFT p50" && facts.streaming;
        always || series.has_values()
    };
    let shown: Vec<_> = all.into_iter().filter(wanted).take(2 * rows).collect();
    let rows = Layout::vertical(vec![Constraint::Fill(1); shown.len().div_ceil(2).max(1)]).split(area);
    for (pair, row) in shown.chunks(2).zip(rows.iter()) {
        let cells = Layout::horizontal(vec![Constraint::Fill(1); pair.len()]).split(*row);
        for ((name, series, text), cell) in pair.iter().zip(cells.iter()) {
            draw_series(buffer, *cell, (*name, *series, *text), theme);
        }
    }
}

/// Its name, its values, and how they are written.
type Chart<'a> = (&'a str, &'a Series, fn(f64) -> String);

/// A bar a second, from 0 on, the newest at the right.
fn draw_series(buffer: &mut Buffer, area: Rect, of: Chart<'_>, theme: Theme) {
    let (name, series, text) = of;
    let columns = usize::from(area.width.saturating_sub(2));
    let range = series.range(columns);
    let said = range.zip(series.now()).map_or_else(String::new, |((least, most), now)| {
        format!(": {} now, {} to {}", text(now), text(least), text(most))
    });
    let inner = framed(buffer, area, &format!(" {name}{said} "), theme.label());
    bars(buffer, inner, &series.last(columns).collect::<Vec<_>>(), theme.line());
}

/// How far the members of a fleet are: all of them where they fit, else the last and the first of them.
fn members_in(members: &[Figures], width: usize) -> String {
    let each = members
        .iter()
        .enumerate()
        .map(|(rank, one)| format!("   {rank}: {} done, {} in flight", count(one.done), count(one.in_flight)));
    let all = format!("  members{}", each.collect::<String>());
    let ends = || {
        let ranked = members.iter().enumerate().map(|(rank, one)| (one.done, rank));
        let ((least, slow), (most, fast)) = (ranked.clone().min()?, ranked.max()?);
        let (least, most) = (count(least), count(most));
        Some(format!("  {} members: {least} done by member {slow}, the least, to {most} by {fast}", members.len()))
    };
    if all.chars().count() <= width { all } else { ends().unwrap_or_default() }
}

fn draw_keys(buffer: &mut Buffer, area: Rect, model: &Model, theme: Theme) {
    let pause = if model.paused { "go on" } else { "pause the screen" };
    let mut spans = Vec::new();
    for (key, what) in [("p", pause), ("%", "other percentiles"), ("s", "stop in order"), ("x", "stop now")] {
        spans.push(Span::styled(format!(" {key} "), theme.value()));
        spans.push(Span::styled(format!("{what}  "), theme.label()));
    }
    lines(buffer, area, [Line::from(spans)]);
}

fn pair(name: &'static str, value: String, theme: Theme) -> Line<'static> {
    styled_pair(name, value, theme, theme.value())
}

fn styled_pair(name: &'static str, value: String, theme: Theme, style: Style) -> Line<'static> {
    Line::from(vec![Span::styled(format!("{name:<17}"), theme.label()), Span::styled(format!("{value:>9}"), style)])
}

/// `7 s`, `3 min 20 s`, `2 h 05 min`.
fn span(length: Duration) -> String {
    match length.as_secs() {
        s @ 0..120 => format!("{s} s"),
        s @ 120..7_200 => format!("{} min {:02} s", s / 60, s % 60),
        s => format!("{} h {:02} min", s / 3_600, s / 60 % 60),
    }
}

fn dash() -> String {
    "-".into()
}

fn width(text: &str) -> u16 {
    Span::raw(text).width() as u16
}

/// Lines that others wrote meanwhile, at most.
pub(super) const MOST_NOTES: usize = 3;
/// Causes of failures, at most.
const MOST_FAILURES: usize = 4;
/// Rows of what is now, with their frame.
const NOW: u16 = 8;
/// Rows of a chart with its frame, at least.
const LEAST_CHART: u16 = 4;
/// As the verdict has it.
const LAG_MS: f64 = 1.0;
const LATE_SHARE: f64 = 0.01;
const BUSY_SHARE: f64 = 0.8;
const CEILING_SHARE: f64 = 0.7;

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui_core::backend::TestBackend;
    use ratatui_core::terminal::Terminal;

    fn facts() -> Facts {
        Facts {
            title: "llama3-8b at http://10.0.0.1:8000".into(),
            load: "closed loop, 64 in flight".into(),
            place: Some("point 2 of 6: concurrency=64".into()),
            requests: Some(1_000),
            streaming: true,
            judged: true,
            ..Facts::default()
        }
    }

    fn model() -> Model {
        Model::sample(&facts(), 0)
    }

    fn rows(width: u16, height: u16, model: &Model, facts: &Facts, notes: &[String]) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame.buffer_mut(), model, facts, notes)).unwrap();
        let buffer = terminal.backend().buffer();
        let row = |y: u16| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..height).map(row).collect()
    }

    #[test]
    fn every_figure_stands_on_the_smallest_screen_and_on_larger_ones() {
        let notes = ["stopping: waiting up to 9 s for what is in flight".to_owned()];
        for (width, height) in [(100, 20), (120, 40), (200, 60)] {
            let text = rows(width, height, &model(), &facts(), &notes).join("\n");
            for words in [
                "ringload llama3-8b at http://10.0.0.1:8000",
                "point 2 of 6: concurrency=64",
                "37 %  370 of 1 000 requests, 2 s, 3 s left",
                "requests/s          185.00",
                "in flight               64",
                "goodput             98.5 %",
                "failed                   3",
                "TTFT         50.10    54.00    1 060",
                "ITL          10.00    10.10    10.20",
                "latency          -        -        -",
                "dispatch lag p99   12.1 µs",
                "busiest core        91.2 %",
                "of the ceiling      12.3 %",
                "server runs/waits  48 / 16",
                "server's KV cache   31.4 %",
                "requests/s: 93.50 now, 90.00 to 95.00",
                "TTFT p50: ",
                "members   0: 190 done, 32 in flight   1: 180 done, 32 in flight",
                "2 failed: reset",
                "1 failed: http_5xx",
                "stopping: waiting up to 9 s for what is in flight",
                " p pause the screen   % other percentiles   s stop in order   x stop now",
            ] {
                assert!(text.contains(words), "{words} at {width}x{height} in\n{text}");
            }
        }
    }

    #[test]
    fn a_run_that_has_not_begun_and_one_that_is_paused_or_stopped_say_so() {
        let line = |model: &Model, y: usize| rows(100, 20, model, &facts(), &[])[y].clone();
        assert!(line(&Model::new(vec![50.0]), 2).contains("0 %  warm-up: 0 done, 0 in flight"));
        assert!(line(&Model::sample(&facts(), 1), 2).contains("stopping: 64 in flight"));
        let mut stopped = Model::sample(&facts(), 2);
        assert!(line(&stopped, 2).contains("stopping now"));
        stopped.turn_pause();
        assert!(line(&stopped, 1).contains("screen paused") && line(&stopped, 19).contains("p go on"));
    }

    #[test]
    fn of_many_members_the_last_and_the_first_are_named() {
        let members: Vec<_> = (0..64).map(|k| Figures { done: 1_000 + (k * 7) % 64, ..Figures::default() }).collect();
        assert_eq!(members_in(&members, 100), "  64 members: 1 000 done by member 0, the least, to 1 063 by 9");
    }

    #[test]
    fn nothing_that_steers_a_terminal_is_in_a_cell() {
        let notes = ["a\x1b[2Jb\x07".to_owned()];
        let facts = Facts { title: "evil\x1b]0;x\x07".into(), ..facts() };
        let text = rows(100, 20, &model(), &facts, &notes).concat();
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
}
