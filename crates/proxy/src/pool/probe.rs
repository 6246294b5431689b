//! Health checks: one question to one backend, and asking it again and again.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evenkeel_config::{Check, Health, ProxyVersion};
use evenkeel_core::{BackendId, Nanos, Rng};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::proxy::lock;
use crate::proxy_protocol;
use crate::tls::Securely;

use super::cell::PoolCell;
use super::grpc_check;
use super::http_check::{self, HttpCheck, Rest, Reuse, Verdict};
use super::keeper::Finding;

/// Checks start at multiples of so much of their interval, and at most of this.
const GRID_SHARE: u32 = 20;
const GRID_MAX: Duration = Duration::from_millis(50);
/// Answers on kept connections are looked at after this part of the timeout at most, and waited for as long again.
const LOOK_AFTER_SHARE: u32 = 4;

/// A backend to be checked.
pub(crate) struct Backend {
    pub(crate) id: BackendId,
    pub(crate) address: SocketAddr,
    pub(crate) health: Arc<Health>,
    pub(crate) pool: Arc<PoolCell>,
    /// Connections that the checks of all pools may keep.
    pub(crate) kept_checks: Arc<Semaphore>,
}

/// Asks once, within the check's timeout. The error is the reason in words; `None` when the question could not be
/// asked because this process is out of files or ports, which says nothing about the backend.
pub(crate) async fn check(
    health: &Health,
    backend: SocketAddr,
    send_proxy: Option<ProxyVersion>,
    securely: Option<Securely>,
) -> Option<Result<(), Arc<str>>> {
    ask(health, backend, send_proxy, securely, None).await.result
}

/// Asks for ever, first when `due` says and then one interval after the last time, give or take the jitter, so that the
/// checks of many backends and many balancers do not fall together. Keeps `due` up to date.
pub(crate) async fn watch(
    backend: Backend,
    results: UnboundedSender<Finding>,
    mut rng: Rng,
    due: Arc<Mutex<Instant>>,
) {
    let Backend { id, address, health, pool, kept_checks } = backend;
    let grid = (health.interval / GRID_SHARE).min(GRID_MAX);
    let quarter = health.timeout / LOOK_AFTER_SHARE;
    let no_reuse = || Reuse::new(Arc::clone(&kept_checks), grid.min(quarter), quarter);
    let (mut reuse, mut secured) = (no_reuse(), 0);
    let mut passes: u32 = 0;
    loop {
        let next = *lock(&due);
        tokio::time::sleep_until(on_grid(pool.clock, next, grid)).await;
        let started = Instant::now();
        let settings = pool.settings.load();
        let (send_proxy, securely) = (settings.send_proxy, settings.secured_to(&id, address));
        drop(settings);
        let serial = securely.as_ref().map_or(0, |securely| securely.serial);
        if std::mem::replace(&mut secured, serial) != serial {
            // A connection that is secured in another way, or not at all, says nothing.
            reuse = no_reuse();
        }
        let kept = keeps(&pool, &health).then_some(&mut reuse);
        // In a box: there is a task for each backend, and what a check needs must not weigh on it between two checks.
        let Answer { result, rest } = Box::pin(ask(&health, address, send_proxy, securely, kept)).await;
        if let Some(result) = result {
            passes = if result.is_ok() { passes.saturating_add(1) } else { 0 };
            // Once it has passed often enough to serve, another pass is no news.
            if passes <= health.rise
                && results.send(Finding::Checked { id: id.clone(), address, result }).is_err()
            {
                return;
            }
        }
        if let Some(rest) = rest {
            let finish = Box::pin(reuse.finish(rest));
            tokio::time::timeout(health.timeout, finish).await.ok();
        }
        *lock(&due) = started + jittered(&health, &mut rng);
    }
}

/// Checks keep their connection where requests do, and where it would not be too old by the next check.
fn keeps(pool: &PoolCell, health: &Health) -> bool {
    let keep = pool.settings.load().keep;
    keep.idle_max > 0 && health.interval < keep.idle_timeout
}

/// What a check has come to, in words that say what was asked of whom.
struct Answer {
    result: Option<Result<(), Arc<str>>>,
    rest: Option<Rest>,
}

async fn ask(
    health: &Health,
    backend: SocketAddr,
    send_proxy: Option<ProxyVersion>,
    securely: Option<Securely>,
    reuse: Option<&mut Reuse>,
) -> Answer {
    // A port of its own for checks is seldom one that expects what clients' connections begin with.
    let first = own_header(send_proxy.filter(|_| health.port.is_none()));
    let address = SocketAddr::new(backend.ip(), health.port.unwrap_or(backend.port()));
    let question = async {
        match &health.check {
            Check::Tcp => {
                let reason = |reason| Arc::from(format!("TCP {address}: {reason}"));
                let result = http_check::connect(address, &first, securely).await;
                let result = result.map(|stream| stream.map(drop).map_err(reason));
                Answer { result, rest: None }
            }
            Check::Grpc { service } => {
                let result = match http_check::connect(address, &first, securely).await {
                    Some(Ok(stream)) => Some(grpc_check::ask(stream, address, service).await),
                    Some(Err(reason)) => Some(Err(reason)),
                    None => None,
                };
                let reason =
                    |reason| Arc::from(format!("gRPC health of \"{service}\" on {address}: {reason}"));
                Answer { result: result.map(|result| result.map_err(reason)), rest: None }
            }
            Check::Http { path, host, expect_status } => {
                let host = host.clone().unwrap_or_else(|| address.to_string());
                let check = HttpCheck { path, host: &host, expect_status, first: &first };
                let Verdict { result, rest } =
                    http_check::ask(address, securely.map(Securely::over_http1), check, reuse).await;
                let reason = |reason| Arc::from(format!("GET {path} on {address}: {reason}"));
                Answer { result: result.map(|result| result.map_err(reason)), rest }
            }
        }
    };
    let late = || Err(format!("no answer from {address} within {:?}", health.timeout).into());
    let answer = tokio::time::timeout(health.timeout, question).await;
    answer.unwrap_or_else(|_| Answer { result: Some(late()), rest: None })
}

/// What a connection of our own begins with.
pub(super) fn own_header(send_proxy: Option<ProxyVersion>) -> Vec<u8> {
    let mut header = Vec::new();
    if let Some(version) = send_proxy {
        proxy_protocol::write_own(&mut header, version);
    }
    header
}

/// The next moment of a grid that all checks share: those of a large pool that are due at nearly the same time start in
/// one go, and the thread, which may share its core with a worker, wakes less often.
fn on_grid(clock: Clock, due: Instant, grid: Duration) -> Instant {
    let step = (grid.as_nanos() as u64).max(1);
    clock.instant(Nanos(clock.at(due.into_std()).0.next_multiple_of(step))).into()
}

/// One interval times a factor within 1 ± jitter.
pub(crate) fn jittered(health: &Health, rng: &mut Rng) -> Duration {
    let factor = 1.0 + health.jitter.get() * (2.0 * rng.unit() - 1.0);
    health.interval.mul_f64(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_start_on_the_grid_and_never_early() {
        let clock = Clock::start();
        for (nanos, grid) in
            [(0, 10), (1, 10), (9_999_999, 10), (10_000_000, 10), (12_345_678_901, 50), (7, 0)]
        {
            let grid = Duration::from_millis(grid);
            let due = Instant::from_std(clock.instant(Nanos(nanos)));
            let start = on_grid(clock, due, grid);
            assert_eq!(clock.at(start.into_std()).0 % (grid.as_nanos() as u64).max(1), 0);
            assert!(start >= due && start - due < grid.max(Duration::from_nanos(1)), "{nanos}");
        }
    }
}
