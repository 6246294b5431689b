//! Where a session gets its backend from.

use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use evenkeel_config::HashKey;
use evenkeel_core::{PickKey, PoolSnapshot, Refusal, Rng, Tried};

use super::counts::{Dropped, Open};
use super::endpoint::{Opening, Phase};
use super::session::{Backend, OpenError, Session};
use super::table::{Flow, Place};
use super::watch::Watch;
use crate::http::source_key;
use crate::listen::{Listener, ListenerSettings};
use crate::pool::{PoolCell, PoolSettings, Wanted};
use crate::worker::Worker;

/// Whom sessions queue up behind: nobody, for they do not wait.
const RANK: u8 = 9;

/// What a relay has beside its sessions.
pub(super) struct Desk {
    pub(super) listener: Arc<Listener>,
    pub(super) worker: Arc<Worker>,
    pub(super) opening: Arc<Opening>,
    /// Which of the endpoint's sockets it reads.
    pub(super) index: usize,
    /// Watches that socket, and those of the sessions.
    pub(super) events: Arc<Watch>,
    pub(super) rng: Rng,
}

/// What holds for the datagrams of one go.
pub(super) struct Terms<'a> {
    pub(super) settings: &'a ListenerSettings,
    pub(super) pool: &'a Arc<PoolCell>,
    pub(super) pool_settings: &'a PoolSettings,
    pub(super) snapshot: &'a PoolSnapshot,
    pub(super) now: Instant,
}

impl Desk {
    pub(super) fn socket(&self) -> &UdpSocket {
        self.opening.endpoint.socket(self.index)
    }

    /// Whether sessions may begin.
    pub(super) fn is_open(&self) -> bool {
        self.opening.phase() == Phase::Open && !self.worker.stage().is_draining()
    }

    /// A session without a backend, if one more may begin.
    ///
    /// # Errors
    /// Why not; [`Dropped::Sessions`] when there would have to be room.
    pub(super) fn admit(&self, terms: &Terms<'_>) -> Result<Session, Dropped> {
        let max = terms.settings.udp.sessions;
        let open = Open::reserve(&self.listener, max).ok_or(Dropped::Sessions)?;
        Ok(Session::new(terms.now, open, self.worker.begin_request()))
    }

    /// Whether one more may begin now, as far as its bound on new ones goes.
    pub(super) fn in_pace(&self, terms: &Terms<'_>) -> bool {
        let now = self.worker.clock().at(terms.now);
        let bound = terms.settings.udp.new_per_second;
        bound.is_none_or(|bound| self.listener.udp.rate.admits(bound, now))
    }

    /// Picks a backend for the session at `place` and opens a socket to it. `None` when it could not be reached; it is
    /// among those tried then. When all have been tried, the first may be the next.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn bind(
        &mut self,
        place: Place,
        flow: &Flow,
        tried: &mut Tried,
        terms: &Terms<'_>,
    ) -> Result<Option<Backend>, Dropped> {
        let pool = terms.pool;
        // Nobody gets in front of those who wait.
        if terms.pool_settings.queue.size > 0 && pool.queue.len() > 0 {
            return Err(Dropped::BackendLimit);
        }
        if terms.pool_settings.probed {
            pool.prober.request_came(terms.snapshot);
        }
        let key = key(pool, terms.pool_settings, flow.client.ip());
        let shown = || flow.client.ip().to_canonical().to_string().into_bytes();
        pool.told_apart.show(terms.pool_settings, key, shown);
        let now = self.worker.clock().at(terms.now);
        let mut wanted = Wanted { session: None, key, client: 0, tried: tried.clone(), rank: RANK };
        let mut picked = pool.pick(&wanted, &mut self.rng, now);
        if matches!(picked, Err(Refusal::Nobody)) && !tried.is_empty() {
            *tried = Tried::default();
            wanted.tried = Tried::default();
            picked = pool.pick(&wanted, &mut self.rng, now);
        }
        let mut attempt = picked.map_err(|refusal| match refusal {
            Refusal::Nobody => Dropped::NoBackend,
            Refusal::Full => Dropped::BackendLimit,
        })?;
        attempt.untimed();
        let serial = attempt.lease().member().serial;
        match Backend::open(attempt, terms.now) {
            Ok(backend) => {
                self.events.add(backend.socket(), place.into()).map_err(|_| Dropped::Resources)?;
                Ok(Some(backend))
            }
            Err(OpenError::Unreachable) => {
                tried.push(serial);
                Ok(None)
            }
            Err(OpenError::Local) => Err(Dropped::Resources),
        }
    }
}

/// What a client is told apart by: its address. There is nothing else that a datagram is known to have.
fn key(pool: &PoolCell, settings: &PoolSettings, client: IpAddr) -> PickKey {
    match settings.hash {
        None => PickKey::NONE,
        Some(HashKey::Source { ipv4, ipv6 }) => source_key(client, ipv4, ipv6),
        Some(_) => {
            pool.told_apart.keys_missing.fetch_add(1, Ordering::Relaxed);
            PickKey::NONE
        }
    }
}
