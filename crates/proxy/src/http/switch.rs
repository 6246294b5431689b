//! What a request turns into when its backend switches protocols: a tunnel. It lives for hours, so it keeps nothing of what
//! the request needed but what will be told at its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use h2::Reason;

use crate::http1::{Field, FieldKind};
use crate::listen::ListenerSettings;
use crate::pool::{Attempt, OpenTunnel, Stay};
use crate::relay::{Early, End, Leave, Moved, Relay, Silence, join};
use crate::upstream::Upstream;
use crate::worker::InProgress;

use super::account::Account;
use super::buffer::Scratch;
use super::client::{Client, Stream};
use super::connection::Connection;
use super::forward::Incoming;
use super::request::Request;
use super::stream_relay::{Down, Up};

/// A tunnel that is about to open.
pub(crate) struct Switched {
    upstream: Upstream,
    attempt: Attempt,
    account: Account,
    /// What had been read of both sides beyond the two heads.
    early: Option<Box<Early>>,
    told: Option<Box<Told>>,
    generation: u64,
    idle: Duration,
    drain: Duration,
    _in_progress: InProgress,
    _open: OpenTunnel,
    stay: Stay,
}

/// What the access log will say of the request.
struct Told {
    request: Request,
    bytes: Box<[u8]>,
    fields: Box<[Field]>,
}

impl Told {
    fn new(request: Request, scratch: &Scratch) -> Self {
        let is_logged = |field: &&Field| matches!(field.kind, FieldKind::UserAgent | FieldKind::Referer);
        let fields = scratch.fields.iter().filter(is_logged).copied().collect();
        Self { request, bytes: scratch.head.as_slice().into(), fields }
    }

    fn incoming<'a>(&'a self, connection: &'a Connection) -> Incoming<'a> {
        let Self { request, bytes, fields } = self;
        request.incoming_of(connection, bytes, fields)
    }
}

impl Switched {
    pub(crate) fn new(
        (upstream, mut attempt): (Upstream, Attempt),
        account: Account,
        request: Request,
        scratch: &Scratch,
        settings: &ListenerSettings,
        in_progress: InProgress,
    ) -> Box<Self> {
        let now = Instant::now();
        attempt.answered(now);
        Box::new(Self {
            upstream,
            told: settings.access_log.is_some().then(|| Box::new(Told::new(request, scratch))),
            early: early(scratch),
            generation: settings.generation,
            idle: settings.timeouts.tunnel_idle,
            drain: settings.drain,
            _in_progress: in_progress,
            _open: attempt.open_tunnel(),
            stay: attempt.stay(),
            attempt,
            account,
        })
    }
}

fn early(scratch: &Scratch) -> Option<Box<Early>> {
    let (input, output) = (scratch.input.bytes(), scratch.from_backend.bytes());
    let some = !input.is_empty() || !output.is_empty();
    some.then(|| Box::new(Early { to_backend: input.to_vec(), to_client: output.to_vec() }))
}

impl Connection {
    /// Runs the tunnel to its end, and accounts for it.
    pub(crate) async fn tunnel(&mut self, mut switched: Box<Switched>) {
        let end = self.relay(&mut switched).await;
        if end != End::Closed {
            match &mut self.stream {
                Client::H1(client) => client.reset_on_close(),
                Client::H2(stream) => stream.respond.reset(Reason::CANCEL),
            }
            switched.upstream.stream.reset_on_close();
        }
        let Switched { attempt, mut account, told, generation, .. } = *switched;
        attempt.end(end.outcome(), Instant::now());
        account.error = end.error();
        // The log of now: a reload may have moved it since.
        let settings = self.listener.settings.load_full();
        if let (Some(log), Some(told)) = (&settings.access_log, &told) {
            let mut entry = self.access_entry(generation, account.started);
            account.describe(&mut entry);
            entry.request = Some(told.incoming(self));
            log.write(&entry);
        }
    }

    async fn relay(&mut self, switched: &mut Switched) -> End {
        let load = Arc::clone(&switched.attempt.lease().member().load);
        let (traffic, backend) = (&switched.account.traffic, &switched.upstream.stream);
        let stay = &mut switched.stay;
        let report = |moved: Moved| {
            if moved.sent > 0 {
                stay.turn();
            }
            load.add_bytes(moved.sent, moved.received);
            traffic.add(moved.sent, moved.received);
        };
        let early = switched.early.take().map_or_else(Early::default, |early| *early);
        let leave = Some(Leave { retired: &self.listener.retired, patience: switched.drain });
        let (worker, timer, idle) = (&self.worker, &mut self.timer, switched.idle);
        match &mut self.stream {
            Client::H1(client) => {
                Relay { client, backend, early, worker, timer, idle, leave }.run(report).await
            }
            Client::H2(stream) => {
                let Stream { receive, respond, .. } = &mut **stream;
                // Its head has been sent, or there would be no tunnel.
                let Some(send) = respond.body() else { return End::ClientReset };
                let ways = (Up::new(receive, backend), Down::new(backend, send, early.to_client));
                join(ways, worker, Silence::new(timer, idle, leave), report).await
            }
        }
    }
}
