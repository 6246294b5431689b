//! The keeper of a pool: the only writer of its snapshot.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evenkeel_config::{Health, LoadProbe, defaults};
use evenkeel_core::{BackendId, PoolEvent, PoolSpec, PoolState, Rng, Transition};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use crate::proxy::lock;

use super::announce::announce;
use super::cell::{PoolCell, PoolSettings};
use super::load_probe;
use super::probe;
use super::queue::Queue;
use super::resolve::{self, Name};

/// First lookups and checks that run at the same time.
const AT_ONCE: usize = 256;
/// A start or a reload waits so long for a first check, whatever its timeout.
const FIRST_CHECK_MAX: Duration = Duration::from_secs(5);

/// From so many backends on, checks are applied together that end within this time.
const GATHERED_FROM: usize = 100;
const GATHER_TIME: Duration = Duration::from_millis(10);

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
    pub(crate) settings: PoolSettings,
    pub(crate) health: Option<Health>,
    pub(crate) probe: Option<LoadProbe>,
    /// Backends whose address must be looked up; `spec` has none for them.
    pub(crate) names: Vec<Name>,
}

/// What the tasks that watch backends find.
pub(crate) enum Finding {
    /// A health check of a backend at this address has ended.
    Checked { id: BackendId, address: SocketAddr, result: Result<(), Arc<str>> },
    /// A backend's name has been looked up.
    LookedUp { id: BackendId, result: Result<SocketAddr, Arc<str>> },
    /// A backend's name leads elsewhere now, and that address has been checked.
    Moved { id: BackendId, address: SocketAddr, result: Result<(), Arc<str>> },
    /// The new backends of a configuration have been looked up and checked.
    Prepared(Box<Prepared>),
}

/// A configuration that is ready to be applied.
pub(crate) struct Prepared {
    target: Target,
    unresolved: Vec<(BackendId, Arc<str>)>,
    checked: Vec<(BackendId, Result<(), Arc<str>>)>,
    done: oneshot::Sender<()>,
}

/// Owns a pool's state and the tasks that watch its backends.
pub(crate) struct Keeper {
    cell: Arc<PoolCell>,
    state: PoolState,
    health: Option<Arc<Health>>,
    names: Vec<Name>,
    watches: HashMap<BackendId, Watch>,
    lookups: JoinSet<()>,
    /// How backends are asked how busy they are, and the task that does it.
    probe: Option<LoadProbe>,
    probing: JoinSet<()>,
    rng: Rng,
    /// Connections that the checks of all pools may keep.
    kept_checks: Arc<Semaphore>,
    /// Where the watching tasks send what they find.
    found: mpsc::UnboundedSender<Finding>,
    /// Checks that have ended and are not applied yet, and when they will be.
    checked: Vec<PoolEvent>,
    apply_at: Option<Instant>,
}

/// A running health check.
struct Watch {
    address: SocketAddr,
    health: Arc<Health>,
    /// When the next check is due.
    due: Arc<Mutex<Instant>>,
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
        kept_checks: Arc<Semaphore>,
    ) {
        let (found, mut findings) = mpsc::unbounded_channel();
        let watches = HashMap::new();
        let mut keeper = Self {
            cell,
            state,
            health: None,
            names: Vec::new(),
            watches,
            lookups: JoinSet::new(),
            probe: None,
            probing: JoinSet::new(),
            rng,
            kept_checks,
            found,
            checked: Vec::new(),
            apply_at: None,
        };
        loop {
            let ejections = keeper.state.next_deadline().map(|at| keeper.cell.clock.instant(at).into());
            let due: Option<Instant> = [ejections, keeper.apply_at].into_iter().flatten().min();
            let tick = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Configure(target, done)) => keeper.prepare(*target, done),
                    Some(Command::Stop) | None => break,
                },
                Some(finding) = findings.recv() => keeper.learn(finding),
                Some(event) = failures.recv() => keeper.apply(vec![event]),
                () = tick => keeper.apply(vec![PoolEvent::Tick]),
            }
        }
    }

    fn learn(&mut self, finding: Finding) {
        match finding {
            // A check that was under way when its backend moved says nothing about where it is now.
            Finding::Checked { id, address, .. }
                if self.watches.get(&id).is_none_or(|watch| watch.address != address) => {}
            Finding::Checked { id, result, .. } => self.checked(PoolEvent::Probed { id, result }),
            Finding::LookedUp { id, result: Ok(address) } => self.looked_up(id, address),
            Finding::LookedUp { id, result } => self.apply(vec![PoolEvent::Resolved { id, result }]),
            Finding::Moved { id, address, result } => {
                let moved = PoolEvent::Resolved { id: id.clone(), result: Ok(address) };
                self.apply(vec![moved, PoolEvent::Probed { id, result }]);
                self.watch_backends();
            }
            Finding::Prepared(prepared) => self.configure(*prepared),
        }
    }

    /// A snapshot of a large pool costs as much as many checks: those that end close to each other share one.
    fn checked(&mut self, event: PoolEvent) {
        self.checked.push(event);
        if self.watches.len() < GATHERED_FROM {
            return self.apply(Vec::new());
        }
        self.apply_at.get_or_insert_with(|| Instant::now() + GATHER_TIME);
    }

    /// Applies events, after the checks that wait, and publishes what they come to. What lies between is seen, and
    /// reported, by nobody.
    fn apply(&mut self, later: Vec<PoolEvent>) {
        let mut events = std::mem::take(&mut self.checked);
        events.extend(later);
        self.apply_at = None;
        let before = self.state.snapshot();
        let now = self.cell.clock.now();
        let transitions = self.state.apply_all(events, now).transitions;
        let after = self.state.snapshot();
        if before.epoch() == after.epoch() {
            return;
        }
        let mode_changed = before.mode() != after.mode();
        let last_mode = transitions.iter().rposition(|one| matches!(one, Transition::Mode { .. }));
        self.cell.snapshot.store(after);
        Queue::pool_changed(&self.cell, now);
        for (index, transition) in transitions.into_iter().enumerate() {
            match transition {
                Transition::Mode { .. } if !mode_changed || Some(index) != last_mode => {}
                Transition::Mode { to, healthy, enabled, .. } => {
                    let from = before.mode();
                    self.announce(&Transition::Mode { from, to, healthy, enabled });
                }
                transition => self.announce(&transition),
            }
        }
    }

    fn announce(&self, transition: &Transition) {
        announce(&self.cell.journal, self.cell.id.as_str(), transition);
    }

    /// An address that has not changed is no news. A new one is checked before it is used: until then the backend
    /// serves where it was.
    fn looked_up(&mut self, id: BackendId, address: SocketAddr) {
        if self.addresses().any(|known| known == (id.clone(), address)) {
            return;
        }
        let (health, found) = (self.health.clone(), self.found.clone());
        let settings = self.cell.settings.load();
        let (send_proxy, securely) = (settings.send_proxy, settings.secured_to(&id, address));
        tokio::spawn(async move {
            let result = match health {
                Some(health) => probe::check(&health, address, send_proxy, securely).await.unwrap_or(Ok(())),
                None => Ok(()),
            };
            found.send(Finding::Moved { id, address, result }).ok();
        });
    }

    /// Looks up and checks what is new in a configuration, beside the keeper's other work, so that a reload that
    /// replaces every backend does not leave the pool empty until the first checks have passed.
    fn prepare(&self, mut target: Target, done: oneshot::Sender<()>) {
        // Whoever has been looked up before keeps that address until the next lookup.
        let known: HashMap<BackendId, SocketAddr> = self.addresses().collect();
        let before: HashSet<&Name> = self.names.iter().collect();
        let stays = |name: &&Name| before.contains(name) && known.contains_key(&name.id);
        let (same, unknown): (Vec<&Name>, Vec<&Name>) = target.names.iter().partition(stays);
        let unknown: Vec<Name> = unknown.into_iter().cloned().collect();
        set_addresses(&mut target.spec, &same.iter().map(|name| (&name.id, known[&name.id])).collect());
        let found = self.found.clone();
        tokio::spawn(async move {
            let looked_up = at_once(unknown, |name| async move {
                let result = resolve::lookup(&name).await;
                resolve::tell_of_others(&name, &result);
                (name.id, result.map(|found| found.address))
            });
            let (mut resolved, mut unresolved) = (Vec::new(), Vec::new());
            for (id, result) in looked_up.await {
                match result {
                    Ok(address) => resolved.push((id, address)),
                    Err(reason) => unresolved.push((id, reason)),
                }
            }
            set_addresses(&mut target.spec, &resolved.iter().map(|(id, address)| (id, *address)).collect());
            let checked = first_checks(&target, &known).await;
            found.send(Finding::Prepared(Box::new(Prepared { target, unresolved, checked, done }))).ok();
        });
    }

    fn configure(&mut self, prepared: Prepared) {
        let Prepared { target, unresolved, checked, done } = prepared;
        self.health = target.health.map(Arc::new);
        self.probe_load(target.probe);
        let names_changed = self.names != target.names;
        self.names = target.names;
        let mut events = vec![PoolEvent::Configured(target.spec)];
        let unresolved = unresolved.into_iter();
        events.extend(unresolved.map(|(id, reason)| PoolEvent::Resolved { id, result: Err(reason) }));
        events.extend(checked.into_iter().map(|(id, result)| PoolEvent::Probed { id, result }));
        // Limits that a queue comes with find it open; those that it goes with are gone before it is closed. A request
        // that saw the one before and the other after has the longer line of the two.
        let longer = target.settings.queue.size >= self.cell.settings.load().queue.size;
        if longer {
            self.set(target.settings);
            self.apply(events);
        } else {
            self.apply(events);
            self.set(target.settings);
        }
        self.watch_backends();
        if names_changed {
            self.watch_names();
        }
        done.send(()).ok();
    }

    fn set(&self, settings: PoolSettings) {
        let has_queue = settings.queue.size > 0;
        self.cell.settings.store(Arc::new(settings));
        self.cell.queue.set_open(has_queue);
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
        let fits = |id: &BackendId, watch: &Watch| {
            addresses.get(id) == Some(&watch.address) && *watch.health == *health
        };
        let misfits = self.watches.extract_if(|id, watch| !fits(id, watch));
        // A check that was due soon stays due: settings that change again and again must not put it off for ever.
        let due: HashMap<BackendId, Instant> = misfits.map(|(id, watch)| (id, *lock(&watch.due))).collect();
        for (id, address) in addresses {
            if self.watches.contains_key(&id) {
                continue;
            }
            let mut rng = Rng::from_seed(self.rng.next_u64());
            // Spread over one interval: a pool of a thousand is not checked in one burst.
            let spread = Instant::now() + probe::jittered(&health, &mut rng).mul_f64(rng.unit());
            let first = due.get(&id).map_or(spread, |due| spread.min(*due));
            let due = Arc::new(Mutex::new(first));
            let backend = probe::Backend {
                id: id.clone(),
                address,
                health: Arc::clone(&health),
                pool: Arc::clone(&self.cell),
                kept_checks: Arc::clone(&self.kept_checks),
            };
            let watch = probe::watch(backend, self.found.clone(), rng, Arc::clone(&due));
            let task = tokio::spawn(watch).abort_handle();
            self.watches.insert(id, Watch { address, health: Arc::clone(&health), due, task });
        }
    }

    /// Starts or stops asking backends how busy they are.
    fn probe_load(&mut self, probe: Option<LoadProbe>) {
        if self.probe == probe {
            return;
        }
        self.probing = JoinSet::new();
        if let Some(probe) = &probe {
            let rng = Rng::from_seed(self.rng.next_u64());
            self.probing.spawn(load_probe::run(Arc::clone(&self.cell), Arc::new(probe.clone()), rng));
        }
        self.probe = probe;
    }

    /// One lookup a name: those that hang do not hold up the others.
    fn watch_names(&mut self) {
        self.lookups = JoinSet::new();
        for name in &self.names {
            let every = defaults::RESOLVE_INTERVAL;
            self.lookups.spawn(resolve::watch(name.clone(), every, self.found.clone()));
        }
    }
}

fn set_addresses(spec: &mut PoolSpec, addresses: &HashMap<&BackendId, SocketAddr>) {
    for member in &mut spec.members {
        if let Some(address) = addresses.get(&member.id) {
            member.address = Some(*address);
        }
    }
}

/// Checks the backends that are new, or not where they were.
async fn first_checks(
    target: &Target,
    known: &HashMap<BackendId, SocketAddr>,
) -> Vec<(BackendId, Result<(), Arc<str>>)> {
    let Some(health) = target.health.clone().map(Arc::new) else { return Vec::new() };
    let news = target.spec.members.iter().filter(|member| member.enabled).filter_map(|member| {
        let address = member.address?;
        (known.get(&member.id) != Some(&address)).then(|| (member.id.clone(), address))
    });
    let checks = at_once(news.collect(), |(id, address)| {
        let (health, send_proxy) = (Arc::clone(&health), target.settings.send_proxy);
        let securely = target.settings.secured_to(&id, address);
        let check = async move { probe::check(&health, address, send_proxy, securely).await };
        async move { (id, tokio::time::timeout(FIRST_CHECK_MAX, check).await.ok().flatten()) }
    });
    // A check that could not be made, or takes too long, says nothing yet; the next one will.
    checks.await.into_iter().filter_map(|(id, result)| Some((id, result?))).collect()
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

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
