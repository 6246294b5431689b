//! The answer for people: one screen.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use evenkeel_analyze::percent;
use evenkeel_diff::words::list;

use super::{AtFault, Diagnosis, Pool, Symptom};
use crate::lines::{clip, span, wrap, wrap_to};
use crate::output;

/// Changes that are told of each symptom, most likely first.
const CHANGES_MAX: usize = 3;
/// Pools that are told in full; the rest is counted.
const POOLS_MAX: usize = 5;
/// Lines of a screen, and of what is above the first pool on it.
const SCREEN: usize = 24;
const HEAD: usize = 2;
/// Lines of a symptom in brief.
const BRIEF: usize = 3;
/// Symptoms of a pool, and backends that a symptom means something for, that are told one by one.
const TOLD: usize = 5;
const OTHERS: usize = 3;
/// Columns of a name among others.
const NAME: usize = 28;

pub(super) fn render(diagnosis: &Diagnosis, now: SystemTime) -> String {
    let mut text = String::new();
    wrap(&mut text, "", &diagnosis.answer);
    let wrong =
        |pool: &&Pool| !pool.symptoms.is_empty() || pool.shared_since.is_some() || !pool.contract.is_empty();
    let (bad, sound): (Vec<&Pool>, Vec<&Pool>) = diagnosis.pools.iter().partition(wrong);
    for pool in bad.iter().take(POOLS_MAX) {
        text.push('\n');
        render_pool(&mut text, pool, now);
    }
    if bad.len() > POOLS_MAX {
        writeln!(text, "\n{} more are as bad: --json", output::count(bad.len() - POOLS_MAX, "pool")).ok();
    }
    if !sound.is_empty() {
        text.push('\n');
    }
    for pool in sound.iter().take(POOLS_MAX) {
        let seen = output::count(pool.requests as usize, "request");
        wrap(&mut text, "", &format!("{} ({}): {}, after {seen}", pool.pool, pool.strategy, pool.answer));
    }
    if sound.len() > POOLS_MAX {
        writeln!(text, "and {} more without a finding", output::count(sound.len() - POOLS_MAX, "pool")).ok();
    }
    text
}

fn render_pool(text: &mut String, pool: &Pool, now: SystemTime) {
    let before = text.lines().count();
    wrap(text, "", &format!("{} ({}): {}", pool.pool, pool.strategy, pool.answer));
    let usual = pool.usual_latency_ms.map_or(String::new(), |usual| format!(", usually {usual:.1} ms"));
    if let Some(since) = pool.shared_since {
        wrap(text, "  ", &format!("since {}", ago(since, now)));
    }
    let seen = output::count(pool.requests as usize, "request");
    wrap(text, "  ", &format!("a request takes {:.1} ms{usual}; {seen} seen", pool.latency_ms));
    let stories = stories(&pool.symptoms);
    let mut left = SCREEN.saturating_sub(HEAD + text.lines().count() - before);
    for (number, symptom) in stories.iter().take(TOLD).enumerate() {
        let others = stories.len().min(TOLD) - number - 1;
        let mut told = in_full(symptom, &pool.symptoms, now);
        if told.lines().count() + others * BRIEF > left {
            told = in_brief(symptom);
        }
        left = left.saturating_sub(told.lines().count());
        text.push_str(&told);
    }
    if stories.len() > TOLD {
        writeln!(text, "  and {} more: --json", stories.len() - TOLD).ok();
    }
    for breach in &pool.contract {
        let since = ago(breach.since, now);
        wrap(text, "  ", &format!("contract broken: {}, since {since}", breach.sentence));
        wrap_to(text, "    mend     ", &breach.advice, 2);
    }
}

/// Where one has too much others have too little: the same story once is enough.
fn stories(symptoms: &[Symptom]) -> Vec<&Symptom> {
    let mut told: Vec<&Symptom> = Vec::new();
    for symptom in symptoms {
        if !told.iter().any(|other| is_same_story(symptom, other)) {
            told.push(symptom);
        }
    }
    told
}

fn is_same_story(one: &Symptom, other: &Symptom) -> bool {
    (&one.cause, &one.dimension) == (&other.cause, &other.dimension)
}

fn in_full(symptom: &Symptom, all: &[Symptom], now: SystemTime) -> String {
    let mut text = headline(symptom);
    let since = format!("{}, in {:.0} counted", ago(symptom.since, now), symptom.counted);
    wrap_to(&mut text, "    since    ", &since, 1);
    for (number, change) in symptom.changes.iter().take(CHANGES_MAX).enumerate() {
        let first = if number == 0 { "    changed  " } else { "             " };
        wrap_to(&mut text, first, &format!("{}: {}", when(change.seconds), change.text), 2);
    }
    let large = symptom.terms.iter().filter(|(_, size)| size.abs() >= 0.005);
    let terms: Vec<String> = large.map(|(term, size)| format!("{term} {:+.0} %", size * 100.0)).collect();
    if !terms.is_empty() {
        wrap_to(&mut text, "    made of  ", &terms.join(", "), 1);
    }
    if let Some(place) = &symptom.config {
        wrap_to(&mut text, "    at       ", &place.told(), 1);
    }
    wrap_to(&mut text, "    mend     ", &symptom.advice, 2);
    if let Some(command) = &symptom.command {
        wrap_to(&mut text, "    do       ", command, 2);
    }
    let others = all.iter().filter(|other| is_same_story(other, symptom) && other.backend != symptom.backend);
    let told = |other: &Symptom| {
        let (share, expected) = (percent(other.share), percent(other.expected));
        format!("{} {share} (of {expected})", clip(&other.backend, NAME))
    };
    let others: Vec<String> = others.map(told).collect();
    if !others.is_empty() {
        wrap_to(&mut text, "    and so   ", &list(&others, OTHERS), 2);
    }
    text
}

/// `3 s before`
fn when(seconds: f64) -> String {
    match seconds.round() {
        0.0 => "just then".to_owned(),
        before if before < 0.0 => format!("{:.0} s before", -before),
        after => format!("{after:.0} s after"),
    }
}

/// What is less bad, when there is no room for all of it.
fn in_brief(symptom: &Symptom) -> String {
    let mut text = headline(symptom);
    match &symptom.command {
        Some(command) => wrap_to(&mut text, "    do       ", command, 1),
        None => wrap_to(&mut text, "    mend     ", &symptom.advice, 1),
    }
    text
}

fn headline(symptom: &Symptom) -> String {
    let mut text = String::new();
    wrap_to(&mut text, "  ", &format!("{}: {}", symptom.level, symptom.sentence), 2);
    text
}

impl AtFault {
    /// `e.toml:12:5 weight = 5`
    fn told(&self) -> String {
        let file = &self.file;
        match (self.line, self.column, &self.text) {
            (Some(line), Some(column), Some(text)) => format!("{file}:{line}:{column} {text}"),
            _ => format!("{file}, which has changed since it was applied"),
        }
    }
}

/// `12:03:04 UTC, 75 s ago`
fn ago(since: u64, now: SystemTime) -> String {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let second = since % 86_400;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let past = span(now.saturating_sub(since) as f64);
    format!("{hour:02}:{minute:02}:{second:02} UTC, {past} ago")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_screen_says_who_since_when_and_what_to_do() {
        let diagnosis = serde_json::json!({
            "verdict": "skewed", "answer": "web: balancer: yes",
            "pools": [
                {
                    "pool": "web", "strategy": "round_robin", "verdict": "skewed", "answer": "balancer: yes",
                    "requests": 1200, "latency_ms": 12.34, "usual_latency_ms": 11.0, "shared_since": null,
                    "symptoms": [
                        {
                            "dimension": "requests", "backend": "a", "share": 0.714, "expected": 0.333,
                            "counted": 700.0, "since": 3725, "level": "critical", "cause": "weights",
                            "sentence": "a gets 71 % of the requests, 33 % would be its share: why",
                            "advice": "do this", "changed": "generation 2 was applied: x",
                            "changes": [
                                { "text": "generation 2 was applied: x", "seconds": -3.2 },
                                { "text": "backend b of pool web was ejected", "seconds": 0.4 },
                            ],
                            "terms": [["weights", 0.381], ["retry", 0.0001]],
                        },
                        {
                            "dimension": "requests", "backend": "b", "share": 0.143, "expected": 0.333,
                            "counted": 700.0, "since": 3725, "level": "warning", "cause": "weights",
                            "sentence": "b", "advice": "", "changed": null, "terms": [],
                        },
                    ],
                },
                {
                    "pool": "api", "strategy": "least_request", "verdict": "even", "answer": "no skew",
                    "requests": 1, "latency_ms": 0.0, "usual_latency_ms": null, "shared_since": null, "symptoms": [],
                },
            ],
        });
        let diagnosis: Diagnosis = serde_json::from_value(diagnosis).unwrap();
        assert!(diagnosis.is_bad());
        let now = UNIX_EPOCH + std::time::Duration::from_secs(3800);
        assert_eq!(
            render(&diagnosis, now),
            "web: balancer: yes\n\n\
             web (round_robin): balancer: yes\n  \
             a request takes 12.3 ms, usually 11.0 ms; 1200 requests seen\n  \
             critical: a gets 71 % of the requests, 33 % would be its share: why\n    \
             since    01:02:05 UTC, 75 s ago, in 700 counted\n    \
             changed  3 s before: generation 2 was applied: x\n             \
             just then: backend b of pool web was ejected\n    \
             made of  weights +38 %\n    \
             mend     do this\n    \
             and so   b 14 % (of 33 %)\n\n\
             api (least_request): no skew, after 1 request\n"
        );
    }

    /// One symptom of each of three kinds, with all that can be long at its longest.
    fn worst() -> serde_json::Value {
        let (name, long) = ("w\u{1b}[2J".to_owned() + &"x".repeat(60), "why and what ".repeat(40));
        let symptom = |cause: &str, backend: &str| {
            serde_json::json!({
                "dimension": "requests", "backend": backend, "share": 0.7, "expected": 0.3, "counted": 700.0,
                "since": 3725, "level": "critical", "cause": cause, "sentence": format!("{name} gets it: {long}"),
                "advice": long, "changed": format!("generation 2 was applied then: {long}"),
                "terms": [["weights", 0.381], ["retry", -0.3], ["spill", 0.1]],
                "config": {"file": "e.toml", "line": 12, "column": 5, "text": "y".repeat(100), "changed": false},
                "command": long,
            })
        };
        let same: Vec<String> = (0..30).map(|number| format!("{name}{number}")).collect();
        let all = same.iter().map(|backend| symptom("weights", backend));
        let others = [symptom("stickiness", &name), symptom("slow_backend", &name)];
        serde_json::json!({
            "verdict": "skewed", "answer": long,
            "pools": [{
                "pool": name, "strategy": "round_robin", "verdict": "skewed", "answer": "balancer: yes",
                "requests": u64::MAX, "latency_ms": 12.34, "usual_latency_ms": 11.0, "shared_since": 3725,
                "symptoms": all.chain(others).collect::<Vec<_>>(),
            }],
        })
    }

    #[test]
    fn three_symptoms_fit_a_screen_whatever_they_say() {
        let mut document = worst();
        document["answer"] = "web: balancer: yes".into();
        let text = render(&serde_json::from_value(document).unwrap(), UNIX_EPOCH);
        assert!(text.lines().count() <= 24, "{} lines: {text}", text.lines().count());
        assert!(text.lines().all(|line| line.chars().count() <= crate::lines::WIDTH), "{text}");
        assert_eq!(text.matches("  critical: ").count(), 3, "{text}");
        assert!(text.contains("    at       e.toml:12:5 yyy") && text.contains("and 26 more"), "{text}");
        assert!(!text.contains('\u{1b}') && text.contains("w?[2Jx"), "a name drives no terminal: {text}");
    }

    #[test]
    fn a_file_that_has_changed_is_not_pointed_into() {
        let place = |line: Option<u64>| AtFault {
            file: "e.toml".to_owned(),
            line,
            column: line,
            text: line.map(|_| "weight = 5".to_owned()),
        };
        assert_eq!(place(Some(3)).told(), "e.toml:3:3 weight = 5");
        assert_eq!(place(None).told(), "e.toml, which has changed since it was applied");
    }
}
