//! A pool on trial: the state machine that `run` goes by, told that backends are down.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::{BackendId, HealthSpec, Mode, Nanos, Outcome, PoolEvent, PoolState, Shaping, Tried};

use crate::model::{Backend, Pool};

/// A pool whose backends are all well between two questions.
pub(super) struct Trial {
    state: PoolState,
    ids: Vec<BackendId>,
    notices: Notices,
    now: Nanos,
}

/// A pool as this process runs it, and over all instances and in all zones, where each of its backends gets its part from
/// somewhere.
pub(super) struct Trials {
    pub(super) local: Trial,
    /// `None` where that is the same.
    fleet: Option<Trial>,
}

/// What notices that a backend is down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Notices {
    /// Checks.
    Checks,
    /// The requests that fail on it; an ejection takes this long at most.
    Requests(Duration),
    /// Nothing.
    Nothing,
}

/// Who gets what.
pub(super) struct Split {
    pub(super) mode: Mode,
    /// The share of each backend, in their order.
    pub(super) shares: Vec<f64>,
    /// The share that each one is meant to have.
    pub(super) meant: Vec<f64>,
}

impl Trials {
    pub(super) fn of(pool: &Pool) -> Self {
        let shared = pool.shaping.zone.is_some() || pool.shaping.subset.is_some();
        let everywhere = |shaping: &mut Shaping| {
            shaping.zone = None;
            shaping.subset = None;
        };
        Self { local: Trial::new(pool, |_| {}), fleet: shared.then(|| Trial::new(pool, everywhere)) }
    }

    /// Who gets what over all instances, while every backend is well.
    pub(super) fn fleet(&self) -> Split {
        self.fleet.as_ref().unwrap_or(&self.local).whole()
    }

    /// Who gets what with these down: of the requests to this process, and of those to all instances where that differs.
    pub(super) fn without(&mut self, down: &[usize]) -> (Split, Option<Split>) {
        (self.local.without(down), self.fleet.as_mut().map(|fleet| fleet.without(down)))
    }
}

impl Trial {
    fn new(pool: &Pool, shape: impl Fn(&mut Shaping)) -> Self {
        let notices = match (&pool.health, &pool.passive) {
            (Some(_), _) => Notices::Checks,
            (None, Some(passive)) => Notices::Requests(passive.max),
            (None, None) => Notices::Nothing,
        };
        let mut spec = pool.spec();
        // How long it takes to notice, and to come back, is not the question.
        spec.shaping.slow_start = None;
        shape(&mut spec.shaping);
        spec.health = spec.health.map(|_| HealthSpec { rise: 1, fall: 1 });
        if let Some(passive) = &mut spec.passive {
            passive.consecutive = 1;
            passive.error_share = None;
        }
        // Names count as resolved.
        let somewhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        spec.members.iter_mut().for_each(|member| member.address = member.address.or(Some(somewhere)));
        let ids: Vec<_> = spec.members.iter().map(|member| member.id.clone()).collect();
        let mut trial =
            Self { state: PoolState::planning(spec, Nanos::ZERO), ids, notices, now: Nanos::ZERO };
        trial.probed(&(0..trial.ids.len()).collect::<Vec<_>>(), true);
        trial
    }

    pub(super) fn notices(&self) -> Notices {
        self.notices
    }

    /// Who gets what while every backend is well.
    pub(super) fn whole(&self) -> Split {
        let snapshot = self.state.snapshot();
        let members = snapshot.members();
        Split {
            mode: snapshot.mode(),
            shares: members.iter().map(|view| view.plan).collect(),
            meant: members.iter().map(|view| view.intent).collect(),
        }
    }

    /// Who gets what once it is noticed that these are down.
    fn without(&mut self, down: &[usize]) -> Split {
        match self.notices {
            Notices::Checks => {
                self.probed(down, false);
                let split = self.whole();
                self.probed(down, true);
                split
            }
            Notices::Requests(longest) => {
                self.requested(down);
                let split = self.whole();
                self.now = self.now.saturating_add(longest).saturating_add(Duration::from_secs(1));
                self.state.apply(PoolEvent::Tick, self.now);
                split
            }
            Notices::Nothing => self.whole(),
        }
    }

    fn probed(&mut self, members: &[usize], passed: bool) {
        let down: Arc<str> = Arc::from("down");
        let ids = &self.ids;
        let result = || if passed { Ok(()) } else { Err(Arc::clone(&down)) };
        let events =
            members.iter().map(|member| PoolEvent::Probed { id: ids[*member].clone(), result: result() });
        self.state.apply_all(events, self.now);
    }

    /// A request to each, which fails.
    fn requested(&mut self, members: &[usize]) {
        let outcome = Outcome::ConnectFailed;
        for member in members {
            let snapshot = self.state.snapshot();
            let session = snapshot.members()[*member].member.session();
            if let Some(lease) = snapshot.pick_session(session, &Tried::default(), self.now) {
                lease.end(outcome, self.now);
            }
            self.state.apply(PoolEvent::Attempted { id: self.ids[*member].clone(), outcome }, self.now);
        }
    }
}

/// What a backend can take for each unit of the rate of one of capacity 1.
pub(super) fn capacity(backend: &Backend) -> f64 {
    backend.capacity.unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::load;
    use crate::source::Source;

    fn trial(more: &str) -> Trial {
        let text = format!(
            "[listener.web]\nbind = ':80'\npool = 'web'\n[pool.web]\nbackends = [{}]\n{more}\n",
            (0..4).map(|n| format!("'10.0.0.{n}:80', ")).collect::<String>()
        );
        let config = load(&Source::new("f", text)).config.expect("a sound file");
        Trial::new(&config.pools[0], |_| {})
    }

    #[test]
    fn after_each_question_everybody_is_well_again() {
        let slow = "slow_start = '1m'\nhealth = { rise = 5, fall = 5 }";
        for more in ["health = {}", slow, "health = false", "health = false\npassive = { consecutive = 3 }"] {
            let mut trial = trial(more);
            assert_eq!(trial.whole().shares, [0.25; 4], "{more}");
            for down in [&[0][..], &[1, 2], &[3], &[0]] {
                let split = trial.without(down);
                assert!(
                    down.iter().all(|backend| split.shares[*backend] == 0.0),
                    "{more}: {:?}",
                    split.shares
                );
                let left = 1.0 / (4 - down.len()) as f64;
                assert!(
                    split.shares.iter().all(|share| *share == 0.0 || (share - left).abs() < 1e-9),
                    "{more}"
                );
                assert_eq!(trial.whole().shares, [0.25; 4], "{more}, after {down:?}");
            }
        }
        let mut blind = trial("health = false\npassive = false");
        assert_eq!(blind.without(&[0]).shares, [0.25; 4]);
    }

    #[test]
    fn more_than_may_be_ejected_keep_their_share_until_the_question_is_over() {
        let mut trial = trial("health = false\npassive = { max_ejected = 0.25 }");
        let split = trial.without(&[0, 1]);
        assert_eq!((split.shares[0], split.shares[1] > 0.3), (0.0, true), "{:?}", split.shares);
        assert_eq!(trial.whole().shares, [0.25; 4]);
        assert_eq!(trial.without(&[1]).shares[1], 0.0, "its turn to be ejected");
    }
}
