//! Messages that end before they are whole, and connections to backends that have gone silent.

use std::net::SocketAddr;
use std::time::Duration;

use evenkeel_testkit::http2::{Client, Frame, post};
use h2::{Reason, server};
use http::Response;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::{OVER_HTTP2, await_quiet, curl};
use crate::support::Setup;

/// A backend that gives up in the middle of every response, and calls that no error.
async fn giving_up() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = server::handshake(stream).await.expect("HTTP/2");
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    let mut body =
                        respond.send_response(Response::new(()), false).expect("a stream that is open");
                    body.send_data("part".into(), false).expect("a stream that is open");
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        body.send_reset(Reason::NO_ERROR);
                    });
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn a_response_that_is_reset_is_not_taken_for_whole() {
    let entry = format!("{{ address = \"{}\" }}", giving_up().await);
    let evenkeel = Setup::of_entries([entry]).pool(OVER_HTTP2).start().await;
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let got = curl(&evenkeel, "/", &[version]).await;
        assert!(!got.status.success(), "{version}: {got:?}");
    }
    let metrics = await_quiet(&evenkeel).await;
    assert_eq!(metrics.value("evenkeel_backend_outcomes_total", &[("outcome", "response_broken")]), 2.0);
}

#[tokio::test]
async fn a_request_that_is_reset_is_not_taken_for_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let entry = format!("{{ address = \"{}\" }}", listener.local_addr().unwrap());
    let evenkeel = Setup::of_entries([entry]).pool("health = false\npassive = false").start().await;
    for reason in [Reason::NO_ERROR, Reason::CANCEL] {
        let mut client = Client::connect(evenkeel.address("web")).await;
        client.send([post(1, "/", &[]), Frame::data(1, 0, "part")]).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut got = Vec::new();
        while !got.ends_with(b"part\r\n") {
            assert!(stream.read_buf(&mut got).await.unwrap() > 0, "{}", String::from_utf8_lossy(&got));
        }
        client.send([Frame::reset(1, reason.into())]).await.unwrap();
        stream.read_to_end(&mut got).await.unwrap();
        let got = String::from_utf8_lossy(&got);
        assert!(got.ends_with("part\r\n"), "{reason:?}: {got:?}");
    }
    await_quiet(&evenkeel).await;
}

/// A backend whose first connection hears nothing any more after one request, as if the way there had gone.
async fn going_silent() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        let mut is_first = true;
        while let Ok((stream, _)) = listener.accept().await {
            let goes_silent = std::mem::replace(&mut is_first, false);
            tokio::spawn(async move {
                let mut connection = server::handshake(stream).await.expect("HTTP/2");
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    respond.send_response(Response::new(()), true).expect("a stream that is open");
                    if goes_silent {
                        let flushed = connection.accept();
                        tokio::time::timeout(Duration::from_millis(200), flushed).await.ok();
                        std::future::pending::<()>().await;
                    }
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn a_connection_that_has_gone_silent_is_not_used_again() {
    let entry = format!("{{ address = \"{}\" }}", going_silent().await);
    let pool = format!("{OVER_HTTP2}\ntimeouts = {{ response_header = \"400ms\" }}");
    let evenkeel = Setup::of_entries([entry]).runtime("workers = 1").pool(&pool).start().await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(evenkeel.client("web").await.get("h", "/").await.status());
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert_eq!(statuses, [200, 504, 200, 200]);
    await_quiet(&evenkeel).await;
}
