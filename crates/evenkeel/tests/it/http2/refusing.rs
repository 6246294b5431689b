//! Backends that say that they have not acted on a request (RFC 9113 section 8.7).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use h2::{Reason, server};
use http::Response;
use tokio::net::{TcpListener, TcpStream};

use super::{OVER_HTTP2, await_quiet, curl};
use crate::support::Setup;

/// A server that refuses the first stream of each connection, and what it has seen.
struct Refusing {
    address: SocketAddr,
    refused: Arc<AtomicU64>,
    answered: Arc<AtomicU64>,
}

impl Refusing {
    /// `leaves` says GOAWAY with the refusal.
    async fn start(leaves: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("what the test needs");
        let address = listener.local_addr().expect("what the test needs");
        let (refused, answered) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let this = Self { address, refused: Arc::clone(&refused), answered: Arc::clone(&answered) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, leaves, Arc::clone(&refused), Arc::clone(&answered)));
            }
        });
        this
    }

    fn counts(&self) -> (u64, u64) {
        (self.refused.load(Ordering::SeqCst), self.answered.load(Ordering::SeqCst))
    }
}

async fn serve(stream: TcpStream, leaves: bool, refused: Arc<AtomicU64>, answered: Arc<AtomicU64>) {
    let mut connection = server::handshake(stream).await.expect("what the test needs");
    // Each refuses once in its life, whichever connection that is on.
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        if refused.load(Ordering::SeqCst) == 0 {
            refused.fetch_add(1, Ordering::SeqCst);
            respond.send_reset(Reason::REFUSED_STREAM);
            if leaves {
                connection.graceful_shutdown();
            }
            continue;
        }
        answered.fetch_add(1, Ordering::SeqCst);
        let mut body = respond.send_response(Response::new(()), false).expect("what the test needs");
        body.send_data("done".into(), true).expect("what the test needs");
    }
}

async fn in_front_of(backend: &Refusing) -> evenkeel_testkit::Evenkeel {
    let entry = format!("{{ address = \"{}\" }}", backend.address);
    Setup::of_entries([entry]).pool(OVER_HTTP2).start().await
}

#[tokio::test]
async fn a_refused_request_goes_again_and_its_client_notices_nothing() {
    for leaves in [false, true] {
        let backend = Refusing::start(leaves).await;
        let evenkeel = in_front_of(&backend).await;
        let response = evenkeel.client("web").await.get("h", "/").await;
        assert_eq!((response.status(), response.text().as_str()), (200, "done"));
        assert_eq!(backend.counts(), (1, 1));
        let metrics = await_quiet(&evenkeel).await;
        assert_eq!(metrics.value("evenkeel_backend_outcomes_total", &[("outcome", "ok")]), 1.0);
    }
}

#[tokio::test]
async fn one_with_a_body_is_handed_back_to_a_client_that_may_send_it_again() {
    let backend = Refusing::start(false).await;
    let evenkeel = in_front_of(&backend).await;
    // curl sends again what was refused, on another connection.
    let got = curl(&evenkeel, "/", &["-v", "--data-raw", "body"]).await;
    assert_eq!(got.stdout, "done", "{got:?}");
    assert!(got.stderr.contains("REFUSED_STREAM"), "{}", got.stderr);
    assert_eq!(backend.counts(), (1, 1));
    let backend = Refusing::start(false).await;
    let evenkeel = in_front_of(&backend).await;
    let mut client = evenkeel.client("web").await;
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody").await;
    assert_eq!(client.response().await.status(), 502);
    assert_eq!(backend.counts(), (1, 0));
}
