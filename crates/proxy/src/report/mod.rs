//! Reads a running balancer for people and for Prometheus.

mod evenness;
mod events;
mod layer4;
mod placement;
mod plan_hash;
mod pools;
mod skew;
mod tls;
mod udp;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use evenkeel_core::{BackendLoad, Intent, MemberView, Mode, Nanos, Outcome, Phase, PoolSnapshot, Reason};

use crate::http2::Flood;
use crate::listen::Listener;
use crate::pool::PoolCell;
use crate::proxy::{Inner, Proxy, View, lock};
use crate::status::{BackendStatus, Lifecycle, PoolStatus, Status};
use crate::telemetry::{Page, Shared, catalog, pair};

const LIFECYCLES: [Lifecycle; 5] =
    [Lifecycle::Starting, Lifecycle::Serving, Lifecycle::Lame, Lifecycle::Draining, Lifecycle::Closed];

/// A pool and the snapshot that all figures of one report are read from.
struct Seen<'a> {
    cell: &'a PoolCell,
    snapshot: Arc<PoolSnapshot>,
    /// Attempts on each member and on all.
    attempts: Vec<u64>,
    total: u64,
    /// The labels of each member, as metrics have them.
    labels: Vec<String>,
}

impl<'a> Seen<'a> {
    fn new(cell: &'a PoolCell) -> Self {
        let snapshot = cell.snapshot.load_full();
        let attempts: Vec<u64> =
            snapshot.members().iter().map(|view| view.member.load.attempts_total()).collect();
        let total = attempts.iter().sum();
        Self { cell, snapshot, attempts, total, labels: Vec::new() }
    }

    /// With what metrics need.
    fn with_labels(cell: &'a PoolCell) -> Self {
        let mut seen = Self::new(cell);
        let labels = |view: &MemberView| {
            let mut labels = String::new();
            pair("pool", cell.id.as_str(), &mut labels);
            labels.push(',');
            pair("backend", view.member.id.as_str(), &mut labels);
            labels
        };
        seen.labels = seen.snapshot.members().iter().map(labels).collect();
        seen
    }

    /// Of each member.
    fn fails_fast(&self, now: Nanos) -> Vec<bool> {
        let failing: HashSet<u64> = self.snapshot.fast_failing(now).map(|view| view.member.serial).collect();
        self.snapshot.members().iter().map(|view| failing.contains(&view.member.serial)).collect()
    }

    fn observed(&self, index: usize) -> f64 {
        if self.total == 0 { 0.0 } else { self.attempts[index] as f64 / self.total as f64 }
    }

    fn name(&self) -> String {
        self.cell.id.as_str().to_owned()
    }

    /// Labels of a sample of member `index`: its own, and the value of one more where the family has one.
    fn labels<'b>(&'b self, index: usize, last: &'b str) -> Shared<'b> {
        Shared { written: &self.labels[index], last: Some(last).filter(|last| !last.is_empty()) }
    }
}

impl Proxy {
    /// Everything that `evenkeel status` shows.
    pub fn status(&self) -> Status {
        let inner = &self.inner;
        let view = inner.view.load_full();
        let lifecycle = inner.stage.lifecycle();
        let not_ready = not_ready(lifecycle, &view);
        Status {
            lifecycle,
            ready: not_ready.is_empty(),
            not_ready,
            generation: view.generation,
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION"),
            uptime: inner.started.elapsed(),
            config_path: inner.options.config_path.clone(),
            reloads_begun: inner.reloads.begun.load(Ordering::Acquire),
            reloads: inner.reloads.attempts(),
            last_reload: lock(&inner.reloads.last).clone(),
            connections: inner.workers.iter().map(|worker| worker.connections() as u64).sum(),
            sessions: udp::sessions(&view),
            listeners: self.listeners(),
            certificates: tls::certificates(&view),
            pools: view
                .config
                .pools
                .iter()
                .zip(&view.pools)
                .map(|(config, cell)| inner.pool_status(config.intent, cell))
                .collect(),
        }
    }

    /// All metrics in the Prometheus text format 0.0.4.
    pub fn metrics_text(&self) -> String {
        let inner = &self.inner;
        let view = inner.view.load_full();
        let seen: Vec<Seen<'_>> = view.pools.iter().map(|cell| Seen::with_labels(cell)).collect();
        let mut page = Page::default();
        backend_counters(&mut page, inner, &seen);
        backend_state(&mut page, &seen, inner.clock.now());
        pools::pools(&mut page, &seen);
        evenness::evenness(&mut page, inner, &view, &seen);
        skew::skew(&mut page, inner, &seen);
        listeners(&mut page, &view);
        layer4::connections(&mut page, &view);
        tls::tls(&mut page, &view);
        udp::datagrams(&mut page, &view, &seen);
        events::events(&mut page, inner);
        process(&mut page, inner, &view);
        page.render()
    }
}

impl Inner {
    fn pool_status(&self, intent: Intent, cell: &PoolCell) -> PoolStatus {
        let seen = Seen::new(cell);
        let now = self.clock.now();
        let weights = placement::effective_weights(&seen.snapshot);
        let failing = seen.fails_fast(now);
        let backends = seen.snapshot.members().iter().enumerate().map(|(index, view)| {
            let load = &view.member.load;
            let placement = &view.member.placement;
            BackendStatus {
                name: view.member.id.as_str().to_owned(),
                address: view.member.address,
                phase: view.phase.as_str(),
                since: now.since(view.since),
                detail: view.detail.as_deref().map(str::to_owned),
                weight: view.member.weight.get(),
                effective_weight: weights[index],
                tier: placement.tier,
                zone: placement.zone.as_deref().map(str::to_owned),
                max_in_flight: placement.max_in_flight.map(NonZeroU32::get),
                fails_fast: failing[index],
                intent: view.intent,
                plan: view.plan,
                observed: seen.observed(index),
                attempts: seen.attempts[index],
                in_flight: load.in_flight(),
                errors: failures().map(|outcome| load.outcomes(outcome)).sum(),
                busy: load.busy(now),
                bytes_sent: load.bytes_sent(),
                bytes_received: load.bytes_received(),
            }
        });
        PoolStatus {
            name: seen.name(),
            strategy: seen.snapshot.strategy().as_str(),
            mode: seen.snapshot.mode().as_str(),
            intent: intent_name(intent),
            epoch: seen.snapshot.epoch(),
            requests: seen.total,
            waiting: cell.queue.len(),
            tunnels: cell.tunnels.open.load(Ordering::Relaxed),
            backends: backends.collect(),
        }
    }
}

fn not_ready(lifecycle: Lifecycle, view: &View) -> Vec<String> {
    let mut reasons = Vec::new();
    if lifecycle != Lifecycle::Serving {
        reasons.push(format!("the process is {}", lifecycle.as_str()));
    }
    for cell in &view.pools {
        if cell.snapshot.load().mode() == Mode::Empty {
            reasons.push(format!("pool {} has no backend that may be picked", cell.id));
        }
    }
    reasons
}

fn failures() -> impl Iterator<Item = Outcome> {
    Outcome::ALL.into_iter().filter(|outcome| outcome.is_failure())
}

fn intent_name(intent: Intent) -> &'static str {
    match intent {
        Intent::Equal => "equal",
        Intent::Capacity => "capacity",
        Intent::Weights => "weights",
    }
}

/// A sample for every member of every pool and every one of `lasts`.
fn per_backend<'a, T: Copy + 'a>(
    seen: &'a [Seen<'a>],
    lasts: &'a [(T, &'static str)],
    value: impl Fn(&'a Seen<'a>, usize, T) -> f64 + Copy + 'a,
) -> impl Iterator<Item = (Shared<'a>, f64)> + 'a {
    seen.iter().flat_map(move |pool| {
        (0..pool.snapshot.members().len()).flat_map(move |index| {
            lasts.iter().map(move |&(key, last)| (pool.labels(index, last), value(pool, index, key)))
        })
    })
}

fn backend_counters(page: &mut Page, inner: &Inner, seen: &[Seen<'_>]) {
    fn load<'a>(pool: &'a Seen<'_>, index: usize) -> &'a BackendLoad {
        &pool.snapshot.members()[index].member.load
    }
    let now = inner.clock.now();
    let reasons = Reason::ALL.map(|reason| (reason, reason.as_str()));
    page.family(
        &catalog::ATTEMPTS,
        per_backend(seen, &reasons, |pool, index, reason| load(pool, index).attempts(reason) as f64),
    );
    let outcomes = Outcome::ALL.map(|outcome| (outcome, outcome.as_str()));
    let ended = |pool: &Seen<'_>, index, outcome| load(pool, index).outcomes(outcome) as f64;
    page.family(&catalog::OUTCOMES, per_backend(seen, &outcomes, ended));
    let classes: Vec<_> = failures().map(|outcome| (outcome, outcome.as_str())).collect();
    page.family(&catalog::ERRORS, per_backend(seen, &classes, ended));
    page.family(
        &catalog::SLOW,
        per_backend(seen, &[((), "")], |pool, index, ()| load(pool, index).slow() as f64),
    );
    page.family(
        &catalog::BYTES,
        per_backend(seen, &[(true, "sent"), (false, "received")], |pool, index, sent| {
            let load = load(pool, index);
            (if sent { load.bytes_sent() } else { load.bytes_received() }) as f64
        }),
    );
    page.family(
        &catalog::BUSY,
        per_backend(seen, &[((), "")], |pool, index, ()| load(pool, index).busy(now).as_secs_f64()),
    );
    page.family(
        &catalog::IN_FLIGHT,
        per_backend(seen, &[((), "")], |pool, index, ()| f64::from(load(pool, index).in_flight())),
    );
}

fn backend_state(page: &mut Page, seen: &[Seen<'_>], now: Nanos) {
    fn member<'a>(pool: &'a Seen<'_>, index: usize) -> &'a MemberView {
        &pool.snapshot.members()[index]
    }
    let phases = Phase::ALL.map(|phase| (phase, phase.as_str()));
    page.family(
        &catalog::PHASE,
        per_backend(seen, &phases, |pool, index, phase| {
            f64::from(u8::from(member(pool, index).phase == phase))
        }),
    );
    page.family(
        &catalog::ELIGIBLE,
        per_backend(seen, &[((), "")], |pool, index, ()| f64::from(u8::from(member(pool, index).plan > 0.0))),
    );
    placement::placement(page, seen);
    let failing: Vec<Vec<bool>> = seen.iter().map(|pool| pool.fails_fast(now)).collect();
    page.family(
        &catalog::FAILS_FAST,
        seen.iter().zip(&failing).flat_map(|(pool, failing)| {
            failing
                .iter()
                .enumerate()
                .map(|(index, failing)| (pool.labels(index, ""), f64::from(u8::from(*failing))))
        }),
    );
}

fn listeners(page: &mut Page, view: &View) {
    let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"];
    page.family(
        &catalog::REQUESTS,
        view.listeners.iter().flat_map(|(listener, _)| {
            (0..classes.len()).map(|index| {
                let count = listener.counts.responses[index].load(Ordering::Relaxed);
                ([listener.name.clone(), classes[index].to_owned()], count as f64)
            })
        }),
    );
    let counts = |count: fn(&crate::listen::ListenerCounts) -> u64| {
        view.listeners
            .iter()
            .map(move |(listener, _)| ([listener.name.clone()], count(&listener.counts) as f64))
    };
    page.family(&catalog::UNFINISHED, counts(|counts| counts.unfinished.load(Ordering::Relaxed)));
    page.family(&catalog::CONNECTIONS, counts(|counts| counts.connections.load(Ordering::Relaxed)));
    page.family(&catalog::CONNECTIONS_OPEN, counts(|counts| counts.open.load(Ordering::Relaxed)));
    page.family(&catalog::ACCEPT_ERRORS, counts(|counts| counts.accept_errors.load(Ordering::Relaxed)));
    page.family(
        &catalog::HTTP2_CONNECTIONS,
        counts(|counts| counts.http2.connections.load(Ordering::Relaxed)),
    );
    page.family(&catalog::HTTP2_STREAMS, counts(|counts| counts.http2.streams.load(Ordering::Relaxed)));
    http2(page, view);
}

/// What was turned away over HTTP/2, on listeners that speak it.
fn http2(page: &mut Page, view: &View) {
    let listeners = || {
        let speaks = |listener: &&(Arc<Listener>, SocketAddr)| listener.0.settings.load().http2.is_some();
        view.listeners.iter().filter(speaks).map(|(listener, _)| listener)
    };
    let resets = listeners().flat_map(|listener| {
        let counts = &listener.counts.http2;
        [("malformed", &counts.malformed), ("refused", &counts.refused)].map(|(reason, count)| {
            ([listener.name.clone(), reason.to_owned()], count.load(Ordering::Relaxed) as f64)
        })
    });
    page.family(&catalog::HTTP2_RESETS, resets);
    let floods = listeners().flat_map(|listener| {
        let counted = Flood::ALL.iter().zip(&listener.counts.http2.floods);
        counted.map(|(flood, count)| {
            ([listener.name.clone(), flood.as_str().to_owned()], count.load(Ordering::Relaxed) as f64)
        })
    });
    page.family(&catalog::HTTP2_FLOODS, floods);
}

fn process(page: &mut Page, inner: &Inner, view: &View) {
    let workers = |value: fn(&crate::worker::Worker) -> u64| {
        inner
            .workers
            .iter()
            .enumerate()
            .map(move |(index, worker)| ([index.to_string()], value(worker) as f64))
    };
    page.family(&catalog::WORKER_CONNECTIONS, workers(|worker| worker.connections() as u64));
    page.family(&catalog::UPSTREAM_IDLE, workers(|worker| worker.idle().len() as u64));
    page.family(&catalog::UPSTREAM_SHARED, workers(|worker| worker.shared().len() as u64));
    page.family(&catalog::UPSTREAM_STALE, workers(crate::worker::Worker::stale));
    page.family(&catalog::GENERATION, [([], view.generation as f64)]);
    let applied = inner.reloads.applied.load(Ordering::Relaxed);
    let refused = inner.reloads.refused.load(Ordering::Relaxed);
    page.family(
        &catalog::RELOADS,
        [(["applied".to_owned()], applied as f64), (["refused".to_owned()], refused as f64)],
    );
    let last_ok = lock(&inner.reloads.last).as_ref().is_none_or(|last| last.ok);
    page.family(&catalog::RELOAD_OK, [([], f64::from(u8::from(last_ok)))]);
    let now = inner.stage.lifecycle();
    page.family(
        &catalog::LIFECYCLE,
        LIFECYCLES.map(|phase| ([phase.as_str().to_owned()], f64::from(u8::from(phase == now)))),
    );
    let dropped = view.access_log.as_ref().map_or(0, |log| log.dropped());
    page.family(&catalog::ACCESS_LOG_DROPPED, [([], dropped as f64)]);
    page.family(&catalog::BUILD_INFO, [([env!("CARGO_PKG_VERSION").to_owned()], 1.0)]);
}
