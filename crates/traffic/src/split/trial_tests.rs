use evenkeel_core::Rng;
use evenkeel_core::skew::Side;

use super::*;

const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

fn shares(parts: &[f64]) -> Expectation {
    let parts: Vec<_> = NAMES.iter().zip(parts).map(|(name, part)| ((*name).to_owned(), *part)).collect();
    Expectation::of_parts(&parts).unwrap()
}

/// A backend by chance, with these weights.
fn draw(weights: &[f64], rng: &mut Rng) -> &'static str {
    let mut left = rng.unit() * weights.iter().sum::<f64>();
    let chosen = weights.iter().position(|weight| {
        left -= weight;
        left < 0.0
    });
    NAMES[chosen.unwrap_or(weights.len() - 1)]
}

/// Draws until the trial ends, at most so often.
fn run(expectation: &Expectation, weights: &[f64], seed: u64, answers: u64) -> Trial {
    let mut trial = Trial::new(expectation.clone(), Tolerance::PLAN, 2.0);
    let mut rng = Rng::from_seed(seed);
    for _ in 0..answers {
        trial.count(draw(weights, &mut rng));
        if trial.state() != State::Open {
            return trial;
        }
    }
    trial.end();
    trial
}

fn median(mut numbers: Vec<u64>) -> u64 {
    numbers.sort_unstable();
    numbers[numbers.len() / 2]
}

#[test]
fn five_to_one_to_one_is_refused_within_120_answers() {
    for expectation in [shares(&[1.0; 3]), Expectation::Equal(3), Expectation::EqualSeen] {
        let answers = (0..50).map(|seed| {
            let trial = run(&expectation, &[5.0, 1.0, 1.0], seed, 2_000);
            assert_eq!(trial.state(), State::Refused, "{expectation:?} {seed}");
            trial.answers()
        });
        let median = median(answers.collect());
        assert!((40..=120).contains(&median), "{expectation:?}: {median}");
    }
}

#[test]
fn an_even_split_is_never_refused_in_1000_runs() {
    for (expectation, weights) in [
        (shares(&[1.0; 3]), vec![1.0; 3]),
        (Expectation::Equal(4), vec![1.0; 4]),
        (Expectation::EqualSeen, vec![1.0; 6]),
        (shares(&[5.0, 1.0, 1.0]), vec![5.0, 1.0, 1.0]),
    ] {
        for seed in 0..250 {
            // To the last answer: the end that comes when it is shown would hide a late refusal.
            let mut trial = Trial::new(expectation.clone(), Tolerance::PLAN, 2.0);
            let mut rng = Rng::from_seed(seed);
            for _ in 0..2_000 {
                trial.count(draw(&weights, &mut rng));
                assert_ne!(trial.state(), State::Refused, "{expectation:?} {seed}: {:?}", trial.shares());
            }
            assert_eq!(trial.state(), State::Shown, "{expectation:?} {seed}");
        }
    }
}

#[test]
fn what_is_excluded_would_have_been_found_nine_times_in_ten() {
    for parts in [vec![2.0, 1.0, 1.0, 1.0, 1.0], vec![0.5, 1.0, 1.0, 1.0]] {
        let equal = shares(&vec![1.0; parts.len()]);
        // One backend with exactly twice, or half, of its share; the others share the rest.
        let share = parts[0] / parts.len() as f64;
        let rest = (1.0 - share) / (parts.len() - 1) as f64;
        let weights: Vec<f64> = std::iter::once(share).chain(vec![rest; parts.len() - 1]).collect();
        let refused = (0..200).filter(|seed| run(&equal, &weights, *seed, 100_000).state() == State::Refused);
        let refused = refused.count();
        assert!(refused >= 180, "{parts:?}: {refused} of 200");
    }
}

#[test]
fn who_never_answers_is_named() {
    let trial = run(&shares(&[1.0; 3]), &[1.0, 1.0, 0.0], 1, 2_000);
    assert_eq!(trial.state(), State::Refused);
    let missing = trial.shares().pop().unwrap();
    assert_eq!((missing.backend.as_deref(), missing.answers), (Some("c"), 0));
    let all = run(&Expectation::Equal(3), &[1.0, 1.0, 0.0], 1, 2_000);
    assert_eq!(all.state(), State::Refused);
    assert_eq!(all.shares()[2].backend, None);
    let found: Vec<_> = trial.shares().iter().filter_map(|share| share.finding).collect();
    assert!(!found.is_empty() && trial.answers() < 200, "{found:?}");
}

#[test]
fn a_stranger_is_found() {
    let trial = run(&shares(&[1.0, 1.0]), &[1.0, 1.0, 1.0], 1, 2_000);
    assert_eq!(trial.state(), State::Refused);
    let shares = trial.shares();
    let stranger = &shares[2];
    assert_eq!((stranger.backend.as_deref(), stranger.expected), (Some("c"), 0.0));
    assert!(stranger.finding.is_some_and(|finding| finding.side == Side::Above), "{shares:?}");
}

#[test]
fn all_to_one_is_refused_at_once_and_one_alone_is_not_judged() {
    let trial = run(&Expectation::Equal(3), &[1.0], 1, 2_000);
    assert_eq!(trial.state(), State::Refused);
    assert!(trial.answers() <= 30, "{}", trial.answers());
    let seen = run(&Expectation::EqualSeen, &[1.0], 1, 2_000);
    assert_eq!((seen.state(), seen.needed(), seen.backends_seen()), (State::Open, None, 1));
    assert_eq!(run(&Expectation::Equal(1), &[1.0], 1, 2_000).state(), State::Shown);
}

#[test]
fn a_change_is_dated() {
    let mut trial = Trial::new(Expectation::Equal(3), Tolerance::PLAN, 1.2);
    let mut rng = Rng::from_seed(3);
    for _ in 0..300 {
        trial.count(draw(&[1.0; 3], &mut rng));
    }
    while trial.state() == State::Open {
        trial.count(draw(&[8.0, 1.0, 1.0], &mut rng));
    }
    assert_eq!(trial.state(), State::Refused);
    let since = trial.shares().iter().filter_map(|share| share.finding).map(|finding| finding.since.0).max();
    assert!(since.is_some_and(|since| (270..=320).contains(&since)), "{since:?}");
}

#[test]
fn backends_that_show_up_one_after_the_other_are_no_skew() {
    // A round robin begins with everybody's first answer.
    let mut trial = Trial::new(Expectation::EqualSeen, Tolerance::PLAN, 2.0);
    for number in 0..4_000 {
        trial.count(&(number % 400).to_string());
        assert_ne!(trial.state(), State::Refused, "{number}");
    }
}

#[test]
fn names_are_bounded() {
    let mut trial = Trial::new(Expectation::EqualSeen, Tolerance::PLAN, 2.0);
    for number in 0..BACKENDS_MAX + 500 {
        trial.count(&number.to_string());
    }
    assert_eq!((trial.backends_seen(), trial.beyond()), (BACKENDS_MAX, 500));
    assert_ne!(trial.state(), State::Refused);
}
