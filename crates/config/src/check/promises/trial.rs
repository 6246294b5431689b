//! A pool on trial: the state machine that `run` goes by, told that backends are down.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::{
    BackendId, HealthSpec, Mode, Nanos, Outcome, PoolEvent, PoolState, StrategyKind, StrategySettings, Tried,
};

use crate::model::{Backend, Pool};

/// A pool whose backends are all well between two questions.
pub(super) struct Trial {
    state: PoolState,
    ids: Vec<BackendId>,
    notices: Notices,
    now: Nanos,
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

impl Trial {
    /// Of a pool as this process runs it.
    pub(super) fn local(pool: &Pool) -> Self {
        Self::new(pool, |_| {})
    }

    /// Of a pool over all instances and in all zones: each of its backends gets its part from somewhere.
    pub(super) fn fleet(pool: &Pool) -> Self {
        Self::new(pool, |shaping| {
            shaping.zone = None;
            shaping.subset = None;
        })
    }

    fn new(pool: &Pool, shape: impl Fn(&mut evenkeel_core::Shaping)) -> Self {
        let notices = match (&pool.health, &pool.passive) {
            (Some(_), _) => Notices::Checks,
            (None, Some(passive)) => Notices::Requests(passive.max),
            (None, None) => Notices::Nothing,
        };
        let mut spec = pool.spec();
        // Who gets how much is decided before a strategy is asked; the tables of some take long to build.
        spec.strategy = StrategyKind::default();
        spec.settings = StrategySettings::default();
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
        let mut trial = Self { state: PoolState::new(spec, 0, Nanos::ZERO), ids, notices, now: Nanos::ZERO };
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
    pub(super) fn without(&mut self, down: &[usize]) -> Split {
        match self.notices {
            Notices::Checks => {
                self.probed(down, false);
                let split = self.whole();
                self.probed(down, true);
                split
            }
            Notices::Requests(longest) => {
                self.requested(down, Outcome::ConnectFailed);
                let split = self.whole();
                self.now = self.now.saturating_add(longest).saturating_add(Duration::from_secs(1));
                self.state.apply(PoolEvent::Tick, self.now);
                self.requested(down, Outcome::Ok);
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

    /// One request to each, and how it ends.
    fn requested(&mut self, members: &[usize], outcome: Outcome) {
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
