//! What `/diagnose` says, asked all the time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use evenkeel_testkit::{Client, Json};
use tokio::task::JoinHandle;

use super::site::local;
use super::story::Truth;

/// Between two questions.
const EVERY: Duration = Duration::from_millis(200);
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was said at some moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    /// Seconds from the start.
    pub(crate) at: f64,
    pub(crate) verdict: Verdict,
}

/// Of the worst that is wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    /// As in `/diagnose`: `skewed`, `even`, ...
    pub(crate) word: String,
    pub(crate) answer: String,
    /// Of the first symptom; empty where there is none.
    pub(crate) cause: String,
    pub(crate) backend: String,
    pub(crate) sentence: String,
}

/// How a verdict stands to the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It names nobody.
    Silent,
    Right,
    /// It names somebody, or something, else.
    Misleading,
}

/// Asks until dropped.
#[derive(Debug)]
pub(crate) struct Watcher {
    said: Arc<Mutex<Vec<Said>>>,
    task: JoinHandle<()>,
}

impl Watcher {
    /// Asks the admin interface at this port, with times counted from `started`.
    pub(crate) fn start(admin: u16, started: Instant) -> Self {
        let said = Arc::default();
        let task = tokio::spawn(watch(Arc::clone(&said), admin, started));
        Self { said, task }
    }

    /// All so far.
    pub(crate) fn said(&self) -> Vec<Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was said last.
    pub(crate) fn last(&self) -> Verdict {
        self.said().pop().map(|said| said.verdict).unwrap_or_default()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Verdict {
    fn of(diagnosis: &Json) -> Self {
        let pool = &diagnosis["pools"][0];
        let worst = &pool["symptoms"][0];
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let word = text(&pool["verdict"]);
        // What is as it should be is no cause of anything.
        let worst = if word == "skewed" { worst } else { &Json::Null };
        Self {
            answer: text(&pool["answer"]),
            cause: text(&worst["cause"]),
            backend: text(&worst["backend"]),
            sentence: text(&worst["sentence"]),
            word,
        }
    }

    /// What it means, in two words.
    pub(crate) fn short(&self) -> String {
        match self.word.as_str() {
            "skewed" => format!("{} ({})", self.cause, self.backend),
            word => word.replace('_', " "),
        }
    }

    pub(crate) fn stands_to(&self, truth: Truth) -> Standing {
        let right = match (self.word.as_str(), truth) {
            ("skewed", Truth::Skew(causes, backend)) => {
                causes.contains(&self.cause.as_str()) && backend.is_none_or(|backend| backend == self.backend)
            }
            // Nobody passes the checks.
            ("down", Truth::Skew(causes, _)) => causes.contains(&"health"),
            ("shared_dependency", Truth::Shared) => true,
            ("down" | "skewed" | "shared_dependency", _) => false,
            _ => return Standing::Silent,
        };
        if right { Standing::Right } else { Standing::Misleading }
    }
}

async fn watch(said: Arc<Mutex<Vec<Said>>>, admin: u16, started: Instant) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Ok(Some(verdict)) = tokio::time::timeout(PATIENCE, ask(admin)).await else { continue };
        let at = started.elapsed().as_secs_f64();
        said.lock().unwrap_or_else(PoisonError::into_inner).push(Said { at, verdict });
    }
}

async fn ask(admin: u16) -> Option<Verdict> {
    let mut client = Client::try_connect(local(admin)).await.ok()?;
    client.try_send("GET /diagnose HTTP/1.1\r\nHost: localhost\r\n\r\n").await.ok()?;
    let response = client.try_response("GET").await.ok()?;
    Some(Verdict::of(&response.text().parse().ok()?))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn verdict(word: &str, cause: &str, backend: &str) -> Verdict {
        Verdict { word: word.into(), cause: cause.into(), backend: backend.into(), ..Verdict::default() }
    }

    #[test]
    fn the_worst_symptom_counts_where_something_is_skewed() {
        let symptom = "{\"cause\": \"weights\", \"backend\": \"web1\", \"sentence\": \"s\"}";
        let parse = |word: &str| -> Verdict {
            let text = format!("{{\"pools\": [{{\"verdict\": \"{word}\", \"symptoms\": [{symptom}]}}]}}");
            Verdict::of(&text.parse().unwrap())
        };
        assert_eq!(parse("skewed").short(), "weights (web1)");
        assert_eq!(parse("even").short(), "even");
        assert_eq!(Verdict::of(&Json::Null), Verdict::default());
    }

    #[test]
    fn silence_misleads_nobody_and_another_name_does() {
        let weights = Truth::Skew(&["weights"], Some("web1"));
        let stands = |word, cause, backend, truth| verdict(word, cause, backend).stands_to(truth);
        assert_eq!(stands("skewed", "weights", "web1", weights), Standing::Right);
        assert_eq!(stands("skewed", "weights", "web2", weights), Standing::Misleading);
        assert_eq!(stands("skewed", "health", "web1", weights), Standing::Misleading);
        assert_eq!(stands("shared_dependency", "", "", weights), Standing::Misleading);
        assert_eq!(stands("shared_dependency", "", "", Truth::Shared), Standing::Right);
        assert_eq!(stands("skewed", "weights", "web1", Truth::Shared), Standing::Misleading);
        for word in ["even", "not_enough_data", "no_alternative", ""] {
            assert_eq!(stands(word, "", "", weights), Standing::Silent);
        }
    }
}
