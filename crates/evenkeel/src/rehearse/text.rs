//! The report as text, at most 100 columns wide: the answer and its reasons first.

use std::collections::HashSet;
use std::fmt::Write as _;

use evenkeel_config::Diagnostic;
use evenkeel_rehearse::{BackendReport, Finding, LoadReport, PoolReport, Report, SituationReport};

use crate::lines::{bar, clip, percent, wrap};
use crate::output;

/// Columns of a bar that stands for all requests.
const BAR: usize = 30;
/// Columns of a backend's name, of a situation's, and of a backend's beside one.
const NAME: usize = 28;
const SITUATION: usize = 38;
const BUSIEST: usize = 16;
/// Findings, pools, backends and situations that are told one by one.
const FINDINGS: usize = 8;
const POOLS: usize = 10;
const BACKENDS: usize = 20;
const SITUATIONS: usize = 8;

/// Everything, for people. Of pools that were asked for by name, all that there is.
pub(super) fn render(file: &str, report: &Report, warnings: &[&Diagnostic], asked: &[String]) -> String {
    let mut text = format!("{}\n", answer(report, warnings.len()));
    head(&mut text, file, report, warnings.len());
    if is_doubted(report, warnings.len()) {
        told_warnings(&mut text, warnings);
    }
    findings(&mut text, report);
    let pools = pools(report, asked);
    for one in &pools {
        text.push('\n');
        pool(&mut text, one, !asked.is_empty());
    }
    let more = report.pools.len() - pools.len();
    if more > 0 {
        writeln!(
            text,
            "\nand {}: --pool NAME shows one, --json all of them",
            output::count(more, "more pool")
        )
        .ok();
    }
    text
}

/// The answer in a sentence. A rehearsal invents clients and takes addresses as they are written: what `check` makes of them
/// comes first.
pub(super) fn answer(report: &Report, warnings: usize) -> String {
    match is_doubted(report, warnings) {
        true => format!("Yes, if {} of the file mattered not:", output::count(warnings, "warning")),
        false => verdict(report),
    }
}

fn is_doubted(report: &Report, warnings: usize) -> bool {
    report.problems.is_empty() && warnings > 0
}

fn verdict(report: &Report) -> String {
    let failures = report.situations - report.pools.len() as u64;
    match (report.problems.is_empty(), report.risks.is_empty()) {
        (false, _) => "No: traffic would not be spread as it should be.".to_owned(),
        (true, false) => "Yes: traffic would be spread as it should be. Failures could hurt:".to_owned(),
        (true, true) => {
            format!("Yes: traffic would be spread as it should be, and none of {failures} failures hurts.")
        }
    }
}

fn head(text: &mut String, file: &str, report: &Report, warnings: usize) {
    let backends = report.pools.iter().map(|pool| pool.backends.len()).sum();
    let line = format!(
        "{file}: {}, {}; {} situations, {} requests played, seed {}",
        output::count(report.pools.len(), "pool"),
        output::count(backends, "backend"),
        report.situations,
        report.requests,
        report.seed,
    );
    wrap(text, "", &line);
    if warnings > 0 {
        writeln!(text, "{} of the file: evenkeel check {file}", output::count(warnings, "warning")).ok();
    }
    if report.pools.iter().any(|pool| !(pool.load.rate_known && pool.load.backend_rate_known)) {
        let hint = "Whether somebody gets more than it can do is not known: give --rate and --backend-rate, or write \
                    `peak_rate` and `backend_rate` into `expect`.";
        wrap(text, "", hint);
    }
}

fn told_warnings(text: &mut String, warnings: &[&Diagnostic]) {
    text.push('\n');
    for one in warnings.iter().take(FINDINGS) {
        let effect = one.effect.as_ref().map_or(String::new(), |effect| format!(": {effect}"));
        wrap(text, "WARNING  ", &format!("{}: {}{effect}", one.code, one.message));
    }
    if warnings.len() > FINDINGS {
        writeln!(text, "and {} more: `evenkeel check` shows them", warnings.len() - FINDINGS).ok();
    }
}

fn findings(text: &mut String, report: &Report) {
    if report.problems.is_empty() && report.risks.is_empty() {
        return;
    }
    text.push('\n');
    let all = report.problems.iter().map(|one| ("PROBLEM", one));
    let all: Vec<_> = all.chain(report.risks.iter().map(|one| ("RISK   ", one))).collect();
    for (kind, one) in all.iter().take(FINDINGS) {
        finding(text, kind, one);
    }
    if all.len() > FINDINGS {
        writeln!(text, "and {} more: --json lists them", all.len() - FINDINGS).ok();
    }
}

fn finding(text: &mut String, kind: &str, one: &Finding) {
    wrap(text, &format!("{kind}  "), &format!("pool {}: {}", one.pool, one.message));
    if let Some(help) = &one.help {
        wrap(text, "         -> ", help);
    }
}

/// Those with findings first, then the others, as many as one reads.
fn pools<'a>(report: &'a Report, asked: &[String]) -> Vec<&'a PoolReport> {
    let most = if asked.is_empty() { POOLS } else { usize::MAX };
    let found: HashSet<&str> =
        report.problems.iter().chain(&report.risks).map(|one| one.pool.as_str()).collect();
    let (mut with, without): (Vec<_>, Vec<_>) =
        report.pools.iter().partition(|pool| found.contains(pool.pool.as_str()));
    with.extend(without);
    with.truncate(most);
    with
}

fn pool(text: &mut String, pool: &PoolReport, whole: bool) {
    let reached = match pool.reached.len() {
        0 => "; no route leads to it".to_owned(),
        1..=4 => format!("; from {}", pool.reached.join(", ")),
        many => format!("; from {} and {} more", pool.reached[..3].join(", "), many - 3),
    };
    wrap(text, "", &format!("pool {}: {}, intent {}{reached}", pool.pool, pool.strategy, pool.intent));
    wrap(text, "  ", &load_words(&pool.load));
    let most = if whole { usize::MAX } else { BACKENDS };
    let width = pool.backends.iter().map(|one| one.backend.chars().count()).max().unwrap_or(0).clamp(7, NAME);
    writeln!(
        text,
        "  {:width$}  {:>7}  {:>7}  {:>7}  {:BAR$}  {:>6}",
        "backend", "intent", "plan", "share", "", "load"
    )
    .ok();
    for one in pool.backends.iter().take(most) {
        backend(text, one, width);
    }
    if pool.backends.len() > most {
        writeln!(text, "  and {} more backends", pool.backends.len() - most).ok();
    }
    situations(text, pool, whole);
}

/// What came, in words.
pub(super) fn load_words(load: &LoadReport) -> String {
    let assumed = |known: bool| if known { "" } else { " (assumed)" };
    let mut line = format!(
        "{} requests/s{}, a backend of capacity 1 can do {}{}",
        number(load.rate),
        assumed(load.rate_known),
        number(load.backend_rate),
        assumed(load.backend_rate_known),
    );
    if load.keys > 0 {
        write!(line, "; {} keys", load.keys).ok();
    }
    if load.kept_together > 1.0 {
        let (together, points) = (number(load.kept_together), load.spread * 100.0);
        write!(
            line,
            "; {together} requests at a time stay together, so a share may be off by {points:.1} points in a minute"
        )
        .ok();
    }
    line
}

fn backend(text: &mut String, one: &BackendReport, width: usize) {
    let load = match (one.out, one.utilisation) {
        (Some(_), _) | (None, None) => String::new(),
        (None, Some(load)) => percent(load),
    };
    let bar = one.out.map_or_else(
        || bar(one.share, (one.intent > 0.0).then_some(one.intent), BAR),
        |out| format!("{out:BAR$}"),
    );
    let line = format!(
        "  {:width$}  {:>7}  {:>7}  {:>7}  {bar}  {load:>6}",
        clip(&one.backend, width),
        percent(one.intent),
        percent(one.plan),
        percent(one.share),
    );
    writeln!(text, "{}", line.trim_end()).ok();
}

fn situations(text: &mut String, pool: &PoolReport, whole: bool) {
    if pool.situations.is_empty() {
        return;
    }
    let most = if whole { usize::MAX } else { SITUATIONS };
    writeln!(
        text,
        "  {:SITUATION$}  {:BUSIEST$} {:>6}  {:>6}  {:>6}  {:>6}  {:>7}",
        "failures, worst first", "most has", "share", "load", "fails", "known", "alarm"
    )
    .ok();
    for one in pool.situations.iter().take(most) {
        situation(text, one);
    }
    let more = pool.situations.len().saturating_sub(most);
    if more > 0 {
        writeln!(text, "  and {}: --pool {} shows them", output::count(more, "more failure"), pool.pool).ok();
    }
    if pool.left_out > 0 {
        writeln!(text, "  {} of smaller backends were not played: there are too many", pool.left_out).ok();
    }
}

fn situation(text: &mut String, one: &SituationReport) {
    let like = match one.alike {
        0 => String::new(),
        alike => format!(" (or {alike} like it)"),
    };
    // What is said of how many are alike must not be cut off.
    let name = shortened(&one.name, SITUATION - like.chars().count());
    let load = match (one.utilisation, one.busiest_factor) {
        (Some(load), _) => percent(load),
        (None, Some(factor)) => format!("x{factor:.2}"),
        (None, None) => "-".to_owned(),
    };
    let known = match one.noticed_after {
        Some(after) => seconds(after),
        None if one.kind.ends_with("down") => "never".to_owned(),
        None => "-".to_owned(),
    };
    let alarm = one.alarm_after.map_or("-".to_owned(), |requests| requests.to_string());
    let fails = if one.failing > 0.0 { percent(one.failing) } else { "-".to_owned() };
    let busiest = one.busiest.as_deref().unwrap_or("nobody");
    let busiest = clip(busiest, BUSIEST);
    writeln!(
        text,
        "  {:SITUATION$}  {busiest:BUSIEST$} {:>6}  {load:>6}  {fails:>6}  {known:>6}  {alarm:>7}",
        format!("{name}{like}"),
        percent(one.busiest_share),
    )
    .ok();
    let notes = notes(one);
    if !notes.is_empty() {
        wrap(text, "      ", &notes.join("; "));
    }
}

/// What has no column.
pub(super) fn notes(one: &SituationReport) -> Vec<String> {
    let mut notes = Vec::new();
    match one.mode {
        "panic" => notes.push("panic: dead backends get requests, too".to_owned()),
        "empty" => notes.push("nobody is left".to_owned()),
        _ => {}
    }
    if one.failover > 0.0 {
        notes.push(format!("{} go to another tier", percent(one.failover)));
    }
    if one.spill > 0.0 {
        notes.push(format!("{} go to another zone", percent(one.spill)));
    }
    if one.overloaded > 1 {
        notes.push(format!("{} backends get more than they can do", one.overloaded));
    }
    if one.failed_meanwhile >= 1.0 {
        notes.push(format!("some {} requests fail until it is known", number(one.failed_meanwhile)));
    }
    notes
}

/// The name of a situation, with what happens in it whole, and that of the backend cut.
fn shortened(name: &str, width: usize) -> String {
    let what = [" is down", " are down", " comes and goes", " is 10 times slower"];
    match what.iter().find_map(|what| Some((name.strip_suffix(what)?, *what))) {
        Some((who, what)) => format!("{}{what}", clip(who, width.saturating_sub(what.len()))),
        None => clip(name, width),
    }
}

fn number(value: f64) -> String {
    if value >= 10.0 || value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// `5ms`, `6s`, `10m`
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 1.0 => format!("{:.0}ms", (seconds * 1000.0).max(1.0)),
        seconds if seconds < 100.0 => format!("{seconds:.0}s"),
        seconds => format!("{:.0}m", seconds / 60.0),
    }
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
