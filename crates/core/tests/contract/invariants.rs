//! Whatever happens to a pool, in whatever order: what its snapshots say adds up.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::{
    Applied, BackendId, BackendLoad, Intent, Lease, Mode, Nanos, Outcome, Phase, PoolEvent, PoolSnapshot,
    PoolSpec, PoolState, Ratio, Rng, StrategyKind, Transition, Tried, Weight,
};
use proptest::prelude::*;

use crate::pools::{IntoId, address, health, member, passive, pool, spec};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn hold_after_every_event(
        first in any_spec(),
        steps in prop::collection::vec(any_step(), 1..80),
        seed in any::<u64>(),
    ) {
        let mut world = World::new(&first, seed);
        world.check()?;
        for step in steps {
            world.take(step)?;
            world.check()?;
        }
    }
}

/// One thing that happens; members are meant by number.
#[expect(clippy::large_enum_variant, reason = "a few at a time")]
#[derive(Clone, Debug)]
enum Step {
    Configure(PoolSpec),
    Probe(u8, bool),
    /// Requests until the number is picked or enough were sent, that one ends like this; and the pool is
    /// told.
    Attempt(u8, Outcome),
    /// A request that goes on.
    Hold,
    Release,
    Resolve(u8, Option<u8>),
    Pass(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => any_spec().prop_map(Step::Configure),
        6 => (0..MEMBERS, prop::bool::weighted(0.6)).prop_map(|(who, passed)| Step::Probe(who, passed)),
        8 => (0..MEMBERS, prop::sample::select(&Outcome::ALL)).prop_map(|(who, how)| Step::Attempt(who, how)),
        2 => Just(Step::Hold),
        1 => Just(Step::Release),
        2 => (0..MEMBERS, prop::option::of(1_u8..4)).prop_map(|(who, host)| Step::Resolve(who, host)),
        3 => (1_u64..30_000).prop_map(Step::Pass),
    ]
}

fn any_spec() -> impl Strategy<Value = PoolSpec> {
    let members = prop::sample::subsequence((0..MEMBERS).collect::<Vec<_>>(), 0..=MEMBERS as usize);
    let each = prop::collection::vec((1_u32..=9, prop::option::of(1_u8..4), prop::bool::weighted(0.85)), 8);
    let strategy = prop::sample::select(&StrategyKind::ALL);
    let intent = prop::sample::select(&[Intent::Equal, Intent::Capacity, Intent::Weights]);
    let limits =
        (prop::option::of((1_u32..3, 1_u32..3)), prop::option::of((1_u32..3, 0.0_f64..=1.0)), 0.0_f64..=1.0);
    (members, each, strategy, intent, limits).prop_map(|(members, each, strategy, intent, limits)| {
        let (checks, ejection, panic_threshold) = limits;
        let configured = |number: u8| {
            let (weight, host, enabled) = each[usize::from(number)];
            let capacity = (weight % 2 == 0).then_some(f64::from(weight));
            let weight = Weight::new(weight).expect("a weight");
            evenkeel_core::MemberSpec {
                address: host.map(address),
                enabled,
                capacity,
                weight,
                ..member(&format!("m{number}"), 1)
            }
        };
        PoolSpec {
            members: members.into_iter().map(configured).collect(),
            intent,
            health: checks.and_then(|(rise, fall)| health(rise, fall)),
            passive: ejection.and_then(|(consecutive, max_ejected)| passive(consecutive, 2, max_ejected)),
            panic_threshold: Ratio::new(panic_threshold).expect("a ratio"),
            ..spec(strategy, &[])
        }
    })
}

/// The pool, and what an observer of its transitions believes.
struct World {
    spec: PoolSpec,
    pool: PoolState,
    rng: Rng,
    now: Nanos,
    live: Vec<Lease>,
    phases: HashMap<BackendId, Phase>,
    mode: Mode,
    identities: HashMap<BackendId, (u64, Arc<BackendLoad>)>,
}

impl World {
    fn new(spec: &PoolSpec, seed: u64) -> Self {
        let pool = pool(spec, seed);
        let snapshot = pool.snapshot();
        let phases = snapshot.members().iter().map(|view| (view.member.id.clone(), view.phase)).collect();
        let (spec, rng, mode) = (spec.clone(), Rng::from_seed(seed), snapshot.mode());
        let (now, live, identities) = (Nanos::ZERO, Vec::new(), HashMap::new());
        Self { spec, pool, rng, now, live, phases, mode, identities }
    }

    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Configure(spec) => {
                self.spec = spec.clone();
                self.apply(PoolEvent::Configured(spec.clone()))?;
                let again = self.pool.apply(PoolEvent::Configured(spec), self.now);
                prop_assert!(again.snapshot.is_none() && again.transitions.is_empty(), "the same again");
            }
            Step::Probe(who, passed) => {
                let result = if passed { Ok(()) } else { Err("down".into()) };
                self.apply(PoolEvent::Probed { id: id(who), result })?;
            }
            Step::Attempt(who, outcome) => {
                for _ in 0..12 {
                    let Some(lease) = self.pick()? else { break };
                    let hit = lease.member().id == id(who);
                    lease.end(if hit { outcome } else { Outcome::Ok }, self.now);
                }
                self.apply(PoolEvent::Attempted { id: id(who), outcome })?;
            }
            Step::Hold => {
                let lease = self.pick()?;
                self.live.extend(lease);
            }
            Step::Release => drop(self.live.pop()),
            Step::Resolve(who, host) => {
                let result = host.map(address).ok_or("no such name".into());
                self.apply(PoolEvent::Resolved { id: id(who), result })?;
            }
            Step::Pass(milliseconds) => {
                self.now = self.now.saturating_add(Duration::from_millis(milliseconds));
                self.apply(PoolEvent::Tick)?;
                prop_assert!(
                    self.pool.next_deadline().is_none_or(|due| due > self.now),
                    "nothing is overdue"
                );
            }
        }
        Ok(())
    }

    /// Only members with a plan are picked.
    fn pick(&mut self) -> Result<Option<Lease>, TestCaseError> {
        let snapshot = self.pool.snapshot();
        let lease = snapshot.pick(&Tried::default(), &mut self.rng, self.now);
        prop_assert_eq!(lease.is_none(), snapshot.mode() == Mode::Empty);
        if let Some(lease) = &lease {
            let view = snapshot.members().iter().find(|view| view.member.serial == lease.member().serial);
            prop_assert!(view.is_some_and(|view| view.plan > 0.0));
            prop_assert_eq!(lease.epoch(), snapshot.epoch());
        }
        Ok(lease)
    }

    /// The transitions lead from what was believed to what the snapshot says.
    fn apply(&mut self, event: PoolEvent) -> Result<(), TestCaseError> {
        let before = self.pool.snapshot();
        let Applied { snapshot, transitions } = self.pool.apply(event, self.now);
        let after = self.pool.snapshot();
        match snapshot {
            Some(new) => {
                prop_assert!(new.epoch() > before.epoch() && Arc::ptr_eq(&new, &after));
            }
            None => {
                prop_assert!(Arc::ptr_eq(&before, &after) && transitions.is_empty(), "{transitions:?}");
            }
        }
        for transition in transitions {
            self.believe(transition, &after)?;
        }
        for view in after.members() {
            prop_assert_eq!(self.phases.get(&view.member.id), Some(&view.phase), "{}", view.member.id);
        }
        prop_assert_eq!((self.phases.len(), self.mode), (after.members().len(), after.mode()));
        Ok(())
    }

    fn believe(&mut self, transition: Transition, after: &PoolSnapshot) -> Result<(), TestCaseError> {
        match transition {
            Transition::Phase { id, from, to, detail } => {
                prop_assert_ne!(from, to);
                prop_assert_eq!(self.phases.insert(id, to), Some(from));
                prop_assert!(!detail.is_empty());
            }
            Transition::Mode { from, to, .. } => {
                prop_assert_ne!(from, to);
                prop_assert_eq!(std::mem::replace(&mut self.mode, to), from);
            }
            Transition::Added { id } => {
                let view = after.members().iter().find(|view| view.member.id == id).expect("added");
                prop_assert_eq!(self.phases.insert(id, view.phase), None);
            }
            Transition::Removed { id } => prop_assert!(self.phases.remove(&id).is_some()),
            Transition::Weight { from, to, .. } => prop_assert_ne!(from, to),
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), TestCaseError> {
        let snapshot = self.pool.snapshot();
        let views = snapshot.members();
        let count = |phase| views.iter().filter(|view| view.phase == phase).count();
        let sum = |share: fn(&evenkeel_core::MemberView) -> f64| views.iter().map(share).sum::<f64>();
        let enabled = views.len() - count(Phase::Disabled);
        let plan = if snapshot.mode() == Mode::Empty { 0.0 } else { 1.0 };
        prop_assert!((sum(|view| view.plan) - plan).abs() < 1e-9);
        let intent = if enabled > 0 { 1.0 } else { 0.0 };
        prop_assert!((sum(|view| view.intent) - intent).abs() < 1e-9);
        for view in views {
            let out_of_reach = view.phase == Phase::Disabled || view.member.address.is_none();
            let served = match snapshot.mode() {
                Mode::Normal => view.phase == Phase::Serving,
                Mode::Panic => !out_of_reach,
                Mode::Empty => false,
            };
            prop_assert_eq!(view.plan > 0.0, served, "{:?}", view);
            prop_assert_eq!(view.intent > 0.0, view.phase != Phase::Disabled);
            prop_assert!(view.since <= self.now);
        }
        self.check_mode(&snapshot, enabled, count(Phase::Serving))?;
        self.check_ejections(enabled, count(Phase::Ejected), count(Phase::Serving))?;
        self.check_identities(&snapshot)
    }

    fn check_mode(
        &self,
        snapshot: &PoolSnapshot,
        enabled: usize,
        serving: usize,
    ) -> Result<(), TestCaseError> {
        let threshold = self.spec.panic_threshold.get() * enabled as f64;
        match snapshot.mode() {
            Mode::Normal => prop_assert!(serving > 0),
            Mode::Panic => prop_assert!((serving as f64) < threshold),
            Mode::Empty => prop_assert_eq!(serving, 0),
        }
        Ok(())
    }

    fn check_ejections(&self, enabled: usize, ejected: usize, serving: usize) -> Result<(), TestCaseError> {
        let cap = match &self.spec.passive {
            Some(_) if enabled < 2 => 0,
            Some(spec) => ((spec.max_ejected.get() * enabled as f64 + 1e-6).floor() as usize).max(1),
            None => 0,
        };
        prop_assert!(ejected <= cap, "{ejected} of {enabled} are out, {cap} may be");
        prop_assert!(ejected == 0 || serving > 0, "the last that could serve is out");
        prop_assert!(ejected == 0 || self.pool.next_deadline().is_some());
        Ok(())
    }

    /// Load and serial belong to the id, and in flight is what is held.
    fn check_identities(&mut self, snapshot: &PoolSnapshot) -> Result<(), TestCaseError> {
        for view in snapshot.members() {
            let member = &view.member;
            let known = self.identities.entry(member.id.clone());
            let (serial, load) = known.or_insert_with(|| (member.serial, Arc::clone(&member.load)));
            prop_assert!(*serial == member.serial && Arc::ptr_eq(load, &member.load), "{}", member.id);
            let held = self.live.iter().filter(|lease| lease.member().serial == member.serial).count();
            prop_assert_eq!(member.load.in_flight() as usize, held);
        }
        Ok(())
    }
}

fn id(number: u8) -> BackendId {
    format!("m{number}").as_str().into_id()
}

const MEMBERS: u8 = 8;
