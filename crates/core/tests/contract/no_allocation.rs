//! A pick is on the path of every request: it must not allocate, nor its end.

use evenkeel_core::{Nanos, Outcome, REGISTRY, Rng, Tried};

use crate::pools::{pool, spec};

#[test]
fn in_a_pick_or_its_end() {
    for known in REGISTRY {
        for backends in [1, 3, 200] {
            let weights: Vec<u32> = (0..backends).map(|i| 1 + i % 7).collect();
            let snapshot = pool(&spec(known.kind, &weights), 1).snapshot();
            let mut rng = Rng::from_seed(1);
            let counted = allocation_counter::measure(|| {
                for outcome in Outcome::ALL {
                    let mut tried = Tried::default();
                    while let Some(lease) = snapshot.pick(&tried, &mut rng, Nanos::ZERO) {
                        let room = tried.push(lease.member().serial);
                        lease.end(outcome, Nanos(1));
                        if !room {
                            break;
                        }
                    }
                }
            });
            assert_eq!((counted.count_total, counted.bytes_total), (0, 0), "{} of {backends}", known.name);
        }
    }
}

#[test]
fn would_be_seen() {
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!(counted.count_total, 1);
}
