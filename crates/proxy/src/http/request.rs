//! One request that has been understood: to which backend it goes, how often, and what it came to.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use evenkeel_core::Outcome;

use crate::http1::{BodyLength, Field, FieldKind, Method, RequestHead, SWITCHING_PROTOCOLS};
use crate::listen::ListenerSettings;
use crate::pool::{Attempt, PoolCell, SetCookie};
use crate::tls::ClientTls;
use crate::turn::Turned;
use crate::upstream::{ConnectError, Upstream, Wanted, connect};

use super::account::Account;
use super::buffer::Scratch;
use super::client::Client;
use super::connection::{Connection, Next};
use super::exchange::{Backend, Bounds, Delivered, Ended, Exchange};
use super::forward::Incoming;
use super::origin;
use super::proxy_header::proxy_header;
use super::redirect;
use super::request_id::RequestId;
use super::respond::{Failure, Form};
use super::steer;
use super::switch::Switched;

/// How HTTP/2 says that a stream is a tunnel (RFC 8441 section 5).
const CONNECTED: u16 = 200;
/// What the log says of a client that did not wait for its answer.
const CLIENT_GONE: &str = "client_gone";

/// A request head with what was decided about it.
pub(crate) struct Request {
    pub(super) head: RequestHead,
    from_trusted: bool,
    id: RequestId,
}

impl Request {
    pub(super) fn incoming<'a>(&'a self, connection: &'a Connection, scratch: &'a Scratch) -> Incoming<'a> {
        self.incoming_of(connection, &scratch.head, &scratch.fields)
    }

    /// With its head and fields kept elsewhere.
    pub(crate) fn incoming_of<'a>(
        &'a self,
        connection: &'a Connection,
        bytes: &'a [u8],
        fields: &'a [Field],
    ) -> Incoming<'a> {
        Incoming {
            bytes,
            head: &self.head,
            fields,
            from_trusted: self.from_trusted,
            client: &connection.client,
            request_id: self.id.as_bytes(),
            over_http2: connection.stream.is_http2(),
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
        let in_progress = self.worker.begin_request();
        let next = match self.destination(scratch, settings, &request) {
            Ok(Destination::Https { port }) => {
                let next = self.redirect(scratch, settings, &request, port, &mut account).await;
                self.idle_since = Instant::now();
                next
            }
            Ok(Destination::Pool(pool)) => {
                let forwarded = self.forward(scratch, settings, &request, &pool, &mut account).await;
                let ended_at = account.ended_at.unwrap_or_else(Instant::now);
                pool.durations.record(ended_at.saturating_duration_since(started));
                self.idle_since = ended_at;
                account.pool = Some(pool);
                match forwarded {
                    Forwarded::Answered(next) => next,
                    Forwarded::Switched(ends) => {
                        let over_http2 = self.stream.is_http2();
                        let status = if over_http2 { CONNECTED } else { SWITCHING_PROTOCOLS };
                        self.listener.counts.answered(status);
                        account.status = Some(status);
                        let switched = Switched::new(*ends, account, request, scratch, settings, in_progress);
                        return Next::Tunnel(switched);
                    }
                }
            }
            Err(failure) => {
                let next = self.fail(scratch, settings, &request, failure, &mut account).await;
                self.idle_since = Instant::now();
                next
            }
        };
        match account.status {
            Some(status) => self.listener.counts.answered(status),
            None => {
                self.listener.counts.unfinished.fetch_add(1, Ordering::Relaxed);
            }
        }
        if let Some(log) = &settings.access_log {
            let mut entry = self.access_entry(settings.generation, started);
            account.describe(&mut entry);
            entry.request = Some(request.incoming(self, scratch));
            log.write(&entry);
        }
        next
    }

    /// What serves the request, if its declared size is acceptable.
    fn destination(
        &self,
        scratch: &Scratch,
        settings: &ListenerSettings,
        request: &Request,
    ) -> Result<Destination, Failure> {
        if let (BodyLength::Length(length), Some(max)) = (request.head.body, settings.limits.body_bytes)
            && length > max
        {
            return Err(Failure::BodyTooLarge);
        }
        let host = request.head.host.slice(&scratch.head);
        let incoming = request.incoming(self, scratch);
        if incoming.client.secured.as_ref().is_some_and(|secured| secured.is_misdirected(host)) {
            return Err(Failure::Misdirected);
        }
        let pool = settings.routes.find(host, incoming.path());
        if let Some(redirect) = settings.https_redirect
            && redirect::applies(&incoming, pool.is_some())
        {
            let port = redirect.port;
            return if host.is_empty() { Err(Failure::NoHost) } else { Ok(Destination::Https { port }) };
        }
        pool.cloned().map(Destination::Pool).ok_or(Failure::NoRoute)
    }

    /// Sends a client to HTTPS.
    async fn redirect(
        &mut self,
        scratch: &mut Scratch,
        settings: &ListenerSettings,
        request: &Request,
        port: u16,
        account: &mut Account,
    ) -> Next {
        let head = &request.head;
        let keep_alive = head.keep_alive && head.body == BodyLength::None && !self.is_leaving();
        let form =
            Form { without_body: head.method == Method::Head, keep_alive, minor: head.minor, grpc: false };
        let mut response = Vec::new();
        let date = self.worker.http_date();
        redirect::response(&mut response, &request.incoming(self, scratch), port, form, &date);
        scratch.to_client = response;
        account.status = Some(redirect::STATUS);
        match (self.write_own(scratch, settings).await, keep_alive) {
            (false, _) => Next::Close,
            (true, true) => Next::Keep,
            (true, false) => Next::Linger,
        }
    }

    /// Tries backends until one has answered or the request must not be sent again.
    async fn forward(
        &mut self,
        scratch: &mut Scratch,
        settings: &ListenerSettings,
        request: &Request,
        pool: &Arc<PoolCell>,
        account: &mut Account,
    ) -> Forwarded {
        let pool_settings = pool.settings.load_full();
        let opens_tunnels = pool_settings.upgrade && pool_settings.streams_max.is_none();
        if !opens_tunnels && request.incoming(self, scratch).asks_for_tunnel() {
            let refused = self.fail(scratch, settings, request, Failure::NoTunnel, account).await;
            return Forwarded::Answered(refused);
        }
        let (total, callers) = self.total_timeout(scratch, request, &pool_settings);
        let bounds = Bounds {
            client: &settings.timeouts,
            pool: &pool_settings,
            body_max: settings.limits.body_bytes,
            not_after: total.map(|total| tokio::time::Instant::from_std(account.started) + total),
            callers,
        };
        let incoming = request.incoming(self, scratch);
        let client = || origin::client(&incoming, self.peer.ip(), |hop| settings.trusts(hop));
        let mut wanted = steer::wanted(pool, &pool_settings, &incoming, client);
        if pool_settings.probed {
            pool.prober.request_came(&pool.snapshot.load());
        }
        let mut failure = Failure::NoBackend;
        while account.attempts < pool_settings.max_attempts {
            let (attempt, now) = match self.pick(pool, &wanted, bounds, &mut account.wait).await {
                Ok(picked) => picked,
                Err(Turned::Nobody) => break,
                Err(Turned::Away(why)) => {
                    failure = why;
                    break;
                }
                Err(Turned::ClientGone) => {
                    account.error = Some(CLIENT_GONE);
                    return Forwarded::Answered(Next::Abort);
                }
            };
            account.picked(&attempt, now);
            let cookie = steer::set_cookie(pool, &pool_settings, &wanted, &attempt);
            match self.attempt(scratch, request, &attempt, bounds, cookie, account).await {
                AttemptEnd::Exchanged(ended) => {
                    if cookie.is_some() {
                        steer::count_session(pool, &wanted, &attempt);
                    }
                    let next = self.conclude(scratch, settings, request, ended, attempt, account).await;
                    return Forwarded::Answered(next);
                }
                AttemptEnd::Switched(upstream) => {
                    if cookie.is_some() {
                        steer::count_session(pool, &wanted, &attempt);
                    }
                    return Forwarded::Switched(Box::new((upstream, attempt)));
                }
                AttemptEnd::NotConnected(reason, outcome) => {
                    failure = reason;
                    wanted.tried.push(attempt.lease().member().serial);
                    attempt.end(outcome, Instant::now());
                }
            }
        }
        Forwarded::Answered(self.fail(scratch, settings, request, failure, account).await)
    }

    /// One attempt on one backend. A reused connection that turns out to be closed is replaced by a new one to the
    /// same backend: the backend has done nothing wrong, and its share stays what it should be.
    async fn attempt(
        &mut self,
        scratch: &mut Scratch,
        request: &Request,
        attempt: &Attempt,
        bounds: Bounds<'_>,
        cookie: Option<SetCookie<'_>>,
        account: &mut Account,
    ) -> AttemptEnd {
        let member = attempt.lease().member();
        let Some(address) = member.address else {
            return AttemptEnd::NotConnected(Failure::ConnectionFailed, Outcome::ConnectFailed);
        };
        let picked_at = account.picked_at.unwrap_or(account.started);
        let id = request.id.as_bytes();
        let first = proxy_header(bounds.pool.send_proxy, self.stream.transport(), self.peer, id);
        let tls = bounds.pool.tls.as_deref();
        let way = (address, tls.map_or(0, ClientTls::serial));
        if let Some(streams_max) = bounds.pool.streams_max {
            let (serial, secured) = (member.serial, way.1);
            let wanted = Wanted { serial, address, secured, streams_max, keep: bounds.pool.keep };
            let place = (attempt, wanted, first);
            return self.attempt_on_stream(scratch, request, place, bounds, cookie, account).await;
        }
        // What names one client to the backend is not for another.
        let reuses = first.is_empty();
        let certain = !request.is_resendable();
        let mut idle =
            if reuses { self.worker.idle().take(member.serial, way, certain, picked_at) } else { None };
        loop {
            let upstream = match idle.take() {
                Some(upstream) => upstream,
                None => {
                    let securely = tls.map(|tls| tls.to(&member.id, address));
                    match connect(address, bounds.connect_timeout(), &first, securely).await {
                        Ok(upstream) => upstream,
                        Err(error) => return not_connected(&error, attempt, tls),
                    }
                }
            };
            account.connected_at = Some(if upstream.reused { picked_at } else { upstream.opened });
            account.wait.served(attempt.pool());
            // Both sides must be connections of their own.
            let upgrade = request.head.upgrade && bounds.pool.upgrade;
            let backend = Backend::H1 { stream: &upstream.stream, address, upgrade };
            let place = (backend, upstream.reused);
            let ended = self.exchange(scratch, request, place, bounds, cookie, account).await;
            match ended {
                Ended::Stale => self.worker.count_stale(),
                Ended::Switched(Delivered { head_at, .. }) => {
                    account.head_at = Some(head_at);
                    return AttemptEnd::Switched(upstream);
                }
                Ended::Delivered(Delivered { keep_upstream, ended_at, .. }) => {
                    if keep_upstream && reuses && !self.worker.stage().is_draining() {
                        let keep = bounds.pool.keep;
                        self.worker.idle().put(member.serial, address, upstream, keep, ended_at);
                    }
                    return AttemptEnd::Exchanged(ended);
                }
                ended => return AttemptEnd::Exchanged(ended),
            }
        }
    }

    pub(super) async fn exchange(
        &mut self,
        scratch: &mut Scratch,
        request: &Request,
        (upstream, reused): (Backend<'_>, bool),
        bounds: Bounds<'_>,
        set_cookie: Option<SetCookie<'_>>,
        account: &Account,
    ) -> Ended {
        let Scratch {
            input,
            head: bytes,
            fields,
            to_backend,
            from_backend,
            response_fields,
            to_client,
            upload_timer,
            ..
        } = scratch;
        let Request { head, from_trusted, id } = request;
        let incoming = Incoming {
            bytes,
            head,
            fields,
            from_trusted: *from_trusted,
            client: &self.client,
            request_id: id.as_bytes(),
            over_http2: self.stream.is_http2(),
        };
        from_backend.clear();
        let exchange = Exchange {
            client: &mut self.stream,
            upstream,
            reused,
            request: incoming,
            input,
            to_backend,
            from_backend,
            response_fields,
            to_client,
            timer: &mut self.timer,
            upload_timer,
            worker: &self.worker,
            retired: &self.listener.retired,
            retires: self.retires,
            bounds,
            set_cookie,
            traffic: &account.traffic,
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
            Ended::Delivered(Delivered { status, failed, keep_client, head_at, ended_at, .. }) => {
                attempt.end(if failed { Outcome::ServerError } else { Outcome::Ok }, ended_at);
                account.status = Some(status);
                account.ended_at = Some(ended_at);
                account.head_at = Some(head_at);
                if keep_client { Next::Keep } else { self.farewell(scratch, request) }
            }
            Ended::Failed(failure, outcome) => {
                attempt.end(outcome, Instant::now());
                self.fail(scratch, settings, request, failure, account).await
            }
            Ended::Broken(outcome) => {
                attempt.end(outcome, Instant::now());
                account.error = Some("http_response_incomplete");
                Next::Abort
            }
            Ended::Unprocessed => {
                attempt.end(Outcome::Cancelled, Instant::now());
                if let Client::H2(stream) = &mut self.stream {
                    // It cannot be sent again from here, for its body has begun to flow; the client may do it safely.
                    stream.respond.reset(h2::Reason::REFUSED_STREAM);
                    account.error = Some("connection_terminated");
                    return Next::Abort;
                }
                self.fail(scratch, settings, request, Failure::ConnectionTerminated, account).await
            }
            // The attempt has dealt with the latter two.
            Ended::ClientGone | Ended::Stale | Ended::Switched(_) => {
                attempt.end(Outcome::Cancelled, Instant::now());
                account.error = Some(CLIENT_GONE);
                Next::Abort
            }
        }
    }

    /// How to close after a response. Closing with bytes unread resets the connection, which can destroy the end of the
    /// response: whoever did not itself ask to close may be sending its next request now.
    fn farewell(&self, scratch: &Scratch, request: &Request) -> Next {
        let head = &request.head;
        let client_is_done = !head.keep_alive && head.body == BodyLength::None && scratch.input.is_empty();
        if client_is_done && self.stream.transport().is_silent(true) { Next::Close } else { Next::Linger }
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
        let grpc = self.stream.is_http2() && request.incoming(self, scratch).is_grpc();
        let form = Form { without_body: head.method == Method::Head, keep_alive, minor: head.minor, grpc };
        account.status = Some(failure.status());
        account.error = Some(failure.logged());
        match (self.write_failure(scratch, settings, failure, form, request.id.as_bytes()).await, keep_alive)
        {
            (false, _) => Next::Close,
            (true, true) => Next::Keep,
            (true, false) => Next::Linger,
        }
    }

    /// The id that a trusted proxy gave, or a new one.
    fn request_id(&mut self, scratch: &Scratch, from_trusted: bool) -> RequestId {
        let given = || {
            let field = scratch.fields.iter().find(|field| field.kind == FieldKind::RequestId)?;
            RequestId::given(field.value.slice(&scratch.head))
        };
        from_trusted.then(given).flatten().unwrap_or_else(|| RequestId::new(&mut self.rng))
    }
}

/// Where a request goes.
enum Destination {
    Pool(Arc<PoolCell>),
    /// To the same place over HTTPS, on this port.
    Https {
        port: u16,
    },
}

/// What became of a request.
enum Forwarded {
    Answered(Next),
    /// Both connections speak another protocol now, and the lease goes on.
    Switched(Box<(Upstream, Attempt)>),
}

/// How one attempt ended.
pub(super) enum AttemptEnd {
    Exchanged(Ended),
    Switched(Upstream),
    /// Nothing of the request was sent.
    NotConnected(Failure, Outcome),
}

pub(super) fn not_connected(error: &ConnectError, attempt: &Attempt, tls: Option<&ClientTls>) -> AttemptEnd {
    if let (Some(tls), ConnectError::Tls(_, error)) = (tls, error) {
        tls.refused(&attempt.lease().member().id, error);
    }
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
        ConnectError::Tls(fault, _) => {
            AttemptEnd::NotConnected(Failure::BackendTls(*fault), Outcome::ConnectFailed)
        }
    }
}
