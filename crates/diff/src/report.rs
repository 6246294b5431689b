//! What a comparison says, as plain data.

use serde::Serialize;
use serde_json::Value;

/// Everything that differs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// Whether any request can tell: an item is more than a note.
    pub changed: bool,
    /// What to tell people, worst first.
    pub items: Vec<Item>,
    /// Pools whose shares, backends or keys change, in the order of the new file; removed ones last.
    pub pools: Vec<PoolChange>,
    /// Requests that are answered by another pool, or not at all; those that are lost first.
    pub routes: Vec<RouteChange>,
    /// Settings in effect that differ, defaults included.
    pub settings: Vec<SettingChange>,
    /// What `check` says of the new file and did not say of the old one.
    pub findings: Vec<Finding>,
    /// Hosts whose routes were not compared, because there are too many; 0 is the rule.
    pub hosts_unseen: usize,
}

/// One change, as people are told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    /// How bad.
    pub rank: Rank,
    /// Stable name of the kind of change, in kebab case.
    pub kind: &'static str,
    /// What it is about: `pool web`, `listener web`, `routes`.
    pub about: String,
    /// What changes, in a few words.
    pub text: String,
    /// What that means, a sentence each.
    pub more: Vec<String>,
    /// Orders items of one rank, most first: a share of the requests where there is one.
    #[serde(skip)]
    pub(crate) size: f64,
}

/// How bad a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// No request notices.
    Note,
    /// Requests are treated in another way.
    Change,
    /// Requests fail, a backend gets far more than before or than meant, or a protection goes.
    Danger,
}

/// Whether something is in both files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Only in the new one.
    Added,
    /// Only in the old one.
    Removed,
    /// In both.
    Kept,
}

/// One pool. Shares are 0 to 1, with every backend healthy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PoolChange {
    /// Its name in the new file, or in the old one if it is removed.
    pub pool: String,
    /// Its name in the old file, where that is another.
    pub was: Option<String>,
    /// Whether it is in both.
    pub presence: Presence,
    /// The share of its requests that go to another backend than before; `None` unless it is kept.
    pub moved: Option<f64>,
    /// The share of its keys that go to another address than before; `None` unless it goes by a key before and after.
    pub keys_moved: Option<f64>,
    /// The least that `keys_moved` could be with these shares.
    pub keys_moved_least: Option<f64>,
    /// Those that change; all if asked for. In the order of the new file, removed ones last.
    pub backends: Vec<BackendChange>,
}

/// One backend of a pool.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BackendChange {
    /// Its name in the new file, or in the old one if it is removed.
    pub backend: String,
    /// Its name in the old file, where that is another.
    pub was: Option<String>,
    /// Whether it is in both.
    pub presence: Presence,
    /// As written in the old file.
    pub address_before: Option<String>,
    /// As written in the new file.
    pub address_after: Option<String>,
    /// Planned share before.
    pub before: f64,
    /// Planned share after.
    pub after: f64,
    /// Share that it was meant to have.
    pub intent_before: f64,
    /// Share that it is meant to have.
    pub intent_after: f64,
    /// What about it was edited: `weight 1 -> 5`.
    pub edits: Vec<String>,
}

/// Requests that were answered in one way and are answered in another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RouteChange {
    /// By whom.
    pub before: Answer,
    /// By whom now.
    pub after: Answer,
    /// Requests that show it, the most general first; the first 20, or all if asked for.
    pub requests: Vec<Request>,
    /// How many there are: one for each kind of request that a route tells apart.
    pub count: usize,
}

/// Who answers a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "answer", content = "pool", rename_all = "snake_case")]
pub enum Answer {
    /// No route holds: 404.
    NotFound,
    /// No route holds: the connection is refused.
    Refused,
    /// Sent to HTTPS.
    HttpsRedirect,
    /// A pool, by its name in the file of that side.
    Pool(String),
}

/// A request that can be sent to see it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Request {
    /// `Host`, or the name that a TLS client asks for; `None` where it plays no part.
    pub host: Option<String>,
    /// Path; `None` at layer 4.
    pub path: Option<String>,
    /// Protocols that the TLS client offers, in this order.
    pub alpn: Vec<String>,
    /// Listeners, by their names in the new file.
    pub listeners: Vec<String>,
}

/// One setting in effect.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SettingChange {
    /// As in `[pool.web] timeouts.connect`: `pool.web.timeouts.connect`.
    pub path: String,
    /// Before; null where it was not said or not read.
    pub before: Value,
    /// After; null where it is not said or not read.
    pub after: Value,
    /// How bad.
    pub rank: Rank,
    /// Whether a reload brings it into effect; a restart does otherwise.
    pub by_reload: bool,
}

/// A diagnostic that is new.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// `error` or `warning`.
    pub severity: &'static str,
    /// Stable name of the kind of problem.
    pub code: &'static str,
    /// Line of the new file, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What it does to the traffic.
    pub effect: Option<String>,
    /// What to write instead.
    pub help: Option<String>,
}

impl Item {
    pub(crate) fn new(
        rank: Rank,
        kind: &'static str,
        about: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Self { rank, kind, about: about.into(), text: text.into(), more: Vec::new(), size: 0.0 }
    }

    pub(crate) fn more(mut self, sentence: impl Into<String>) -> Self {
        self.more.push(sentence.into());
        self
    }

    pub(crate) fn size(mut self, size: f64) -> Self {
        self.size = size;
        self
    }
}

impl Rank {
    /// `danger`, `change` or `note`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Change => "change",
            Self::Danger => "danger",
        }
    }
}
