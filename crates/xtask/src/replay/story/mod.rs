//! What a replay plays: who serves, who asks, what goes wrong, and what the answer must be.

mod all;

use std::time::Duration;

use super::machine::Spec;
use super::users::Crowd;

pub(crate) use all::STORIES;

/// One outage.
#[derive(Debug)]
pub(crate) struct Story {
    /// `R1` and so on.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// Whom people suspected, and for how long.
    pub(crate) suspected: &'static str,
    pub(crate) servers: usize,
    /// What each can do at a time, and how long a request takes without its query, milliseconds.
    pub(crate) workers: usize,
    pub(crate) service: u64,
    /// A server that had to refuse for so many seconds is gone.
    pub(crate) dies: Option<u64>,
    pub(crate) crowd: Crowd,
    /// The configuration before anything happens.
    pub(crate) right: fn() -> Text,
    /// What goes wrong.
    pub(crate) fault: Fault,
    /// And how it is put right.
    pub(crate) mend: Mend,
    /// What the verdict must be.
    pub(crate) truth: Truth,
    /// What must refuse the fault before it is deployed, if it can be seen before.
    pub(crate) refused_by: Refusal,
    /// Within how many seconds the verdict must be there; for some nothing is promised.
    pub(crate) bar: Option<f64>,
}

/// What differs between configurations.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// Keys of the listener.
    pub(crate) listener: &'static str,
    /// Keys of the pool.
    pub(crate) pool: &'static str,
    /// Which servers are in it, each with more keys of its own.
    pub(crate) members: Vec<(usize, &'static str)>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Somebody applies this.
    Reload(fn() -> Text),
    /// A server, or without a number the database, takes so many times longer.
    Slow(Option<usize>, f64),
    /// A server answers everything with an error, at once.
    Failing(usize),
    /// These servers get other addresses, and later these.
    Moved(&'static [usize], &'static [usize]),
    /// One user makes this part of all requests.
    Hot(f64),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Mend {
    /// The configuration from before is applied again, with the addresses that hold.
    Back,
    /// Another one is applied.
    Reload(fn() -> Text),
    /// Another one is applied, and clients reconnect.
    Rollout(fn() -> Text),
    /// What is broken is repaired.
    Repair,
}

/// What the verdict must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Truth {
    /// One of these causes, at this server if it must be one.
    Skew(&'static [&'static str], Option<&'static str>),
    /// Not the balancer, and no server: what all of them share.
    Shared,
}

/// What tells of the fault before it is in force, or without waiting for users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `check --strict` by this rule.
    Check(&'static str),
    /// `drift`, which compares file, balancer and servers; no file says where servers are.
    Drift,
    /// Nothing is wrong with any file.
    Nothing,
}

/// Requests that may wait at a server: a second's worth, and a little.
const QUEUE: usize = 60;

impl Story {
    /// What every server of it can do.
    pub(crate) fn machine(&self) -> Spec {
        Spec {
            name: String::new(),
            port: 0,
            workers: self.workers,
            service: Duration::from_millis(self.service),
            queue: QUEUE,
            dies: self.dies.map(Duration::from_secs),
            database: None,
        }
    }

    /// The file that somebody is about to apply; nothing where the fault is none of a file's.
    pub(crate) fn broken(&self) -> Option<Text> {
        match self.fault {
            Fault::Reload(text) => Some(text()),
            _ => None,
        }
    }
}

impl Text {
    /// A pool of the first so many servers.
    fn of(servers: usize, pool: &'static str) -> Self {
        Self { listener: "", pool, members: (0..servers).map(|index| (index, "")).collect() }
    }

    fn listener(mut self, keys: &'static str) -> Self {
        self.listener = keys;
        self
    }

    /// With more keys of the members, the first one's first.
    fn with(mut self, keys: &[&'static str]) -> Self {
        self.members.iter_mut().zip(keys).for_each(|((_, own), keys)| *own = keys);
        self
    }
}
