//! A simulated proxy: the pool that `run` would have, and nothing else.

use std::collections::HashMap;
use std::sync::Arc;

use super::job::Request;
use super::probe::Said;
use crate::id::BackendId;
use crate::lease::{Lease, Outcome};
use crate::pool::{Applied, PoolEvent, PoolSnapshot, PoolSpec, PoolState, Transition};
use crate::rng::Rng;
use crate::units::Nanos;

/// One proxy.
#[derive(Debug)]
pub(super) struct Proxy {
    pool: PoolState,
    snapshot: Arc<PoolSnapshot>,
    /// Of its picks.
    rng: Rng,
    /// By serial, the position among the servers of each member that has one.
    servers: HashMap<u64, usize>,
    /// Whether failures may eject.
    passive: bool,
}

impl Proxy {
    pub(super) fn new(spec: PoolSpec, positions: &HashMap<BackendId, usize>, mut rng: Rng) -> Self {
        let passive = spec.passive.is_some();
        let pool = PoolState::new(spec, rng.next_u64(), Nanos::ZERO);
        let mut proxy = Self { snapshot: pool.snapshot(), pool, rng, servers: HashMap::new(), passive };
        proxy.learn(positions);
        proxy
    }

    pub(super) fn snapshot(&self) -> &PoolSnapshot {
        &self.snapshot
    }

    /// Picks, and says at which server the member is.
    pub(super) fn pick(&mut self, request: &Request, now: Nanos) -> Option<(Lease, Option<usize>)> {
        let lease = self.snapshot.pick_keyed(&request.tried, request.key, &mut self.rng, now).ok()?;
        let server = self.servers.get(&lease.member().serial).copied();
        Some((lease, server))
    }

    /// Whom it asks how busy they are now that one more request has come: serial and server.
    pub(super) fn asks(&mut self) -> Vec<(u64, usize)> {
        let due = self.snapshot.probes_due();
        if due == 0 {
            return Vec::new();
        }
        let targets = self.snapshot.probe_targets(due, &mut self.rng);
        let at = |serial: u64| Some((serial, *self.servers.get(&serial)?));
        targets.filter_map(|member| at(member.serial)).collect()
    }

    /// The answer.
    pub(super) fn told(&self, serial: u64, said: Said, now: Nanos) {
        if let Some(probes) = self.snapshot.probes() {
            probes.add(serial, said.in_flight, said.latency, now);
        }
    }

    /// What was due until now has happened, each at its time.
    pub(super) fn catch_up(&mut self, now: Nanos) -> Vec<(Nanos, Transition)> {
        let mut all = Vec::new();
        while let Some(due) = self.pool.next_deadline().filter(|due| *due <= now) {
            let applied = self.pool.apply(PoolEvent::Tick, due);
            all.extend(self.take(applied).into_iter().map(|transition| (due, transition)));
            if self.pool.next_deadline() == Some(due) {
                // Nothing came of it; it is asked again with the next event.
                break;
            }
        }
        all
    }

    /// Applies events that come together. Call [`Proxy::catch_up`] first.
    pub(super) fn apply(&mut self, events: Vec<PoolEvent>, now: Nanos) -> Vec<Transition> {
        let applied = self.pool.apply_all(events, now);
        self.take(applied)
    }

    /// Takes a configuration in.
    pub(super) fn configure(
        &mut self,
        spec: PoolSpec,
        positions: &HashMap<BackendId, usize>,
        now: Nanos,
    ) -> Vec<Transition> {
        self.passive = spec.passive.is_some();
        let transitions = self.apply(vec![PoolEvent::Configured(spec)], now);
        self.learn(positions);
        transitions
    }

    /// Tells the pool of a failed attempt, if it wants to know.
    pub(super) fn failed(&mut self, id: &BackendId, outcome: Outcome, now: Nanos) -> Vec<Transition> {
        if !self.passive {
            return Vec::new();
        }
        self.apply(vec![PoolEvent::Attempted { id: id.clone(), outcome }], now)
    }

    fn take(&mut self, applied: Applied) -> Vec<Transition> {
        if let Some(snapshot) = applied.snapshot {
            self.snapshot = snapshot;
        }
        applied.transitions
    }

    fn learn(&mut self, positions: &HashMap<BackendId, usize>) {
        let members = self.snapshot.members().iter().map(|view| &view.member);
        let known = members.filter_map(|member| Some((member.serial, *positions.get(&member.id)?)));
        self.servers = known.collect();
    }
}
