use super::*;
use crate::client::Client;
use crate::load::Load;

#[tokio::test]
async fn records_exactly_what_came() {
    let backend = Backend::start("a").await;
    let mut client = Client::connect(backend.address()).await;
    let request =
        "POST /x HTTP/1.1\r\nhOst: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n";
    client.send(request).await;
    let response = client.response_to("POST").await;
    assert_eq!(
        (response.status(), response.text().as_str(), response.field("x-backend")),
        (200, "a", Some("a"))
    );
    let received = backend.only_request();
    assert_eq!(String::from_utf8(received.raw).unwrap(), request);
    assert_eq!(received.body, b"abc");
    assert_eq!(received.trailers, [("T".to_owned(), "v".to_owned())]);
    assert!(received.whole);
}

#[tokio::test]
async fn answers_health_checks_apart() {
    let backend = Backend::start("a").await;
    let mut client = Client::connect(backend.address()).await;
    assert_eq!(client.get("h", "/healthz").await.status(), 200);
    backend.set_health(Reply::text(500, "ill"));
    assert_eq!(client.get("h", "/healthz").await.status(), 500);
    assert_eq!((backend.checks(), backend.requests(), backend.received().len()), (2, 0, 0));
}

#[tokio::test]
async fn stops_and_comes_back_on_the_same_port() {
    let mut backend = Backend::start("a").await;
    let mut client = Client::connect(backend.address()).await;
    client.get("h", "/").await;
    backend.stop().await;
    client.expect_close().await;
    assert_eq!(backend.open_connections(), 0);
    let refused = Client::try_connect(backend.address()).await.expect_err("it is down");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    backend.resume().await;
    let mut client = Client::connect(backend.address()).await;
    assert_eq!(client.get("h", "/").await.status(), 200);
}

#[tokio::test]
async fn a_reset_is_not_an_orderly_close() {
    let reset = Backend::with_reply("a", Reply::steps([Step::ReadBody, Step::Reset])).await;
    let close = Backend::with_reply("b", Reply::steps([Step::ReadBody, Step::Close])).await;
    for (backend, kind) in
        [(reset, std::io::ErrorKind::ConnectionReset), (close, std::io::ErrorKind::UnexpectedEof)]
    {
        let mut client = Client::connect(backend.address()).await;
        client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
        assert_eq!(client.try_response("GET").await.expect_err("no response").kind(), kind);
    }
}

#[tokio::test]
async fn capacity_is_finite() {
    let capacity = Capacity { concurrency: 2, service: Duration::from_millis(20) };
    let backend = Backend::with_capacity("a", capacity).await;
    let started = std::time::Instant::now();
    let tally = Load::new(backend.address(), 8).run(16).await;
    tally.assert_all_ok();
    assert!(started.elapsed() >= Duration::from_millis(160), "16 requests, 2 at a time, 20 ms each");
}

#[tokio::test]
async fn a_gate_holds_a_reply() {
    let gate = Gate::new();
    let backend = Backend::with_reply("a", Reply::text(200, "late").behind(&gate)).await;
    let mut client = Client::connect(backend.address()).await;
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    until("the request", async || (backend.requests() == 1).then_some(())).await;
    gate.open();
    assert_eq!(client.response().await.text(), "late");
}

#[tokio::test]
async fn interim_responses_and_drips_arrive_whole() {
    let bytes =
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let drip = Step::Drip(bytes.to_vec(), 7, Duration::from_millis(1));
    let backend = Backend::with_reply("a", Reply::steps([Step::ReadBody, drip])).await;
    let response = Client::connect(backend.address()).await.get("h", "/").await;
    assert_eq!((response.interim.len(), response.text().as_str()), (1, "ok"));
}
