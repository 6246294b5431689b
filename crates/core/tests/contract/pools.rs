//! Pools to test with, and requests to send them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use evenkeel_core::{
    BackendId, HealthSpec, Intent, MemberSpec, Nanos, Outcome, PassiveSpec, PickKey, Placement, PoolEvent,
    PoolId, PoolSnapshot, PoolSpec, PoolState, REGISTRY, Ratio, Rng, Shaping, StrategyKind, StrategySettings,
    Tried, Weight,
};

/// What requests are told apart by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keys {
    Without,
    /// Each has its own.
    Random,
}

impl Keys {
    pub(crate) fn next(self, rng: &mut Rng) -> PickKey {
        match self {
            Self::Without => PickKey::NONE,
            Self::Random => PickKey::of(&rng.next_u64().to_le_bytes()),
        }
    }
}

/// Every strategy with requests that have no key, and those that go by one also with requests that do.
pub(crate) fn traffic() -> impl Iterator<Item = (StrategyKind, Keys)> {
    let keyed = REGISTRY.iter().filter(|known| known.keyed).map(|known| (known.kind, Keys::Random));
    REGISTRY.iter().map(|known| (known.kind, Keys::Without)).chain(keyed)
}

/// Members `m0`, `m1`, … with these weights and nothing that could take them out. Tables are small: tests build
/// many. Those that need the real ones say so.
pub(crate) fn spec(strategy: StrategyKind, weights: &[u32]) -> PoolSpec {
    PoolSpec {
        id: PoolId::new("pool"),
        strategy,
        settings: StrategySettings { table_size: 251, ring_points: 4, ..StrategySettings::default() },
        members: weights.iter().enumerate().map(|(i, weight)| member(&format!("m{i}"), *weight)).collect(),
        health: None,
        passive: None,
        panic_threshold: Ratio::ZERO,
        intent: Intent::Equal,
        shaping: Shaping::default(),
    }
}

pub(crate) fn member(id: &str, weight: u32) -> MemberSpec {
    let address = Some(address(1));
    MemberSpec {
        id: id.into_id(),
        address,
        weight: Weight::new(weight).expect("a weight"),
        capacity: None,
        enabled: true,
        placement: Placement::default(),
    }
}

pub(crate) fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, host], 8080))
}

pub(crate) fn health(rise: u32, fall: u32) -> Option<HealthSpec> {
    Some(HealthSpec { rise, fall })
}

pub(crate) fn passive(consecutive: u32, base_seconds: u64, max_ejected: f64) -> Option<PassiveSpec> {
    let base = std::time::Duration::from_secs(base_seconds);
    let max_ejected = Ratio::new(max_ejected).expect("a ratio");
    Some(PassiveSpec { consecutive, base, max: base * 10, max_ejected, error_share: None })
}

pub(crate) fn pool(spec: &PoolSpec, seed: u64) -> PoolState {
    PoolState::new(spec.clone(), seed, Nanos::ZERO)
}

/// A pool in which the members marked are down, for one reason or another.
pub(crate) fn pool_with_down(mut spec: PoolSpec, down: &[bool], seed: u64) -> PoolState {
    spec.health = health(1, 1);
    let mut probes = Vec::new();
    for (i, (member, down)) in spec.members.iter_mut().zip(down).enumerate() {
        let failed = *down && i % 3 == 0;
        member.enabled = !(*down && i % 3 == 1);
        member.address = if *down && i % 3 == 2 { None } else { member.address };
        let result = if failed { Err("GET /: 500".into()) } else { Ok(()) };
        probes.push(PoolEvent::Probed { id: member.id.clone(), result });
    }
    let mut pool = pool(&spec, seed);
    pool.apply_all(probes, Nanos::ZERO);
    pool
}

/// One request after the other, each ended well.
pub(crate) fn serve(snapshot: &PoolSnapshot, tried: &Tried, rng: &mut Rng, requests: u32) {
    serve_with(Keys::Without, snapshot, tried, rng, requests);
}

pub(crate) fn serve_with(keys: Keys, snapshot: &PoolSnapshot, tried: &Tried, rng: &mut Rng, requests: u32) {
    for _ in 0..requests {
        let key = keys.next(rng);
        let lease = snapshot.pick_keyed(tried, key, rng, Nanos::ZERO).expect("somebody is eligible");
        lease.end(Outcome::Ok, Nanos::ZERO);
    }
}

/// The member that the next request goes to.
pub(crate) fn pick_id(snapshot: &PoolSnapshot, rng: &mut Rng) -> BackendId {
    let lease = snapshot.pick(&Tried::default(), rng, Nanos::ZERO).expect("somebody is eligible");
    lease.member().id.clone()
}

/// Attempts so far and plan share of every member.
pub(crate) fn attempts(snapshot: &Arc<PoolSnapshot>) -> BTreeMap<BackendId, (u64, f64)> {
    let entry = |view: &evenkeel_core::MemberView| {
        (view.member.id.clone(), (view.member.load.attempts_total(), view.plan))
    };
    snapshot.members().iter().map(entry).collect()
}

/// Fails as often as it takes for a passive spec to see it, and tells the pool. Needs the member to be
/// picked: not excluded by its phase or mode.
pub(crate) fn fail_attempts(
    pool: &mut PoolState,
    id: &str,
    failures: u32,
    now: Nanos,
) -> evenkeel_core::Applied {
    let (id, snapshot, mut rng) = (id.into_id(), pool.snapshot(), Rng::from_seed(1));
    let mut failed = 0;
    while failed < failures {
        let lease = snapshot.pick(&Tried::default(), &mut rng, now).expect("somebody is eligible");
        if lease.member().id == id {
            lease.end(Outcome::ConnectFailed, now);
            failed += 1;
        }
    }
    pool.apply(PoolEvent::Attempted { id, outcome: Outcome::ConnectFailed }, now)
}

/// So that tests can write `"m0"`.
pub(crate) trait IntoId {
    fn into_id(self) -> BackendId;
}

impl IntoId for &str {
    fn into_id(self) -> BackendId {
        BackendId::new(self)
    }
}
