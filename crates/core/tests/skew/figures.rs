//! What a dashboard is told of a pool that runs.

use std::time::Duration;

use evenkeel_core::skew::{Figures, Term, Watch};
use evenkeel_core::{
    BackendId, HealthSpec, MemberSpec, Nanos, Outcome, PickKey, PoolEvent, PoolSpec, PoolState, Rng,
    StrategyKind, Tried, Weight,
};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// Round robin, each request taking 100 ms, of 70 a second.
struct Scene {
    pool: PoolState,
    watch: Watch,
    now: Nanos,
}

impl Scene {
    fn new(weights: [u32; 3]) -> Self {
        let member = |(name, weight): (&str, u32)| {
            let weight = Weight::new(weight).expect("a weight");
            MemberSpec { weight, ..MemberSpec::new(name, "10.0.0.1:80".parse().expect("an address")) }
        };
        let members = NAMES.into_iter().zip(weights).map(member).collect();
        let health = Some(HealthSpec { rise: 1, fall: 1 });
        let spec = PoolSpec { strategy: StrategyKind::RoundRobin, health, ..PoolSpec::new("web", members) };
        let mut pool = PoolState::new(spec, 7, Nanos::ZERO);
        for name in NAMES {
            pool.apply(PoolEvent::Probed { id: BackendId::new(name), result: Ok(()) }, Nanos::ZERO);
        }
        let watch = Watch::new(&pool.snapshot(), Nanos::ZERO);
        Self { pool, watch, now: Nanos::ZERO }
    }

    /// Seconds with so many requests each; those of `failing` fail.
    fn run(&mut self, seconds: u64, requests: u32, failing: &str) {
        let mut rng = Rng::from_seed(3);
        for _ in 0..seconds {
            for _ in 0..requests {
                let picked =
                    self.pool.snapshot().pick_keyed(&Tried::default(), PickKey::NONE, &mut rng, self.now);
                let lease = picked.expect("somebody serves");
                let fails = lease.member().id.as_str() == failing;
                let outcome = if fails { Outcome::ServerError } else { Outcome::Ok };
                lease.end(outcome, self.now.saturating_add(Duration::from_millis(100)));
            }
            self.now = self.now.saturating_add(Duration::from_secs(1));
            self.watch.tick(&self.pool.snapshot(), 0, self.now);
        }
    }

    fn serial(&self, name: &str) -> u64 {
        let snapshot = self.pool.snapshot();
        let found = snapshot.members().iter().find(|view| view.member.id.as_str() == name);
        found.expect("a member").member.serial
    }
}

fn assert_close(value: f64, expected: f64, what: &str) {
    assert!((value - expected).abs() < 0.01, "{what}: {value}, not {expected}");
}

#[test]
fn without_requests_the_plan_is_known_and_nothing_else() {
    let mut scene = Scene::new([5, 1, 1]);
    scene.run(3, 0, "");
    let Figures { backends, plan, requests, occupancy } = scene.watch.figures();
    assert_close(plan.tvd, 5.0 / 7.0 - 1.0 / 3.0, "distance of the plan");
    assert_close(plan.peak_ratio, 15.0 / 7.0, "peak of the plan");
    assert!(requests.tvd.is_nan() && requests.jain.is_nan() && requests.peak_ratio.is_nan(), "{requests:?}");
    assert_close(occupancy, 0.0, "occupancy");
    let a = &backends[&scene.serial("a")];
    assert_close(a.steps.intent, 1.0 / 3.0, "intent");
    assert_close(a.steps.weights, 5.0 / 7.0, "weights");
    assert!(a.requests_ratio.is_nan() && a.errors_ratio.is_nan() && a.in_flight_ratio.is_nan(), "{a:?}");
}

#[test]
fn shares_ratios_and_ledger_agree() {
    let mut scene = Scene::new([5, 1, 1]);
    scene.run(60, 70, "b");
    let figures = scene.watch.figures();
    let (a, b) = (&figures.backends[&scene.serial("a")], &figures.backends[&scene.serial("b")]);
    assert_close(a.requests_ratio, 15.0 / 7.0, "ratio of a");
    assert_close(b.requests_ratio, 3.0 / 7.0, "ratio of b");
    // All failures at a seventh of the requests; and as long for each request.
    assert_close(b.errors_ratio, 7.0, "errors of b");
    assert_close(a.errors_ratio, 0.0, "errors of a");
    assert_close(a.in_flight_ratio, 15.0 / 7.0, "in flight at a");
    assert_eq!(a.split.cause(), Some(Term::Weights));
    let sum: f64 = a.split.terms.iter().map(|(_, size)| size).sum();
    assert_close(a.steps.intent + sum, 5.0 / 7.0, "intent and ledger");
    assert_close(figures.requests.tvd, figures.plan.tvd, "distances");
    assert_close(figures.requests.jain, 49.0 / 81.0, "Jain's index");
    // 70 a second for 0.1 s each are 7 at a time, at three backends.
    assert_close(figures.occupancy, 7.0 / 3.0, "occupancy");
}

#[test]
fn one_that_is_down_is_out_of_the_plan_by_its_health() {
    let mut scene = Scene::new([1, 1, 1]);
    scene.run(20, 60, "");
    scene.pool.apply(PoolEvent::Probed { id: BackendId::new("c"), result: Err("refused".into()) }, scene.now);
    scene.run(60, 60, "");
    let figures = scene.watch.figures();
    let c = &figures.backends[&scene.serial("c")];
    assert_close(c.steps.discovered, 1.0 / 3.0, "discovered");
    assert_close(c.steps.healthy, 0.0, "healthy");
    assert_close(c.requests_ratio, 0.0, "ratio");
    assert_eq!(c.split.cause(), Some(Term::Health));
    assert_close(figures.plan.tvd, 1.0 / 3.0, "distance of the plan");
    // The mean is of those that are used.
    assert_close(figures.occupancy, 3.0, "occupancy");
}
