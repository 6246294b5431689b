//! Requests from a fault to its alarm, of a whole pool that is watched, from a mistake in the configuration or a backend that
//! is gone to what an operator is told. Bars are medians for a false alarm in 1e8 ticks and shares that may be a fifth off.

use evenkeel_core::skew::{Cause, Dimension};
use evenkeel_core::{HealthSpec, MemberSpec, PoolEvent, PoolSpec, StrategyKind, Weight};

use crate::stage::{Stage, member, weighing};

/// What goes wrong with the first of the backends.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// It gets everything, or nearly.
    All,
    /// It has five times the weight of each other.
    Five,
    /// It gets nothing.
    Absent,
}

impl Fault {
    fn strike(self, stage: &mut Stage, spec: &PoolSpec) {
        let weight = match self {
            Self::All => Weight::MAX.get(),
            Self::Five => 5,
            Self::Absent => return stage.check(0, false),
        };
        let mut members: Vec<MemberSpec> = spec.members.clone();
        members[0] = weighing(0, weight);
        stage.pool.apply(PoolEvent::Configured(PoolSpec { members, ..spec.clone() }), stage.now);
    }

    fn cause(self) -> Cause {
        match self {
            Self::All | Self::Five => Cause::Weights,
            Self::Absent => Cause::Health,
        }
    }
}

/// By lot, as the figures were simulated: chance is all that is in the way.
fn requests_to_alarm(fault: Fault, backends: usize, every: u32, seed: u64) -> u32 {
    let health = Some(HealthSpec { rise: 1, fall: 1 });
    let members = (0..backends).map(member).collect();
    let spec = PoolSpec { strategy: StrategyKind::Random, health, ..PoolSpec::new("web", members) };
    let mut stage = Stage::new(spec.clone(), seed);
    (0..backends).for_each(|name| stage.check(name, true));
    stage.rate = 100;
    stage.run(20);
    assert_eq!(stage.watch.symptoms(), [], "seed {seed}");
    fault.strike(&mut stage, &spec);
    for request in 1..20_000 {
        stage.request();
        if request % every == 0 {
            stage.tick();
            if let Some(worst) = stage.symptoms(Dimension::Requests).first() {
                assert_eq!(
                    (stage.name(worst).as_str(), worst.cause),
                    ("0", fault.cause()),
                    "{fault:?} {seed}"
                );
                return request;
            }
        }
    }
    panic!("never: {fault:?} of {backends}, seed {seed}");
}

/// Fails above any of these medians: all to one, five times the weight, absent.
fn medians(backends: usize, runs: u64, bars: [u32; 3]) {
    for (fault, bar) in [Fault::All, Fault::Five, Fault::Absent].into_iter().zip(bars) {
        // Not finer than a hundredth of what may be needed.
        let every = (bar / 100).max(1);
        let delays = (0..runs).map(|seed| requests_to_alarm(fault, backends, every, seed));
        let mut delays: Vec<u32> = delays.collect();
        delays.sort_unstable();
        let (median, most) = (delays[delays.len() / 2], delays[delays.len() - 1]);
        println!("{fault:?} of {backends}: median {median}, at most {most}, of {runs} runs; bar {bar}");
        assert!(median <= bar, "{fault:?} of {backends}: {median}, not {bar}");
    }
}

#[test]
fn of_three() {
    medians(3, 40, [30, 140, 80]);
}

#[test]
fn of_ten() {
    medians(10, 20, [20, 140, 320]);
}

#[test]
fn of_a_hundred() {
    medians(100, 20, [20, 950, 3_700]);
}
