//! What is different about a request when HTTP/2 is spoken: attempts on shared connections, and callers' deadlines.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::http1::BodyLength;
use crate::pool::{Attempt, PoolSettings, SetCookie};
use crate::upstream::Wanted;

use super::account::Account;
use super::buffer::Scratch;
use super::connection::Connection;
use super::exchange::{Backend, Bounds, Ended};
use super::grpc;
use super::request::{AttemptEnd, Request, not_connected};
use super::respond::Failure;

/// How often a request is sent that backends say they have not acted on.
const UNPROCESSED_MAX: u32 = 3;
/// After so long without a byte on the connection nobody who gives up waits for another request to find it dead.
const SILENT: Duration = Duration::from_secs(1);
/// No caller's deadline is further away: more is as good as none.
const CALL_MAX: Duration = Duration::from_secs(24 * 3600);

impl Connection {
    /// One attempt on a stream of a connection that other requests use as well. A request that the backend has not acted
    /// on, as it says itself, goes again (RFC 9113 section 8.7).
    pub(super) async fn attempt_on_stream(
        &mut self,
        scratch: &mut Scratch,
        request: &Request,
        (attempt, wanted, first): (&Attempt, Wanted, Vec<u8>),
        bounds: Bounds<'_>,
        cookie: Option<SetCookie<'_>>,
        account: &mut Account,
    ) -> AttemptEnd {
        let picked_at = account.picked_at.unwrap_or(account.started);
        let worker = Arc::clone(&self.worker);
        for again in (0..UNPROCESSED_MAX).rev() {
            let tls = bounds.pool.tls.as_deref();
            let securely = || tls.map(|tls| tls.to(&attempt.lease().member().id, wanted.address));
            let slot = match worker.shared().slot(wanted, bounds.connect_timeout(), &first, securely).await {
                Ok(slot) => slot,
                Err(error) => return not_connected(&error, attempt, tls),
            };
            account.connected_at = Some(if slot.reused() { picked_at } else { slot.opened() });
            account.wait.served(attempt.pool());
            let (connection, scheme) = (slot.connection(), slot.scheme());
            let backend = Backend::H2 { connection, scheme, address: wanted.address };
            let (heard, began) = (slot.heard(), Instant::now());
            let ended =
                self.exchange(scratch, request, (backend, slot.reused()), bounds, cookie, account).await;
            let timed_out = matches!(ended, Ended::Failed(Failure::ResponseTimeout, _));
            if slot.heard() == heard && (timed_out || began.elapsed() >= SILENT) {
                // A connection of HTTP/1.1 ends with a request that failed on it; this one would go on failing for as
                // long as the kernel hopes, whatever checks on connections of their own find.
                slot.retire();
            }
            match ended {
                Ended::Stale => worker.count_stale(),
                Ended::Unprocessed if again > 0 && request.head.body == BodyLength::None => slot.retire(),
                ended => return AttemptEnd::Exchanged(ended),
            }
        }
        AttemptEnd::Exchanged(Ended::Unprocessed)
    }

    /// The pool's bound on the whole request, or the caller's own if that is shorter, and whether it is.
    pub(super) fn total_timeout(
        &self,
        scratch: &Scratch,
        request: &Request,
        pool: &PoolSettings,
    ) -> (Option<Duration>, bool) {
        if !self.stream.is_http2() {
            return (pool.total_timeout, false);
        }
        let wanted = request.incoming(self, scratch).values(b"grpc-timeout").next().and_then(grpc::timeout);
        let wanted = wanted.map(|wanted| wanted.min(CALL_MAX));
        match (wanted, pool.total_timeout) {
            (Some(wanted), total) if total.is_none_or(|total| wanted < total) => (Some(wanted), true),
            (_, total) => (total, false),
        }
    }
}
