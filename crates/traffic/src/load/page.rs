//! A report as a page with pictures.

use super::latencies::Summary;
use super::report::{BackendReport, Report};
use super::split::Verdict;
use crate::page::{Bar, Chart, Scale, Series, bars, document, escape, table};

/// Backends that are shown.
const TOLD: usize = 50;

/// A page that needs nothing else.
pub fn page(report: &Report) -> String {
    let mut sections = Vec::new();
    if let Some(capacity) = &report.capacity {
        sections.push(("Capacity".to_owned(), capacity_picture(report) + &probes(&capacity.probes)));
    }
    sections.push(("Latency over time".to_owned(), over_time(report)));
    sections.push(("Percentiles".to_owned(), percentiles(report) + &latencies(report)));
    sections.push(("Requests over time".to_owned(), rates(report)));
    if !report.backends.is_empty() {
        sections.push(("Who answered".to_owned(), shares(report) + &backends(report)));
    }
    if report.capacity.is_none() && report.stages.len() > 1 {
        sections.push(("Steps".to_owned(), stages(report)));
    }
    if report.failed > 0 {
        sections.push(("Failures".to_owned(), errors(report)));
    }
    document(&format!("Load on {}", report.url), &lead(report), &sections)
}

fn lead(report: &Report) -> String {
    let mut html = String::new();
    let mut say = |class: &str, text: &str| {
        html.push_str(&format!("<p class=\"{class}\">{}</p>\n", escape(text)));
    };
    if !report.is_any_good() {
        say("bad", "No request was answered well.");
    }
    if let Some(capacity) = &report.capacity {
        say(if capacity.rate.is_some() { "good" } else { "bad" }, &capacity.sentence);
    }
    if let Some(objective) = &report.objective {
        let text = if objective.met { objective.objective.clone() } else { objective.misses.join("; ") };
        let state = if objective.met { "met" } else { "missed" };
        say(if objective.met { "good" } else { "bad" }, &format!("Objective {state}: {text}"));
    }
    let class = match report.split.verdict {
        Verdict::Even => "good",
        Verdict::Skewed => "bad",
        Verdict::Undecided | Verdict::Unknown => "faint",
    };
    say(class, &format!("Split: {}", report.split.sentence));
    report.generator.notes.iter().for_each(|note| say("bad", note));
    let ended = if report.interrupted { "; ended before its time" } else { "" };
    let facts = format!(
        "{} requests in {:.1} s ({:.1} a second, {} arrivals), {:.1} answered well a second, {} failed{ended}",
        report.requests,
        report.seconds,
        report.offered_rate,
        report.arrivals,
        report.answered_rate,
        report.failed
    );
    say("faint", &facts);
    html
}

fn over_time(report: &Report) -> String {
    let series = |name: &str, value: fn(&super::report::SliceReport) -> Option<f64>| Series {
        name: name.to_owned(),
        points: report.timeline.iter().map(|slice| (slice.at, value(slice))).collect(),
    };
    Chart {
        x_name: "when requests were due, seconds".to_owned(),
        y_name: "latency, ms".to_owned(),
        y_scale: Scale::Logarithmic,
        series: vec![
            series("p50", |slice| slice.p50_ms),
            series("p99", |slice| slice.p99_ms),
            series("longest", |slice| slice.max_ms),
        ],
        ..Chart::default()
    }
    .svg()
}

/// Over the number of requests of which one is slower: each nine takes as much room.
fn percentiles(report: &Report) -> String {
    let series = |name: &str, value: fn(&super::report::CurvePoint) -> f64| Series {
        name: name.to_owned(),
        points: report.curve.iter().map(|point| (1.0 / (1.0 - point.quantile), Some(value(point)))).collect(),
    };
    let marks: [f64; 6] = [0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999];
    Chart {
        x_name: "percentile".to_owned(),
        y_name: "latency, ms".to_owned(),
        x_scale: Scale::Logarithmic,
        y_scale: Scale::Logarithmic,
        x_marks: marks.map(|part| (1.0 / (1.0 - part), format!("p{}", (part * 1e7).round() / 1e5))).to_vec(),
        series: vec![
            series("from when it was due", |point| point.latency_ms),
            series("from when it was sent", |point| point.uncorrected_ms),
        ],
        ..Chart::default()
    }
    .svg()
}

fn rates(report: &Report) -> String {
    let width = match report.timeline.as_slice() {
        [first, second, ..] => second.at - first.at,
        _ => report.seconds,
    };
    let due = report.timeline.iter().map(|slice| (slice.at, Some(slice.rate)));
    let failed = report.timeline.iter().map(|slice| (slice.at, Some(slice.failed as f64 / width)));
    Chart {
        x_name: "seconds".to_owned(),
        y_name: "requests a second".to_owned(),
        series: vec![
            Series { name: "due".to_owned(), points: due.collect() },
            Series { name: "failed".to_owned(), points: failed.collect() },
        ],
        ..Chart::default()
    }
    .svg()
}

fn shares(report: &Report) -> String {
    let is_off = |backend: &BackendReport| {
        report.split.findings.iter().any(|found| Some(&found.backend) == backend.backend.as_ref())
    };
    let each = report.backends.iter().take(TOLD).map(|backend| Bar {
        name: name(backend),
        part: backend.share,
        expected: backend.expected,
        is_off: is_off(backend) || backend.backend.is_none() && report.split.verdict == Verdict::Skewed,
    });
    bars(&each.collect::<Vec<_>>())
        + "<p class=\"faint\">Share of all answers, with a mark where it should be.</p>"
}

fn name(backend: &BackendReport) -> String {
    backend.backend.clone().unwrap_or_else(|| "(never answered)".to_owned())
}

fn backends(report: &Report) -> String {
    let heads = ["backend", "answers", "failed", "p50 ms", "p90", "p99", "p99.9", "longest", "bytes"];
    let rows = report.backends.iter().take(TOLD).map(|one| {
        let mut row = vec![name(one), one.answers.to_string(), one.failed.to_string()];
        let latency = one.latency.unwrap_or_default();
        row.extend(figures(
            &latency,
            &[latency.p50_ms, latency.p90_ms, latency.p99_ms, latency.p999_ms, latency.max_ms],
        ));
        row.push(one.bytes.to_string());
        row
    });
    table(&heads, &rows.collect::<Vec<_>>())
}

fn latencies(report: &Report) -> String {
    let heads = ["latency, ms", "p50", "p90", "p99", "p99.9", "longest", "mean"];
    let rows = [("from when it was due", report.latency), ("from when it was sent", report.uncorrected)];
    let rows = rows.map(|(name, latency)| {
        let values = [
            latency.p50_ms,
            latency.p90_ms,
            latency.p99_ms,
            latency.p999_ms,
            latency.max_ms,
            latency.mean_ms,
        ];
        std::iter::once(name.to_owned()).chain(figures(&latency, &values)).collect()
    });
    table(&heads, &rows)
}

fn stages(report: &Report) -> String {
    let heads = ["rate", "requests", "failed", "p50 ms", "p90", "p99", "p99.9", "longest"];
    let rows = report.stages.iter().map(|one| {
        let mut row = vec![format!("{:.1}", one.from), one.requests.to_string(), one.failed.to_string()];
        let latency = one.latency;
        row.extend(figures(
            &latency,
            &[latency.p50_ms, latency.p90_ms, latency.p99_ms, latency.p999_ms, latency.max_ms],
        ));
        row
    });
    table(&heads, &rows.collect::<Vec<_>>())
}

fn probes(probes: &[super::Probe]) -> String {
    let heads = ["rate", "requests", "failed", "p50 ms", "p99", "longest", "good enough"];
    let rows = probes.iter().map(|one| {
        let mut row = vec![format!("{:.1}", one.rate), one.requests.to_string(), one.failed.to_string()];
        let latency = one.latency;
        row.extend(figures(&latency, &[latency.p50_ms, latency.p99_ms, latency.max_ms]));
        row.push(if one.met { "yes".to_owned() } else { one.why.first().cloned().unwrap_or_default() });
        row
    });
    table(&heads, &rows.collect::<Vec<_>>())
}

fn capacity_picture(report: &Report) -> String {
    let Some(capacity) = &report.capacity else { return String::new() };
    // The last word on each rate.
    let mut probes: Vec<&super::Probe> = capacity.probes.iter().rev().collect();
    probes.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    probes.dedup_by(|one, other| one.rate == other.rate);
    let series = |name: &str, value: fn(&super::Probe) -> f64| Series {
        name: name.to_owned(),
        points: probes.iter().map(|probe| (probe.rate, Some(value(probe)))).collect(),
    };
    Chart {
        x_name: "requests a second".to_owned(),
        y_name: "latency, ms".to_owned(),
        y_scale: Scale::Logarithmic,
        series: vec![
            series("p50", |probe| probe.latency.p50_ms),
            series("p99", |probe| probe.latency.p99_ms),
        ],
        ..Chart::default()
    }
    .svg()
}

fn errors(report: &Report) -> String {
    let rows = report
        .errors
        .classes()
        .map(|(class, count)| vec![class.as_str().to_owned(), count.to_string(), class.meaning().to_owned()]);
    table(&["failure", "requests", "what it means"], &rows.collect::<Vec<_>>())
}

/// What has no answer has no latency, and must not look fast.
fn figures(latency: &Summary, values: &[f64]) -> Vec<String> {
    let told = |value: &f64| if latency.count == 0 { "-".to_owned() } else { format!("{value:.2}") };
    values.iter().map(told).collect()
}
