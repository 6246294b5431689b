//! The outages.

use super::{Fault, Mend, Refusal, Story, Text, Truth};
use crate::replay::users::{Clients, Crowd};

const ROUND_ROBIN: &str = "strategy = \"round_robin\"\nhealth = { path = \"/healthz\", interval = \"1s\" }";
const LEAST_REQUEST: &str = "health = { path = \"/healthz\", interval = \"1s\" }";
const UNGUARDED: &str = "passive = false\nhealth = { path = \"/healthz\", interval = \"1s\" }";
const BY_USER: &str = "strategy = \"maglev\"\nhash = { header = \"X-User\" }\n\
                       health = { path = \"/healthz\", interval = \"1s\" }";
const BY_ORIGIN: &str = "strategy = \"maglev\"\nhash = { header = \"Origin\" }\n\
                         health = { path = \"/healthz\", interval = \"1s\" }";
const BOUNDED: &str = "strategy = \"maglev\"\nhash = { header = \"X-User\", bound = 1.25 }\n\
                       health = { path = \"/healthz\", interval = \"1s\" }";
const STREAMS: &str = "protocol = \"http2\"\nhealth = { interval = \"1s\" }";

/// Within so many seconds it must be told whose fault it is.
const SKEW: Option<f64> = Some(10.0);
const SHARED: Option<f64> = Some(15.0);

const fn pooled(rate: f64, swing: f64) -> Crowd {
    Crowd { rate, swing, clients: Clients::Pooled }
}

/// Three servers that can do 50 requests a second each.
const THREE: Story = Story {
    id: "",
    title: "",
    suspected: "",
    servers: 3,
    workers: 2,
    service: 36,
    dies: None,
    crowd: pooled(70.0, 0.1),
    right: || Text::of(3, ROUND_ROBIN),
    fault: Fault::Slow(None, 1.0),
    mend: Mend::Back,
    truth: Truth::Shared,
    refused_by: Refusal::Nothing,
    bar: SKEW,
};

/// In the order in which they are played.
pub(crate) const STORIES: &[Story] = &[
    Story {
        id: "R1",
        title: "a weight has a typo: one server is overloaded at every rush",
        suspected: "the database, for 30 hours",
        crowd: pooled(70.0, 0.5),
        fault: Fault::Reload(|| Text::of(3, ROUND_ROBIN).with(&["weight = 3"])),
        truth: Truth::Skew(&["weights"], Some("web1")),
        refused_by: Refusal::Check("weights-without-intent"),
        ..THREE
    },
    Story {
        id: "R2",
        title: "weights 5:1:1: the heavy server is slow and fails",
        suspected: "an attack, for 12 hours",
        crowd: pooled(80.0, 0.1),
        fault: Fault::Reload(|| Text::of(3, ROUND_ROBIN).with(&["weight = 5"])),
        truth: Truth::Skew(&["weights"], Some("web1")),
        refused_by: Refusal::Check("weights-without-intent"),
        ..THREE
    },
    Story {
        id: "R3",
        title: "all requests go to one server, which crashes: the others were left disabled",
        suspected: "a software update, for 75 minutes",
        dies: Some(3),
        fault: Fault::Reload(|| Text::of(3, ROUND_ROBIN).with(&["", "enabled = false", "enabled = false"])),
        truth: Truth::Skew(&["alone"], Some("web1")),
        refused_by: Refusal::Check("pool-of-one"),
        ..THREE
    },
    Story {
        id: "R4",
        title: "servers moved, the file did not: half of the pool refuses, later all of it",
        suspected: "the network, for 5 hours",
        servers: 4,
        right: || Text::of(4, ROUND_ROBIN),
        fault: Fault::Moved(&[2, 3], &[0, 1]),
        truth: Truth::Skew(&["health", "config_drift"], None),
        refused_by: Refusal::Drift,
        ..THREE
    },
    Story {
        id: "R5",
        title: "the routing key is the same in every request: one server works, the others idle",
        suspected: "a routing bottleneck, for 2 hours",
        dies: Some(6),
        right: || Text::of(3, BY_USER),
        fault: Fault::Reload(|| Text::of(3, BY_ORIGIN)),
        truth: Truth::Skew(&["constant_key"], None),
        refused_by: Refusal::Check("constant-hash-key"),
        ..THREE
    },
    Story {
        id: "R6",
        title: "the database is slow: shares are right, and every server is slower alike",
        suspected: "the balancer",
        crowd: pooled(60.0, 0.1),
        fault: Fault::Slow(None, 25.0),
        mend: Mend::Repair,
        bar: SHARED,
        ..THREE
    },
    Story {
        id: "R7",
        title: "one server is five times slower than the others",
        suspected: "the database",
        workers: 8,
        fault: Fault::Slow(Some(1), 5.0),
        mend: Mend::Repair,
        truth: Truth::Skew(&["slow_backend"], Some("web2")),
        bar: None,
        ..THREE
    },
    Story {
        id: "R8",
        title: "one server fails at once, and so looks idle",
        suspected: "the application",
        right: || Text::of(3, UNGUARDED),
        fault: Fault::Failing(1),
        mend: Mend::Repair,
        truth: Truth::Skew(&["failing_backend", "black_hole"], Some("web2")),
        bar: None,
        ..THREE
    },
    Story {
        id: "R9",
        title: "two servers are added, and clients of HTTP/2 keep their connections to the others",
        suspected: "the new servers",
        servers: 4,
        workers: 3,
        crowd: Crowd { rate: 70.0, swing: 0.1, clients: Clients::Pinned(40) },
        right: || Text::of(2, LEAST_REQUEST).listener("protocol = \"tcp\""),
        fault: Fault::Reload(|| Text::of(4, LEAST_REQUEST).listener("protocol = \"tcp\"")),
        mend: Mend::Rollout(|| Text::of(4, STREAMS)),
        truth: Truth::Skew(&["long_lived_connections"], None),
        bar: None,
        ..THREE
    },
    Story {
        id: "R10",
        title: "one user makes half of all requests, and requests go by user",
        suspected: "the server that this user is at",
        right: || Text::of(3, BY_USER),
        fault: Fault::Hot(0.5),
        mend: Mend::Reload(|| Text::of(3, BOUNDED)),
        truth: Truth::Skew(&["hot_key"], None),
        bar: None,
        ..THREE
    },
];

#[cfg(test)]
mod tests {
    use evenkeel_config::{Source, load};

    use super::super::super::site::config;
    use super::*;

    fn rules(text: &Text) -> Vec<&'static str> {
        let file = config(text, &[8081, 8082, 8083, 8084], 8080, 9901);
        let loaded = load(&Source::new("evenkeel.toml", file));
        assert!(loaded.config.is_some(), "{:?}", loaded.diagnostics);
        loaded.diagnostics.iter().map(|one| one.code).collect()
    }

    #[test]
    fn what_is_right_is_taken_without_a_word_and_what_is_broken_is_not() {
        for story in STORIES {
            assert_eq!(rules(&(story.right)()), [""; 0], "{}", story.id);
            if let Mend::Reload(text) | Mend::Rollout(text) = story.mend {
                assert_eq!(rules(&text()), [""; 0], "{}", story.id);
            }
            if let (Refusal::Check(rule), Some(broken)) = (story.refused_by, story.broken()) {
                assert!(rules(&broken).contains(&rule), "{}", story.id);
            }
        }
    }

    #[test]
    fn servers_can_do_what_users_ask_when_shares_are_right() {
        for story in STORIES {
            let capacity =
                story.machine().capacity() * story.servers.min((story.right)().members.len()) as f64;
            let rush = story.crowd.rate * (1.0 + story.crowd.swing);
            assert!(rush < 0.8 * capacity, "{}: {rush} of {capacity}", story.id);
            assert!(story.crowd.rate >= 50.0 && story.machine().capacity() > 0.0, "{}", story.id);
        }
    }
}
