//! The report as text, at most 100 columns wide.

use std::fmt::Write as _;

use evenkeel_analyze::{BackendReport, Note, PoolReport, Report, Verdict, percent, utc};

use crate::lines::{bar, clip, clip_middle, wrap};

/// Columns of a bar that stands for all requests.
const BAR: usize = 24;
/// Backends of a pool that are told one by one; the others are fine, or are named as causes.
const TOLD: usize = 20;
const NAME_MAX: usize = 24;
/// Paths that are asked for less are not told.
const TOP_PATH: f64 = 0.1;

/// Pools that are told; those that something is wrong with come first.
const POOLS: usize = 20;

/// Everything, for people: the verdict first.
pub(super) fn render(name: &str, report: &Report) -> String {
    let mut text = String::new();
    writeln!(text, "{}", verdict(report.verdict)).ok();
    let unless_none = |count: u64, what: &str| match count {
        0 => String::new(),
        count => format!(", {count} {what}"),
    };
    writeln!(
        text,
        "{name}: {} lines of {}{}{}{}{}",
        report.lines,
        report.format.name(),
        unless_none(report.unread, "not in that format"),
        unless_none(report.outside, "from another time"),
        unless_none(report.nowhere, "that reached no backend"),
        unless_none(report.beyond, "attempts not counted: too many names"),
    )
    .ok();
    report.notes.iter().for_each(|one| note(&mut text, one));
    let wrong = report.pools.iter().filter(|pool| !pool.causes.is_empty());
    let others = report.pools.iter().filter(|pool| pool.causes.is_empty());
    for one in wrong.chain(others).take(POOLS) {
        text.push('\n');
        pool(&mut text, one, if report.local_time { "in the time of the log" } else { "UTC" });
    }
    if report.pools.len() > POOLS {
        writeln!(text, "\nand {} more pools: --pool NAME shows one, --json all", report.pools.len() - POOLS)
            .ok();
    }
    text
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Balancer => "It is the balancer: traffic is not spread as it should be.",
        Verdict::Backend => "It is not the balancer: traffic is spread evenly, but a backend misbehaves.",
        Verdict::Shared => {
            "It is not the balancer: all backends were in trouble alike, so look at what they share."
        }
        Verdict::Even => "It is not the balancer: traffic is spread evenly, and no backend stands out.",
        Verdict::Undecided => "Not decided: there are too few requests.",
        Verdict::OneBackend => {
            "Not decided: only one backend occurs. Name all that there should be with --expect."
        }
        Verdict::Nothing => "No request reached a backend.",
    }
}

fn pool(text: &mut String, pool: &PoolReport, zone: &str) {
    let name = if pool.pool.is_empty() { "(the log names no pools)" } else { &clip(&pool.pool, 40) };
    let state = match (pool.is_skewed(), pool.needed) {
        (true, _) => "SKEWED".to_owned(),
        (false, 0) => "even".to_owned(),
        (false, needed) => format!("undecided: about {needed} more requests are needed"),
    };
    let what = if pool.connections > 0 { "connections" } else { "requests" };
    writeln!(text, "pool {name}: {} {what}, {} retries; {state}", pool.requests, pool.retries).ok();
    writeln!(text, "  {} to {} {zone}", utc(pool.first), utc(pool.last)).ok();
    for cause in &pool.causes {
        let severity = if cause.critical { "CRITICAL" } else { "WARNING " };
        writeln!(text, "  {severity} since {}:", utc(cause.since)).ok();
        wrap(text, "    ", &cause.sentence);
    }
    pool.notes.iter().for_each(|one| note(text, one));
    table(text, pool);
    details(text, pool);
}

fn note(text: &mut String, note: &Note) {
    wrap(text, "  NOTE ", &note.sentence);
}

/// Backends, with what connections carried where that is what they are about.
fn table(text: &mut String, pool: &PoolReport) {
    let bytes: u64 = pool.backends.iter().map(|one| one.bytes).fold(0, u64::saturating_add);
    let of_connections = (pool.connections > 0).then_some(bytes);
    let width =
        pool.backends.iter().map(|one| one.backend.chars().count()).max().unwrap_or(0).clamp(7, NAME_MAX);
    writeln!(
        text,
        "  {:width$}  {:>7}  {:>7}  {:BAR$}  {:>9}  {:>7}  {:>8}",
        "backend",
        "share",
        "should",
        "",
        "attempts",
        "errors",
        if of_connections.is_some() { "of bytes" } else { "mean ms" }
    )
    .ok();
    for one in pool.backends.iter().take(TOLD) {
        backend(text, one, width, of_connections);
    }
    if pool.backends.len() > TOLD {
        writeln!(text, "  and {} more", pool.backends.len() - TOLD).ok();
    }
}

fn backend(text: &mut String, one: &BackendReport, width: usize, of_bytes: Option<u64>) {
    let name = clip_middle(&one.backend, width);
    let last = match of_bytes {
        Some(all) => format!("{:.1}%", one.bytes as f64 / all.max(1) as f64 * 100.0),
        None => one.mean_ms.map_or("-".to_owned(), |millis| format!("{millis:.1}")),
    };
    writeln!(
        text,
        "  {name:width$}  {:>6.1}%  {:>6.1}%  {:BAR$}  {:>9}  {:>7}  {last:>8}",
        one.share * 100.0,
        one.expected * 100.0,
        bar(one.share, Some(one.expected), BAR),
        one.attempts,
        one.errors,
    )
    .ok();
}

fn listed(text: &mut String, what: &str, things: impl Iterator<Item = String>) {
    wrap(text, "  ", &format!("{what}: {}", things.collect::<Vec<_>>().join(", ")));
}

fn details(text: &mut String, pool: &PoolReport) {
    if pool.is_skewed() && !pool.worst.is_empty() {
        let minutes = pool.worst.iter().map(|minute| {
            let backend = clip_middle(&minute.backend, NAME_MAX);
            format!("{} {backend} {}", &utc(minute.minute)[11..16], percent(minute.share))
        });
        listed(text, "worst minutes", minutes);
    }
    if !pool.top_clients.is_empty() {
        let clients = pool.top_clients.iter().take(3);
        let clients = clients.map(|(name, share)| format!("{name} {}", percent(*share)));
        listed(text, "most come from", clients);
    }
    let paths = pool.top_paths.iter().filter(|(_, share)| *share >= TOP_PATH).take(3);
    let paths: Vec<String> =
        paths.map(|(path, share)| format!("{} {}", clip(path, 24), percent(*share))).collect();
    if pool.is_skewed() && !paths.is_empty() {
        listed(text, "most ask for", paths.into_iter());
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
        let one = rendered([1, 0], 120);
        assert!(
            one.starts_with("Not decided: only one backend") && one.contains("NOTE only a occurs here"),
            "{one}"
        );
    }
}
