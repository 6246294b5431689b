//! Requests from a fault to its alarm.

use evenkeel_core::skew::{Detector, Side, Tolerance};

use crate::traffic::{Traffic, shares};

const RUNS: u64 = 200;

/// Median and 99th percentile of requests to the first alarm after a clean history, which must name that one.
fn delay(actual: &[f64], expected: &[f64], named: u64, side: Side) -> (u32, u32) {
    let (actual, expected) = (shares(actual), shares(expected));
    let mut delays: Vec<u32> = (0..RUNS).map(|run| one(run, &actual, &expected, named, side)).collect();
    delays.sort_unstable();
    (delays[delays.len() / 2], delays[delays.len() * 99 / 100])
}

fn one(seed: u64, actual: &[f64], expected: &[f64], named: u64, side: Side) -> u32 {
    let mut traffic = Traffic::new(Detector::new(Tolerance::PLAN), seed);
    for _ in 0..20 {
        assert_eq!(traffic.tick(100, expected, expected), []);
    }
    for request in 1..100_000 {
        if let Some(worst) = traffic.tick(1, actual, expected).first() {
            assert_eq!((worst.backend, worst.side), (named, side), "{worst:?}");
            return request;
        }
    }
    panic!("no alarm in 100,000 requests");
}

fn assert_about(got: (u32, u32), median: u32, late: u32, what: &str) {
    let near = f64::from(got.0) / f64::from(median);
    assert!((0.75..=1.25).contains(&near), "{what}: median {} instead of about {median}", got.0);
    assert!(got.1 <= late + late / 4, "{what}: 99th percentile {} instead of about {late}", got.1);
}

#[test]
fn all_to_one_of_three() {
    let got = delay(&[1.0, 0.0, 0.0], &[1.0, 1.0, 1.0], 0, Side::Above);
    assert_about(got, 23, 27, "all to one");
}

#[test]
fn five_to_one_to_one() {
    assert_about(delay(&[5.0, 1.0, 1.0], &[1.0, 1.0, 1.0], 0, Side::Above), 70, 149, "5:1:1");
}

#[test]
fn one_of_three_gets_nothing() {
    assert_about(delay(&[0.0, 1.0, 1.0], &[1.0, 1.0, 1.0], 0, Side::Below), 61, 62, "absent");
}

#[test]
fn one_of_ten() {
    let even = [1.0; 10];
    let with = |first: f64| [first, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
    assert_about(delay(&with(5.0), &even, 0, Side::Above), 90, 240, "5x of ten");
    assert_about(delay(&with(0.0), &even, 0, Side::Below), 232, 290, "absent of ten");
    // Intent that is not even: twice the share, five times the weight.
    assert_about(delay(&with(10.0), &with(2.0), 0, Side::Above), 75, 200, "5x of 2:1");
}
