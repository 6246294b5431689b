//! Pools that are sound, for as long as it takes to see a false alarm if there is one to be seen: under every strategy, with
//! reloads, weights that change, backends that fail their checks and come back, slow start and zones.
//!
//! `cargo test --release -p evenkeel-core --test skew soak -- --ignored --nocapture` runs ten million ticks a strategy.

use std::time::{Duration, Instant};

use evenkeel_core::skew::{Cause, Dimension, Level, Symptom, Watch};
use evenkeel_core::{
    HealthSpec, Intent, MemberSpec, Nanos, Placement, PoolEvent, PoolSpec, PoolState, REGISTRY, Ratio, Rng,
    Shaping, SlowStart, StrategyKind,
};

use crate::stage::{Stage, weighing};

/// Each pool lives for so many ticks; the next is another one.
const LIFE: u64 = 2_000;
/// Of the full run, in every test run.
const PART: u64 = 1_000;
const TICKS: u64 = 10_000_000;
/// The largest pool, and the most requests in a tick.
const BACKENDS_MAX: u32 = 8;
const REQUESTS_MAX: u32 = 40;

/// One sound pool and what happens to it.
struct Life {
    stage: Stage,
    spec: PoolSpec,
    /// Until when a backend stays away, by name.
    away: Vec<u64>,
}

impl Life {
    fn new(strategy: StrategyKind, seed: u64) -> Self {
        let mut rng = Rng::from_seed(seed);
        let backends = 2 + rng.below(BACKENDS_MAX - 1) as usize;
        let slow_start = SlowStart {
            window: Duration::from_secs(30),
            aggression: 1.0,
            minimum: Ratio::new(0.1).expect("a ratio"),
        };
        let shaping = Shaping { slow_start: (rng.below(2) == 0).then_some(slow_start), ..Shaping::default() };
        let health = Some(HealthSpec { rise: 1, fall: 1 });
        let members = members(backends, &mut rng);
        // What weights say is meant: a change of them is no mistake.
        let spec =
            PoolSpec { strategy, health, shaping, intent: Intent::Weights, ..PoolSpec::new("web", members) };
        let mut stage = Stage::new(spec.clone(), seed);
        stage.rate = 1 + rng.below(REQUESTS_MAX);
        stage.rng = rng;
        (0..backends).for_each(|name| stage.check(name, true));
        Self { stage, spec, away: vec![0; backends] }
    }

    /// What may happen in a second, now and then, and then the second itself.
    fn second(&mut self, number: u64) {
        let backends = self.away.len();
        if self.stage.rng.below(300) == 0 {
            let members = members(backends, &mut self.stage.rng);
            self.spec = PoolSpec { members, ..self.spec.clone() };
            self.stage.pool.apply(PoolEvent::Configured(self.spec.clone()), self.stage.now);
        }
        if self.stage.rng.below(200) == 0 {
            let name = self.stage.rng.below(backends as u32) as usize;
            self.away[name] = number + 5 + u64::from(self.stage.rng.below(60));
            self.stage.check(name, false);
        }
        for name in 0..backends {
            if self.away[name] == number {
                self.stage.check(name, true);
            }
        }
        self.stage.run(1);
    }

    /// Symptoms that somebody would have to look at, though nothing is wrong but that backends were away.
    fn false_alarms(&self) -> Vec<Symptom> {
        let is_false = |symptom: &Symptom| {
            let away = matches!(symptom.cause, Cause::Health | Cause::Shaping);
            symptom.level > Level::Info && !(away && symptom.dimension == Dimension::Requests)
        };
        self.stage.watch.symptoms().into_iter().filter(is_false).collect()
    }
}

fn members(backends: usize, rng: &mut Rng) -> Vec<MemberSpec> {
    let placed = |name: usize| {
        let zone = Some(["east", "west"][name % 2].into());
        let placement = Placement { zone, ..Placement::default() };
        MemberSpec { placement, ..weighing(name, 1 + rng.below(3)) }
    };
    (0..backends).map(placed).collect()
}

/// So many ticks of pools one after the other; every false alarm, told once a pool.
fn soak(strategy: StrategyKind, ticks: u64) -> Vec<String> {
    let mut told = Vec::new();
    for life in 0..ticks.div_ceil(LIFE) {
        let mut pool = Life::new(strategy, life);
        for second in 1..=LIFE {
            pool.second(second);
            if let Some(first) = pool.false_alarms().first() {
                told.push(format!("{strategy}, pool {life}, second {second}: {first:?}"));
                break;
            }
        }
    }
    told
}

fn soak_all(ticks: u64) {
    let next = std::sync::Mutex::new(REGISTRY.iter());
    let told = std::sync::Mutex::new(Vec::new());
    let work = || {
        while let Some(known) = { next.lock().expect("no panic").next() } {
            let began = Instant::now();
            let alarms = soak(known.kind, ticks);
            println!(
                "{:14} {ticks} ticks, {} false alarms, {:.1} s",
                known.name,
                alarms.len(),
                began.elapsed().as_secs_f64()
            );
            told.lock().expect("no panic").extend(alarms);
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        (0..threads).for_each(|_| {
            scope.spawn(work);
        });
    });
    let told = told.into_inner().expect("no panic");
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn sound_pools_raise_no_alarm() {
    soak_all(TICKS / PART);
}

#[test]
#[ignore = "minutes, with --release; see above"]
fn sound_pools_raise_no_alarm_in_ten_million_ticks() {
    println!("a tick of 100 pools of 100 backends: {:.2} ms", tick_of_many(50).as_secs_f64() * 1e3);
    soak_all(TICKS);
}

/// How long one look at all of them takes, mean of so many, with traffic at every backend.
fn tick_of_many(ticks: u32) -> Duration {
    let mut pools: Vec<(PoolState, Watch)> = (0..100)
        .map(|seed| {
            let members = (0..100).map(|name| weighing(name, 1)).collect();
            let spec = PoolSpec { strategy: StrategyKind::RoundRobin, ..PoolSpec::new("web", members) };
            let pool = PoolState::new(spec, seed, Nanos::ZERO);
            let watch = Watch::new(&pool.snapshot(), Nanos::ZERO);
            (pool, watch)
        })
        .collect();
    let mut rng = Rng::from_seed(1);
    let mut spent = Duration::ZERO;
    for tick in 0..=ticks {
        let now = Nanos::from_secs(u64::from(tick) + 1);
        for (pool, _) in &pools {
            for _ in 0..500 {
                let lease =
                    pool.snapshot().pick(&evenkeel_core::Tried::default(), &mut rng, now).expect("one");
                let takes = Duration::from_micros(u64::from(rng.below(50_000)));
                lease.end(evenkeel_core::Outcome::Ok, now.saturating_add(takes));
            }
        }
        let began = Instant::now();
        pools.iter_mut().for_each(|(pool, watch)| watch.tick(&pool.snapshot(), 0, now));
        // The first finds nothing yet.
        spent += if tick > 0 { began.elapsed() } else { Duration::ZERO };
    }
    spent / ticks
}
