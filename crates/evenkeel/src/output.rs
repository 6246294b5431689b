//! What commands write, and how they end.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use evenkeel_config::RenderStyle;

use crate::lines::WIDTH;

/// How a command ended; the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 0
    Yes,
    /// 1: it worked, and the answer is no; or it could not be done.
    No,
    /// 2: it was called in a way that makes no sense.
    Misused,
}

/// Why there is no report.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) answer: Answer,
    pub(crate) what: String,
    pub(crate) hint: String,
}

impl Refusal {
    /// The command was called in a way that makes no sense.
    pub(crate) fn misused(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { answer: Answer::Misused, what: what.into(), hint: hint.into() }
    }

    /// It could not be done.
    pub(crate) fn no(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { answer: Answer::No, what: what.into(), hint: hint.into() }
    }

    /// Says so on standard error; and to a script, which awaits a document, in one.
    pub(crate) fn tell(self, as_json: bool) -> Answer {
        let told = if as_json { json(&self.document()) } else { Answer::Yes };
        complain(&self.what, &self.hint);
        told.and(self.answer)
    }

    fn document(&self) -> serde_json::Value {
        let hint = Some(&self.hint).filter(|hint| !hint.is_empty());
        serde_json::json!({ "schema": 1, "error": self.what, "hint": hint })
    }
}

impl Answer {
    /// The worse of two.
    pub(crate) fn and(self, other: Self) -> Self {
        if self == Self::Yes { other } else { self }
    }
}

/// Writes to standard output. A reader that has had enough (`| head`) is no error; a full disk is one, and is told.
#[must_use]
pub(crate) fn out(text: impl fmt::Display) -> Answer {
    let mut stdout = io::stdout().lock();
    written(write!(stdout, "{text}").and_then(|()| stdout.flush()))
}

/// Writes a line to standard output.
#[must_use]
pub(crate) fn line(text: impl fmt::Display) -> Answer {
    out(format_args!("{text}\n"))
}

/// Writes to standard error.
pub(crate) fn err(text: impl fmt::Display) {
    write!(io::stderr().lock(), "{text}").ok();
}

/// Writes JSON to standard output, indented: scripts do not mind, and people read it too.
#[must_use]
pub(crate) fn json(value: &serde_json::Value) -> Answer {
    line(format_args!("{value:#}"))
}

/// The same of anything that has fields; large reports are not copied on the way.
#[must_use]
pub(crate) fn json_of(value: &impl serde::Serialize) -> Answer {
    match serde_json::to_string_pretty(value) {
        Ok(text) => line(text),
        Err(error) => {
            complain(format_args!("cannot write the report: {error}"), "");
            Answer::No
        }
    }
}

/// Says on standard error why a command failed and what to do.
pub(crate) fn complain(what: impl fmt::Display, hint: &str) {
    err(format_args!("evenkeel: {what}\n"));
    if !hint.is_empty() {
        err(format_args!("  hint: {hint}\n"));
    }
}

/// How diagnostics look on standard error.
pub(crate) fn diagnostics_style() -> RenderStyle {
    let color = coloured(io::stderr().is_terminal());
    let width = if color { terminal_width() } else { WIDTH };
    RenderStyle { color, width }
}

/// Whether to colour what goes to a stream; see <https://no-color.org>.
pub(crate) fn coloured(is_terminal: bool) -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    addressable(is_terminal) && !no_color
}

/// Whether a stream's cursor can be moved.
pub(crate) fn addressable(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("TERM").is_none_or(|value| value != "dumb")
}

/// `1 warning`, `2 warnings`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

fn written(outcome: io::Result<()>) -> Answer {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(format_args!("cannot write to standard output: {error}"), "");
            Answer::No
        }
        _ => Answer::Yes,
    }
}

fn terminal_width() -> usize {
    crossterm::terminal::size().map_or(WIDTH, |(columns, _)| usize::from(columns).clamp(60, 140))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_in_words() {
        assert_eq!(count(0, "error"), "0 errors");
        assert_eq!(count(1, "error"), "1 error");
        assert_eq!(count(2, "error"), "2 errors");
    }

    #[test]
    fn a_reader_that_leaves_is_no_failure_and_a_full_disk_is() {
        assert_eq!(written(Ok(())), Answer::Yes);
        assert_eq!(written(Err(io::ErrorKind::BrokenPipe.into())), Answer::Yes);
        assert_eq!(written(Err(io::ErrorKind::StorageFull.into())), Answer::No);
    }

    #[test]
    fn the_worse_answer_counts() {
        assert_eq!(Answer::Yes.and(Answer::No), Answer::No);
        assert_eq!(Answer::Misused.and(Answer::Yes), Answer::Misused);
    }

    #[test]
    fn nothing_but_a_terminal_is_coloured() {
        assert!(!coloured(false));
    }
}
