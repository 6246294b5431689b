//! What goes wrong, and what should be said of it.

use evenkeel_core::StrategyKind::{self, LeastRequest, Maglev, P2c, Random, Ring, RoundRobin};
use evenkeel_core::skew::Cause;

use super::stage::{Fault, Stage};

/// One way in which a pool goes wrong.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// None for a sound one.
    pub(super) causes: Vec<Cause>,
    /// May be named first, too: it is as true.
    pub(super) accepted: Vec<Cause>,
    strategy: StrategyKind,
    connections: bool,
    fault: Fault,
}

/// Seconds in which all is well, and in which it is not.
const SOUND: u32 = 15;
const WRONG: u32 = 30;

impl Scenario {
    /// The causes that are named, the first one first.
    pub(super) fn play(&self, seed: u64) -> Vec<Cause> {
        self.stage(seed).causes()
    }

    /// As it is in the end.
    pub(super) fn stage(&self, seed: u64) -> Stage {
        let mut stage = Stage::new(self.strategy, self.fault.members, seed);
        stage.connections = self.connections;
        stage.run(SOUND);
        stage.go_wrong(self.fault.clone());
        if self.connections {
            stage.restart(2);
        }
        stage.run(WRONG);
        stage
    }

    fn or(self, accepted: Cause) -> Self {
        Self { accepted: vec![accepted], ..self }
    }
}

fn scenario(name: &'static str, strategy: StrategyKind, causes: &[Cause], fault: Fault) -> Scenario {
    Scenario { name, causes: causes.to_vec(), accepted: Vec::new(), strategy, connections: false, fault }
}

/// The fourth takes ten times as long.
const SLOW: [u64; 5] = [100, 100, 100, 1000, 100];
/// A part of what the third gets fails.
const FAILING: [f64; 5] = [0.0, 0.0, 0.3, 0.0, 0.0];
const WEIGHTS: [u32; 5] = [3, 1, 1, 1, 1];

fn mixed(name: &'static str, strategy: StrategyKind, one: Cause, other: Cause, fault: Fault) -> Scenario {
    scenario(name, strategy, &[one, other], fault)
}

fn sound() -> Fault {
    Fault::default()
}

/// Three times as many connections would stay with those that were there.
fn restart() -> Scenario {
    let causes = vec![Cause::LongLivedConnections];
    let (name, strategy) = ("one begins anew, connections stay", RoundRobin);
    Scenario { name, causes, accepted: Vec::new(), strategy, connections: true, fault: sound() }
}

/// One cause each, and sound pools.
pub(super) fn singles() -> Vec<Scenario> {
    [of_the_balancer(), of_keys_and_sessions(), of_backends()].concat()
}

fn of_the_balancer() -> Vec<Scenario> {
    vec![
        scenario("sound, round_robin", RoundRobin, &[], sound()),
        scenario("sound, random", Random, &[], sound()),
        scenario("sound, maglev without keys", Maglev, &[], Fault { keyless: 1.0, ..sound() }),
        scenario(
            "weights 5:1:1:1:1",
            RoundRobin,
            &[Cause::Weights],
            Fault { weights: [5, 1, 1, 1, 1], ..sound() },
        ),
        scenario(
            "nearly all to one by weight",
            RoundRobin,
            &[Cause::Weights],
            Fault { weights: [1000, 1, 1, 1, 1], ..sound() },
        ),
        scenario(
            "one cannot be resolved",
            RoundRobin,
            &[Cause::ConfigDrift],
            Fault { lost: &[3], ..sound() },
        ),
        scenario("one is down", RoundRobin, &[Cause::Health], Fault { down: &[2], ..sound() }),
        scenario("lots that are none", Random, &[Cause::BalancerBug], Fault { stuck: 0.3, ..sound() }),
    ]
}

fn of_keys_and_sessions() -> Vec<Scenario> {
    vec![
        scenario("a key makes 30 %", Maglev, &[Cause::HotKey], Fault { hot: 0.3, ..sound() }),
        scenario("a ring with one point each", Ring, &[Cause::Ring], Fault { points: 1, ..sound() }),
        scenario(
            "few sessions make 60 %",
            RoundRobin,
            &[Cause::Stickiness],
            Fault { sticky: 0.6, sessions: 3, ..sound() },
        ),
        restart(),
    ]
}

fn of_backends() -> Vec<Scenario> {
    vec![
        scenario(
            "one refuses, the other gets it",
            Random,
            &[Cause::Retries, Cause::FailingBackend],
            Fault { members: 2, refuses: [0.0, 1.0, 0.0, 0.0, 0.0], ..sound() },
        ),
        scenario(
            "one has a low limit",
            RoundRobin,
            &[Cause::Capacity],
            Fault { limits: [None, Some(2), None, None, None], ..sound() },
        ),
        scenario(
            "a slow one, round_robin",
            RoundRobin,
            &[Cause::SlowBackend],
            Fault { takes: SLOW, ..sound() },
        ),
        // Who is faster than that one gets what it does not.
        scenario(
            "a slow one, least_request",
            LeastRequest,
            &[Cause::SlowBackend],
            Fault { takes: SLOW, ..sound() },
        )
        .or(Cause::FastBackend),
        scenario(
            "one fails fast, p2c",
            P2c,
            &[Cause::BlackHole],
            Fault { fails: [0.0, 0.6, 0.0, 0.0, 0.0], ..sound() },
        ),
        scenario(
            "one fails, round_robin",
            RoundRobin,
            &[Cause::FailingBackend],
            Fault { fails: [0.0, 0.0, 0.3, 0.0, 0.0], ..sound() },
        ),
    ]
}

/// Two causes each.
pub(super) fn mixtures() -> Vec<Scenario> {
    [weights_mixed(), others_mixed()].concat()
}

fn weights_mixed() -> Vec<Scenario> {
    vec![
        mixed(
            "weights, one fails",
            RoundRobin,
            Cause::Weights,
            Cause::FailingBackend,
            Fault { weights: WEIGHTS, fails: FAILING, ..sound() },
        ),
        mixed(
            "weights, one is slow",
            RoundRobin,
            Cause::Weights,
            Cause::SlowBackend,
            Fault { weights: WEIGHTS, takes: SLOW, ..sound() },
        ),
        mixed(
            "weights, one is down",
            RoundRobin,
            Cause::Weights,
            Cause::Health,
            Fault { weights: WEIGHTS, down: &[2], ..sound() },
        ),
        mixed(
            "weights, sessions",
            RoundRobin,
            Cause::Weights,
            Cause::Stickiness,
            Fault { weights: WEIGHTS, sticky: 0.4, sessions: 3, ..sound() },
        ),
        mixed(
            "weights, a hot key",
            Maglev,
            Cause::Weights,
            Cause::HotKey,
            Fault { weights: [1, 5, 1, 1, 1], hot: 0.3, ..sound() },
        ),
        mixed(
            "an uneven ring, a hot key",
            Ring,
            Cause::Ring,
            Cause::HotKey,
            Fault { points: 1, hot: 0.3, ..sound() },
        ),
    ]
}

fn others_mixed() -> Vec<Scenario> {
    vec![
        mixed(
            "one is lost, one is down",
            RoundRobin,
            Cause::ConfigDrift,
            Cause::Health,
            Fault { lost: &[3], down: &[2], ..sound() },
        ),
        mixed(
            "one is lost, weights",
            RoundRobin,
            Cause::ConfigDrift,
            Cause::Weights,
            Fault { lost: &[3], weights: WEIGHTS, ..sound() },
        ),
        mixed(
            "one is down, one fails",
            RoundRobin,
            Cause::Health,
            Cause::FailingBackend,
            Fault { down: &[1], fails: FAILING, ..sound() },
        ),
        mixed(
            "one is down, sessions",
            RoundRobin,
            Cause::Health,
            Cause::Stickiness,
            Fault { down: &[3, 4], sticky: 0.5, sessions: 3, ..sound() },
        ),
        mixed(
            "one is full, one fails",
            RoundRobin,
            Cause::Capacity,
            Cause::FailingBackend,
            Fault { limits: [None, Some(2), None, None, None], fails: FAILING, ..sound() },
        ),
        mixed(
            "a hot key, one is down",
            Maglev,
            Cause::HotKey,
            Cause::Health,
            Fault { hot: 0.3, down: &[3, 4], ..sound() },
        ),
    ]
}
