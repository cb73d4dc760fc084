//! What ratatui-core draws, as escape sequences (ECMA-48) to the screen. Every character of a cell is looked at once
//! more: nothing that steers a terminal reaches it but what is written here.

use crate::terminal::{printable, screen};
use ratatui_core::backend::{Backend, ClearType, WindowSize};
use ratatui_core::buffer::Cell;
use ratatui_core::layout::{Position, Size};
use ratatui_core::style::{Color, Modifier};
use std::io::{self, Write};

/// Gathers a frame, and writes it whole.
#[derive(Default)]
pub(super) struct Ansi {
    frame: Vec<u8>,
}

/// The style of a cell.
type CellStyle = (Color, Modifier);

impl Backend for Ansi {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut next: Option<(u16, u16)> = None;
        let mut style: Option<CellStyle> = None;
        for (x, y, cell) in content {
            if next != Some((x, y)) {
                write!(self.frame, "\x1b[{};{}H", y + 1, x + 1)?;
            }
            if style != Some((cell.fg, cell.modifier)) {
                self.set_style(cell.fg, cell.modifier)?;
                style = Some((cell.fg, cell.modifier));
            }
            let symbol = printable(cell.symbol());
            self.frame.extend_from_slice(if symbol.is_empty() { b" " } else { symbol.as_bytes() });
            // Behind a wide character it is not known where the next one stands.
            next = symbol.is_ascii().then_some((x + 1, y));
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let Position { x, y } = position.into();
        write!(self.frame, "\x1b[{};{}H", y + 1, x + 1)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, _: ClearType) -> io::Result<()> {
        self.frame.extend_from_slice(b"\x1b[0m\x1b[2J");
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        let (width, height) = screen::size();
        Ok(Size { width, height })
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size()?, pixels: Size::default() })
    }

    fn flush(&mut self) -> io::Result<()> {
        screen::write(&self.frame);
        self.frame.clear();
        Ok(())
    }
}

impl Ansi {
    fn set_style(&mut self, colour: Color, modifier: Modifier) -> io::Result<()> {
        self.frame.extend_from_slice(b"\x1b[0");
        for (of, code) in [(Modifier::BOLD, 1), (Modifier::DIM, 2), (Modifier::REVERSED, 7)] {
            if modifier.contains(of) {
                write!(self.frame, ";{code}")?;
            }
        }
        let code = match colour {
            Color::Red => Some(31),
            Color::Green => Some(32),
            Color::Yellow => Some(33),
            Color::Cyan => Some(36),
            _ => None,
        };
        if let Some(code) = code {
            write!(self.frame, ";{code}")?;
        }
        self.frame.push(b'm');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui_core::style::Style;

    #[test]
    fn cells_are_written_where_they_stand_and_steer_nothing() {
        let cell = |symbol: &'static str, style: Style| {
            let mut cell = Cell::default();
            cell.set_symbol(symbol).set_style(style);
            cell
        };
        let bold = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
        let cells = [cell("a", bold), cell("é", bold), cell("\x1b", Style::new()), cell("\u{202e}", Style::new())];
        let mut ansi = Ansi::default();
        ansi.draw(cells.iter().zip(4..).map(|(cell, x)| (x, 2, cell))).unwrap();
        assert_eq!(String::from_utf8(ansi.frame).unwrap(), "\x1b[3;5H\x1b[0;1;31maé\x1b[3;7H\x1b[0m  ");
    }
}
