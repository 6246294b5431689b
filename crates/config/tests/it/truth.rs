//! What the lint says of a pool is what the state machine of `run` does with it.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_config::{Source, load, rule};
use evenkeel_core::{Mode, Nanos, Outcome, PoolEvent, PoolState, Tried};

/// The first pool of a file, all of whose backends have passed their checks.
struct Running {
    state: PoolState,
    now: Nanos,
}

impl Running {
    fn of(text: &str) -> Self {
        let config = load(&Source::new("f", text)).config.expect("a file that is accepted");
        let mut running =
            Self { state: PoolState::new(config.pools[0].spec(), 7, Nanos::ZERO), now: Nanos::ZERO };
        let all: Vec<_> = (0..config.pools[0].backends.len()).collect();
        running.checked(&all, true);
        running
    }

    fn broken(id: &str) -> Self {
        Self::of(rule(id).expect("a rule").broken)
    }

    fn sound(id: &str) -> Self {
        Self::of(rule(id).expect("a rule").sound)
    }

    /// As many checks as it takes, of the backends with these numbers.
    fn checked(&mut self, backends: &[usize], passed: bool) -> &mut Self {
        for _ in 0..5 {
            for backend in backends {
                let id = self.state.snapshot().members()[*backend].member.id.clone();
                let result = if passed { Ok(()) } else { Err(Arc::from("dead")) };
                self.now = self.now.saturating_add(Duration::from_millis(10));
                self.state.apply(PoolEvent::Probed { id, result }, self.now);
            }
        }
        self
    }

    /// Requests that cannot reach them, as many as it takes to be ejected by default.
    fn failed(&mut self, backends: &[usize]) -> &mut Self {
        for backend in backends {
            for _ in 0..5 {
                let snapshot = self.state.snapshot();
                let member = &snapshot.members()[*backend].member;
                let (session, id) = (member.session(), member.id.clone());
                if let Some(lease) = snapshot.pick_session(session, &Tried::default(), self.now) {
                    lease.end(Outcome::ConnectFailed, self.now);
                }
                self.state.apply(PoolEvent::Attempted { id, outcome: Outcome::ConnectFailed }, self.now);
            }
        }
        self
    }

    fn mode(&self) -> Mode {
        self.state.snapshot().mode()
    }

    /// Planned shares, in thousandths.
    fn plan(&self) -> Vec<u32> {
        self.state.snapshot().members().iter().map(|view| (view.plan * 1000.0).round() as u32).collect()
    }
}

#[test]
fn shares_are_those_that_are_told() {
    assert_eq!(Running::broken("weight-outlier").plan(), [83, 83, 833]);
    assert_eq!(Running::broken("lone-first-tier").plan(), [1000, 0, 0]);
    assert_eq!(Running::sound("lone-first-tier").plan(), [333, 333, 333]);
    assert_eq!(Running::broken("mostly-out").plan(), [500, 500, 0, 0, 0]);
    assert_eq!(
        Running::broken("dominant-backend").checked(&[0], false).plan(),
        [0, 500, 500],
        "from 10 % each"
    );
    assert_eq!(
        Running::broken("no-headroom").checked(&[2], false).plan(),
        [500, 500, 0],
        "700 of 1400 a second"
    );
}

#[test]
fn tiers_that_wait_too_long_wait() {
    let down = [0, 1];
    assert_eq!(Running::broken("late-failover").checked(&down, false).plan(), [0, 0, 1000, 0, 0]);
    let helped = Running::sound("late-failover").checked(&down, false).plan();
    assert!(helped[3] > 200 && helped[4] > 200, "{helped:?}");
    let mut unwatched = Running::broken("unwatched-reserve");
    assert_eq!(unwatched.failed(&down).plan(), [500, 500, 0], "nobody notices");
    assert_eq!(Running::sound("unwatched-reserve").checked(&down, false).plan(), [0, 0, 1000]);
}

#[test]
fn panic_and_ejections_do_what_is_told() {
    let mut panics = Running::broken("panic-at-once");
    assert_eq!(panics.checked(&[0], false).plan(), [333, 333, 333]);
    assert_eq!(panics.mode(), Mode::Panic);
    assert_eq!(Running::sound("panic-at-once").checked(&[0], false).plan(), [0, 500, 500]);
    assert_eq!(Running::broken("ejection-not-off").failed(&[0]).plan(), [0, 1000]);
    assert_eq!(Running::sound("ejection-not-off").failed(&[0]).plan(), [500, 500]);
    let mut all = Running::broken("ejects-nearly-all");
    assert_eq!(all.failed(&[0, 1, 2]).plan(), [0, 0, 1000]);
    let mut undone = Running::broken("ejection-into-panic");
    assert_eq!(undone.failed(&[0, 1]).mode(), Mode::Normal);
    assert_eq!(undone.failed(&[2]).plan(), [200, 200, 200, 200, 200]);
    assert_eq!(undone.mode(), Mode::Panic);
}

/// Of every small pool and every threshold the rules know whether it panics, by one failure or by ejections alone.
#[test]
fn the_rules_know_every_small_pool() {
    let mut found = [0; 2];
    for backends in 2..=7 {
        for threshold in 0..=10 {
            for cap in 0..=10 {
                let text = small(backends, threshold, cap);
                let codes: Vec<_> =
                    load(&Source::new("f", &*text)).diagnostics.iter().map(|d| d.code).collect();
                let mut one = Running::of(&text);
                let at_once = one.checked(&[0], false).mode() == Mode::Panic;
                assert_eq!(codes.contains(&"panic-at-once"), at_once, "{text}");
                let mut some = Running::of(&text);
                let mut any = false;
                for backend in 0..backends {
                    any |= some.failed(&[backend]).mode() == Mode::Panic;
                }
                let told = codes.contains(&"ejection-into-panic");
                assert_eq!(told, any && !at_once, "{text}\n{codes:?}");
                found[0] += usize::from(at_once);
                found[1] += usize::from(told);
            }
        }
    }
    assert!(found[0] > 50 && found[1] > 50, "{found:?}");
}

fn small(backends: usize, threshold: usize, cap: usize) -> String {
    let backends: Vec<_> = (0..backends).map(|n| format!("'10.0.0.{n}:80'")).collect();
    format!(
        "[listener.web]\nbind = ':80'\npool = 'web'\n[pool.web]\nhealth = {{}}\nbackends = [{}]\n\
         panic_threshold = {:.1}\npassive = {{ max_ejected = {:.1} }}\n",
        backends.join(", "),
        threshold as f64 / 10.0,
        cap as f64 / 10.0
    )
}
