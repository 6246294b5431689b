//! Which backend a request gets: what it asks for.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use evenkeel_core::{PickKey, Tried};

use crate::pool::{Attempt, PoolCell, PoolSettings, SetCookie, Sticky, Wanted};
use crate::turn::{Asker, Turned, Wait};

use super::connection::Connection;
use super::exchange::Bounds;
use super::forward::Incoming;
use super::{cookie, key};

/// The priority of a request that states none.
const PRIORITY_USUAL: u8 = 4;
/// The highest: it goes first.
const PRIORITY_MAX: u8 = 9;
/// The [`Wanted::rank`] of what states no priority.
pub(crate) const RANK_USUAL: u8 = PRIORITY_MAX - PRIORITY_USUAL;

/// What a request asks of its pool.
pub(crate) fn wanted(
    pool: &PoolCell,
    settings: &PoolSettings,
    request: &Incoming<'_>,
    client: impl Fn() -> IpAddr,
) -> Wanted {
    let key = settings.hash.as_ref().map_or(PickKey::NONE, |rule| key::of(rule, request, &client));
    if let Some(rule) = &settings.hash {
        if key == PickKey::NONE {
            pool.told_apart.keys_missing.fetch_add(1, Ordering::Relaxed);
        }
        pool.told_apart.show(settings, key, || key::shown(rule, request, &client));
    }
    let cookies = |sticky: &Sticky| Sticky::session(cookie::values(request, sticky.name()));
    let session = settings.sticky.as_ref().and_then(cookies);
    let field = settings.queue.priority.as_deref().and_then(|name| request.values(name.as_bytes()).next());
    let client = session.map_or(0, |_| key::whole(client()));
    Wanted { session, key, client, tried: Tried::default(), rank: PRIORITY_MAX - priority(field) }
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
        let Self { stream, timer, rng, worker, .. } = self;
        let (settings, not_after) = (bounds.pool, bounds.not_after);
        let asker = Asker { worker, rng, timer, pool, settings, wanted, not_after };
        let mut watched = true;
        asker.pick(wait, |context| stream.has_left(&mut watched, context)).await
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
