//! A pick is on the path of every request: it must not allocate, nor its end.

use std::time::Duration;

use evenkeel_core::{Nanos, Outcome, PoolSpec, Rng, StrategySettings, Tried};

use crate::pools::{pool, spec, traffic};

#[test]
fn in_a_pick_or_its_end() {
    for (strategy, keys) in traffic() {
        for (backends, bound) in [(1, None), (3, Some(1.25)), (3, None), (200, None), (200, Some(1.01))] {
            let weights: Vec<u32> = (0..backends).map(|i| 1 + i % 7).collect();
            let settings = StrategySettings { bound, ..StrategySettings::default() };
            let spec = PoolSpec { settings, ..spec(strategy, &weights) };
            let snapshot = pool(&spec, 1).snapshot();
            if let Some(probes) = snapshot.probes() {
                let members = snapshot.members().iter().map(|view| view.member.serial);
                members.for_each(|serial| probes.add(serial, 3, Duration::from_millis(1), Nanos::ZERO));
            }
            let mut rng = Rng::from_seed(1);
            // Load, so that a bound has something to do.
            let pick = |tried: &Tried, rng: &mut Rng| {
                let key = keys.next(rng);
                snapshot.pick_keyed(tried, key, rng, Nanos::ZERO)
            };
            let held: Vec<_> = (0..backends)
                .map(|_| pick(&Tried::default(), &mut rng).expect("somebody is eligible"))
                .collect();
            let counted = allocation_counter::measure(|| {
                for outcome in Outcome::ALL {
                    let due = snapshot.probes_due();
                    snapshot.probe_targets(due, &mut rng).for_each(drop);
                    let mut tried = Tried::default();
                    while let Ok(lease) = pick(&tried, &mut rng) {
                        let room = tried.push(lease.member().serial);
                        lease.end(outcome, Nanos(1));
                        if !room {
                            break;
                        }
                    }
                }
            });
            assert_eq!((counted.count_total, counted.bytes_total), (0, 0), "{strategy} of {backends}");
            drop(held);
        }
    }
}

#[test]
fn would_be_seen() {
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!(counted.count_total, 1);
}
