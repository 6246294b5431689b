//! Which backend a request gets: what it asks for, and how it waits where everybody is busy.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use evenkeel_core::{PickKey, Refusal, Tried};
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use crate::pool::{Attempt, Place, PoolCell, PoolSettings, Queue, SetCookie, Sticky, Wanted};

use super::connection::Connection;
use super::exchange::Bounds;
use super::forward::Incoming;
use super::respond::Failure;
use super::timer::Interrupted;
use super::{cookie, key};

/// The priority of a request that states none.
const PRIORITY_USUAL: u8 = 4;
/// The highest: it goes first.
const PRIORITY_MAX: u8 = 9;

/// Why a request gets no backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    /// There is none, or none that has not been tried.
    Nobody,
    /// Not in time, or not for so many.
    Away(Failure),
    /// The client has not waited for it.
    ClientGone,
}

/// How a request has waited so far, all its attempts together.
#[derive(Debug, Default)]
pub(crate) struct Wait {
    /// Where it stood, once it has: it is there again when a lease comes to nothing.
    place: Option<Place>,
    /// When it has waited long enough, from the first wait on.
    deadline: Option<tokio::time::Instant>,
    waited: Duration,
    counted: bool,
}

impl Wait {
    /// Counts the wait, once a backend has been reached. Once only: a second attempt is the same request.
    pub(crate) fn served(&mut self, pool: &PoolCell) {
        if self.place.is_some() && !std::mem::replace(&mut self.counted, true) {
            pool.queue.counts.waited.record(self.waited);
        }
    }
}

/// What a request asks of its pool.
pub(crate) fn wanted(
    pool: &PoolCell,
    settings: &PoolSettings,
    request: &Incoming<'_>,
    client: impl FnOnce() -> IpAddr,
) -> Wanted {
    let key = settings.hash.as_ref().map_or(PickKey::NONE, |rule| key::of(rule, request, client));
    if settings.hash.is_some() && key == PickKey::NONE {
        pool.told_apart.keys_missing.fetch_add(1, Ordering::Relaxed);
    }
    let cookies = |sticky: &Sticky| Sticky::session(cookie::values(request, sticky.name()));
    let session = settings.sticky.as_ref().and_then(cookies);
    let field = settings.queue.priority.as_deref().and_then(|name| request.values(name.as_bytes()).next());
    Wanted { session, key, tried: Tried::default(), rank: PRIORITY_MAX - priority(field) }
}

/// A number from 0 to 9 and nothing else; otherwise the usual one.
fn priority(field: Option<&[u8]>) -> u8 {
    match field {
        Some(&[digit @ b'0'..=b'9']) => digit - b'0',
        _ => PRIORITY_USUAL,
    }
}

/// What the response of the backend that was picked sets. A session whose backend is merely at its limit stays where it
/// is: only this one request goes elsewhere.
pub(crate) fn set_cookie<'a>(
    pool: &PoolCell,
    settings: &'a PoolSettings,
    wanted: &Wanted,
    attempt: &Attempt,
) -> Option<SetCookie<'a>> {
    let sticky = settings.sticky.as_ref()?;
    let new = attempt.lease().member().session();
    let at_limit = |old| old != new && wanted.tried.is_empty() && pool.has_home(old);
    if wanted.session.is_some_and(at_limit) { None } else { sticky.set(wanted.session, new) }
}

/// Counts sessions that begin and that move, once the backend has had the request.
pub(crate) fn count_session(pool: &PoolCell, wanted: &Wanted, attempt: &Attempt) {
    let counts = &pool.told_apart;
    let count = match wanted.session {
        None => &counts.sessions_new,
        Some(old) if old == attempt.lease().member().session() => return,
        Some(_) => &counts.sessions_moved,
    };
    count.fetch_add(1, Ordering::Relaxed);
}

impl Connection {
    /// Picks a backend: at once where that can be, else when it is the request's turn.
    pub(crate) async fn pick(
        &mut self,
        pool: &Arc<PoolCell>,
        wanted: &Wanted,
        bounds: Bounds<'_>,
        wait: &mut Wait,
    ) -> Result<(Attempt, Instant), Turned> {
        // Nobody gets in front of those who wait.
        let others_wait = bounds.pool.queue.size > 0 && pool.queue.len() > 0;
        if !others_wait {
            let now = Instant::now();
            match pool.pick(wanted, &mut self.rng, self.worker.clock().at(now)) {
                Ok(attempt) => return Ok((attempt, now)),
                Err(Refusal::Nobody) => return Err(Turned::Nobody),
                Err(Refusal::Full) => {}
            }
        }
        // In a box of its own: a request that need not wait is the smaller for it.
        Box::pin(self.wait(pool, wanted, bounds, wait)).await
    }

    async fn wait(
        &mut self,
        pool: &Arc<PoolCell>,
        wanted: &Wanted,
        bounds: Bounds<'_>,
        wait: &mut Wait,
    ) -> Result<(Attempt, Instant), Turned> {
        let counts = &pool.queue.counts;
        let count = |counter: &std::sync::atomic::AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        let entered = Instant::now();
        let (size, timeout) = pool.line_for(bounds.pool);
        let now = self.worker.clock().at(entered);
        let Some(mut turn) = Queue::enter(pool, wanted.clone(), wait.place, size, now) else {
            count(&counts.overflows);
            return Err(Turned::Away(Failure::QueueFull));
        };
        wait.place = Some(turn.place());
        let started = || tokio::time::Instant::from_std(entered);
        let deadline = *wait.deadline.get_or_insert_with(|| started() + timeout);
        let Self { stream, timer, worker, .. } = self;
        let stage = worker.stage();
        let mut watched = Some(stream.tcp());
        let waiting = std::future::poll_fn(|context| {
            if let Poll::Ready(answer) = std::pin::Pin::new(&mut turn).poll(context) {
                return Poll::Ready(answer.map_err(|_| Turned::Nobody));
            }
            if stage.is_draining() {
                return Poll::Ready(Err(Turned::Away(Failure::Cut)));
            }
            if has_left(&mut watched, context) {
                return Poll::Ready(Err(Turned::ClientGone));
            }
            Poll::Pending
        });
        match timer.limit_until(stage, || Some(deadline), bounds.not_after, waiting).await {
            Ok(Ok(attempt)) => {
                let now = Instant::now();
                wait.waited += now - entered;
                Ok((attempt, now))
            }
            Ok(Err(turned)) => {
                if turned == Turned::ClientGone {
                    count(&counts.left);
                }
                Err(turned)
            }
            Err(Interrupted::TimedOut) => {
                count(&counts.timeouts);
                let all_over = bounds.not_after.is_some_and(|end| end <= tokio::time::Instant::now());
                Err(Turned::Away(if all_over { Failure::TotalTimeout } else { Failure::QueueTimeout }))
            }
            Err(Interrupted::Cut) => Err(Turned::Away(Failure::Cut)),
        }
    }
}

/// Whether the client has closed its connection or reset it. Nothing has been done for the request yet, so one that has
/// closed its sending side only is taken at its word. Once it has sent something more, its end cannot be seen behind that.
fn has_left(watched: &mut Option<&TcpStream>, context: &mut Context<'_>) -> bool {
    let Some(client) = watched else { return false };
    let mut byte = [0; 1];
    match client.poll_peek(context, &mut ReadBuf::new(&mut byte)) {
        Poll::Ready(Ok(0) | Err(_)) => true,
        Poll::Ready(Ok(_)) => {
            *watched = None;
            false
        }
        Poll::Pending => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_one_digit() {
        for (field, expected) in [
            (None, 4),
            (Some("0"), 0),
            (Some("9"), 9),
            (Some(""), 4),
            (Some("10"), 4),
            (Some("-1"), 4),
            (Some("high"), 4),
            (Some("7, 8"), 4),
        ] {
            assert_eq!(priority(field.map(str::as_bytes)), expected, "{field:?}");
        }
    }
}
