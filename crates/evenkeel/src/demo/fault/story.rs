//! What can go wrong, told as stories: what is there, what somebody does, what `diagnose` must say, what mends it.

use std::time::Duration;

use clap::ValueEnum;

use super::super::visitors::Crowd;

/// A story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// A weight of 5 that nobody means: one server gets most of the traffic
    Weights,
    /// A weight of 100: all but everything goes to one server
    OneBackend,
    /// The file names servers that are no longer there
    StalePool,
    /// One customer makes most of the requests, and a key stays at its server
    HotKey,
    /// After a deploy, everybody's session stays at one server
    Pinned,
    /// One server takes five times as long
    SlowBackend,
    /// The database behind all servers is slow: not the balancer
    SharedSlow,
    /// One server fails fast, looks idle, and so gets more
    BlackHole,
}

/// How one is played.
#[derive(Clone, Copy, Debug)]
pub(super) struct Story {
    pub(super) backends: usize,
    /// Keys of the pool.
    pub(super) pool: &'static str,
    pub(super) crowd: Crowd,
    /// Requests that wait at a backend; one more is refused.
    pub(super) waiting_max: usize,
    /// What is shown while all is well.
    pub(super) sound: &'static str,
    /// The fault, step by step.
    pub(super) fault: &'static [Step],
    /// What `diagnose` must name: one of these causes, or [`SHARED`].
    pub(super) causes: &'static [&'static str],
    pub(super) mend: Step,
    /// Shares that differ from what they should be by no more than this part are even.
    pub(super) tolerance: f64,
    /// Whether the usual latency must be known first.
    pub(super) needs_usual: bool,
}

/// Something that somebody does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) caption: &'static str,
    pub(super) changes: &'static [Change],
    /// Until the next one.
    pub(super) lasts: Duration,
}

/// What it changes. Backends are counted from 0.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// The weight of one.
    Weight(usize, u32),
    /// Whether some take part.
    Enabled(&'static [usize], bool),
    /// Whether one gets nothing new.
    Drain(usize, bool),
    /// Some are entered as what they replaced, which is gone, or as what they are again.
    Replaced(&'static [usize], bool),
    /// Keys of the pool.
    Pool(&'static str),
    /// Some take so many times as long.
    Slow(&'static [usize], u32),
    /// So many requests in a hundred fail at one.
    Failing(usize, u32),
    /// So many requests in a hundred are of one customer.
    Large(u32),
}

/// Stands for the verdict that what all backends share is to blame.
pub(super) const SHARED: &str = "shared_dependency";

const ROUND_ROBIN: &str = "strategy = \"round_robin\"\npassive = false";
const BY_USER: &str = "strategy = \"maglev\"\nhash = { header = \"X-User\" }\npassive = false";
const BOUNDED: &str = "strategy = \"maglev\"\nhash = { header = \"X-User\", bound = 1.25 }\npassive = false";
const SESSIONS: &str = "strategy = \"round_robin\"\nsticky = true\npassive = false";
const SHORT_SESSIONS: &str = "strategy = \"round_robin\"\nsticky = { ttl = \"1s\" }\npassive = false";
const BY_LOAD: &str = "strategy = \"least_request\"\npassive = false";

const fn step(caption: &'static str, changes: &'static [Change]) -> Step {
    Step { caption, changes, lasts: Duration::ZERO }
}

const USUAL: Story = Story {
    backends: 4,
    pool: ROUND_ROBIN,
    crowd: Crowd::steady(997),
    // A second's work, or a little less.
    waiting_max: 60,
    sound: "Four equal servers, and each gets a quarter of the requests: | marks what it should have.",
    fault: &[],
    causes: &[],
    mend: step("", &[]),
    tolerance: 0.3,
    needs_usual: false,
};

const WEIGHTS: Story = Story {
    backends: 3,
    sound: "Three equal servers, and each gets a third of the requests: | marks what it should have.",
    fault: &[step("A deploy gives web1 the weight 5. The others keep 1.", &[Change::Weight(0, 5)])],
    causes: &["weights"],
    mend: step("The mend, as advised: the weights are made equal again.", &[Change::Weight(0, 1)]),
    ..USUAL
};

const ONE_BACKEND: Story = Story {
    fault: &[step(
        "A new server is tried out, somebody writes weight 100 for 100 %. The others have 1, not 100.",
        &[Change::Weight(0, 100)],
    )],
    causes: &["weights"],
    mend: step("The mend, as advised: the weights are made equal again.", &[Change::Weight(0, 1)]),
    ..USUAL
};

const STALE_POOL: Story = Story {
    fault: &[step(
        "web3 and web4 have replaced two servers. A deploy brings a file from before: the old two are gone.",
        &[Change::Replaced(&[2, 3], true)],
    )],
    causes: &["config_drift"],
    mend: step(
        "The mend, as advised: the file names the servers that run.",
        &[Change::Replaced(&[2, 3], false)],
    ),
    ..USUAL
};

const HOT_KEY: Story = Story {
    pool: BY_USER,
    sound: "Four equal servers; a user's requests meet at one of them, by a hash of the field X-User.",
    fault: &[step(
        "One large customer starts an import: half of all requests are now its own.",
        &[Change::Large(50)],
    )],
    causes: &["hot_key"],
    mend: step("The mend, as advised: `hash.bound = 1.25` in the pool.", &[Change::Pool(BOUNDED)]),
    tolerance: 0.55,
    ..USUAL
};

const PINNED: Story = Story {
    pool: SESSIONS,
    // Everybody comes within six seconds, and is away for longer than a session lasts.
    crowd: Crowd { users: 120, present: 45, come: 20 },
    sound: "Four equal servers; a cookie keeps each user's session at one of them.",
    fault: &[
        Step {
            caption: "A deploy takes web2, web3 and web4 out for a moment. Their users go on at web1.",
            changes: &[Change::Enabled(&[1, 2, 3], false)],
            lasts: Duration::from_secs(4),
        },
        step(
            "The deploy is done, all four serve again. The sessions stay at web1.",
            &[Change::Enabled(&[1, 2, 3], true)],
        ),
    ],
    causes: &["stickiness", "long_lived_connections"],
    mend: step(
        "The mend, as advised: `sticky.ttl = \"1s\"`, so that sessions end; a real one would be minutes.",
        &[Change::Pool(SHORT_SESSIONS)],
    ),
    tolerance: 0.4,
    ..USUAL
};

const SLOW_BACKEND: Story = Story {
    // It refuses nobody: users give up.
    waiting_max: 1_000,
    fault: &[step(
        "A disk of web2 is dying: each request takes it five times as long.",
        &[Change::Slow(&[1], 5)],
    )],
    causes: &["slow_backend"],
    mend: step(
        "The mend, as advised: `drain = true` on the entry of web2 takes it out.",
        &[Change::Drain(1, true)],
    ),
    ..USUAL
};

const SHARED_SLOW: Story = Story {
    sound: "Four equal servers, one database behind them. What is usual has to be known first.",
    fault: &[step(
        "The database loses an index: every request takes three times as long, at every server.",
        &[Change::Slow(&[0, 1, 2, 3], 3)],
    )],
    causes: &[SHARED],
    mend: step("The mend, in the database: the index is back.", &[Change::Slow(&[0, 1, 2, 3], 1)]),
    needs_usual: true,
    ..USUAL
};

const BLACK_HOLE: Story = Story {
    pool: BY_LOAD,
    sound: "Four equal servers; each request goes to the one with the fewest in flight.",
    fault: &[step(
        "Some processes of web2 have lost their secrets: 45 % of its requests fail, in a millisecond.",
        &[Change::Failing(1, 45)],
    )],
    // It fails fast, but the strategy counts failures as load: it gets a little more, not everything.
    causes: &["failing_backend", "black_hole"],
    mend: step(
        "The mend, as advised: `drain = true` on the entry of web2 takes it out.",
        &[Change::Drain(1, true)],
    ),
    ..USUAL
};

impl Fault {
    /// How it is called on the command line.
    pub(super) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// What it is about, in a line.
    pub(super) fn about(self) -> String {
        let help = self.to_possible_value().and_then(|value| value.get_help().map(ToString::to_string));
        help.unwrap_or_default()
    }

    /// How it is played.
    pub(super) fn story(self) -> &'static Story {
        match self {
            Self::Weights => &WEIGHTS,
            Self::OneBackend => &ONE_BACKEND,
            Self::StalePool => &STALE_POOL,
            Self::HotKey => &HOT_KEY,
            Self::Pinned => &PINNED,
            Self::SlowBackend => &SLOW_BACKEND,
            Self::SharedSlow => &SHARED_SLOW,
            Self::BlackHole => &BLACK_HOLE,
        }
    }
}
