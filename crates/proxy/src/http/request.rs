//! One request that has been understood: to which backend it goes, how often, and what it came to.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use evenkeel_core::{Outcome, Rng, Tried};

use crate::http1::{BodyLength, FieldKind, Method, RequestHead};
use crate::listen::ListenerSettings;
use crate::pool::{Attempt, PoolCell};
use crate::upstream::{ConnectError, Upstream, connect};

use super::account::Account;
use super::buffer::Scratch;
use super::connection::{Connection, Next};
use super::exchange::{Bounds, Delivered, Ended, Exchange};
use super::forward::{self, Incoming};
use super::respond::{Failure, Form};

/// Longest request id taken over from a trusted proxy.
const REQUEST_ID_MAX: usize = 128;

/// A request head with what was decided about it.
struct Request {
    head: RequestHead,
    from_trusted: bool,
    id: String,
}

impl Request {
    fn incoming<'a>(&'a self, connection: &'a Connection, scratch: &'a Scratch) -> Incoming<'a> {
        Incoming {
            bytes: &scratch.head,
            head: &self.head,
            fields: &scratch.fields,
            from_trusted: self.from_trusted,
            client: &connection.client,
            request_id: &self.id,
        }
    }

    /// Whether sending it once more can do no harm.
    fn is_resendable(&self) -> bool {
        self.head.body == BodyLength::None && self.head.method.is_safe()
    }
}

impl Connection {
    /// Answers a request that has been understood.
    pub(crate) async fn answer(
        &mut self,
        scratch: &mut Scratch,
        settings: &ListenerSettings,
        started: Instant,
        head: RequestHead,
    ) -> Next {
        let from_trusted = settings.trusts(self.peer.ip());
        let request = Request { head, from_trusted, id: self.request_id(scratch, from_trusted) };
        let mut account = Account::new(started);
        let _in_progress = self.worker.begin_request();
        let next = match self.destination(scratch, settings, &request) {
            Ok(pool) => {
                let next = self.forward(scratch, settings, &request, &pool, &mut account).await;
                pool.durations.record(started.elapsed());
                account.pool = Some(pool);
                next
            }
            Err(failure) => self.fail(scratch, settings, &request, failure, &mut account).await,
        };
        match account.status {
            Some(status) => self.listener.counts.answered(status),
            None => {
                self.listener.counts.unfinished.fetch_add(1, Ordering::Relaxed);
            }
        }
        if let Some(log) = &settings.access_log {
            let mut entry = self.access_entry(settings, started);
            account.describe(&mut entry);
            entry.request = Some(request.incoming(self, scratch));
            log.write(&entry);
        }
        next
    }

    /// The pool that serves the request, if its declared size is acceptable.
    fn destination(
        &self,
        scratch: &Scratch,
        settings: &ListenerSettings,
        request: &Request,
    ) -> Result<Arc<PoolCell>, Failure> {
        if let (BodyLength::Length(length), Some(max)) = (request.head.body, settings.limits.body_bytes)
            && length > max
        {
            return Err(Failure::BodyTooLarge);
        }
        let host = request.head.host.slice(&scratch.head);
        let incoming = request.incoming(self, scratch);
        settings.routes.find(host, incoming.path()).cloned().ok_or(Failure::NoRoute)
    }

    /// Tries backends until one has answered or the request must not be sent again.
    async fn forward(
        &mut self,
        scratch: &mut Scratch,
        settings: &ListenerSettings,
        request: &Request,
        pool: &Arc<PoolCell>,
        account: &mut Account,
    ) -> Next {
        let pool_settings = pool.settings.load_full();
        let total = pool_settings.total_timeout;
        let bounds = Bounds {
            client: &settings.timeouts,
            pool: &pool_settings,
            body_max: settings.limits.body_bytes,
            not_after: total.map(|total| tokio::time::Instant::from_std(account.started) + total),
        };
        let mut tried = Tried::default();
        let mut failure = Failure::NoBackend;
        while account.attempts < pool_settings.max_attempts {
            let now = self.worker.clock().now();
            let Some(attempt) = pool.pick(&tried, &mut self.rng, now) else {
                break;
            };
            account.picked(&attempt);
            match self.attempt(scratch, request, &attempt, bounds, account).await {
                AttemptEnd::Exchanged(ended) => {
                    return self.conclude(scratch, settings, request, ended, attempt, account).await;
                }
                AttemptEnd::NotConnected(reason, outcome) => {
                    failure = reason;
                    tried.push(attempt.lease().member().serial);
                    attempt.end(outcome);
                }
            }
        }
        self.fail(scratch, settings, request, failure, account).await
    }

    /// One attempt on one backend. A reused connection that turns out to be closed is replaced by a new one to the
    /// same backend: the backend has done nothing wrong, and its share stays what it should be.
    async fn attempt(
        &mut self,
        scratch: &mut Scratch,
        request: &Request,
        attempt: &Attempt,
        bounds: Bounds<'_>,
        account: &mut Account,
    ) -> AttemptEnd {
        let member = attempt.lease().member();
        let Some(address) = member.address else {
            return AttemptEnd::NotConnected(Failure::ConnectionFailed, Outcome::ConnectFailed);
        };
        let mut idle = self.worker.idle().take(member.serial, address, !request.is_resendable());
        loop {
            let mut upstream = match idle.take() {
                Some(upstream) => upstream,
                None => match connect(address, bounds.connect_timeout()).await {
                    Ok(upstream) => upstream,
                    Err(error) => return not_connected(&error),
                },
            };
            account.connected_at = Some(Instant::now());
            let ended = self.exchange(scratch, request, (address, &mut upstream), bounds, account).await;
            match ended {
                Ended::Stale => self.worker.count_stale(),
                Ended::Delivered(Delivered { keep_upstream, .. }) => {
                    if keep_upstream && !self.worker.stage().is_draining() {
                        self.worker.idle().put(member.serial, address, upstream, bounds.pool.keep);
                    }
                    return AttemptEnd::Exchanged(ended);
                }
                ended => return AttemptEnd::Exchanged(ended),
            }
        }
    }

    async fn exchange(
        &mut self,
        scratch: &mut Scratch,
        request: &Request,
        (address, upstream): (SocketAddr, &mut Upstream),
        bounds: Bounds<'_>,
        account: &Account,
    ) -> Ended {
        let Scratch { input, head: bytes, fields, to_backend, from_backend, response_fields, to_client } =
            scratch;
        let Request { head, from_trusted, id } = request;
        let incoming = Incoming {
            bytes,
            head,
            fields,
            from_trusted: *from_trusted,
            client: &self.client,
            request_id: id,
        };
        forward::request_head(to_backend, &incoming, address);
        from_backend.clear();
        let exchange = Exchange {
            client: &self.stream,
            upstream: &upstream.stream,
            reused: upstream.reused,
            request: incoming,
            input,
            to_backend,
            from_backend,
            response_fields,
            to_client,
            timer: &mut self.timer,
            stage: self.worker.stage(),
            pipes: self.worker.pipes(),
            retired: &self.listener.retired,
            bounds,
            traffic: &account.traffic,
            date: &self.worker.http_date(),
        };
        exchange.run().await
    }

    /// Ends the attempt and, where the client has got nothing, answers it.
    async fn conclude(
        &mut self,
        scratch: &mut Scratch,
        settings: &ListenerSettings,
        request: &Request,
        ended: Ended,
        attempt: Attempt,
        account: &mut Account,
    ) -> Next {
        let (sent, received) = account.traffic.totals();
        attempt.lease().member().load.add_bytes(sent, received);
        match ended {
            Ended::Delivered(Delivered { status, keep_client, head_at, .. }) => {
                attempt.end(if status >= 500 { Outcome::ServerError } else { Outcome::Ok });
                account.status = Some(status);
                account.head_at = Some(head_at);
                if keep_client { Next::Keep } else { self.farewell(scratch, request) }
            }
            Ended::Failed(failure, outcome) => {
                attempt.end(outcome);
                self.fail(scratch, settings, request, failure, account).await
            }
            Ended::Broken(outcome) => {
                attempt.end(outcome);
                account.error = Some("http_response_incomplete");
                Next::Abort
            }
            Ended::ClientGone | Ended::Stale => {
                attempt.end(Outcome::Cancelled);
                account.error = Some("client_gone");
                Next::Abort
            }
        }
    }

    /// How to close after a response. Closing with bytes unread resets the connection, which can destroy the end of the
    /// response: whoever did not itself ask to close may be sending its next request now.
    fn farewell(&self, scratch: &Scratch, request: &Request) -> Next {
        let head = &request.head;
        let client_is_done = !head.keep_alive && head.body == BodyLength::None && scratch.input.is_empty();
        let is_silent =
            || matches!(self.stream.try_read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
        if client_is_done && is_silent() { Next::Close } else { Next::Linger }
    }

    /// Answers with an error of Evenkeel's own.
    async fn fail(
        &mut self,
        scratch: &mut Scratch,
        settings: &ListenerSettings,
        request: &Request,
        failure: Failure,
        account: &mut Account,
    ) -> Next {
        let head = &request.head;
        let keep_alive = head.keep_alive
            && head.body == BodyLength::None
            && failure.leaves_connection_sound()
            && !self.is_leaving();
        let form = Form { without_body: head.method == Method::Head, keep_alive, minor: head.minor };
        account.status = Some(failure.status());
        account.error = Some(failure.describe().1);
        match (self.write_failure(scratch, settings, failure, form, &request.id).await, keep_alive) {
            (false, _) => Next::Close,
            (true, true) => Next::Keep,
            (true, false) => Next::Linger,
        }
    }

    /// The id that a trusted proxy gave, or a new one.
    fn request_id(&mut self, scratch: &Scratch, from_trusted: bool) -> String {
        let given = || {
            let field = scratch.fields.iter().find(|field| field.kind == FieldKind::RequestId)?;
            let value = field.value.slice(&scratch.head);
            let fits = (1..=REQUEST_ID_MAX).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic);
            fits.then(|| String::from_utf8_lossy(value).into_owned())
        };
        from_trusted.then(given).flatten().unwrap_or_else(|| new_id(&mut self.rng))
    }
}

/// 128 random bits in hexadecimal. By hand: formatting took a thirtieth of all instructions of a request.
fn new_id(rng: &mut Rng) -> String {
    let bits = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
    let digits: [u8; 32] =
        std::array::from_fn(|place| b"0123456789abcdef"[(bits >> (4 * place as u32)) as usize & 15]);
    String::from_utf8_lossy(&digits).into_owned()
}

/// How one attempt ended.
enum AttemptEnd {
    Exchanged(Ended),
    /// Nothing of the request was sent.
    NotConnected(Failure, Outcome),
}

fn not_connected(error: &ConnectError) -> AttemptEnd {
    match error {
        ConnectError::TimedOut => {
            AttemptEnd::NotConnected(Failure::ConnectionTimeout, Outcome::ConnectTimeout)
        }
        ConnectError::Refused => AttemptEnd::NotConnected(Failure::ConnectionRefused, Outcome::ConnectFailed),
        // Another backend would meet the same shortage: this one answer, and nothing against the backend.
        ConnectError::Local => {
            AttemptEnd::Exchanged(Ended::Failed(Failure::OutOfResources, Outcome::Cancelled))
        }
        ConnectError::Failed => AttemptEnd::NotConnected(Failure::ConnectionFailed, Outcome::ConnectFailed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_32_digits_and_differ() {
        let mut rng = Rng::from_seed(1);
        let ids: std::collections::HashSet<String> = (0..1000).map(|_| new_id(&mut rng)).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
    }
}
