//! The report as a page that needs nothing beside itself: no script, no other file.

use std::fmt::Write as _;

use evenkeel_config::Diagnostic;
use evenkeel_rehearse::{BackendReport, Finding, PoolReport, Report, SituationReport};

use super::text::{answer, load_words, notes, seconds};
use crate::lines::percent;

/// Pools, backends of a pool, and situations of a pool that are drawn; a page with more nobody reads.
const POOLS: usize = 200;
const BACKENDS: usize = 40;
const SITUATIONS: usize = 24;
/// Points of a bar that stands for all requests, of a bar's height, and of a name before it.
const BAR: f64 = 360.0;
const ROW: f64 = 22.0;
const NAME: f64 = 220.0;

const STYLE: &str = "\
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fff; --line: #d5dae1; --soft: #5b6675; --bar: #3574c4; \
--mark: #c43b35; --down: #9aa3af; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --paper: #14181e; --line: #363e49; --soft: #a0a9b6; \
--bar: #6ba2e8; --mark: #f0766f; --down: #5b6675; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; \
margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; border-top: 1px solid var(--line); padding-top: 1rem; } \
h3 { font-size: 1rem; margin-bottom: 0; }
p { margin: .3rem 0; } .soft { color: var(--soft); } .problem b { color: var(--mark); }
svg { display: block; max-width: 100%; height: auto; font: 12px system-ui, sans-serif; } text { fill: var(--ink); }
.bar { fill: var(--bar); } .mark { stroke: var(--mark); stroke-width: 2; } .down { fill: var(--down); } \
.whole { fill: none; stroke: var(--line); }
";

/// The whole page.
pub(super) fn render(file: &str, report: &Report, warnings: &[&Diagnostic]) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Rehearsal of {0}</title><style>{STYLE}</style>\n<h1>{1}</h1>\n\
         <p class=\"soft\">{0}: {2} pools, {3} situations, {4} requests played, seed {5}. Bars are shares of the \
         attempts; the mark is where the share should end.</p>\n",
        escaped(file),
        escaped(&answer(report, warnings.len())),
        report.pools.len(),
        report.situations,
        report.requests,
        report.seed,
    );
    for one in warnings {
        warning(&mut page, one);
    }
    for one in &report.problems {
        finding(&mut page, "Problem", one);
    }
    for one in &report.risks {
        finding(&mut page, "Risk", one);
    }
    for one in report.pools.iter().take(POOLS) {
        pool(&mut page, one);
    }
    if report.pools.len() > POOLS {
        writeln!(page, "<p>and {} more pools</p>", report.pools.len() - POOLS).ok();
    }
    page.push_str("</html>\n");
    page
}

fn warning(page: &mut String, one: &Diagnostic) {
    let effect = one.effect.as_ref().map_or(String::new(), |effect| format!(": {effect}"));
    let help = one.help.as_ref().map(|help| format!(" <span class=\"soft\">{}</span>", escaped(help)));
    let (code, said) = (one.code, escaped(&format!("{}{effect}", one.message)));
    let help = help.unwrap_or_default();
    writeln!(page, "<p class=\"warning\"><b>Warning, {code}:</b> {said}.{help}</p>").ok();
}

fn finding(page: &mut String, kind: &str, one: &Finding) {
    let help = one.help.as_ref().map(|help| format!(" <span class=\"soft\">{}</span>", escaped(help)));
    writeln!(
        page,
        "<p class=\"{}\"><b>{kind}, pool {}:</b> {}.{}</p>",
        kind.to_lowercase(),
        escaped(&one.pool),
        escaped(&one.message),
        help.unwrap_or_default()
    )
    .ok();
}

fn pool(page: &mut String, pool: &PoolReport) {
    writeln!(
        page,
        "<h2>pool {}</h2>\n<p class=\"soft\">{}, intent {}; {}</p>",
        escaped(&pool.pool),
        pool.strategy,
        pool.intent,
        escaped(&load_words(&pool.load))
    )
    .ok();
    let shares: Vec<f64> = pool.backends.iter().map(|one| one.share).collect();
    bars(page, &pool.backends, &shares, &[], "while all is well");
    for one in pool.situations.iter().take(SITUATIONS) {
        situation(page, pool, one);
    }
    let more = pool.situations.len().saturating_sub(SITUATIONS) + pool.left_out;
    if more > 0 {
        writeln!(page, "<p class=\"soft\">and {more} more failures</p>").ok();
    }
}

fn situation(page: &mut String, pool: &PoolReport, one: &SituationReport) {
    let alike = if one.alike > 0 { format!(" (or {} like it)", one.alike) } else { String::new() };
    let mut said = notes(one);
    if one.failing > 0.0 {
        said.push(format!("{} of the requests fail", percent(one.failing)));
    }
    said.extend(one.noticed_after.map(|after| format!("known after {}", seconds(after))));
    said.extend(one.alarm_after.map(|requests| format!("an alarm after {requests} requests")));
    let name = format!("{}{alike}", one.name);
    writeln!(page, "<h3>{}</h3>\n<p class=\"soft\">{}</p>", escaped(&name), escaped(&said.join("; "))).ok();
    bars(page, &pool.backends, &one.shares, &one.failed, &name);
}

/// A bar for each backend.
fn bars(page: &mut String, backends: &[BackendReport], shares: &[f64], failed: &[String], title: &str) {
    let drawn = backends.len().min(BACKENDS);
    let height = ROW * drawn as f64 + 4.0;
    let width = NAME + BAR + 80.0;
    writeln!(
        page,
        "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\"><title>{}</title>",
        escaped(title)
    )
    .ok();
    for (at, (backend, share)) in backends.iter().zip(shares).take(drawn).enumerate() {
        let down = failed.contains(&backend.backend);
        row(page, at as f64 * ROW, backend, *share, down);
    }
    page.push_str("</svg>\n");
    if backends.len() > drawn {
        writeln!(page, "<p class=\"soft\">and {} more backends</p>", backends.len() - drawn).ok();
    }
}

fn row(page: &mut String, top: f64, backend: &BackendReport, share: f64, failed: bool) {
    let (middle, inner, bar) = (top + ROW * 0.7, ROW - 6.0, top + 3.0);
    let name: String = backend.backend.chars().take(30).collect();
    let class = if failed { "down" } else { "bar" };
    let mark = NAME + BAR * backend.intent;
    writeln!(
        page,
        "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>\
         <rect class=\"whole\" x=\"{NAME}\" y=\"{bar}\" width=\"{BAR}\" height=\"{inner}\"/>\
         <rect class=\"{class}\" x=\"{NAME}\" y=\"{bar}\" width=\"{:.1}\" height=\"{inner}\"/>\
         <line class=\"mark\" x1=\"{mark:.1}\" x2=\"{mark:.1}\" y1=\"{top}\" y2=\"{:.1}\"/>\
         <text x=\"{}\" y=\"{middle}\">{}</text>",
        NAME - 8.0,
        escaped(&name),
        BAR * share.clamp(0.0, 1.0),
        top + ROW,
        NAME + BAR + 8.0,
        percent(share),
    )
    .ok();
}

/// Names come from a file, and a page must not run what they say.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenkeel_config::{Source, load};
    use evenkeel_rehearse::{Options, rehearse};

    fn page(file: &str, pool: &str) -> String {
        let text = format!("[listener.web]\nbind = \":8080\"\npool = \"web\"\n[pool.web]\n{pool}\n");
        let loaded = load(&Source::new("f", text));
        let warnings: Vec<&Diagnostic> = loaded.diagnostics.iter().collect();
        let options = Options { requests: 1_000, ..Options::default() };
        render(file, &rehearse(loaded.config.as_ref().unwrap(), &options), &warnings)
    }

    #[test]
    fn the_page_stands_alone_and_shows_every_situation() {
        let page = page("f", "health = {}\nbackends = [\"10.0.0.1:80\", \"10.0.0.2:80\", \"10.0.0.3:80\"]");
        for outside in ["http:", "https:", "src=", "href=", "<script", "url(", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
        let (open, closed) = (page.matches("<svg").count(), page.matches("</svg>").count());
        assert_eq!((open, closed), (5, 5), "all is well, and four failures: {page}");
        assert!(page.contains("10.0.0.1:80 is down (or 2 like it)"), "{page}");
        assert!(page.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn what_check_warns_of_is_told() {
        let twice = "health = {}\nbackends = [\"10.0.0.1:80\", \"10.0.0.2:80\", { name = \"x\", address = \"10.0.0.1:80\" }]";
        let page = page("f", twice);
        assert!(page.contains("<h1>Yes, if 1 warning of the file mattered not:</h1>"), "{page}");
        assert!(
            page.contains("<b>Warning, duplicate-address:</b> pool `web` sends to 10.0.0.1:80 twice"),
            "{page}"
        );
    }

    #[test]
    fn names_run_nothing() {
        let page = page("<script>&\"", "health = {}\nbackends = [\"10.0.0.1:80\", \"10.0.0.2:80\"]");
        assert!(page.contains("&lt;script&gt;&amp;&quot;") && !page.contains("<script"), "{page}");
    }
}
