//! What a run looks like while it is under way: on a terminal only.

use std::io::IsTerminal as _;
use std::time::Duration;

use evenkeel_traffic::load::{Probe, Run};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output;

/// A line on standard error that is drawn again and again.
#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    /// What comes before this run, and how much of the bar is behind when it begins.
    lead: String,
    from: Option<f64>,
}

/// Steps of a bar.
const STEPS: u64 = 1_000;
/// Fits 100 columns.
const TEMPLATE: &str = "{bar:20} {msg}";

impl Bar {
    /// For a run by itself.
    pub(super) fn of_run() -> Self {
        Self::new(String::new(), None)
    }

    /// For one of a search's rates, which is so far.
    pub(super) fn of_probe(rate: f64, progress: f64) -> Self {
        Self::new(format!("at {rate:.0}: "), Some(progress))
    }

    fn new(lead: String, from: Option<f64>) -> Self {
        let target = if is_shown() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(STEPS), target);
        let style = ProgressStyle::with_template(TEMPLATE).expect("the template is a constant that is sound");
        bar.set_style(style.progress_chars("=> "));
        Self { bar, lead, from }
    }

    /// Draws how far a run is that lasts so long.
    pub(super) fn show(&self, run: &Run, lasts: Duration) {
        if self.bar.is_hidden() {
            return;
        }
        let (now, elapsed) = (run.progress(), run.elapsed());
        let part = (elapsed.as_secs_f64() / lasts.as_secs_f64().max(1e-3)).min(1.0);
        self.bar.set_position((self.from.unwrap_or(part) * STEPS as f64) as u64);
        let most = match now.backends {
            0 => String::new(),
            backends => {
                let share = 100.0 * now.most as f64 / now.ended.max(1) as f64;
                format!(", {backends} backends, most {share:.0} %")
            }
        };
        self.bar.set_message(format!(
            "{}{:.0}/{:.0} s, {} sent, {} waiting, {} failed{most}",
            self.lead,
            elapsed.as_secs_f64().min(lasts.as_secs_f64()),
            lasts.as_secs_f64(),
            now.ended,
            now.waiting,
            now.failed
        ));
    }

    /// Takes the line away.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Says what came of one of a search's rates.
pub(super) fn tell_probe(probe: &Probe) {
    if is_shown() {
        let state = if probe.met { "good" } else { "not good" };
        let p99 = probe.latency.p99_ms;
        output::err(format_args!("{:>10.1} a second: {state}, p99 {p99:.1} ms\n", probe.rate));
    }
}

fn is_shown() -> bool {
    output::addressable(std::io::stderr().is_terminal())
}
