//! HTTP/2 towards backends.

use std::time::Duration;

use evenkeel_testkit::{Backend, ClosedPort, Load, Nginx, Signal};

use super::{OVER_HTTP2, await_quiet, curl, front_of, h2load};
use crate::support::{Setup, backends};

#[tokio::test]
async fn nginx_is_spoken_to_in_http_2() {
    let server =
        "listen 127.0.0.1:PORT http2; location / { return 200 \"$server_protocol $http_host $scheme\"; }";
    let port = evenkeel_testkit::free_port();
    let _nginx = Nginx::start_with(&server.replace("PORT", &port.to_string())).await;
    let entry = format!("{{ address = \"127.0.0.1:{port}\" }}");
    let evenkeel = Setup::of_entries([entry]).pool(OVER_HTTP2).start().await;
    let mut client = evenkeel.client("web").await;
    let text = client.get("example.test", "/").await.text();
    assert_eq!(text, "HTTP/2.0 example.test http");
    let authority = evenkeel.address("web").to_string();
    assert_eq!(curl(&evenkeel, "/", &[]).await.stdout, format!("HTTP/2.0 {authority} http"));
}

#[tokio::test]
async fn requests_share_connections_and_each_is_balanced() {
    let all = backends(["a", "b"]).await;
    let (a, entry_a) = front_of(&all[0]).await;
    let (b, entry_b) = front_of(&all[1]).await;
    let pool = format!("{OVER_HTTP2}\nstreams_max = 10");
    let evenkeel = Setup::of_entries([entry_a, entry_b]).runtime("workers = 1").pool(&pool).start().await;
    h2load(&evenkeel, 2000, &["-c", "1", "-m", "40"]).await;
    assert_eq!((all[0].requests(), all[1].requests()), (1000, 1000));
    for front in [&a, &b] {
        let metrics = front.metrics().await;
        let connections = metrics.value("evenkeel_http2_connections_total", &[]);
        // 40 at a time are 20 on each, give or take those that overtake: two connections of ten, or three.
        assert!((2.0..=4.0).contains(&connections), "{connections}");
    }
    let metrics = await_quiet(&evenkeel).await;
    assert_eq!(metrics.value("evenkeel_upstream_stale_connections_total", &[]), 0.0);
}

#[tokio::test]
async fn a_backend_that_leaves_costs_no_request() {
    let all = backends(["a", "b"]).await;
    let (mut a, entry_a) = front_of(&all[0]).await;
    let (_b, entry_b) = front_of(&all[1]).await;
    let pool = format!("{OVER_HTTP2}\nmax_attempts = 2");
    let evenkeel = Setup::of_entries([entry_a, entry_b]).pool(&pool).start().await;
    let load = Load::new(evenkeel.address("web"), 8);
    let leaving = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        a.signal(Signal::TERM);
        a.await_exit(Duration::from_secs(20)).await
    };
    let (tally, status) = tokio::join!(load.run(6000), leaving);
    tally.assert_all_ok();
    assert_eq!(status.code(), Some(0));
    assert!(all[0].requests() > 0 && all[1].requests() > all[0].requests());
    await_quiet(&evenkeel).await;
}

#[tokio::test]
async fn a_backend_that_is_not_there_is_told_from_one_that_speaks_something_else() {
    let closed = ClosedPort::new();
    let entry = format!("{{ address = \"{}\" }}", closed.address());
    let evenkeel = Setup::of_entries([entry]).pool(OVER_HTTP2).start().await;
    let got = evenkeel.client("web").await.get("h", "/").await;
    assert_eq!(got.status(), 502);
    assert!(got.field("proxy-status").unwrap_or_default().contains("connection_refused"), "{got:?}");
    let plain = Backend::start("plain").await;
    let evenkeel = Setup::new([&plain]).pool(OVER_HTTP2).start().await;
    let got = evenkeel.client("web").await.get("h", "/").await;
    assert_eq!(got.status(), 502, "{got:?}");
}

#[tokio::test]
async fn connections_without_work_are_closed() {
    let backend = Backend::start("a").await;
    let (front, entry) = front_of(&backend).await;
    let pool = format!("{OVER_HTTP2}\nkeep_alive = {{ idle_timeout = \"300ms\" }}");
    let evenkeel = Setup::of_entries([entry]).pool(&pool).start().await;
    assert_eq!(evenkeel.client("web").await.get("h", "/").await.status(), 200);
    let open = |metrics: &evenkeel_testkit::Metrics| metrics.value("evenkeel_connections_open", &[]);
    assert_eq!(open(&front.metrics().await), 1.0);
    front.await_metrics("no connection", |metrics| open(metrics) == 0.0).await;
    let shared =
        |metrics: &evenkeel_testkit::Metrics| metrics.value("evenkeel_upstream_shared_connections", &[]);
    assert_eq!(shared(&evenkeel.metrics().await), 0.0);
}
