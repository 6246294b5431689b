//! A running balancer: started once, reconfigured in place, shut down in phases.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use evenkeel_config::{Config, Protocol};
use evenkeel_core::{PoolId, PoolSpec, PoolState, Rng};
use evenkeel_journal::{Journal, OpenError};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::clock::Clock;
use crate::control::Control;
use crate::lifecycle::Stage;
use crate::listen::{Listener, ListenerSettings};
use crate::notify::Notifier;
use crate::pool::{Command, Keeper, PoolCell, Prober, Queue, Target, ToldApart, Tunnels};
use crate::shutdown::Shutdown;
use crate::skew::{self, Watches};
use crate::sockets::{self, Accepting, Bound, Prepared};
use crate::splice::Pipes;
use crate::status::{LastReload, Lifecycle};
use crate::telemetry::{AccessLog, Histogram};
use crate::threads::Threads;
use crate::tls::{self, TlsError, TlsPlan};
use crate::udp::Openings;
use crate::worker::Worker;
use crate::{diff, events, notify, plan};

/// Failures that may wait for a keeper; more than that tell it nothing new.
const FAILURES_QUEUED: usize = 1024;
/// Part of the files that the process may open which connections kept by health checks may take.
const KEPT_CHECKS_SHARE_OF_FILES: u64 = 8;

/// A handle on a running balancer; clones are the same one. Dropping them does not stop it.
#[derive(Clone)]
pub struct Proxy {
    pub(crate) inner: Arc<Inner>,
}

/// What is not in the configuration.
#[derive(Clone, Debug, Default)]
pub struct StartOptions {
    /// Seed of all randomness; from the system when `None`.
    pub seed: Option<u64>,
    /// Where the configuration came from, for `status`.
    pub config_path: Option<String>,
}

/// Why a configuration was not applied. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener's address cannot be bound.
    #[error("listener {listener}: cannot bind {address}")]
    Bind {
        /// Name of the listener.
        listener: String,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The access log cannot be opened.
    #[error("cannot open the access log")]
    AccessLog(#[source] io::Error),
    /// The event database cannot be opened.
    #[error(transparent)]
    Events(OpenError),
    /// Certificates, keys or CAs, or files of receivers of alarms, cannot be used; all of them that cannot.
    #[error("{}", list(.0))]
    Tls(Vec<TlsError>),
    /// Threads cannot be started, or sockets not handed to them.
    #[error("cannot start worker threads")]
    Threads(#[source] io::Error),
    /// The process is shutting down.
    #[error("shutting down; the configuration is not changed any more")]
    ShuttingDown,
}

/// What a reload did.
#[derive(Clone, Debug)]
pub struct ReloadReport {
    /// The generation now in force.
    pub generation: u64,
    /// A line for each change.
    pub changes: Vec<String>,
    /// From the call to the moment when every worker runs the new configuration.
    pub took: Duration,
}

pub(crate) struct Inner {
    pub(crate) clock: Clock,
    pub(crate) started: Instant,
    pub(crate) stage: Arc<Stage>,
    pub(crate) options: StartOptions,
    pub(crate) threads: Mutex<Threads>,
    pub(crate) workers: Vec<Arc<Worker>>,
    control: Control,
    kept_checks: Arc<Semaphore>,
    /// Held while a configuration is applied, which may wait for lookups and checks.
    running: Mutex<Running>,
    /// Held for moments only: a shutdown does not wait for a reload. `None` once closed for good.
    accepting: Mutex<Option<Accepting>>,
    openings: Openings,
    pub(crate) view: ArcSwap<View>,
    pub(crate) reloads: Reloads,
    pub(crate) shutdown: Shutdown,
    pub(crate) watches: Mutex<Watches>,
    pub(crate) journal: Journal,
    pub(crate) notifier: Notifier,
}

/// What is there now, for readers.
pub(crate) struct View {
    pub(crate) generation: u64,
    pub(crate) config: Arc<Config>,
    /// In the order of `config.pools`.
    pub(crate) pools: Vec<Arc<PoolCell>>,
    /// With bound addresses, in the order of `config.listeners`.
    pub(crate) listeners: Vec<(Arc<Listener>, SocketAddr)>,
    pub(crate) access_log: Option<Arc<AccessLog>>,
    pub(crate) tls: Arc<TlsPlan>,
}

#[derive(Default)]
pub(crate) struct Reloads {
    /// Numbered, ended or not.
    pub(crate) begun: AtomicU64,
    pub(crate) applied: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) last: Mutex<Option<LastReload>>,
}

/// What applying a configuration works on.
struct Running {
    generation: u64,
    pools: HashMap<PoolId, PoolHandle>,
    rng: Rng,
}

/// What a configuration has had opened and loaded before it is applied.
struct Opened {
    access_log: Option<Arc<AccessLog>>,
    tls: Arc<TlsPlan>,
    receivers: Vec<notify::Settings>,
}

struct PoolHandle {
    cell: Arc<PoolCell>,
    commands: mpsc::UnboundedSender<Command>,
}

impl Proxy {
    /// Binds every listener, then starts threads, looks up and checks every backend once, and accepts.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub fn start(config: Config, options: StartOptions) -> Result<Self, StartError> {
        let clock = Clock::start();
        let stage = Arc::new(Stage::default());
        let seed = options.seed.unwrap_or_else(random_seed);
        let mut rng = Rng::from_seed(seed);
        let running = Running { generation: 0, pools: HashMap::new(), rng: Rng::from_seed(rng.next_u64()) };
        let tls = TlsPlan::load(&config, None).map_err(StartError::Tls)?;
        let receivers = notify::load(&config).map_err(StartError::Tls)?;
        let openings = Openings::default();
        let sockets = sockets::prepare(&config, &Accepting::new(), &openings, worker_count(&config))?;
        let access_log = open_access_log(&config, None)?;
        let journal = Journal::start(events::options(&config)).map_err(StartError::Events)?;
        let workers: Vec<Arc<Worker>> = (0..worker_count(&config))
            .map(|_| {
                let pipes = Pipes::new(worker_count(&config), files_max());
                Arc::new(Worker::new(clock, Arc::clone(&stage), rng.next_u64(), pipes))
            })
            .collect();
        let threads = Threads::start(workers.clone()).map_err(StartError::Threads)?;
        let control = Control::start().map_err(StartError::Threads)?;
        let view = View {
            generation: 0,
            config: Arc::new(config.clone()),
            pools: Vec::new(),
            listeners: Vec::new(),
            access_log: None,
            tls: Arc::default(),
        };
        let inner = Arc::new(Inner {
            clock,
            started: Instant::now(),
            stage,
            options,
            threads: Mutex::new(threads),
            workers,
            control,
            kept_checks: Arc::new(Semaphore::new(kept_checks_max())),
            running: Mutex::new(running),
            accepting: Mutex::new(Some(Accepting::new())),
            openings,
            view: ArcSwap::from_pointee(view),
            reloads: Reloads::default(),
            shutdown: Shutdown::default(),
            watches: Mutex::default(),
            journal,
            notifier: Notifier::default(),
        });
        warn_of_few_files(&config);
        let opened = Opened { access_log, tls: Arc::new(tls), receivers };
        inner.apply(&mut lock(&inner.running), config, sockets, opened)?;
        let watched = Arc::downgrade(&inner);
        let current = move || watched.upgrade().map(|inner| Arc::clone(&inner.view.load().tls));
        inner.control.spawn(tls::watch(current, inner.journal.clone()));
        inner.control.spawn(skew::watch(Arc::downgrade(&inner)));
        inner.control.spawn(events::watch(Arc::downgrade(&inner)));
        events::started(&inner.journal, &inner.view.load().config);
        inner.stage.advance_to(Lifecycle::Serving);
        Ok(Self { inner })
    }

    /// Bound addresses by listener name; port 0 is resolved.
    pub fn listeners(&self) -> Vec<(String, SocketAddr)> {
        let view = self.inner.view.load();
        view.listeners.iter().map(|(listener, address)| (listener.name.clone(), *address)).collect()
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.inner.view.load().config)
    }

    /// Numbers a reload. Call it before the file is read: whoever waits for a later number than the last one begun
    /// then knows that the file was read after that.
    pub fn reload_begins(&self) -> u64 {
        self.inner.reloads.begun.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Applies another configuration in place: no connection is dropped, balancing state is kept. Blocks until every
    /// worker runs it; new backends have been checked once by then. Call it from a thread that may block, after
    /// [`Proxy::reload_begins`].
    ///
    /// # Errors
    /// [`StartError`]; everything is as it was then.
    pub fn reload(&self, config: Config) -> Result<ReloadReport, StartError> {
        let started = Instant::now();
        let outcome = self.inner.reload(config);
        let reloads = &self.inner.reloads;
        let (counter, error, changes) = match &outcome {
            Ok(changes) => (&reloads.applied, None, changes.clone()),
            Err(error) => (&reloads.refused, Some(describe(error)), Vec::new()),
        };
        // The count comes last: whoever has seen it rise finds the outcome.
        self.inner.note_reload(error.is_none(), changes, error, None);
        counter.fetch_add(1, Ordering::Release);
        let generation = self.inner.view.load().generation;
        let outcome = outcome.map(|changes| ReloadReport { generation, changes, took: started.elapsed() });
        self.inner.tell_reload(&outcome);
        outcome
    }

    /// Records that a reload was refused because its file is at fault.
    pub fn note_refused_reload(&self, diagnostics: serde_json::Value) {
        self.inner.tell_refused_file(&diagnostics);
        self.inner.note_reload(false, Vec::new(), None, Some(diagnostics));
        self.inner.reloads.refused.fetch_add(1, Ordering::Release);
    }

    /// Opens log files anew, after a tool has moved them away.
    pub fn reopen_logs(&self) {
        if let Some(log) = &self.inner.view.load().access_log {
            log.reopen();
        }
    }
}

impl Inner {
    fn reload(&self, config: Config) -> Result<Vec<String>, StartError> {
        let mut running = lock(&self.running);
        if self.stage.lifecycle() > Lifecycle::Serving {
            return Err(StartError::ShuttingDown);
        }
        let before = self.view.load_full();
        let tls = TlsPlan::load(&config, Some(&before.tls)).map_err(StartError::Tls)?;
        let receivers = notify::load(&config).map_err(StartError::Tls)?;
        let sockets = match &*lock(&self.accepting) {
            Some(accepting) => sockets::prepare(&config, accepting, &self.openings, self.workers.len())?,
            None => return Err(StartError::ShuttingDown),
        };
        let access_log = open_access_log(&config, before.access_log.as_ref())?;
        let events = self.journal.prepare(events::options(&config)).map_err(StartError::Events)?;
        let changes = diff::changes(&before.config, &config);
        let opened = Opened { access_log, tls: Arc::new(tls), receivers };
        self.apply(&mut running, config, sockets, opened)?;
        self.journal.apply(events);
        Ok(changes)
    }

    /// Everything that can fail has been done: sockets are bound and copied, logs open, certificates loaded. Only a shutdown that began
    /// while backends were being checked still says no.
    fn apply(
        &self,
        running: &mut Running,
        config: Config,
        sockets: HashMap<String, Prepared>,
        opened: Opened,
    ) -> Result<(), StartError> {
        let Opened { access_log, tls, receivers } = opened;
        let pools = self.configure_pools(running, &config, &tls);
        let mut accepting = lock(&self.accepting);
        let accepting = accepting.as_mut().ok_or(StartError::ShuttingDown)?;
        running.generation += 1;
        let settings = |listener: &evenkeel_config::Listener| {
            plan::listener_settings(&config, listener, &pools, access_log.as_ref(), &tls, running.generation)
        };
        for listener in &config.listeners {
            if let Some(bound) = accepting.get(&listener.name) {
                bound.listener.settings.store(Arc::new(settings(listener)));
            }
        }
        self.accept(accepting, &config, sockets, settings);
        self.workers.iter().for_each(|worker| worker.wake_relays());
        let listeners = config.listeners.iter().map(|listener| {
            let bound = &accepting[&listener.name];
            (Arc::clone(&bound.listener), bound.address)
        });
        self.view.store(Arc::new(View {
            generation: running.generation,
            listeners: listeners.collect(),
            pools: config.pools.iter().map(|pool| Arc::clone(&pools[&pool.id])).collect(),
            config: Arc::new(config),
            access_log,
            tls,
        }));
        self.journal.set_generation(running.generation);
        self.notifier.configure(&self.control, self.clock, &mut running.rng, receivers);
        drop_pools(running, &pools);
        Ok(())
    }

    /// Accepts on the new sockets, then closes those that no listener has any more.
    fn accept(
        &self,
        accepting: &mut Accepting,
        config: &Config,
        sockets: HashMap<String, Prepared>,
        settings: impl Fn(&evenkeel_config::Listener) -> ListenerSettings,
    ) {
        let threads = lock(&self.threads);
        let mut old = Vec::new();
        let stays = |name: &str| config.listeners.iter().any(|listener| listener.name == name);
        let gone: Vec<String> = accepting.keys().filter(|name| !stays(name)).cloned().collect();
        for name in &gone {
            threads.close(name);
            old.extend(accepting.remove(name));
        }
        for bound in &old {
            bound.listener.retired.store(true, Ordering::Release);
        }
        let drained = config.runtime.drain_timeout;
        for (name, prepared) in sockets {
            let Some(configured) = config.listeners.iter().find(|listener| listener.name == name) else {
                continue;
            };
            let listener = match accepting.get(&name) {
                Some(bound) if bound.suits(configured.protocol) => Arc::clone(&bound.listener),
                Some(bound) => {
                    threads.close(&name);
                    bound.listener.retired.store(true, Ordering::Release);
                    Arc::new(Listener::new(name.clone(), settings(configured)))
                }
                None => Arc::new(Listener::new(name.clone(), settings(configured))),
            };
            let (socket, address) = sockets::open(&threads, &self.openings, &listener, prepared, drained);
            old.extend(accepting.insert(name, Bound { listener, socket, bind: configured.bind, address }));
        }
        for bound in old {
            sockets::close(&threads, &bound, sockets::is_taken_over(accepting, &bound), drained);
        }
        if !gone.is_empty() {
            threads.wake_all();
        }
    }

    /// Brings every pool to its configuration and waits until all are.
    fn configure_pools(
        &self,
        running: &mut Running,
        config: &Config,
        tls: &TlsPlan,
    ) -> HashMap<PoolId, Arc<PoolCell>> {
        let mut waits = Vec::new();
        let mut cells = HashMap::new();
        for pool in &config.pools {
            if !running.pools.contains_key(&pool.id) {
                let handle = self.start_pool(pool, tls, running.rng.next_u64());
                running.pools.insert(pool.id.clone(), handle);
            }
            let handle = &running.pools[&pool.id];
            let (done, wait) = oneshot::channel();
            handle.commands.send(Command::Configure(Box::new(plan::target(pool, tls)), done)).ok();
            waits.push(wait);
            cells.insert(pool.id.clone(), Arc::clone(&handle.cell));
        }
        for wait in waits {
            wait.blocking_recv().ok();
        }
        cells
    }

    /// A pool without backends, until its keeper is told of them.
    fn start_pool(&self, pool: &evenkeel_config::Pool, tls: &TlsPlan, seed: u64) -> PoolHandle {
        let Target { spec, settings, .. } = plan::target(pool, tls);
        let spec = PoolSpec { members: Vec::new(), ..spec };
        let mut rng = Rng::from_seed(seed);
        let state = PoolState::new(spec, rng.next_u64(), self.clock.now());
        let (failures, failed) = mpsc::channel(FAILURES_QUEUED);
        let cell = Arc::new(PoolCell {
            id: pool.id.clone(),
            snapshot: ArcSwap::new(state.snapshot()),
            settings: ArcSwap::from_pointee(settings),
            durations: Histogram::default(),
            failures,
            clock: self.clock,
            queue: Queue::new(Rng::from_seed(rng.next_u64())),
            told_apart: ToldApart::default(),
            prober: Prober::default(),
            tunnels: Tunnels::default(),
            journal: self.journal.clone(),
        });
        let (commands, inbox) = mpsc::unbounded_channel();
        let kept = Arc::clone(&self.kept_checks);
        self.control.spawn(Keeper::run(Arc::clone(&cell), state, rng, inbox, failed, kept));
        PoolHandle { cell, commands }
    }

    fn note_reload(
        &self,
        ok: bool,
        changes: Vec<String>,
        error: Option<String>,
        diagnostics: Option<serde_json::Value>,
    ) {
        let attempt = self.reloads.begun.load(Ordering::Acquire);
        let generation = self.view.load().generation;
        let at = SystemTime::now();
        *lock(&self.reloads.last) =
            Some(LastReload { attempt, ok, at, generation, changes, error, diagnostics });
    }

    /// Stops accepting, for good.
    pub(crate) fn close_listeners(&self) {
        let Some(accepting) = lock(&self.accepting).take() else { return };
        let drained = self.view.load().config.runtime.drain_timeout;
        let threads = lock(&self.threads);
        for (name, bound) in accepting {
            threads.close(&name);
            sockets::close(&threads, &bound, false, drained);
        }
    }
}

impl Reloads {
    pub(crate) fn attempts(&self) -> u64 {
        self.applied.load(Ordering::Acquire) + self.refused.load(Ordering::Acquire)
    }
}

fn drop_pools(running: &mut Running, kept: &HashMap<PoolId, Arc<PoolCell>>) {
    running.pools.retain(|id, handle| {
        let stays = kept.contains_key(id);
        if !stays {
            handle.commands.send(Command::Stop).ok();
        }
        stays
    });
}

/// The log that is open already, if its settings are the same.
fn open_access_log(
    config: &Config,
    open: Option<&Arc<AccessLog>>,
) -> Result<Option<Arc<AccessLog>>, StartError> {
    match (&config.log.access, open) {
        (None, _) => Ok(None),
        (Some(wanted), Some(open)) if open.settings == *wanted => Ok(Some(Arc::clone(open))),
        (Some(wanted), _) => {
            AccessLog::open(wanted.clone()).map(|log| Some(Arc::new(log))).map_err(StartError::AccessLog)
        }
    }
}

/// Each client connection may need one to a backend; a session needs only that. Running out of files refuses requests that the limits allow.
fn warn_of_few_files(config: &Config) {
    let files = |listener: &evenkeel_config::Listener| match listener.protocol {
        Protocol::Udp => listener.udp.sessions as u64,
        _ => 2 * listener.limits.connections as u64,
    };
    let wanted = config.listeners.iter().map(files).sum::<u64>();
    if let Some(files) = files_max().filter(|&files| files < wanted) {
        tracing::warn!(
            files,
            wanted,
            "fewer files may be open than limits.connections and udp.sessions need; raise the limit (ulimit -n, \
             LimitNOFILE=) or lower those"
        );
    }
}

/// Files that this process may open. `None` is any number.
fn files_max() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

/// Connections that health checks may keep open from check to check.
fn kept_checks_max() -> usize {
    files_max().map_or(Semaphore::MAX_PERMITS, |files| (files / KEPT_CHECKS_SHARE_OF_FILES) as usize)
}

fn worker_count(config: &Config) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    config.runtime.workers.unwrap_or_else(cores)
}

/// The standard library seeds its hash maps from the system's randomness; a hash of nothing passes that on.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

fn list(errors: &[TlsError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

pub(crate) fn describe(error: &StartError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
