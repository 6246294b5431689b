//! The answer for people: one screen.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Diagnosis, Pool, Symptom};
use crate::output;

/// Pools that are told in full; the rest is counted.
const POOLS_MAX: usize = 5;

pub(super) fn render(diagnosis: &Diagnosis, now: SystemTime) -> String {
    let mut text = format!("{}\n", diagnosis.answer);
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
        writeln!(text, "{} ({}): {}, after {seen}", pool.pool, pool.strategy, pool.answer).ok();
    }
    if sound.len() > POOLS_MAX {
        writeln!(text, "and {} more without a finding", output::count(sound.len() - POOLS_MAX, "pool")).ok();
    }
    text
}

fn render_pool(text: &mut String, pool: &Pool, now: SystemTime) {
    writeln!(text, "{} ({}): {}", pool.pool, pool.strategy, pool.answer).ok();
    let usual = pool.usual_latency_ms.map_or(String::new(), |usual| format!(", usually {usual:.1} ms"));
    if let Some(since) = pool.shared_since {
        writeln!(text, "  since {}", ago(since, now)).ok();
    }
    writeln!(text, "  a request takes {:.1} ms{usual}; {} requests seen", pool.latency_ms, pool.requests)
        .ok();
    let mut told: Vec<&Symptom> = Vec::new();
    for symptom in &pool.symptoms {
        // Where one has too much others have too little: the same story once is enough.
        if told.iter().any(|other| other.cause == symptom.cause && other.dimension == symptom.dimension) {
            continue;
        }
        render_symptom(text, symptom, now);
        let others = pool.symptoms.iter().filter(|other| {
            other.cause == symptom.cause
                && other.dimension == symptom.dimension
                && other.backend != symptom.backend
        });
        let others: Vec<String> = others
            .map(|other| {
                format!("{} {} (of {})", other.backend, percent(other.share), percent(other.expected))
            })
            .collect();
        if !others.is_empty() {
            writeln!(text, "    and so   {}", others.join(", ")).ok();
        }
        told.push(symptom);
    }
    for breach in &pool.contract {
        writeln!(text, "  contract broken: {}, since {}", breach.sentence, ago(breach.since, now)).ok();
        writeln!(text, "    mend     {}", breach.advice).ok();
    }
}

fn render_symptom(text: &mut String, symptom: &Symptom, now: SystemTime) {
    writeln!(text, "  {}: {}", symptom.level, symptom.sentence).ok();
    writeln!(text, "    since    {}, in {:.0} counted", ago(symptom.since, now), symptom.counted).ok();
    if let Some(changed) = &symptom.changed {
        writeln!(text, "    changed  {changed}").ok();
    }
    let large = symptom.terms.iter().filter(|(_, size)| size.abs() >= 0.005);
    let terms: Vec<String> = large.map(|(term, size)| format!("{term} {:+.0} %", size * 100.0)).collect();
    if !terms.is_empty() {
        writeln!(text, "    made of  {}", terms.join(", ")).ok();
    }
    writeln!(text, "    mend     {}", symptom.advice).ok();
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// `12:03:04 UTC, 75 s ago`
fn ago(since: u64, now: SystemTime) -> String {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let second = since % 86_400;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let past = now.saturating_sub(since);
    let past = if past < 600 { format!("{past} s") } else { format!("{} min", past / 60) };
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
                            "advice": "do this", "changed": "generation 2 was applied then: x",
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
             changed  generation 2 was applied then: x\n    \
             made of  weights +38 %\n    \
             mend     do this\n    \
             and so   b 14 % (of 33 %)\n\n\
             api (least_request): no skew, after 1 request\n"
        );
    }
}
