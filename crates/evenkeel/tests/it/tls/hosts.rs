//! Hosts and the connections they are asked for on.

use super::authority::Authority;
use super::*;
use crate::support::backends;

#[tokio::test]
async fn a_request_for_another_certificates_host_is_misdirected() {
    let ca = Authority::new();
    let [a] = backends(["a"]).await;
    let (one, two) =
        (ca.issue("one", "DNS:one.example,DNS:also.example"), ca.issue("two", "DNS:two.example"));
    let evenkeel = setup([&a], &[&one, &two], "").start().await;
    for (asked, host, expected) in [
        ("one.example", "one.example", 200),
        ("one.example", "ONE.example:8443", 200),
        ("one.example", "also.example", 200),
        ("one.example", "two.example", 421),
        ("two.example", "one.example", 421),
        ("one.example", "nobody.example", 421),
        ("nobody.example", "nobody.example", 200),
        // An address is no server name: such a client has asked for nobody.
        ("127.0.0.1", "two.example", 200),
    ] {
        let answer = curl(&evenkeel, &format!("-k -H 'Host: {host}' https://{asked}/")).await;
        assert_eq!(status(&answer), expected, "{asked} {host}: {answer:?}");
        if expected == 421 {
            assert!(answer.stdout.contains("open one for this host"), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn plain_http_is_sent_to_https() {
    let [a] = backends(["a"]).await;
    let evenkeel = Setup::new([&a]).listener("https_redirect = 8443").start().await;
    let answer = curl(&evenkeel, "-X POST -d body 'http://shop.example/a/b?c=d'").await;
    assert_eq!(status(&answer), 308, "{answer:?}");
    assert!(answer.stdout.contains("Location: https://shop.example:8443/a/b?c=d\n"), "{answer:?}");
    let challenge = curl(&evenkeel, "http://shop.example/.well-known/acme-challenge/token").await;
    assert_eq!(status(&challenge), 200, "somebody answers the CA: {challenge:?}");
    assert_eq!(a.requests(), 1);
    let mut client = evenkeel.client("web").await;
    for path in ["/one", "/two"] {
        let answer = client.get("shop.example", path).await;
        assert_eq!(answer.status(), 308, "{answer:?}");
        let location = format!("https://shop.example:8443{path}");
        assert_eq!(answer.field("location"), Some(location.as_str()), "on the same connection");
    }
    client.send("GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(client.response().await.status(), 400, "there is no host to go to");
    let metrics = evenkeel.metrics().await;
    assert_eq!(metrics.value("evenkeel_requests_total", &[("class", "3xx")]), 3.0);
}
