//! One connection of layer 4, from its first byte to its last.

use std::sync::Arc;
use std::time::{Duration, Instant};

use evenkeel_config::Protocol;
use tokio::net::TcpStream;

use crate::client::Client;
use crate::http::timer::Timer;
use crate::listen::{Listener, ListenerSettings};
use crate::pool::{Attempt, PoolCell};
use crate::relay::{Early, End, Relay};
use crate::transport::Transport;
use crate::worker::{InProgress, Worker};

use super::account::{Account, Ending};
use super::client_hello::ClientHello;
use super::open::Opener;
use super::passthrough;

/// Serves a connection of a `tcp` or a `tls_passthrough` listener to its end.
pub(crate) async fn serve(tcp: TcpStream, client: Client, listener: Arc<Listener>, worker: Arc<Worker>) {
    let mut timer = Timer::default();
    // In a box of its own: what is needed to get to a backend is not kept for as long as a relay lasts.
    let Begun { mut account, idle, opened } =
        Box::pin(begin(&tcp, &client, &listener, &worker, &mut timer)).await;
    let Opened { mut attempt, backend, in_progress } = match opened {
        Ok(opened) => opened,
        Err(ending) => {
            account.close(ending, &client, &listener);
            return Box::pin(passthrough::refuse(tcp, ending)).await;
        }
    };
    let client_side = Transport::Plain(tcp);
    let relay = Relay {
        client: &client_side,
        backend: &backend,
        early: Early::default(),
        worker: &worker,
        timer: &mut timer,
        idle,
        leave: None,
    };
    let load = Arc::clone(&attempt.lease().member().load);
    // How long a connection lasts says nothing of its backend; how long it took to open does, once it is heard of.
    let mut opened_at = account.connected_at;
    let mut stay = attempt.stay();
    let end = relay
        .run(|moved| {
            if moved.received > 0
                && let Some(opened_at) = opened_at.take()
            {
                attempt.answered(opened_at);
            }
            if moved.sent > 0 {
                stay.turn();
            }
            load.add_bytes(moved.sent, moved.received);
            account.total += moved;
        })
        .await;
    if end != End::Closed {
        client_side.reset_on_close();
        backend.reset_on_close();
    }
    drop((client_side, backend, stay));
    attempt.end(end.outcome(), Instant::now());
    account.close(Ending::Relayed(end), &client, &listener);
    drop(in_progress);
}

/// A connection that has got as far as to a backend, or has not.
struct Begun {
    account: Account,
    /// Longest silence of the relay.
    idle: Duration,
    opened: Result<Opened, Ending>,
}

struct Opened {
    attempt: Attempt,
    backend: Transport,
    in_progress: InProgress,
}

async fn begin(
    tcp: &TcpStream,
    client: &Client,
    listener: &Listener,
    worker: &Arc<Worker>,
    timer: &mut Timer,
) -> Begun {
    let settings = listener.settings.load_full();
    let mut account = Account::new(&settings);
    let opened = open(tcp, client, listener, worker, timer, &settings, &mut account).await;
    Begun { account, idle: settings.timeouts.tunnel_idle, opened }
}

async fn open(
    tcp: &TcpStream,
    client: &Client,
    listener: &Listener,
    worker: &Arc<Worker>,
    timer: &mut Timer,
    settings: &ListenerSettings,
    account: &mut Account,
) -> Result<Opened, Ending> {
    if settings.protocol == Protocol::TlsPassthrough {
        account.hello = Some(passthrough::hello(tcp, client, listener, settings).await?);
    }
    let pool = destination(settings, account).ok_or(Ending::NameUnknown)?;
    account.pool = Some(Arc::clone(&pool));
    let in_progress = worker.begin_request();
    let mut rng = worker.seed_rng();
    let mut opener = Opener { tcp, client, worker, rng: &mut rng, timer };
    let (attempt, backend) = opener.open(&pool, account).await?;
    Ok(Opened { attempt, backend, in_progress })
}

/// By the client's hello, where there is one; else the listener's own pool.
fn destination(settings: &ListenerSettings, account: &Account) -> Option<Arc<PoolCell>> {
    let find = |hello: &ClientHello| settings.names.find(hello.server_name.as_deref(), &hello.alpn);
    let by_name = account.hello.as_ref().and_then(find);
    by_name.or(settings.pool.as_ref()).cloned()
}
