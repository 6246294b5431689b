//! Everything that can happen, and what comes with it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A word of a fixed list.
pub type Word = Cow<'static, str>;

/// How much somebody should care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Info,
    /// Not as usual.
    Warning,
    /// Somebody should look.
    Error,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal $level:ident $({ $($(#[doc = $fdoc:literal])+ $(#[serde($serde:ident)])? $field:ident: $type:ty),* $(,)? })?;)*) => {
        /// What happened.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum What {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $name $({ $($(#[doc = $fdoc])+ $(#[serde($serde)])? $field: $type),* })?,)*
            /// Something that a later version tells.
            #[serde(other, rename = "unknown")]
            Unknown,
        }

        /// What can happen, without what comes with it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[doc = $doc])+ $name,)*
            /// Something that a later version tells.
            Unknown,
        }

        impl What {
            /// Which kind it is.
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$name { .. } => Kind::$name,)*
                    Self::Unknown => Kind::Unknown,
                }
            }
        }

        impl Kind {
            /// Every kind that this version tells.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The name in JSON, filters and metrics.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                    Self::Unknown => "unknown",
                }
            }

            /// How much somebody should care.
            pub fn level(self) -> Level {
                match self {
                    $(Self::$name => Level::$level,)*
                    Self::Unknown => Level::Info,
                }
            }

            /// What it stands for, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim_ascii(),)*
                    Self::Unknown => "Something that a later version tells.",
                }
            }
        }
    };
}

kinds! {
    /// The process began to accept clients.
    Start = "start" Info {
        /// Of Evenkeel.
        version: String,
        /// Of the process.
        pid: u32,
        /// Configured pools.
        pools: usize,
        /// Configured backends of all pools.
        backends: usize,
    };
    /// The process was told to end, and drains.
    Stopping = "stopping" Info;
    /// The process ended as it was told to.
    Stop = "stop" Info {
        /// Requests that ended while it drained.
        finished: u64,
        /// Requests that were cut.
        cut: u64,
    };
    /// A configuration was applied.
    ReloadApplied = "reload_applied" Info {
        /// What it changed, a line each.
        changes: Vec<String>,
        /// Changes that are left out.
        #[serde(default)]
        more: usize,
        /// From its beginning to when every worker ran it, in milliseconds.
        #[serde(default)]
        took_ms: u64,
    };
    /// A configuration was refused; the one in force stays.
    ReloadFailed = "reload_failed" Error {
        /// Why.
        why: String,
    };
    /// A backend serves again, or for the first time.
    BackendUp = "backend_up" Info {
        /// The phase that it was in.
        from: Word,
        /// Why.
        why: String,
    };
    /// A backend does not serve any more.
    BackendDown = "backend_down" Warning {
        /// The phase that it was in.
        from: Word,
        /// The phase that it is in.
        to: Word,
        /// Why.
        why: String,
    };
    /// A backend was ejected for failing requests.
    Ejected = "ejected" Warning {
        /// Why.
        why: String,
    };
    /// An ejected backend is tried again.
    Returned = "returned" Info {
        /// Why.
        why: String,
    };
    /// A backend gets no new sessions.
    DrainBegin = "drain_begin" Info {
        /// Why.
        why: String,
    };
    /// A backend is not draining any more.
    DrainEnd = "drain_end" Info {
        /// The phase that it is in.
        to: Word,
        /// Why.
        why: String,
    };
    /// The configured weight of a backend changed.
    Weight = "weight" Info {
        /// What it was.
        from: u32,
        /// What it is.
        to: u32,
    };
    /// A pool got a backend.
    MemberAdded = "member_added" Info;
    /// A pool lost a backend.
    MemberRemoved = "member_removed" Info;
    /// The name of a backend leads nowhere.
    MemberUnresolved = "member_unresolved" Warning {
        /// Why.
        why: String,
    };
    /// The name of a backend leads somewhere again.
    MemberResolved = "member_resolved" Info {
        /// The phase that it is in.
        to: Word,
        /// Why.
        why: String,
    };
    /// Traffic is not spread as it should be.
    SkewRaised = "skew_raised" Warning {
        /// `requests`, `errors` or `in_flight`.
        dimension: Word,
        /// Such as `weights` or `slow_backend`.
        cause: Word,
        /// `balancer`, `backend` or `clients`.
        blame: Word,
        /// `info`, `warning` or `critical`.
        severity: Word,
        /// What is seen, and why.
        sentence: String,
        /// When it began, in milliseconds since 1970, right within a second or two; it takes a while to be sure.
        #[serde(default)]
        since_ms: u64,
    };
    /// What is uneven is so for another reason than before.
    SkewExplained = "skew_explained" Warning {
        /// `requests`, `errors` or `in_flight`.
        dimension: Word,
        /// The cause that it was put down to.
        from: Word,
        /// The cause that it is put down to.
        cause: Word,
        /// What is seen, and why.
        sentence: String,
    };
    /// Traffic is spread as it should be again, in this respect.
    SkewCleared = "skew_cleared" Info {
        /// `requests`, `errors` or `in_flight`.
        dimension: Word,
        /// The cause that it was put down to.
        cause: Word,
    };
    /// All backends of a pool are slower or fail alike: it is what they share.
    SharedSlow = "shared_slow" Warning;
    /// The backends of a pool are as they usually are again.
    SharedSlowOver = "shared_slow_over" Info;
    /// Too few backends are healthy: unhealthy ones are used, too.
    PanicEntered = "panic_entered" Error {
        /// Backends that serve.
        healthy: usize,
        /// Backends that are not disabled.
        enabled: usize,
    };
    /// Enough backends are healthy again.
    PanicLeft = "panic_left" Info {
        /// Backends that serve.
        healthy: usize,
        /// Backends that are not disabled.
        enabled: usize,
    };
    /// A pool has no backend that may be picked: requests get 503.
    PoolEmpty = "pool_empty" Error {
        /// Backends that are not disabled.
        enabled: usize,
    };
    /// A pool that was empty has a backend again.
    PoolServes = "pool_serves" Info {
        /// Backends that serve.
        healthy: usize,
        /// Backends that are not disabled.
        enabled: usize,
    };
    /// Every backend of a pool is at its limit, and requests are turned away.
    QueueFull = "queue_full" Warning {
        /// Turned away in the second before.
        refused: u64,
        /// Requests that wait.
        waiting: usize,
    };
    /// No request of a pool has been turned away for a while.
    QueueFullOver = "queue_full_over" Info {
        /// Turned away since it began.
        refused: u64,
    };
    /// A listener has all the connections that it may have: others wait in the kernel.
    ConnectionsFull = "connections_full" Warning {
        /// Which.
        listener: String,
        /// What it may have.
        limit: u64,
    };
    /// A listener has had room for connections for a while.
    ConnectionsFullOver = "connections_full_over" Info {
        /// Which.
        listener: String,
    };
    /// Changed certificates, keys or CAs are in use.
    CertificateLoaded = "certificate_loaded" Info {
        /// The listener or pool that uses them.
        used_by: String,
    };
    /// Changed certificates, keys or CAs cannot be used; those in use stay.
    CertificateRefused = "certificate_refused" Error {
        /// The listener or pool that uses them.
        used_by: String,
        /// The file.
        file: String,
        /// What is wrong with it.
        why: String,
    };
    /// More happened than could be noted down.
    EventsDropped = "events_dropped" Warning {
        /// Events that are missing here.
        count: u64,
    };
    /// Events cannot be written to disk; they are in memory only.
    DiskFailing = "disk_failing" Error {
        /// The database.
        path: String,
        /// Why.
        why: String,
    };
    /// Events are written to disk again, those from meanwhile included as far as they are in memory.
    DiskBack = "disk_back" Info {
        /// The database.
        path: String,
        /// Events that came too late for it.
        lost: u64,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_lists_every_kind() {
        let page = include_str!("../../../docs/reference/events.md");
        for kind in Kind::ALL {
            let level = serde_json::to_value(kind.level()).unwrap();
            let begin = format!("\n| `{}` | {} |", kind.as_str(), level.as_str().unwrap());
            let row = page.find(&begin).map(|start| page[start + 1..].lines().next().unwrap_or_default());
            let row = row.unwrap_or_else(|| panic!("docs/reference/events.md lacks the row{begin}"));
            assert!(row.ends_with(&format!("| {} |", kind.meaning())), "docs/reference/events.md: {row}");
        }
    }

    #[test]
    fn kinds_have_names_and_meanings_of_their_own() {
        let mut names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert!(kind.meaning().ends_with('.') && !kind.meaning().starts_with(' '), "{kind:?}");
        }
    }
}
