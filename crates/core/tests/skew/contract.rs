//! A pool and its contract: each clause broken and mended, and nothing said of a pool in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::skew::contract::{Breach, Clause, Contract, Terms};
use evenkeel_core::{
    BackendId, HealthSpec, MemberSpec, Nanos, Outcome, PassiveSpec, Placement, PoolEvent, PoolSpec,
    PoolState, Ratio, Rng, StrategyKind, Tried, Weight,
};

const NAMES: [&str; 3] = ["a", "b", "c"];

struct Play {
    pool: PoolState,
    spec: PoolSpec,
    contract: Contract,
    reserve: u32,
    now: Nanos,
    rng: Rng,
    /// Requests a tick.
    rate: u32,
}

impl Play {
    fn new(strategy: StrategyKind, terms: Terms) -> Self {
        let address: SocketAddr = "10.0.0.1:80".parse().expect("an address");
        let zone = |name: &str| Some(Arc::from(format!("zone-{name}")));
        let member = |name: &&str| MemberSpec {
            placement: Placement { zone: zone(name), ..Placement::default() },
            ..MemberSpec::new(*name, address)
        };
        let members = NAMES.iter().map(member).collect();
        let health = Some(HealthSpec { rise: 1, fall: 1 });
        let spec = PoolSpec { strategy, health, ..PoolSpec::new("web", members) };
        let mut pool = PoolState::new(spec.clone(), 7, Nanos::ZERO);
        NAMES.iter().for_each(|name| drop(pool.apply(checked(name, true), Nanos::ZERO)));
        let contract = Contract::new(terms, &pool.snapshot());
        Self { pool, spec, contract, reserve: 1, now: Nanos::ZERO, rng: Rng::from_seed(3), rate: 20 }
    }

    fn run(&mut self, ticks: u32) {
        for _ in 0..ticks {
            self.now = self.now.saturating_add(Duration::from_secs(1));
            let snapshot = self.pool.snapshot();
            for _ in 0..self.rate {
                if let Some(lease) = snapshot.pick(&Tried::default(), &mut self.rng, self.now) {
                    lease.end(Outcome::Ok, self.now);
                }
            }
            self.contract.tick(&snapshot, self.reserve, self.now);
        }
    }

    fn check(&mut self, name: &str, passed: bool) {
        self.pool.apply(checked(name, passed), self.now);
    }

    fn weigh(&mut self, weights: [u32; 3]) {
        for (member, weight) in self.spec.members.iter_mut().zip(weights) {
            member.weight = Weight::new(weight).expect("a weight");
        }
        self.pool.apply(PoolEvent::Configured(self.spec.clone()), self.now);
    }

    fn broken(&self) -> Vec<Clause> {
        self.contract.breaches().iter().map(|breach| breach.clause).collect()
    }

    fn only(&self) -> Breach {
        let all = self.contract.breaches();
        assert_eq!(all.len(), 1, "{all:?}");
        all[0]
    }

    fn serial(&self, name: &str) -> u64 {
        let snapshot = self.pool.snapshot();
        let found = snapshot.members().iter().find(|view| view.member.id.as_str() == name);
        found.expect("a member").member.serial
    }
}

fn checked(name: &str, passed: bool) -> PoolEvent {
    PoolEvent::Probed { id: BackendId::new(name), result: if passed { Ok(()) } else { Err("down".into()) } }
}

#[test]
fn members_are_those_that_serve() {
    let mut play = Play::new(StrategyKind::RoundRobin, Terms { members: Some(3), ..Terms::default() });
    play.run(20);
    assert_eq!(play.broken(), []);
    play.check("b", false);
    play.run(1);
    assert_eq!(play.broken(), [], "a moment is not told");
    play.check("b", true);
    play.run(5);
    assert_eq!(play.broken(), []);
    let since = play.now.saturating_add(Duration::from_secs(1));
    play.check("b", false);
    play.run(4);
    let breach = play.only();
    assert_eq!((breach.clause, breach.observed, breach.expected), (Clause::Members, 2.0, 3.0));
    assert_eq!((breach.since, breach.backend), (since, None));
    // One that comes and goes is not mended.
    for _ in 0..5 {
        play.check("b", true);
        play.run(3);
        assert_eq!(play.only().since, since);
        play.check("b", false);
        play.run(1);
    }
    play.check("b", true);
    play.run(11);
    assert_eq!(play.broken(), []);
}

#[test]
fn a_share_beyond_its_bounds_is_found_and_the_backend_named() {
    for (terms, weights, clause, name) in [
        (Terms { max_share: Some(0.5), ..Terms::default() }, [5, 1, 1], Clause::MaxShare, "a"),
        (Terms { min_share: Some(0.25), ..Terms::default() }, [3, 3, 1], Clause::MinShare, "c"),
        (Terms { peak_to_mean: Some(1.5), ..Terms::default() }, [1, 5, 1], Clause::PeakToMean, "b"),
    ] {
        for strategy in [StrategyKind::RoundRobin, StrategyKind::Random, StrategyKind::LeastRequest] {
            let mut play = Play::new(strategy, terms.clone());
            play.run(30);
            assert_eq!(play.broken(), [], "{strategy:?}");
            play.weigh(weights);
            play.run(60);
            let breach = play.only();
            assert_eq!((breach.clause, breach.backend), (clause, Some(play.serial(name))), "{strategy:?}");
            let outside = match clause {
                Clause::MinShare => breach.observed < breach.expected,
                _ => breach.observed > breach.expected,
            };
            assert!(outside, "{breach:?}");
            let late = breach.since.since(Nanos::from_secs(30));
            assert!(late < Duration::from_secs(15), "since {late:?} after it began");
            play.weigh([1, 1, 1]);
            play.run(30);
            assert_eq!(play.broken(), [clause], "what was found holds for a while");
            play.run(300);
            assert_eq!(play.broken(), [], "{strategy:?}");
        }
    }
}

#[test]
fn shares_are_no_breach_while_a_backend_is_down_or_has_just_come_back() {
    let terms = Terms { max_share: Some(0.4), min_share: Some(0.3), ..Terms::default() };
    let mut play = Play::new(StrategyKind::RoundRobin, terms);
    play.run(20);
    play.check("a", false);
    play.run(300);
    assert_eq!(play.broken(), []);
    play.check("a", true);
    play.run(300);
    assert_eq!(play.broken(), []);
}

#[test]
fn what_a_forbidden_zone_gets_is_told_at_once_and_over_later() {
    let zones = vec![Arc::from("zone-c")];
    let mut play = Play::new(StrategyKind::RoundRobin, Terms { forbidden_zones: zones, ..Terms::default() });
    play.rate = 0;
    play.run(5);
    assert_eq!(play.broken(), []);
    play.rate = 30;
    play.run(1);
    let breach = play.only();
    assert_eq!((breach.clause, breach.backend), (Clause::ForbiddenZones, Some(play.serial("c"))));
    assert!((breach.observed - 1.0 / 3.0).abs() < 0.05, "{breach:?}");
    play.check("c", false);
    play.run(9);
    assert_eq!(play.broken(), [Clause::ForbiddenZones]);
    play.run(3);
    assert_eq!(play.broken(), []);
}

#[test]
fn a_reserve_that_is_used_up_is_a_breach_until_it_is_back() {
    let mut play = Play::new(StrategyKind::RoundRobin, Terms { survives: 2, ..Terms::default() });
    play.reserve = 2;
    play.run(5);
    assert_eq!(play.broken(), []);
    play.reserve = 1;
    play.run(4);
    let breach = play.only();
    assert_eq!((breach.clause, breach.observed, breach.expected), (Clause::Survives, 1.0, 2.0));
    play.reserve = 2;
    play.run(11);
    assert_eq!(play.broken(), []);
    // Who promises nothing has nothing to lose.
    let mut silent = Play::new(StrategyKind::RoundRobin, Terms::default());
    silent.reserve = 0;
    silent.run(10);
    assert_eq!(silent.broken(), []);
}

/// Exactly at the edge of what is allowed: the chance that a test of noise would take.
#[test]
fn a_pool_in_order_is_never_said_anything_of() {
    let third = 1.0 / 3.0;
    for strategy in [StrategyKind::RoundRobin, StrategyKind::Random, StrategyKind::LeastRequest] {
        let terms = Terms {
            members: Some(3),
            min_share: Some(third),
            max_share: Some(third),
            peak_to_mean: Some(1.0),
            survives: 1,
            forbidden_zones: vec![Arc::from("elsewhere")],
            settle: Duration::ZERO,
        };
        let mut play = Play::new(strategy, terms);
        play.rate = 5;
        for tick in 0..100_000 {
            play.run(1);
            let breaches = play.contract.breaches();
            assert!(breaches.is_empty(), "{strategy:?}, tick {tick}: {breaches:?}");
        }
    }
}

/// Backends that fail now and then, and what they eject, are not what shares are judged by.
#[test]
fn failures_that_come_and_go_are_members_lost_and_not_shares() {
    let terms = Terms { members: Some(3), max_share: Some(0.4), ..Terms::default() };
    let mut play = Play::new(StrategyKind::RoundRobin, terms);
    play.spec.passive = Some(PassiveSpec {
        consecutive: 2,
        base: Duration::from_secs(20),
        max: Duration::from_secs(60),
        max_ejected: Ratio::new(0.5).expect("a ratio"),
        error_share: None,
    });
    play.pool.apply(PoolEvent::Configured(play.spec.clone()), play.now);
    play.run(30);
    let outcome = Outcome::ConnectFailed;
    for _ in 0..30 {
        let snapshot = play.pool.snapshot();
        let Some(lease) = snapshot.pick(&Tried::default(), &mut play.rng, play.now) else { continue };
        let is_b = lease.member().id.as_str() == "b";
        lease.end(if is_b { outcome } else { Outcome::Ok }, play.now);
        if is_b {
            play.pool.apply(PoolEvent::Attempted { id: BackendId::new("b"), outcome }, play.now);
        }
    }
    play.run(10);
    assert_eq!(play.broken(), [Clause::Members]);
}
