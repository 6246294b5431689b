//! Who fails more than its share is ejected; who fails like everybody is not.

use evenkeel_core::{
    Nanos, Outcome, Phase, PoolEvent, PoolState, Ratio, Rng, StrategyKind, Transition, Tried,
};

use crate::pools::{passive, pool, spec};

/// A pool of `members`, a tenth of a second at a time.
struct Run {
    pool: PoolState,
    rng: Rng,
    now: Nanos,
    notes: Vec<String>,
}

impl Run {
    /// `max_ejected` of them may be out. In a row nobody fails often enough.
    fn of(members: usize, max_ejected: f64) -> Self {
        Self::weighted(&vec![1; members], max_ejected)
    }

    fn weighted(weights: &[u32], max_ejected: f64) -> Self {
        let mut spec = spec(StrategyKind::RoundRobin, weights);
        spec.passive = passive(1_000_000, 60, max_ejected);
        spec.passive.as_mut().expect("set").error_share = Ratio::new(0.25);
        Self { pool: pool(&spec, 1), rng: Rng::from_seed(7), now: Nanos::ZERO, notes: Vec::new() }
    }

    /// `requests` a tenth of a second, failing with the chance of the member they go to.
    fn serve(&mut self, tenths: u32, requests: u32, chance: impl Fn(usize) -> f64) {
        for _ in 0..tenths {
            let snapshot = self.pool.snapshot();
            for _ in 0..requests {
                let lease = snapshot.pick(&Tried::default(), &mut self.rng, self.now).expect("somebody");
                let id = lease.member().id.clone();
                let number: usize = id.as_str()[1..].parse().expect("m and a number");
                let failed = self.rng.unit() < chance(number);
                let outcome = if failed { Outcome::ServerError } else { Outcome::Ok };
                lease.end(outcome, self.now);
                if failed {
                    self.apply(PoolEvent::Attempted { id, outcome });
                }
            }
            self.now = Nanos(self.now.0 + 100_000_000);
            if self.pool.next_deadline().is_some_and(|due| due <= self.now) {
                self.apply(PoolEvent::Tick);
            }
        }
    }

    fn apply(&mut self, event: PoolEvent) {
        for transition in self.pool.apply(event, self.now).transitions {
            if let Transition::Phase { id, detail, .. } = transition {
                self.notes.push(format!("{id}: {detail}"));
            }
        }
    }

    fn out(&self) -> Vec<String> {
        let snapshot = self.pool.snapshot();
        let out = snapshot.members().iter().filter(|view| view.phase == Phase::Ejected);
        out.map(|view| view.member.id.to_string()).collect()
    }
}

#[test]
fn one_that_fails_often_among_many_that_fail_now_and_then_is_found() {
    let mut run = Run::of(10, 0.3);
    run.serve(600, 20, |member| if member == 3 { 0.05 } else { 0.01 });
    assert_eq!(run.out(), ["m3"], "{:?}", run.notes);
    let [note] = &run.notes[..] else { panic!("one ejection: {:?}", run.notes) };
    let detail = note.strip_prefix("m3: ").expect("of m3");
    let figures: Vec<f64> = detail.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(figures.len() >= 2 && (25.0..=60.0).contains(&figures[0]) && figures[1] == 10.0, "{detail}");
    assert!(detail.ends_with("% of the attempts, out for 60s (ejection 1)"), "{detail}");
}

/// Two of eight shift the mean and the deviation that a comparison with the others would go by.
#[test]
fn several_that_are_dead_do_not_hide_each_other() {
    let mut run = Run::of(8, 0.5);
    run.serve(100, 10, |member| if member < 2 { 1.0 } else { 0.0 });
    assert_eq!(run.out(), ["m0", "m1"], "{:?}", run.notes);
    let mut run = Run::of(2, 0.5);
    run.serve(100, 10, |member| if member == 1 { 0.5 } else { 0.0 });
    assert_eq!(run.out(), ["m1"], "{:?}", run.notes);
}

/// A database that is slow, or gone: nobody is to blame, at any rate of failures.
#[test]
fn nobody_is_blamed_when_all_fail_alike() {
    for chance in [0.02, 0.3, 1.0] {
        let mut run = Run::of(8, 0.5);
        run.serve(6_000, 10, |_| chance);
        assert_eq!(run.notes, [""; 0], "{chance}");
    }
    let mut run = Run::weighted(&[5, 1, 1], 0.5);
    run.serve(6_000, 10, |_| 0.3);
    assert_eq!(run.notes, [""; 0], "who attempts most fails most");
    // Nearly all of them: what is left over has no better share than chance gives.
    let mut run = Run::of(8, 0.5);
    run.serve(600, 10, |member| if member < 7 { 1.0 } else { 0.0 });
    assert_eq!(run.notes, [""; 0], "one more than an eighth of the failures is within the band");
}

#[test]
fn the_cap_holds_and_the_worst_goes_first() {
    let mut run = Run::of(8, 0.125);
    // So many that there is enough against all three when they are first looked at.
    run.serve(30, 200, |member| [0.5, 0.9, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0][member]);
    assert_eq!((run.out(), run.notes.len()), (vec!["m1".to_owned()], 1), "{:?}", run.notes);
}

#[test]
fn few_failures_are_no_evidence_and_quiet_times_need_no_ticks() {
    let mut run = Run::of(100, 0.5);
    run.serve(1, 100, |member| if member == 3 { 1.0 } else { 0.0 });
    run.serve(20, 100, |_| 0.0);
    assert_eq!(run.out(), [""; 0], "one failure");
    assert!(run.pool.next_deadline().is_some(), "looking");
    run.serve(700, 1, |_| 0.0);
    assert_eq!(run.pool.next_deadline(), None, "a minute without failures");
}

/// One failure every three seconds: less than one a tick.
#[test]
fn rare_failures_add_up() {
    let mut run = Run::of(4, 0.5);
    run.serve(6_000, 4, |member| if member == 2 { 0.033 } else { 0.0 });
    assert!(
        !run.notes.is_empty() && run.notes.iter().all(|note| note.starts_with("m2: ")),
        "{:?}",
        run.notes
    );
}

/// What it did before it was ejected is forgiven when it comes back, though others have failed meanwhile.
#[test]
fn one_that_comes_back_is_judged_anew() {
    let mut run = Run::of(8, 0.5);
    run.serve(50, 20, |member| if member == 3 { 0.5 } else { 0.01 });
    assert_eq!(run.out(), ["m3"]);
    run.serve(1_500, 20, |_| 0.01);
    assert_eq!(run.notes.len(), 2, "{:?}", run.notes);
    assert_eq!(run.notes[1], "m3: ejection 1 over after 60s");
}
