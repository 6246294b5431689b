//! A line on the terminal while requests are sent.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use crate::output;

/// A line that is written again and again; nothing where there is no terminal.
#[derive(Debug)]
pub(super) struct Progress {
    due: Option<Instant>,
    shown: bool,
}

/// Between two lines.
const EVERY: Duration = Duration::from_millis(100);
/// Columns of a full bar.
const BAR: usize = 20;

impl Progress {
    pub(super) fn new() -> Self {
        let due = output::addressable(io::stderr().is_terminal()).then(Instant::now);
        Self { due, shown: false }
    }

    pub(super) fn show(&mut self, step: &evenkeel_traffic::verify::Progress) {
        let now = Instant::now();
        if self.due.is_some_and(|due| due <= now) {
            self.due = Some(now + EVERY);
            self.shown = true;
            output::err(format_args!("\r\x1b[K{}", line(step)));
        }
    }

    /// Takes the line away.
    pub(super) fn clear(&self) {
        if self.shown {
            output::err("\r\x1b[K");
        }
    }
}

fn line(step: &evenkeel_traffic::verify::Progress) -> String {
    let filled = ((step.nearness * BAR as f64) as usize).min(BAR);
    let bar = format!("{}{}", "#".repeat(filled), ".".repeat(BAR - filled));
    format!("{} of at most {} requests; evidence that something is wrong [{bar}]", step.requests, step.limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits() {
        let step = evenkeel_traffic::verify::Progress { requests: 999_999, limit: 1_000_000, nearness: 1.3 };
        let line = line(&step);
        assert!(line.chars().count() < 100 && line.contains("[####################]"), "{line}");
    }
}
