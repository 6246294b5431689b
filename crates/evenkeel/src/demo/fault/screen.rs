//! The story on a terminal: caption, bars, what users see, what `diagnose` says.

use std::io;
use std::sync::mpsc::Receiver;

use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Cell, Paragraph, Row as Cells, Table, Wrap};
use ratatui::{DefaultTerminal, Frame as Picture};

use super::super::frame::Row;
use super::super::live::wants_out;
use super::super::text::{bar, percent};
use super::director::View;
use super::event::{Act, Event, Scene};
use super::moment::Moment;
use super::plain::{heading, users};
use crate::lines::wrap;

const BAR: usize = 36;
/// A share that is off by more than this part of what it should be is drawn as wrong.
const WRONG: f64 = 0.3;
/// A caption takes no more lines on a terminal of 80 columns.
const CAPTION: u16 = 2;
/// What `diagnose` says of a symptom is so far in, and begins with a label so wide.
const LABELLED: usize = 4;
const LABEL: usize = 13;
const ACTS: [Act; 4] = [Act::Even, Act::Fault, Act::Verdict, Act::Mend];

/// Draws on the terminal, which is as before when this is dropped.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    stop: Receiver<()>,
    colour: bool,
}

impl Screen {
    /// Until something comes from `stop`, or somebody presses q, Esc or Ctrl-C.
    pub(super) fn new(stop: Receiver<()>) -> io::Result<Self> {
        let colour = crate::output::coloured(true);
        Ok(Self { terminal: ratatui::try_init()?, stop, colour })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::try_restore().ok();
    }
}

impl View for Screen {
    fn tell(&mut self, _event: &Event) -> io::Result<()> {
        Ok(())
    }

    fn show(&mut self, scene: &Scene) -> io::Result<bool> {
        let colour = self.colour;
        self.terminal.draw(|picture| draw(picture, scene, colour))?;
        Ok(!wants_out()? && self.stop.try_recv().is_err())
    }
}

fn draw(picture: &mut Picture<'_>, scene: &Scene, colour: bool) {
    let rows = scene.moment.as_ref().map_or(0, |moment| moment.frame.rows.len()) as u16;
    let heights = [2, CAPTION + 1, 2, rows + 2].map(Constraint::Length);
    let areas = Layout::vertical(heights.into_iter().chain([Constraint::Min(0), Constraint::Length(1)]));
    let [head, caption, seen, bars, text, foot] = areas.areas(picture.area());
    picture.render_widget(
        Text::from(vec![Line::from(scene.title.clone()).bold(), acts(scene.act, colour)]),
        head,
    );
    let style = painted(colour, act_colour(scene.act)).add_modifier(Modifier::BOLD);
    let told = Paragraph::new(scene.caption.clone()).style(style).wrap(Wrap { trim: true });
    picture.render_widget(told, caption);
    if let Some(moment) = &scene.moment {
        picture.render_widget(traffic(moment, colour), seen);
        picture.render_widget(table(&moment.frame.rows, colour), bars);
    }
    picture.render_widget(Paragraph::new(verdict(scene, colour)).wrap(Wrap { trim: false }), text);
    picture.render_widget(Line::from(format!("Ctrl-C ends; {}", scene.hint)).dim(), foot);
}

/// Which act is on, of all.
fn acts(now: Act, colour: bool) -> Line<'static> {
    let mut spans = Vec::new();
    for act in ACTS {
        let name = format!(" {} ", heading(act).to_lowercase());
        let on = act == now || now == Act::End;
        let style = if on { painted(colour, act_colour(act)).reversed() } else { Style::new().dim() };
        spans.extend([Span::styled(name, style), Span::raw("  ")]);
    }
    Line::from(spans)
}

fn act_colour(act: Act) -> Color {
    match act {
        Act::Even | Act::Mend | Act::End => Color::Green,
        Act::Fault => Color::Red,
        Act::Verdict => Color::Yellow,
    }
}

fn painted(colour: bool, with: Color) -> Style {
    if colour { Style::new().fg(with) } else { Style::new() }
}

fn traffic(moment: &Moment, colour: bool) -> Line<'static> {
    let rate = format!("{:.0} requests/s   {:.0} s   ", moment.frame.rate, moment.at());
    let users = users(moment.users.p99.map(super::moment::millis), moment.users.failed);
    let style = if moment.users.failed > 0 { painted(colour, Color::Red) } else { Style::new() };
    Line::from(vec![Span::raw(rate), Span::styled(users, style.add_modifier(Modifier::BOLD))])
}

fn table(rows: &[Row], colour: bool) -> Table<'static> {
    let widths = [8, BAR as u16, 7, 8, 6, 7, 10].map(Constraint::Length);
    let header = ["server", "share now, | should be", "now", "should", "busy", "errors", ""];
    let intended = rows.iter().map(|row| row.intended).fold(0.0, f64::max);
    let full = rows.iter().map(|row| row.now).fold(2.0 * intended, f64::max);
    let rows = rows.iter().map(|row| Cells::new(cells(row, full, colour)));
    Table::new(rows, widths).header(Cells::new(header).bold())
}

fn cells(row: &Row, full: f64, colour: bool) -> Vec<Cell<'static>> {
    let wrong = (row.now - row.intended).abs() > WRONG * row.intended;
    let style = painted(colour, if wrong { Color::Red } else { Color::Cyan });
    let phase = if row.phase == "serving" { "" } else { row.phase };
    vec![
        Cell::new(row.name.clone()),
        Cell::new(bar(row.now, row.intended, full, BAR)).style(style),
        Cell::new(percent(row.now)).style(style),
        Cell::new(percent(row.intended)),
        Cell::new(row.in_flight.to_string()),
        Cell::new(row.errors.to_string()),
        Cell::new(phase).style(painted(colour, Color::Yellow)),
    ]
}

/// What `diagnose` says: its verdict while it is on, else its answer.
fn verdict(scene: &Scene, colour: bool) -> Text<'static> {
    let answer = scene.moment.as_ref().map(Moment::answer).unwrap_or_default();
    let said = Line::from(vec![Span::raw("evenkeel diagnose: ").dim(), Span::raw(answer).bold()]);
    if scene.text.is_empty() {
        return Text::from(said);
    }
    let mut text = Text::from(hanging(&scene.text));
    if let Some(first) = text.lines.first_mut() {
        *first = std::mem::take(first).style(painted(colour, Color::Yellow)).bold();
    }
    text
}

/// In lines that fit: the rest of a long one under its beginning, beside its label if it has one.
fn hanging(text: &str) -> String {
    let mut hung = String::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let label = if indent >= LABELLED { LABEL } else { indent };
        let (label, rest) = line.split_at_checked(label).unwrap_or(("", line));
        wrap(&mut hung, label, rest);
    }
    hung
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;

    use super::super::super::frame::Frame;
    use super::super::super::lately::Users;
    use super::*;

    #[test]
    fn a_picture_of_80_by_24() {
        let row = |name: &str, now| Row { name: name.to_owned(), now, intended: 0.5, ..Row::default() };
        let users = Users { failed: 3, p99: Some(std::time::Duration::from_millis(812)), ..Users::default() };
        let frame =
            Frame { rate: 160.0, rows: vec![row("web1", 0.25), row("web2", 0.75)], ..Frame::default() };
        let diagnosis = json!({ "pools": [{ "answer": "balancer: yes" }] });
        let scene = Scene {
            title: "Evenkeel demo".to_owned(),
            caption: "A deploy.".to_owned(),
            act: Act::Fault,
            moment: Some(Moment { frame, users, diagnosis }),
            ..Scene::default()
        };
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal.draw(|picture| draw(picture, &scene, false)).unwrap();
        let screen = terminal.backend().to_string();
        let parts =
            ["Evenkeel demo", " fault ", "A deploy.", "160 requests/s", "p99 812 ms, 3 failed", "75.0%"];
        for part in parts.into_iter().chain(["evenkeel diagnose: balancer: yes", "Ctrl-C ends"]) {
            assert!(screen.contains(part), "no {part:?} in\n{screen}");
        }
    }

    #[test]
    fn long_lines_hang_beside_their_label() {
        let text = format!("web: yes\n\n  critical: {0}\n    changed  {0}\n", "word ".repeat(25).trim());
        let hung = hanging(&text);
        let lines: Vec<&str> = hung.lines().collect();
        assert_eq!((lines[0], lines[1]), ("web: yes", ""));
        assert!(lines[2].starts_with("  critical: word") && lines[3].starts_with("  word"), "{hung}");
        assert!(lines[4].starts_with("    changed  word"), "{hung}");
        assert!(lines[5].starts_with("             word"), "{hung}");
        assert!(lines.iter().all(|line| line.chars().count() <= 100), "{hung}");
    }
}
