//! The story in lines, one for each change, for people and for programs.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use serde_json::json;

use super::director::View;
use super::event::{Act, Event, Scene, Share, Shares};
use crate::lines::wrap;
use crate::output::{self, Answer};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// Two lines about shares are no nearer to each other, in seconds.
const APART: f64 = 1.0;
/// Version of the events in JSON; it rises when a field changes its meaning or goes.
const SCHEMA: u64 = 1;

/// Writes lines to standard output.
pub(super) struct Plain {
    stop: Receiver<()>,
    as_json: bool,
    told: Option<Shares>,
}

impl Plain {
    /// Until something comes from `stop`.
    pub(super) fn new(stop: Receiver<()>, as_json: bool) -> Self {
        Self { stop, as_json, told: None }
    }
}

impl View for Plain {
    fn tell(&mut self, event: &Event) -> io::Result<()> {
        // After each of these the next shares are news.
        if matches!(event, Event::Act { .. } | Event::Restored { .. }) {
            self.told = None;
        }
        let text = if self.as_json { json_line(event)? } else { text(event) };
        match output::out(text) {
            Answer::Yes => Ok(()),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn show(&mut self, scene: &Scene) -> io::Result<bool> {
        if let Some(moment) = &scene.moment {
            let now = Shares::of(moment);
            let news = self.told.as_ref().is_none_or(|told| now.at - told.at >= APART && now.differ(told));
            // In the first moments there is nothing to show.
            if news && now.rate > 0.0 && now.p99_ms.is_some() {
                self.tell(&Event::Shares(now.clone()))?;
                self.told = Some(now);
            }
        }
        Ok(self.stop.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout))
    }
}

fn json_line(event: &Event) -> io::Result<String> {
    let mut value = serde_json::to_value(event)?;
    value["schema"] = json!(SCHEMA);
    Ok(format!("{value}\n"))
}

fn text(event: &Event) -> String {
    let mut text = String::new();
    let mut line = |at: f64, act: &str, what: &str| wrap(&mut text, &format!("{at:>6.1} s  {act:<8} "), what);
    match event {
        Event::Start { about, balancer, admin, .. } => {
            return format!(
                "{about}\nbalancer http://{balancer}/   evenkeel diagnose --admin {admin}\n\
                 web1 71/33%: it has 71 % of the requests, and should have 33 %\n\n"
            );
        }
        Event::Act { act, at, caption } => line(*at, heading(*act), caption),
        Event::Shares(shares) => line(shares.at, "", &self::shares(shares)),
        Event::Says { at, answer, .. } => line(*at, "", &format!("diagnose: {answer}")),
        Event::Verdict { text, .. } => return format!("{}\n", indented(text)),
        Event::Restored { at, seconds } => line(*at, "EVEN", &format!("again, {seconds:.1} s later")),
        Event::End(record) => return format!("\n{}", record.text()),
    }
    text
}

/// What an act is called.
pub(super) fn heading(act: Act) -> &'static str {
    match act {
        Act::Even => "EVEN",
        Act::Fault => "FAULT",
        Act::Verdict => "VERDICT",
        Act::Mend => "MEND",
        Act::End => "END",
    }
}

fn shares(shares: &Shares) -> String {
    let backend = |share: &Share| {
        let phase = if share.phase == "serving" { String::new() } else { format!(" {}", share.phase) };
        format!("{} {:.0}/{:.0}%{phase}", share.name, share.share * 100.0, share.intended * 100.0)
    };
    let backends: Vec<String> = shares.backends.iter().map(backend).collect();
    format!("{}; {}", backends.join(", "), users(shares.p99_ms, shares.failed))
}

/// What users see.
pub(super) fn users(p99_ms: Option<f64>, failed: usize) -> String {
    let p99 = p99_ms.map_or_else(|| "-".to_owned(), |p99| format!("{p99:.0} ms"));
    let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    format!("users: p99 {p99}{failed}")
}

fn indented(text: &str) -> String {
    let lines =
        text.lines().map(|line| if line.is_empty() { String::new() } else { format!("          | {line}") });
    lines.collect::<Vec<_>>().join("\n")
}
