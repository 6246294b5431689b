//! The live view on a terminal.

use std::io;
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::Frame as Screen;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Style, Stylize};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Cell, Row as Cells, Table};

use super::frame::{Frame, Row};
use super::text::{bar, latency, percent};

/// Between two pictures, unless a key is pressed.
const REFRESH: Duration = Duration::from_millis(200);
const BAR: usize = 24;

/// Shows frames until `next` has no more, or somebody presses q, Esc or Ctrl-C. The terminal is as before afterwards,
/// after a panic, too.
pub(super) fn show(about: &[String], mut next: impl FnMut() -> Option<Frame>) -> io::Result<()> {
    let colour = crate::output::coloured(true);
    let mut terminal = ratatui::try_init()?;
    let shown = loop {
        let Some(frame) = next() else {
            break Ok(());
        };
        if let Err(error) = terminal.draw(|screen| draw(screen, about, &frame, colour)) {
            break Err(error);
        }
        match wants_out() {
            Ok(false) => {}
            Ok(true) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    ratatui::try_restore()?;
    shown
}

/// Waits for a key, not for long. Whether it is one that ends things.
pub(super) fn wants_out() -> io::Result<bool> {
    Ok(event::poll(REFRESH)? && matches!(event::read()?, Event::Key(key) if ends(key)))
}

/// In raw mode Ctrl-C is a key like others.
fn ends(key: KeyEvent) -> bool {
    let interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind == KeyEventKind::Press && (interrupt || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc))
}

fn draw(screen: &mut Screen<'_>, about: &[String], frame: &Frame, colour: bool) {
    let head = about.len() as u16 + 3;
    let rows = frame.rows.len() as u16 + 2;
    let areas = Layout::vertical([Constraint::Length(head), Constraint::Length(rows), Constraint::Min(1)])
        .split(screen.area());
    screen.render_widget(header(about, frame), areas[0]);
    screen.render_widget(table(frame, colour), areas[1]);
    screen.render_widget(Line::from("Ctrl-C ends").dim(), areas[2]);
}

fn header(about: &[String], frame: &Frame) -> Text<'static> {
    let total = format!(
        "{:.0} requests/s   {} answered   {} errors   {} s",
        frame.rate,
        frame.answered,
        frame.failed,
        frame.elapsed.as_secs()
    );
    let mut lines = vec![Line::from("Evenkeel demo").bold()];
    lines.extend(about.iter().cloned().map(Line::from));
    lines.push(Line::from(total));
    lines.push(Line::from(""));
    Text::from(lines)
}

fn table(frame: &Frame, colour: bool) -> Table<'static> {
    let widths = [7, BAR as u16, 7, 8, 6, 9, 9, 7, 10].map(Constraint::Length);
    let header =
        ["backend", "share now, | expected", "now", "expected", "busy", "p50", "p99", "errors", "needs"];
    let expected = frame.rows.iter().map(|row| row.expected).fold(0.0, f64::max);
    let largest = frame.rows.iter().map(|row| row.now).fold(2.0 * expected, f64::max);
    let rows = frame.rows.iter().map(|row| Cells::new(cells(row, largest, colour)));
    Table::new(rows, widths).header(Cells::new(header).bold())
}

fn cells(row: &Row, full: f64, colour: bool) -> Vec<Cell<'static>> {
    let style = if colour { Style::new().cyan() } else { Style::new() };
    let failing = if colour && row.errors > 0 { Style::new().red() } else { Style::new() };
    vec![
        Cell::new(row.name.clone()),
        Cell::new(bar(row.now, row.expected, full, BAR)).style(style),
        Cell::new(percent(row.now)),
        Cell::new(percent(row.expected)),
        Cell::new(row.in_flight.to_string()),
        Cell::new(latency(row.p50)),
        Cell::new(latency(row.p99)),
        Cell::new(row.errors.to_string()).style(failing),
        Cell::new(format!(
            "{}ms {}",
            row.service_time.as_millis(),
            if row.phase == "serving" { "" } else { row.phase }
        )),
    ]
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    #[test]
    fn a_picture_of_80_by_24() {
        let row = |name: &str, now| Row { name: name.to_owned(), now, expected: 0.5, ..Row::default() };
        let frame = Frame { rate: 400.0, rows: vec![row("a", 0.25), row("b", 0.75)], ..Frame::default() };
        let mut terminal = Terminal::new(TestBackend::new(100, 24)).unwrap();
        terminal.draw(|screen| draw(screen, &["http://127.0.0.1:1".to_owned()], &frame, false)).unwrap();
        let screen = terminal.backend().to_string();
        for part in ["Evenkeel demo", "http://127.0.0.1:1", "400 requests/s", "25.0%", "75.0%", "Ctrl-C ends"]
        {
            assert!(screen.contains(part), "no {part:?} in\n{screen}");
        }
    }

    #[test]
    fn keys_that_end_it() {
        let key = |code, modifiers| KeyEvent::new(code, modifiers);
        assert!(ends(key(KeyCode::Char('q'), KeyModifiers::NONE)));
        assert!(ends(key(KeyCode::Char('c'), KeyModifiers::CONTROL)));
        assert!(!ends(key(KeyCode::Char('c'), KeyModifiers::NONE)));
    }
}
