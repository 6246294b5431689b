//! The report as text, at most 100 columns wide.

use std::fmt::Write as _;

use evenkeel_analyze::{BackendReport, PoolReport, Report, utc};

/// Columns of a bar that stands for all requests.
const BAR: usize = 30;
/// Backends of a pool that are told one by one; the others are fine, or are named as causes.
const TOLD: usize = 20;
const NAME_MAX: usize = 28;
const SENTENCE: usize = 96;

/// Everything, for people: the verdict first.
pub(super) fn render(name: &str, report: &Report) -> String {
    let mut text = String::new();
    writeln!(text, "{}", verdict(report)).ok();
    let unread = match report.unread {
        0 => String::new(),
        unread => format!(", {unread} not in that format"),
    };
    let nowhere = match report.nowhere {
        0 => String::new(),
        nowhere => format!(", {nowhere} that reached no backend"),
    };
    let beyond = match report.beyond {
        0 => String::new(),
        beyond => format!(", {beyond} attempts not counted: too many names"),
    };
    writeln!(text, "{name}: {} lines of {}{unread}{nowhere}{beyond}", report.lines, report.format.name())
        .ok();
    for one in &report.pools {
        text.push('\n');
        pool(&mut text, one);
    }
    text
}

fn verdict(report: &Report) -> &'static str {
    let kinds: Vec<&str> =
        report.pools.iter().flat_map(|pool| &pool.causes).map(|cause| cause.kind).collect();
    let undecided = !report.pools.is_empty() && report.pools.iter().all(|pool| pool.needed > 0);
    match () {
        () if report.pools.iter().any(PoolReport::is_skewed) => {
            "It is the balancer: traffic is not spread as it should be."
        }
        () if !kinds.is_empty() => {
            "It is not the balancer: traffic is spread evenly, but a backend misbehaves."
        }
        () if report.pools.is_empty() => "No request reached a backend.",
        () if undecided => "Not decided: there are too few requests.",
        () => "It is not the balancer: traffic is spread evenly, and no backend stands out.",
    }
}

fn pool(text: &mut String, pool: &PoolReport) {
    let name = if pool.pool.is_empty() { "(the log names no pools)" } else { &pool.pool };
    let state = match (pool.is_skewed(), pool.needed) {
        (true, _) => "SKEWED".to_owned(),
        (false, 0) => "even".to_owned(),
        (false, needed) => format!("undecided: about {needed} more requests are needed"),
    };
    writeln!(text, "pool {name}: {} requests, {} retries; {state}", pool.requests, pool.retries).ok();
    writeln!(text, "  {} to {} UTC", utc(pool.first), utc(pool.last)).ok();
    for cause in &pool.causes {
        let severity = if cause.critical { "CRITICAL" } else { "WARNING " };
        writeln!(text, "  {severity} since {}:", utc(cause.since)).ok();
        for line in wrapped(&cause.sentence) {
            writeln!(text, "    {line}").ok();
        }
    }
    let width =
        pool.backends.iter().map(|one| one.backend.chars().count()).max().unwrap_or(0).clamp(7, NAME_MAX);
    writeln!(
        text,
        "  {:width$}  {:>7}  {:>7}  {:BAR$}  {:>9}  {:>7}  {:>8}",
        "backend", "share", "should", "", "attempts", "errors", "mean ms"
    )
    .ok();
    for one in pool.backends.iter().take(TOLD) {
        backend(text, one, width);
    }
    if pool.backends.len() > TOLD {
        writeln!(text, "  and {} more", pool.backends.len() - TOLD).ok();
    }
    details(text, pool);
}

/// In lines that fit.
fn wrapped(sentence: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in sentence.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + word.chars().count() < SENTENCE => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn backend(text: &mut String, one: &BackendReport, width: usize) {
    let name: String = one.backend.chars().take(width).collect();
    let mean = one.mean_ms.map_or("-".to_owned(), |millis| format!("{millis:.1}"));
    writeln!(
        text,
        "  {name:width$}  {:>6.1}%  {:>6.1}%  {:BAR$}  {:>9}  {:>7}  {mean:>8}",
        one.share * 100.0,
        one.expected * 100.0,
        bar(one.share, one.expected),
        one.attempts,
        one.errors,
    )
    .ok();
}

/// Its share, with a mark where it should end.
fn bar(share: f64, expected: f64) -> String {
    let columns = |part: f64| ((part * BAR as f64).round() as usize).min(BAR);
    let (filled, mark) = (columns(share), columns(expected).saturating_sub(1));
    let cell = |column| match column {
        column if column == mark => '|',
        column if column < filled => '#',
        _ => ' ',
    };
    (0..BAR).map(cell).collect()
}

fn details(text: &mut String, pool: &PoolReport) {
    if pool.is_skewed() && !pool.worst.is_empty() {
        let minutes = pool.worst.iter().map(|minute| {
            format!("{} {} {:.0} %", &utc(minute.minute)[11..16], minute.backend, minute.share * 100.0)
        });
        writeln!(text, "  worst minutes: {}", minutes.collect::<Vec<_>>().join(", ")).ok();
    }
    if !pool.top_clients.is_empty() {
        let clients = pool.top_clients.iter().take(3);
        let clients = clients.map(|(name, share)| format!("{name} {:.0} %", share * 100.0));
        writeln!(text, "  most requests come from: {}", clients.collect::<Vec<_>>().join(", ")).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(weights: [u32; 2], seconds: u32) -> String {
        let mut log = String::new();
        let mut order = (0..weights[0]).map(|_| "a").chain((0..weights[1]).map(|_| "b")).cycle();
        for second in 0..seconds {
            for client in 0..20 {
                let server = order.next().unwrap();
                let (minutes, seconds) = (second / 60, second % 60);
                writeln!(
                    log,
                    "192.0.2.{client}:9 [21/Nov/2026:12:{minutes:02}:{seconds:02}.000] in web/{server} 0/0/0/3/3 200 9 - - ---- \
                     1/1/0/0/0 0/0 \"GET / HTTP/1.1\""
                )
                .unwrap();
            }
        }
        let report = evenkeel_analyze::analyze(log.as_bytes(), &Default::default()).unwrap();
        render("x.log", &report)
    }

    #[test]
    fn the_verdict_comes_first_and_the_cause_is_on_the_first_screen() {
        let text = rendered([5, 1], 120);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("It is the balancer"), "{text}");
        assert!(lines[5].contains("CRITICAL since 2026-11-21 12:00:0"), "{text}");
        assert!(lines[6].contains("a gets 83 % of the requests, 50 % would be its share"), "{text}");
        assert!(text.contains("worst minutes: 12:0"), "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= 100), "{text}");
    }

    #[test]
    fn even_and_too_little_are_told_apart() {
        assert!(rendered([1, 1], 120).starts_with("It is not the balancer"));
        assert!(rendered([1, 1], 1).starts_with("Not decided"), "{}", rendered([1, 1], 1));
    }
}
