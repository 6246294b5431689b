//! What is said of a fault without waiting for users: before deploy by `check` and `rehearse`, and of servers by `drift`.

use std::path::Path;
use std::time::Duration;

use evenkeel_testkit::{Finished, Json, TempDir, run_to_end};

use super::site::{Front, config, local};
use super::story::{Refusal, Story, Text};

/// What the tools said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Before {
    /// Whether the right configuration is taken by `check --strict`.
    pub(crate) right_taken: bool,
    /// Rules that `check --strict` refuses the broken one by; `None` where the fault is none of a file's.
    pub(crate) rules: Option<Vec<String>>,
    /// The first line of `rehearse`, and whether it says no.
    pub(crate) rehearsed: Option<(bool, String)>,
}

/// Rehearsals and checks are done within this.
const LIMIT: Duration = Duration::from_secs(60);

impl Before {
    /// Asks the program about the files of a story.
    pub(crate) async fn of(program: &Path, story: &Story) -> Self {
        let (right, _) = check(program, &(story.right)()).await;
        let mut before = Self { right_taken: right, ..Self::default() };
        if let Some(broken) = story.broken() {
            let (taken, rules) = check(program, &broken).await;
            before.rules = Some(if taken { Vec::new() } else { rules });
            before.rehearsed = Some(rehearse(program, story, &broken).await);
        }
        before
    }

    /// Whether the fault was seen as it must be, where any file tells of it.
    pub(crate) fn refused(&self, story: &Story) -> bool {
        match story.refused_by {
            Refusal::Check(rule) => self.rules.iter().flatten().any(|known| known == rule),
            Refusal::Drift | Refusal::Nothing => true,
        }
    }
}

/// Whether `drift` finds a difference, and the first that it tells of a pool.
pub(crate) async fn drift(front: &Front) -> (bool, String) {
    let admin = local(front.admin).to_string();
    let arguments = ["drift", "--admin", &admin, "--json"];
    let done = run_to_end(&front.program, &arguments, front.evenkeel.directory(), LIMIT).await;
    let report: Json = done.stdout.parse().unwrap_or_default();
    let first = report["differences"].as_array().and_then(|all| all.first());
    let text = first.and_then(|first| first["text"].as_str()).unwrap_or_default();
    (done.status.code() == Some(1), text.to_owned())
}

/// Whether the file is taken, and the rules that it breaks.
async fn check(program: &Path, text: &Text) -> (bool, Vec<String>) {
    let done = run(program, text, &["check", "--strict", "--json", "evenkeel.toml"]).await;
    let report: Json = done.stdout.parse().unwrap_or_default();
    let found = report["diagnostics"].as_array().cloned().unwrap_or_default();
    let codes = found.iter().filter_map(|one| one["code"].as_str().map(str::to_owned));
    (done.status.code() == Some(0), codes.collect())
}

async fn rehearse(program: &Path, story: &Story, text: &Text) -> (bool, String) {
    let rate = (story.crowd.rate * (1.0 + story.crowd.swing)).to_string();
    let capacity = story.machine().capacity().to_string();
    let latency = format!("{}ms", story.service);
    let arguments =
        ["rehearse", "evenkeel.toml", "--rate", &rate, "--backend-rate", &capacity, "--latency", &latency];
    let done = run(program, text, &arguments).await;
    (done.status.code() == Some(1), done.stdout.lines().next().unwrap_or_default().to_owned())
}

/// Ports that nobody is asked at.
const PORTS: [u16; 4] = [8081, 8082, 8083, 8084];

async fn run(program: &Path, text: &Text, arguments: &[&str]) -> Finished {
    let directory = TempDir::new("before");
    directory.write("evenkeel.toml", &config(text, &PORTS, 8080, 9901));
    run_to_end(&program.to_string_lossy(), arguments, directory.path(), LIMIT).await
}
