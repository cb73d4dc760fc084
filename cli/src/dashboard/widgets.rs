//! The few shapes that the screen is made of: a frame with a title, lines of text, a gauge, and bars over time.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;
use ratatui_core::text::Line;
use ratatui_core::widgets::Widget;

/// Draws a frame with a title in its upper edge; what is left within it.
pub(super) fn framed(buffer: &mut Buffer, area: Rect, title: &str, style: Style) -> Rect {
    if area.width < 2 || area.height < 2 {
        return Rect { width: 0, height: 0, ..area };
    }
    let (right, bottom) = (area.right() - 1, area.bottom() - 1);
    for x in area.x + 1..right {
        buffer.set_string(x, area.y, "─", style);
        buffer.set_string(x, bottom, "─", style);
    }
    for y in area.y + 1..bottom {
        buffer.set_string(area.x, y, "│", style);
        buffer.set_string(right, y, "│", style);
    }
    for (x, y, corner) in [(area.x, area.y, "┌"), (right, area.y, "┐"), (area.x, bottom, "└"), (right, bottom, "┘")]
    {
        buffer.set_string(x, y, corner, style);
    }
    buffer.set_stringn(area.x + 1, area.y, title, usize::from(area.width - 2), Style::new());
    Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 2 }
}

/// Draws lines from the top, as far as there is room.
pub(super) fn lines<'a>(buffer: &mut Buffer, area: Rect, lines: impl IntoIterator<Item = Line<'a>>) {
    for (line, y) in lines.into_iter().zip(area.y..area.bottom()) {
        line.render(Rect { y, height: 1, ..area }, buffer);
    }
}

/// Draws a label, and behind it a line of which a share is filled.
pub(super) fn gauge(buffer: &mut Buffer, area: Rect, label: &str, share: f64, (filled, rest): (Style, Style)) {
    let (begin, _) = buffer.set_stringn(area.x, area.y, label, usize::from(area.width), Style::new());
    let room = area.right().saturating_sub(begin);
    let full = (f64::from(room) * share).round() as u16;
    for x in begin..area.right() {
        let (symbol, style) = if x - begin < full { ("━", filled) } else { ("─", rest) };
        buffer.set_string(x, area.y, symbol, style);
    }
}

/// Draws a bar in each column, from the bottom, the last value at the right; `None` leaves its column empty.
pub(super) fn bars(buffer: &mut Buffer, area: Rect, values: &[Option<f64>], style: Style) {
    let shown = &values[values.len().saturating_sub(usize::from(area.width))..];
    let highest = shown.iter().flatten().copied().fold(0.0, f64::max);
    let steps = f64::from(area.height) * EIGHTHS.len() as f64;
    for (value, x) in shown.iter().zip(area.right() - shown.len() as u16..) {
        let Some(value) = value.filter(|value| *value > 0.0 && highest > 0.0) else {
            continue;
        };
        // What is there at all is seen.
        let height = ((value / highest * steps).round() as usize).max(1);
        let (full, part) = (height / EIGHTHS.len(), height % EIGHTHS.len());
        let mut rows = (area.y..area.bottom()).rev();
        rows.by_ref().take(full).for_each(|y| buffer.set_string(x, y, FULL, style));
        if let Some(y) = rows.next().filter(|_| part > 0) {
            buffer.set_string(x, y, EIGHTHS[part], style);
        }
    }
}

const FULL: &str = "█";
const EIGHTHS: [&str; 8] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇"];

#[cfg(test)]
mod tests {
    use super::*;

    fn text(buffer: &Buffer) -> Vec<String> {
        let area = *buffer.area();
        (0..area.height).map(|y| (0..area.width).map(|x| buffer[(x, y)].symbol()).collect()).collect()
    }

    fn empty(width: u16, height: u16) -> (Buffer, Rect) {
        let area = Rect::new(0, 0, width, height);
        (Buffer::empty(area), area)
    }

    #[test]
    fn bars_are_as_high_as_their_values_and_the_newest_is_at_the_right() {
        let (mut buffer, area) = empty(6, 2);
        let values = [9.0, 0.0, 25.0, 50.0, 100.0].map(Some);
        bars(&mut buffer, area, &[&values[..], &[None, Some(0.01)]].concat(), Style::new());
        assert_eq!(text(&buffer), ["   █  ", " ▄██ ▁"]);
        bars(&mut buffer, area, &[], Style::new());
    }

    #[test]
    fn a_frame_keeps_its_title_within_it_and_a_gauge_shows_its_share() {
        let (mut buffer, area) = empty(8, 3);
        assert_eq!(framed(&mut buffer, area, " a long title", Style::new()), Rect::new(1, 1, 6, 1));
        assert_eq!(text(&buffer), ["┌ a lon┐", "│      │", "└──────┘"]);
        let (mut buffer, area) = empty(8, 1);
        gauge(&mut buffer, area, "50 % ", 2.0 / 3.0, (Style::new(), Style::new()));
        assert_eq!(text(&buffer), ["50 % ━━─"]);
        assert_eq!(framed(&mut buffer, area, "t", Style::new()).area(), 0);
    }
}
