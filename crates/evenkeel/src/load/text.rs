//! The report as text, at most 100 columns wide: the verdict first.

use std::fmt::Write as _;

use evenkeel_traffic::load::{BackendReport, Probe, Report, StageReport, Summary, Verdict};

use super::curve::{self, figure};
use crate::lines::{WIDTH, bar, clip, wrap};

/// Columns of a bar that stands for all answers.
const BAR: usize = 16;
/// Backends that are told one by one.
const TOLD: usize = 20;
const NAME_MAX: usize = 18;
/// Of steps and probes.
const ROWS_MAX: usize = 60;

/// Everything, for people.
pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    for line in verdicts(report) {
        wrap(&mut text, "", &line);
    }
    sent(&mut text, report);
    latencies(&mut text, report);
    errors(&mut text, report);
    for note in &report.generator.notes {
        wrap(&mut text, "  note: ", note);
    }
    if let Some(capacity) = &report.capacity {
        probes(&mut text, &capacity.probes);
    } else if report.stages.len() > 1 {
        stages(&mut text, &report.stages);
    }
    timeline(&mut text, report);
    backends(&mut text, report);
    text
}

fn verdicts(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    if !report.is_any_good() {
        lines.push("No request was answered well.".to_owned());
    }
    if let Some(capacity) = &report.capacity {
        lines.push(capacity.sentence.clone());
    }
    if let Some(objective) = &report.objective {
        let misses = objective.misses.join("; ");
        lines.push(match objective.met {
            true => format!("The objective is met: {}.", objective.objective),
            false => format!("The objective is missed: {misses}."),
        });
    }
    let state = match report.split.verdict {
        Verdict::Even => "even: ",
        Verdict::Skewed => "SKEWED: ",
        Verdict::Undecided => "",
        Verdict::Unknown => "split unknown: ",
    };
    lines.push(format!("{state}{}", report.split.sentence));
    lines
}

fn sent(text: &mut String, report: &Report) {
    let ended = if report.interrupted { "; ended before its time" } else { "" };
    let left = if report.left > 0 { format!(", {} left behind", report.left) } else { String::new() };
    let streams = if report.streams > 1 { format!(" of {} streams", report.streams) } else { String::new() };
    writeln!(text, "\n{}", clip(&report.url, WIDTH)).ok();
    writeln!(
        text,
        "  {} requests in {:.1} s over {} connections{streams}, {} arrivals{ended}",
        report.requests, report.seconds, report.connections, report.arrivals
    )
    .ok();
    writeln!(
        text,
        "  {:.1} due a second, {:.1} answered well; {} failed{left}; {}",
        report.offered_rate,
        report.answered_rate,
        report.failed,
        size(report.bytes)
    )
    .ok();
}

fn latencies(text: &mut String, report: &Report) {
    writeln!(
        text,
        "\n  {:24} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "latency, ms", "p50", "p90", "p99", "p99.9", "max", "mean"
    )
    .ok();
    for (name, summary) in
        [("from when it was due", &report.latency), ("from when it was sent", &report.uncorrected)]
    {
        let Summary { p50_ms, p90_ms, p99_ms, p999_ms, max_ms, mean_ms, .. } = summary;
        let [p50, p90, p99, p999, max, mean] =
            figures(summary, [*p50_ms, *p90_ms, *p99_ms, *p999_ms, *max_ms, *mean_ms]);
        writeln!(text, "  {name:24} {p50:>10} {p90:>10} {p99:>10} {p999:>10} {max:>10} {mean:>10}").ok();
    }
}

fn errors(text: &mut String, report: &Report) {
    for (class, count) in report.errors.classes() {
        let part = 100.0 * count as f64 / report.requests.max(1) as f64;
        writeln!(text, "  error {:9} {count:>9} {part:>7.3}%  {}", class.as_str(), class.meaning()).ok();
    }
}

fn stages(text: &mut String, stages: &[StageReport]) {
    heading(text);
    for stage in stages.iter().take(ROWS_MAX) {
        row(text, stage.from, (stage.requests, stage.failed), &stage.latency, "");
    }
    more(text, stages.len(), ROWS_MAX, "steps");
}

fn probes(text: &mut String, probes: &[Probe]) {
    heading(text);
    let mut sorted: Vec<&Probe> = probes.iter().collect();
    sorted.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    for probe in sorted.iter().take(ROWS_MAX) {
        let state = if probe.met { "good" } else { "not good" };
        row(text, probe.rate, (probe.requests, probe.failed), &probe.latency, state);
    }
    more(text, probes.len(), ROWS_MAX, "rates");
}

fn heading(text: &mut String) {
    writeln!(
        text,
        "\n  {:>10} {:>10} {:>8} {:>9} {:>9} {:>9} {:>9}",
        "rate", "requests", "failed", "p50 ms", "p90 ms", "p99 ms", "max ms"
    )
    .ok();
}

fn row(text: &mut String, rate: f64, (requests, failed): (u64, u64), latency: &Summary, state: &str) {
    let [p50, p90, p99, max] =
        figures(latency, [latency.p50_ms, latency.p90_ms, latency.p99_ms, latency.max_ms]);
    let line =
        format!("  {rate:>10.1} {requests:>10} {failed:>8} {p50:>9} {p90:>9} {p99:>9} {max:>9}  {state}");
    writeln!(text, "{}", line.trim_end()).ok();
}

/// What has no answer has no latency, and must not look fast.
fn figures<const N: usize>(latency: &Summary, values: [f64; N]) -> [String; N] {
    values.map(|value| if latency.count == 0 { "-".to_owned() } else { figure(value) })
}

fn timeline(text: &mut String, report: &Report) {
    let points: Vec<curve::Point> =
        report.timeline.iter().map(|slice| slice.p50_ms.zip(slice.p99_ms)).collect();
    let lines = curve::draw(&points, report.seconds);
    if lines.is_empty() {
        return;
    }
    let what = if report.capacity.is_some() { ", of the last rate told above" } else { "" };
    writeln!(text, "\n  latency by when requests were due: # p99, o p50{what}").ok();
    lines.iter().for_each(|line| text.extend([line, "\n"]));
}

fn backends(text: &mut String, report: &Report) {
    if report.backends.is_empty() {
        return;
    }
    let by = report.by.as_deref().map(|by| format!(" (by {by})")).unwrap_or_default();
    let anonymous = match report.anonymous {
        0 => String::new(),
        number => format!("; {number} answers do not say whose they are"),
    };
    writeln!(text).ok();
    wrap(text, "  ", &format!("{} backends{by}{anonymous}", report.backends.len()));
    writeln!(
        text,
        "  {:NAME_MAX$} {:>6} {:>6} {:BAR$} {:>8} {:>6} {:>7} {:>7} {:>7} {:>7}",
        "", "share", "should", "", "answers", "errors", "p50 ms", "p99", "p99.9", "max"
    )
    .ok();
    report.backends.iter().take(TOLD).for_each(|one| backend(text, one));
    more(text, report.backends.len(), TOLD, "backends");
}

fn backend(text: &mut String, one: &BackendReport) {
    let name = clip(one.backend.as_deref().unwrap_or("(never answered)"), NAME_MAX);
    let latency = |value: fn(&Summary) -> f64| {
        one.latency.as_ref().map_or_else(|| "-".to_owned(), |latency| figure(value(latency)))
    };
    writeln!(
        text,
        "  {name:NAME_MAX$} {:>5.1}% {:>5.1}% {:BAR$} {:>8} {:>6} {:>7} {:>7} {:>7} {:>7}",
        one.share * 100.0,
        one.expected * 100.0,
        bar(one.share, Some(one.expected), BAR),
        one.answers,
        one.failed,
        latency(|summary| summary.p50_ms),
        latency(|summary| summary.p99_ms),
        latency(|summary| summary.p999_ms),
        latency(|summary| summary.max_ms),
    )
    .ok();
}

fn more(text: &mut String, all: usize, told: usize, what: &str) {
    if all > told {
        writeln!(text, "  and {} more {what} (--json has all)", all - told).ok();
    }
}

fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        bytes if bytes >= 1e9 => format!("{:.2} GB", bytes / 1e9),
        bytes if bytes >= 1e6 => format!("{:.2} MB", bytes / 1e6),
        bytes => format!("{:.1} kB", bytes / 1e3),
    }
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
