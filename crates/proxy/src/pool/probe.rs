//! Health checks: one question to one backend, and asking it again and again.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evenkeel_config::{Check, Health};
use evenkeel_core::{BackendId, Nanos, Rng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::http1::{HeadScanner, Method, Scan, parse_response};

use crate::proxy::lock;
use crate::upstream::is_local;

use super::keeper::Finding;

/// More than this is not the header of an answer to a health check.
const RESPONSE_MAX: usize = 16 * 1024;

/// Checks start at multiples of this.
const GRID: Duration = Duration::from_millis(10);
/// Room for the usual one, so that it takes one read.
const RESPONSE_USUAL: usize = 2048;

/// A backend to be checked.
pub(crate) struct Backend {
    pub(crate) id: BackendId,
    pub(crate) address: SocketAddr,
    pub(crate) health: Arc<Health>,
    pub(crate) clock: Clock,
}

/// Asks once, within the check's timeout. The error is the reason in words; `None` when the question could not be
/// asked because this process is out of files or ports, which says nothing about the backend.
pub(crate) async fn check(health: &Health, backend: SocketAddr) -> Option<Result<(), Arc<str>>> {
    let address = SocketAddr::new(backend.ip(), health.port.unwrap_or(backend.port()));
    let question = async {
        let stream = match TcpStream::connect(address).await {
            Err(error) if is_local(&error) => return None,
            connected => connected.map_err(|error| error.to_string()),
        };
        Some(match &health.check {
            Check::Tcp => stream.map(drop).map_err(|reason| format!("TCP {address}: {reason}")),
            Check::Http { path, host, expect_status } => {
                let host = host.clone().unwrap_or_else(|| address.to_string());
                let answer = async { http(stream?, path, &host, expect_status).await };
                answer.await.map_err(|reason| format!("GET {path} on {address}: {reason}"))
            }
        })
    };
    match tokio::time::timeout(health.timeout, question).await {
        Ok(answer) => answer.map(|answer| answer.map_err(Arc::from)),
        Err(_) => Some(Err(format!("no answer from {address} within {:?}", health.timeout).into())),
    }
}

/// Asks for ever, first when `due` says and then one interval after the last time, give or take the jitter, so that the
/// checks of many backends and many balancers do not fall together. Keeps `due` up to date.
pub(crate) async fn watch(
    backend: Backend,
    results: UnboundedSender<Finding>,
    mut rng: Rng,
    due: Arc<Mutex<Instant>>,
) {
    let Backend { id, address, health, clock } = backend;
    loop {
        let next = *lock(&due);
        tokio::time::sleep_until(on_grid(clock, next)).await;
        let started = Instant::now();
        if let Some(result) = check(&health, address).await
            && results.send(Finding::Checked { id: id.clone(), address, result }).is_err()
        {
            return;
        }
        *lock(&due) = started + jittered(&health, &mut rng);
    }
}

/// The next moment of a grid that all checks share: those of a large pool that are due at nearly the same time start in
/// one go, and the thread, which may share its core with a worker, wakes less often.
fn on_grid(clock: Clock, due: Instant) -> Instant {
    let steps = clock.at(due.into_std()).0.div_ceil(GRID.as_nanos() as u64);
    clock.instant(Nanos(steps * GRID.as_nanos() as u64)).into()
}

/// One interval times a factor within 1 ± jitter.
pub(crate) fn jittered(health: &Health, rng: &mut Rng) -> Duration {
    let factor = 1.0 + health.jitter.get() * (2.0 * rng.unit() - 1.0);
    health.interval.mul_f64(factor)
}

async fn http(
    mut stream: TcpStream,
    path: &str,
    host: &str,
    expect_status: &[(u16, u16)],
) -> Result<(), String> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: evenkeel-health/{}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
    let status = status(&mut stream).await?;
    let expected = expect_status.iter().any(|&(from, to)| (from..=to).contains(&status));
    if expected { Ok(()) } else { Err(format!("status {status}")) }
}

async fn status(stream: &mut TcpStream) -> Result<u16, String> {
    let mut scanner = HeadScanner::default();
    let mut bytes = Vec::with_capacity(RESPONSE_USUAL);
    let mut fields = Vec::new();
    loop {
        let read = stream.read_buf(&mut bytes).await.map_err(|error| error.to_string())?;
        if read == 0 {
            return Err("closed without an answer".to_owned());
        }
        while let Scan::Complete(length) = scanner.advance(&bytes) {
            let head = parse_response(&bytes[..length], Method::Get, &mut fields)
                .map_err(|malformed| format!("not an HTTP response: {}", malformed.detail))?;
            if !head.is_interim() {
                return Ok(head.status);
            }
            bytes.drain(..length);
            scanner = HeadScanner::default();
        }
        if scanner.clone().advance(&bytes) == Scan::BareLf || bytes.len() > RESPONSE_MAX {
            return Err("not an HTTP response".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_start_on_the_grid_and_never_early() {
        let clock = Clock::start();
        for nanos in [0, 1, 9_999_999, 10_000_000, 10_000_001, 12_345_678_901] {
            let due = Instant::from_std(clock.instant(Nanos(nanos)));
            let start = on_grid(clock, due);
            assert_eq!(clock.at(start.into_std()).0 % GRID.as_nanos() as u64, 0);
            assert!(start >= due && start - due < GRID, "{nanos}");
        }
    }
}
