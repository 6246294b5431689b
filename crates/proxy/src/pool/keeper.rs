//! The keeper of a pool: the only writer of its snapshot.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use evenkeel_config::{Health, defaults};
use evenkeel_core::{BackendId, Mode, PoolEvent, PoolSpec, PoolState, Rng, Transition};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};

use super::cell::PoolCell;
use super::probe;
use super::resolve::{self, Name};

/// First lookups and checks that run at the same time.
const AT_ONCE: usize = 256;

/// What a keeper is told beside events.
pub(crate) enum Command {
    /// Bring the pool to this configuration; answered when it is in force.
    Configure(Box<Target>, oneshot::Sender<()>),
    /// The pool is gone from the configuration.
    Stop,
}

/// The configuration of a pool as its keeper needs it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) spec: PoolSpec,
    pub(crate) health: Option<Health>,
    /// Backends whose address must be looked up; `spec` has none for them.
    pub(crate) names: Vec<Name>,
}

/// What the tasks that watch backends find.
pub(crate) enum Finding {
    /// A health check of a backend at this address has ended.
    Checked { id: BackendId, address: SocketAddr, result: Result<(), Arc<str>> },
    /// A backend's name has been looked up.
    LookedUp { id: BackendId, result: Result<SocketAddr, Arc<str>> },
}

/// Owns a pool's state and the tasks that watch its backends.
pub(crate) struct Keeper {
    cell: Arc<PoolCell>,
    state: PoolState,
    health: Option<Arc<Health>>,
    names: Vec<Name>,
    watches: HashMap<BackendId, Watch>,
    lookups: Option<AbortHandle>,
    rng: Rng,
    /// Where the watching tasks send what they find.
    found: mpsc::UnboundedSender<Finding>,
}

/// A running health check.
struct Watch {
    address: SocketAddr,
    health: Arc<Health>,
    task: AbortHandle,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Keeper {
    /// Runs until told to stop.
    pub(crate) async fn run(
        cell: Arc<PoolCell>,
        state: PoolState,
        rng: Rng,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut failures: mpsc::Receiver<PoolEvent>,
    ) {
        let (found, mut findings) = mpsc::unbounded_channel();
        let watches = HashMap::new();
        let mut keeper =
            Self { cell, state, health: None, names: Vec::new(), watches, lookups: None, rng, found };
        loop {
            let due = keeper.state.next_deadline().map(|at| keeper.cell.clock.instant(at));
            let tick = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Configure(target, done)) => {
                        keeper.configure(*target).await;
                        done.send(()).ok();
                    }
                    Some(Command::Stop) | None => break,
                },
                Some(finding) = findings.recv() => keeper.learn(finding),
                Some(event) = failures.recv() => keeper.apply(event),
                () = tick => keeper.apply(PoolEvent::Tick),
            }
        }
        if let Some(lookups) = keeper.lookups.take() {
            lookups.abort();
        }
    }

    fn learn(&mut self, finding: Finding) {
        match finding {
            // A check that was under way when its backend moved says nothing about where it is now.
            Finding::Checked { id, address, .. }
                if self.watches.get(&id).is_none_or(|w| w.address != address) => {}
            Finding::Checked { id, result, .. } => self.apply(PoolEvent::Probed { id, result }),
            Finding::LookedUp { id, result } => self.apply(PoolEvent::Resolved { id, result }),
        }
    }

    fn apply(&mut self, event: PoolEvent) {
        let moved = matches!(event, PoolEvent::Resolved { .. });
        if self.advance(event) {
            self.cell.snapshot.store(self.state.snapshot());
        }
        if moved {
            self.watch_backends();
        }
    }

    /// Applies an event without publishing; whether there is something to publish.
    fn advance(&mut self, event: PoolEvent) -> bool {
        let applied = self.state.apply(event, self.cell.clock.now());
        for transition in &applied.transitions {
            report(self.cell.id.as_str(), transition);
        }
        applied.snapshot.is_some()
    }

    /// New backends are looked up and checked before the new state is published, all at once: a reload that
    /// replaces every backend does not leave the pool empty until the first checks have passed.
    async fn configure(&mut self, mut target: Target) {
        // Whoever has been looked up before keeps that address until the next lookup.
        let known: HashMap<BackendId, SocketAddr> = self.addresses().collect();
        let mut unknown = Vec::new();
        for name in &target.names {
            let address = known.get(&name.id).filter(|_| self.names.contains(name));
            match (address, target.spec.members.iter_mut().find(|member| member.id == name.id)) {
                (Some(address), Some(member)) => member.address = Some(*address),
                _ => unknown.push(name.clone()),
            }
        }
        let looked_up =
            at_once(unknown, |name| async move { (name.id.clone(), resolve::lookup(&name).await) }).await;
        for (id, result) in &looked_up {
            if let (Some(member), Ok(address)) =
                (target.spec.members.iter_mut().find(|m| m.id == *id), result)
            {
                member.address = Some(*address);
            }
        }
        let health = target.health.map(Arc::new);
        let checked = self.first_checks(&target.spec, health.as_ref(), &known).await;
        self.health = health;
        let names_changed = self.names != target.names;
        self.names = target.names;
        self.advance(PoolEvent::Configured(target.spec));
        for (id, result) in looked_up {
            if let Err(reason) = result {
                self.advance(PoolEvent::Resolved { id, result: Err(reason) });
            }
        }
        for (id, result) in checked {
            self.advance(PoolEvent::Probed { id, result });
        }
        self.cell.snapshot.store(self.state.snapshot());
        self.watch_backends();
        if names_changed {
            self.watch_names();
        }
    }

    async fn first_checks(
        &self,
        spec: &PoolSpec,
        health: Option<&Arc<Health>>,
        known: &HashMap<BackendId, SocketAddr>,
    ) -> Vec<(BackendId, Result<(), Arc<str>>)> {
        let Some(health) = health else { return Vec::new() };
        let news = spec.members.iter().filter(|member| member.enabled).filter_map(|member| {
            let address = member.address?;
            (known.get(&member.id) != Some(&address)).then(|| (member.id.clone(), address))
        });
        at_once(news.collect(), |(id, address)| {
            let health = Arc::clone(health);
            async move { (id, probe::check(&health, address).await) }
        })
        .await
    }

    fn addresses(&self) -> impl Iterator<Item = (BackendId, SocketAddr)> {
        let snapshot = self.cell.snapshot.load_full();
        let addresses: Vec<_> = snapshot
            .members()
            .iter()
            .filter_map(|view| view.member.address.map(|address| (view.member.id.clone(), address)))
            .collect();
        addresses.into_iter()
    }

    /// Starts and stops health checks so that each backend with an address has the right one.
    fn watch_backends(&mut self) {
        let Some(health) = self.health.clone() else {
            self.watches.clear();
            return;
        };
        let addresses: HashMap<BackendId, SocketAddr> = self.addresses().collect();
        self.watches.retain(|id, watch| {
            addresses.get(id) == Some(&watch.address)
                && (Arc::ptr_eq(&watch.health, &health) || *watch.health == *health)
        });
        for (id, address) in addresses {
            if self.watches.contains_key(&id) {
                continue;
            }
            let mut rng = Rng::from_seed(self.rng.next_u64());
            // Spread over one interval: a pool of a thousand is not checked in one burst.
            let first_after = probe::jittered(&health, &mut rng).mul_f64(rng.unit());
            let watch =
                probe::watch(Arc::clone(&health), id.clone(), address, self.found.clone(), rng, first_after);
            let task = tokio::spawn(watch).abort_handle();
            self.watches.insert(id, Watch { address, health: Arc::clone(&health), task });
        }
    }

    fn watch_names(&mut self) {
        if let Some(earlier) = self.lookups.take() {
            earlier.abort();
        }
        if !self.names.is_empty() {
            let watch = resolve::watch(self.names.clone(), defaults::RESOLVE_INTERVAL, self.found.clone());
            self.lookups = Some(tokio::spawn(watch).abort_handle());
        }
    }
}

/// Runs `ask` for every item, many at a time; results in any order.
async fn at_once<T, F, R>(items: Vec<T>, ask: impl Fn(T) -> F) -> Vec<R>
where
    F: Future<Output = R> + Send + 'static,
    R: Send + 'static,
{
    let mut running = JoinSet::new();
    let mut results = Vec::new();
    for item in items {
        if running.len() >= AT_ONCE {
            results.extend(running.join_next().await.and_then(Result::ok));
        }
        running.spawn(ask(item));
    }
    while let Some(result) = running.join_next().await {
        results.extend(result.ok());
    }
    results
}

fn report(pool: &str, transition: &Transition) {
    match transition {
        Transition::Phase { id, from, to, detail } if to.is_eligible() => {
            tracing::info!(pool, backend = %id, from = from.as_str(), to = to.as_str(), %detail, "backend serves");
        }
        Transition::Phase { id, from, to, detail } => {
            tracing::warn!(pool, backend = %id, from = from.as_str(), to = to.as_str(), %detail, "backend is out");
        }
        Transition::Mode { from, to, healthy, enabled } => {
            let (was, now) = (from.as_str(), to.as_str());
            match to {
                Mode::Normal => tracing::info!(
                    pool,
                    was,
                    now,
                    healthy,
                    enabled,
                    "pool serves: enough backends are healthy"
                ),
                Mode::Panic => tracing::error!(
                    pool,
                    was,
                    now,
                    healthy,
                    enabled,
                    "PANIC: too few healthy backends, requests go to unhealthy ones too"
                ),
                Mode::Empty => tracing::error!(
                    pool,
                    was,
                    now,
                    healthy,
                    enabled,
                    "pool is empty: no backend may be picked, requests get 503"
                ),
            }
        }
        Transition::Added { id } => tracing::info!(pool, backend = %id, "backend added"),
        Transition::Removed { id } => tracing::info!(pool, backend = %id, "backend removed"),
        Transition::Weight { id, from, to } => {
            tracing::info!(pool, backend = %id, from = from.get(), to = to.get(), "weight changed");
        }
    }
}
