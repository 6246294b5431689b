//! What holds after an alarm, and when it is taken back.

use std::time::Duration;

use evenkeel_core::Nanos;
use evenkeel_core::skew::{Detector, Severity, Tolerance};

use crate::traffic::{Traffic, shares};

const EVEN: [f64; 3] = [1.0 / 3.0; 3];

#[test]
fn the_beginning_is_told_within_a_tick() {
    for seed in 0..50 {
        let mut traffic = Traffic::new(Detector::new(Tolerance::PLAN), seed);
        for _ in 0..50 {
            traffic.tick(100, &EVEN, &EVEN);
        }
        let began = traffic.now;
        let found = loop {
            if let Some(found) = traffic.tick(100, &shares(&[5.0, 1.0, 1.0]), &EVEN).first().copied() {
                break found;
            }
        };
        let off = found.since.0.abs_diff(began.0);
        assert!(off <= Nanos::from_secs(2).0, "seed {seed}: off by {} ms", off / 1_000_000);
        assert_eq!(found.severity, Severity::Critical);
        assert!((found.ratio - 2.14).abs() < 0.45, "{found:?}");
    }
}

#[test]
fn a_finding_holds_while_it_is_confirmed_and_a_minute_longer() {
    let mut traffic = Traffic::new(Detector::new(Tolerance::PLAN), 1);
    for _ in 0..10 {
        traffic.exactly(&[300.0, 300.0, 300.0], &EVEN);
    }
    assert!(traffic.detector.latched().is_empty());
    for _ in 0..600 {
        traffic.exactly(&[400.0, 300.0, 200.0], &EVEN);
    }
    let latched = traffic.detector.latched();
    assert_eq!(latched.iter().map(|one| one.finding.backend).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(latched[0].finding.since, Nanos::from_secs(10), "since the first time it was found");
    assert_eq!(latched[0].finding.severity, Severity::Warning);
    let mut held = 0;
    while !traffic.detector.latched().is_empty() {
        traffic.exactly(&[300.0, 300.0, 300.0], &EVEN);
        held += 1;
    }
    assert!((55..=75).contains(&held), "{held} s");
    assert!(latched[0].hold >= Duration::from_secs(60));
}

#[test]
fn who_leaves_leaves_nothing_behind() {
    let mut traffic = Traffic::new(Detector::new(Tolerance::PLAN), 1);
    for _ in 0..20 {
        traffic.exactly(&[0.0, 500.0, 500.0], &EVEN);
    }
    assert!(!traffic.detector.latched().is_empty());
    let others = [evenkeel_core::skew::Count::new(1, 5.0, 0.5), evenkeel_core::skew::Count::new(2, 5.0, 0.5)];
    traffic.detector.observe(traffic.now, &others);
    assert!(traffic.detector.latched().iter().all(|one| one.finding.backend != 0));
}

#[test]
fn nearness_is_told_before_it_fires() {
    let mut traffic = Traffic::new(Detector::new(Tolerance::PLAN), 1);
    assert_eq!(traffic.detector.nearness(), 0.0);
    traffic.exactly(&[30.0, 10.0, 10.0], &EVEN);
    let near = traffic.detector.nearness();
    assert!(near > 0.1 && near < 1.0, "{near}");
}
