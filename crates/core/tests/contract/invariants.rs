//! Whatever happens to a pool, in whatever order: what its snapshots say adds up.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::{
    Applied, BackendId, BackendLoad, Intent, Lease, MemberView, Mode, Nanos, Outcome, Phase, PickKey,
    Placement, PoolEvent, PoolSnapshot, PoolSpec, PoolState, Ratio, Reason, Refusal, Rng, Shaping, SlowStart,
    StrategyKind, SubsetSpec, Transition, Tried, Weight, ZoneSpec, subset,
};
use proptest::prelude::*;

use crate::bounds::{bound, check};
use crate::pools::{IntoId, address, attempts, health, member, passive, pool, spec};

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
        world.serve_for_long()?;
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
    let places = (prop::bool::ANY, prop::collection::vec(any_placement(), 8), any_shaping());
    let all = (members, each, strategy, intent, limits, places);
    all.prop_map(|(members, each, strategy, intent, limits, (shaped, places, shaping))| {
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
                placement: if shaped { places[usize::from(number)].clone() } else { Placement::default() },
                ..member(&format!("m{number}"), 1)
            }
        };
        let passive = ejection.and_then(|(consecutive, max_ejected)| passive(consecutive, 2, max_ejected));
        let error_share = shaped.then_some(Ratio::ZERO);
        PoolSpec {
            members: members.into_iter().map(configured).collect(),
            intent,
            health: checks.and_then(|(rise, fall)| health(rise, fall)),
            passive: passive.map(|spec| evenkeel_core::PassiveSpec { error_share, ..spec }),
            panic_threshold: Ratio::new(panic_threshold).expect("a ratio"),
            shaping: if shaped { shaping } else { Shaping::default() },
            ..spec(strategy, &[])
        }
    })
}

fn any_placement() -> impl Strategy<Value = Placement> {
    let zone = prop::option::of(prop::sample::select(&["a", "b"]));
    let most = prop::option::weighted(0.3, 1_u32..4);
    (0_u8..3, zone, most, prop::bool::weighted(0.15)).prop_map(|(tier, zone, most, draining)| Placement {
        tier,
        zone: zone.map(Arc::from),
        max_in_flight: most.and_then(NonZeroU32::new),
        draining,
    })
}

fn any_shaping() -> impl Strategy<Value = Shaping> {
    let slow_start = prop::option::of((50_u64..30_000, 0.5_f64..3.0, 0.01_f64..=1.0));
    let zone = prop::option::of(0_usize..5);
    let subset = prop::option::weighted(0.3, (0_u32..9, 1_u32..6));
    (slow_start, 1.0_f64..2.0, zone, subset).prop_map(|(slow_start, overprovisioning, zone, subset)| {
        Shaping {
            slow_start: slow_start.map(|(window, aggression, minimum)| SlowStart {
                window: Duration::from_millis(window),
                aggression,
                minimum: Ratio::new(minimum).expect("a ratio"),
            }),
            overprovisioning,
            zone: zone.map(|members_min| ZoneSpec { local: "a".into(), members_min }),
            subset: subset.map(|(instance, size)| SubsetSpec {
                instance,
                size: NonZeroU32::new(size).expect("not zero"),
            }),
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

    /// Only members with a plan are picked, or, where those are full, others that serve; and none past its limit.
    fn pick(&mut self) -> Result<Option<Lease>, TestCaseError> {
        let snapshot = self.pool.snapshot();
        let lease = match snapshot.pick_keyed(&Tried::default(), PickKey::NONE, &mut self.rng, self.now) {
            Err(Refusal::Nobody) => {
                prop_assert_eq!(snapshot.mode(), Mode::Empty);
                return Ok(None);
            }
            Err(Refusal::Full) => {
                let planned = snapshot.members().iter().filter(|view| view.plan > 0.0);
                prop_assert!(planned.clone().count() > 0 && planned.into_iter().all(is_full));
                return Ok(None);
            }
            Ok(lease) => lease,
        };
        let view = snapshot.members().iter().find(|view| view.member.serial == lease.member().serial);
        let view = view.expect("a member");
        let in_reserve = lease.reason() == Reason::Spill
            && view.phase == Phase::Serving
            && self.counting(snapshot.members()).contains(&view.member.id);
        prop_assert!(view.plan > 0.0 || in_reserve, "{:?}", view);
        prop_assert!(!matches!(view.phase, Phase::Draining | Phase::Disabled), "{:?}", view);
        let limit = view.member.placement.max_in_flight;
        prop_assert!(limit.is_none_or(|limit| view.member.load.in_flight() <= limit.get()));
        prop_assert_eq!(lease.epoch(), snapshot.epoch());
        Ok(Some(lease))
    }

    /// What many requests come to is what the plan says.
    fn serve_for_long(&mut self) -> Result<(), TestCaseError> {
        self.live.clear();
        let snapshot = self.pool.snapshot();
        if snapshot.mode() == Mode::Empty {
            return Ok(());
        }
        let before = attempts(&snapshot);
        // Much later, so that nothing that was held against somebody for failing counts any more.
        let later = self.now.saturating_add(Duration::from_secs(3_600));
        for _ in 0..500 {
            let lease = snapshot.pick(&Tried::default(), &mut self.rng, later).expect("nobody is full");
            lease.end(Outcome::Ok, later);
        }
        let mut counted = attempts(&snapshot);
        counted.iter_mut().for_each(|(id, (count, _))| *count -= before[id].0);
        prop_assert_eq!(check(bound(snapshot.strategy()), &counted), Ok(()));
        Ok(())
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
        let counting = self.counting(views);
        let counts = |view: &MemberView| counting.contains(&view.member.id);
        let count = |phase| views.iter().filter(|view| view.phase == phase && counts(view)).count();
        let sum = |share: fn(&MemberView) -> f64| views.iter().map(share).sum::<f64>();
        let enabled = counting.len();
        // Nobody is meant but the first tier of those.
        let first = views.iter().filter(|view| counts(view)).map(|view| view.member.placement.tier).min();
        for view in views {
            let meant = counts(view) && Some(view.member.placement.tier) == first;
            prop_assert_eq!(view.intent > 0.0, meant, "{:?}", view);
        }
        let plan = if snapshot.mode() == Mode::Empty { 0.0 } else { 1.0 };
        prop_assert!((sum(|view| view.plan) - plan).abs() < 1e-9);
        let intent = if enabled > 0 { 1.0 } else { 0.0 };
        prop_assert!((sum(|view| view.intent) - intent).abs() < 1e-9);
        for view in views {
            let reachable = counts(view) && view.member.address.is_some();
            let served = match snapshot.mode() {
                Mode::Normal => counts(view) && view.phase == Phase::Serving,
                Mode::Panic => reachable,
                Mode::Empty => false,
            };
            // Of those that serve, tiers and zones may leave some in reserve.
            let all_the_same = snapshot.mode() != Mode::Normal || !self.prefers_some();
            prop_assert!(
                if all_the_same { (view.plan > 0.0) == served } else { view.plan == 0.0 || served },
                "{:?}",
                view
            );
            prop_assert!(
                !view.keeps_sessions || view.phase != Phase::Disabled && view.member.address.is_some()
            );
            prop_assert!(view.since <= self.now);
        }
        self.check_mode(&snapshot, enabled, count(Phase::Serving))?;
        self.check_ejections(enabled, count(Phase::Ejected), count(Phase::Serving))?;
        self.check_identities(&snapshot)
    }

    /// Those that the pool is made of: not out on purpose, and in this instance's subset of their tier.
    fn counting(&self, views: &[MemberView]) -> HashSet<BackendId> {
        let mut counting = HashSet::new();
        for tier in 0..3 {
            let open = |view: &&MemberView| {
                view.member.placement.tier == tier && !matches!(view.phase, Phase::Draining | Phase::Disabled)
            };
            let ids: Vec<&BackendId> = views.iter().filter(open).map(|view| &view.member.id).collect();
            let used = match self.spec.shaping.subset {
                Some(spec) => subset(&ids, spec),
                None => vec![true; ids.len()],
            };
            counting.extend(ids.into_iter().zip(used).filter(|(_, used)| *used).map(|(id, _)| id.clone()));
        }
        counting
    }

    fn prefers_some(&self) -> bool {
        self.spec.shaping.zone.is_some() || self.spec.members.iter().any(|member| member.placement.tier > 0)
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
            Mode::Panic => {
                prop_assert!((serving as f64) < threshold);
                prop_assert!((0..3).all(|tier| !self.is_well(snapshot.members(), tier)));
            }
            Mode::Empty => prop_assert_eq!(serving, 0),
        }
        Ok(())
    }

    /// Whether a tier has as many that serve as panic asks for.
    fn is_well(&self, views: &[MemberView], tier: u8) -> bool {
        let counting = self.counting(views);
        let within =
            |view: &&MemberView| view.member.placement.tier == tier && counting.contains(&view.member.id);
        let serving = views.iter().filter(within).filter(|view| view.phase == Phase::Serving).count();
        let enabled = views.iter().filter(within).count();
        enabled > 0 && serving as f64 >= self.spec.panic_threshold.get() * enabled as f64
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

fn is_full(view: &MemberView) -> bool {
    let limit = view.member.placement.max_in_flight;
    limit.is_some_and(|limit| view.member.load.in_flight() >= limit.get())
}

fn id(number: u8) -> BackendId {
    format!("m{number}").as_str().into_id()
}

const MEMBERS: u8 = 8;
