//! What must not raise an alarm.

use evenkeel_core::skew::{Detector, Side, Tolerance, needed};

use crate::traffic::{Traffic, shares};

fn quiet(weights: &[f64], requests: u32, ticks: u32, seed: u64) {
    let expected = shares(weights);
    let mut traffic = Traffic::new(Detector::new(Tolerance::PLAN), seed);
    for tick in 0..ticks {
        assert_eq!(traffic.tick(requests, &expected, &expected), [], "tick {tick} of {weights:?}");
    }
}

#[test]
fn chance_alone_raises_none() {
    quiet(&[1.0; 3], 20, 30_000, 1);
    quiet(&[1.0; 10], 20, 30_000, 2);
    quiet(&[5.0, 1.0, 1.0], 3, 30_000, 3);
    quiet(&[100.0, 1.0], 10, 30_000, 4);
    quiet(&[1.0; 100], 50, 10_000, 5);
}

#[test]
fn a_share_may_change_with_the_plan() {
    let (even, uneven) = (shares(&[1.0, 1.0, 1.0]), shares(&[7.0, 2.0, 0.0]));
    let mut traffic = Traffic::new(Detector::new(Tolerance::PLAN), 6);
    for tick in 0..5_000 {
        let plan = if tick % 7 < 3 { &even } else { &uneven };
        assert_eq!(traffic.tick(40, plan, plan), []);
    }
}

#[test]
fn no_number_of_requests_makes_a_small_difference_a_large_one() {
    let even = [0.1; 10];
    let with = |ratio: f64| {
        let mut counts = [1e6 * (10.0 - ratio) / 9.0; 10];
        counts[0] = 1e6 * ratio;
        counts
    };
    let mut traffic = Traffic::new(Detector::new(Tolerance::PLAN), 7);
    for _ in 0..1_000 {
        assert_eq!(traffic.exactly(&with(1.04), &even), []);
        assert_eq!(traffic.exactly(&with(0.96), &even), []);
    }
    assert!((0..10).any(|_| !traffic.exactly(&with(1.07), &even).is_empty()), "7 % is outside of 5 %");
    assert!((0..10).any(|_| !traffic.exactly(&with(0.93), &even).is_empty()), "so is -7 %");
}

#[test]
fn a_backend_alone_has_nobody_to_be_compared_with() {
    let mut traffic = Traffic::new(Detector::new(Tolerance::PLAN), 8);
    for _ in 0..1_000 {
        assert_eq!(traffic.exactly(&[1e9], &[1.0]), []);
        assert_eq!(traffic.exactly(&[], &[]), []);
    }
    // Nearly alone: the band of the larger one reaches to all there is.
    let mut traffic = Traffic::new(Detector::new(Tolerance::INTENT), 8);
    let found = (0..1_000).flat_map(|_| traffic.exactly(&[1e3, 0.0], &[0.9, 0.1])).collect::<Vec<_>>();
    assert!(found.iter().all(|finding| (finding.backend, finding.side) == (1, Side::Below)), "{found:?}");
    assert!(!found.is_empty());
}

#[test]
fn who_should_get_nothing_and_does_is_found() {
    let mut traffic = Traffic::new(Detector::new(Tolerance::PLAN), 9);
    let found: Vec<_> = (0..20).flat_map(|_| traffic.exactly(&[99.0, 1.0], &[1.0, 0.0])).collect();
    assert_eq!((found[0].backend, found[0].side), (1, Side::Above));
    assert_eq!(found[0].ratio, f64::INFINITY);
}

#[test]
fn what_is_said_to_be_needed_is_about_what_it_takes() {
    let (actual, even) = (shares(&[2.0, 1.0, 1.0]), [1.0 / 3.0; 3]);
    let foretold = needed(even[0], actual[0], Tolerance::PLAN, 3).unwrap();
    let mut taken: Vec<u64> = (0..100)
        .map(|seed| {
            let mut traffic = Traffic::new(Detector::new(Tolerance::PLAN), seed);
            (1..).find(|_| !traffic.tick(1, &actual, &even).is_empty()).unwrap()
        })
        .collect();
    taken.sort_unstable();
    let ratio = taken[50] as f64 / foretold as f64;
    assert!((0.75..1.25).contains(&ratio), "{} instead of {foretold}", taken[50]);
}
