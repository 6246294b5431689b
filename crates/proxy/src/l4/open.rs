//! From a client's connection to a backend's: picking, connecting, and saying who the client is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use evenkeel_config::HashKey;
use evenkeel_core::{Outcome, PickKey, Rng, Tried};
use tokio::net::TcpStream;

use crate::client::Client;
use crate::http::timer::Timer;
use crate::http::{Failure, RANK_USUAL, source_key};
use crate::pool::{Attempt, PoolCell, PoolSettings, Wanted};
use crate::proxy_protocol;
use crate::transport::Transport;
use crate::turn::{Asker, Turned, has_left};
use crate::upstream::{ConnectError, Upstream, connect};
use crate::worker::Worker;

use super::account::{Account, Ending};

/// Who opens a connection, and for whom.
pub(super) struct Opener<'a> {
    pub(super) tcp: &'a TcpStream,
    pub(super) client: &'a Client,
    pub(super) worker: &'a Worker,
    pub(super) rng: &'a mut Rng,
    pub(super) timer: &'a mut Timer,
}

impl Opener<'_> {
    /// Tries backends of the pool until one has accepted a connection. Nothing of the client's has been sent to it.
    pub(super) async fn open(
        &mut self,
        pool: &Arc<PoolCell>,
        account: &mut Account,
    ) -> Result<(Attempt, Transport), Ending> {
        let settings = pool.settings.load_full();
        let mut wanted = wanted(pool, &settings, self.client);
        if settings.probed {
            pool.prober.request_came(&pool.snapshot.load());
        }
        let header = self.header(&settings, account).ok_or(Ending::ClientGone)?;
        let mut failure = Failure::NoBackend;
        while account.attempts < settings.max_attempts {
            let Self { tcp, worker, rng, timer, .. } = self;
            let asker =
                Asker { worker, rng, timer, pool, settings: &settings, wanted: &wanted, not_after: None };
            let mut watched = Some(*tcp);
            let picked = asker.pick(&mut account.wait, |context| has_left(&mut watched, context)).await;
            let (mut attempt, now) = match picked {
                Ok(picked) => picked,
                Err(Turned::Nobody) => break,
                Err(Turned::Away(why)) => return Err(Ending::Failed(why)),
                Err(Turned::ClientGone) => return Err(Ending::ClientGone),
            };
            account.picked(&attempt, now);
            attempt.untimed();
            match reach(attempt.lease().member().address, &settings, &header).await {
                Ok(upstream) => {
                    account.connected_at = Some(upstream.opened);
                    account.wait.served(pool);
                    return Ok((attempt, upstream.stream));
                }
                // Another backend would meet the same shortage.
                Err((why @ Failure::OutOfResources, outcome)) => {
                    attempt.end(outcome, Instant::now());
                    return Err(Ending::Failed(why));
                }
                Err((why, outcome)) => {
                    failure = why;
                    wanted.tried.push(attempt.lease().member().serial);
                    attempt.end(outcome, Instant::now());
                }
            }
        }
        Err(Ending::Failed(failure))
    }

    /// What a connection to a backend begins with. `None` when the client's is gone.
    fn header(&self, settings: &PoolSettings, account: &Account) -> Option<Vec<u8>> {
        let mut header = Vec::new();
        if let Some(version) = settings.send_proxy {
            let ends = self.client.ends(self.tcp)?;
            let mut details = self.client.details();
            let name = account.hello.as_ref().and_then(|hello| hello.server_name.as_deref());
            // What the client has just said itself is nearer to the truth than what a proxy says of it.
            details.authority = name.map(|name| name.as_bytes().into()).or(details.authority);
            proxy_protocol::write(&mut header, version, ends, &details);
        }
        Some(header)
    }
}

/// What a connection is told apart by is its source: there is nothing else.
fn wanted(pool: &PoolCell, settings: &PoolSettings, client: &Client) -> Wanted {
    let key = match settings.hash {
        None => PickKey::NONE,
        Some(HashKey::Source { ipv4, ipv6 }) => source_key(client.address.ip(), ipv4, ipv6),
        Some(_) => {
            pool.told_apart.keys_missing.fetch_add(1, Ordering::Relaxed);
            PickKey::NONE
        }
    };
    pool.told_apart.show(settings, key, || client.address.ip().to_canonical().to_string().into_bytes());
    Wanted { session: None, key, client: 0, tried: Tried::default(), rank: RANK_USUAL }
}

async fn reach(
    address: Option<SocketAddr>,
    settings: &PoolSettings,
    header: &[u8],
) -> Result<Upstream, (Failure, Outcome)> {
    let address = address.ok_or((Failure::ConnectionFailed, Outcome::ConnectFailed))?;
    connect(address, settings.connect_timeout, header, None).await.map_err(|error| match error {
        ConnectError::TimedOut => (Failure::ConnectionTimeout, Outcome::ConnectTimeout),
        ConnectError::Refused => (Failure::ConnectionRefused, Outcome::ConnectFailed),
        ConnectError::Failed | ConnectError::Tls(..) => (Failure::ConnectionFailed, Outcome::ConnectFailed),
        ConnectError::Local => (Failure::OutOfResources, Outcome::Cancelled),
    })
}
