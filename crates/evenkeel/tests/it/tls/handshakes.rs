//! Versions, certificates by name, and clients that do not shake hands.

use std::time::{Duration, Instant};

use super::authority::Authority;
use super::*;
use crate::support::backends;

#[tokio::test]
async fn the_certificate_is_chosen_by_name_and_by_what_a_client_can_check() {
    let ca = Authority::new();
    let [a] = backends(["a"]).await;
    let first = ca.issue_rsa("first-rsa", "DNS:first.example");
    let faster = ca.issue("first-ecdsa", "DNS:first.example");
    let (wild, own) = (ca.issue("wild", "DNS:*.example.com"), ca.issue("own", "DNS:own.example.com"));
    let evenkeel = setup([&a], &[&first, &faster, &wild, &own], "").start().await;
    for (arguments, expected) in [
        ("-servername first.example", "CN = first-ecdsa"),
        ("-servername first.example -sigalgs RSA-PSS+SHA256", "CN = first-rsa"),
        ("-servername x.example.com", "CN = wild"),
        ("-servername OWN.example.com", "CN = own"),
        ("-servername x.own.example.com", "CN = first-ecdsa"),
        ("-servername nobody.example", "CN = first-ecdsa"),
        ("-noservername", "CN = first-ecdsa"),
        ("-noservername -tls1_2 -sigalgs RSA-PSS+SHA256:RSA+SHA256", "CN = first-rsa"),
    ] {
        let output = s_client(&evenkeel, arguments).await;
        assert_eq!(subject(&output), expected, "{arguments}: {output}");
    }
    let ca = ca.file().display().to_string();
    let answer = curl(&evenkeel, &format!("--cacert {ca} https://own.example.com/")).await;
    assert_eq!(status(&answer), 200, "{answer:?}");
    let request = a.only_request();
    assert_eq!(request.head.field("x-forwarded-proto"), Some("https"));
    assert!(request.head.field("forwarded").is_some_and(|field| field.ends_with(";proto=https")));
}

#[tokio::test]
async fn versions_from_the_oldest_that_is_allowed() {
    let ca = Authority::new();
    let [a] = backends(["a"]).await;
    let pair = ca.issue("a", "DNS:a.example");
    let evenkeel = setup([&a], &[&pair], "").start().await;
    for (argument, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let output = s_client_get(&evenkeel, argument).await;
        assert!(output.contains(&format!("New, {version}, Cipher is")), "{output}");
        assert!(output.contains("HTTP/1.1 200"), "{output}");
    }
    assert_eq!(handshakes(&evenkeel, "1.2", "full").await, 1.0);
    assert_eq!(handshakes(&evenkeel, "1.3", "full").await, 1.0);
    let old = s_client(&evenkeel, "-tls1_1 -cipher ALL:@SECLEVEL=0").await;
    assert!(old.contains("SSL alert number") && old.contains("Cipher is (NONE)"), "{old}");

    evenkeel.reload(&setup([&a], &[&pair], ", min_version = \"1.3\"").text()).await;
    let refused = s_client(&evenkeel, "-tls1_2").await;
    assert!(refused.contains("alert protocol version"), "{refused}");
    assert!(s_client(&evenkeel, "-tls1_3").await.contains("New, TLSv1.3"));
    assert!(failures(&evenkeel, "incompatible").await >= 2.0);
}

#[tokio::test]
async fn http_1_1_is_agreed_on() {
    let ca = Authority::new();
    let [a] = backends(["a"]).await;
    let evenkeel = setup([&a], &[&ca.issue("a", "DNS:a.example")], "").start().await;
    let output = s_client(&evenkeel, "-alpn http/1.1").await;
    assert!(output.contains("ALPN protocol: http/1.1"), "{output}");
    let stranger = s_client(&evenkeel, "-alpn smtp").await;
    assert!(stranger.contains("alert no application protocol"), "{stranger}");
}

/// Nothing is spent on it, and it does not last.
#[tokio::test]
async fn a_slow_handshake_is_cut() {
    let ca = Authority::new();
    let [a] = backends(["a"]).await;
    let pair = ca.issue("a", "DNS:a.example");
    let keys = format!("{}\ntimeouts = {{ handshake = \"300ms\" }}", listener(&[&pair], ""));
    let evenkeel = Setup::new([&a]).listener(&keys).start().await;
    // Nothing; the beginning of a record; a byte now and then.
    for bytes in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut client = evenkeel.client("web").await;
        let begun = Instant::now();
        client.send(bytes).await;
        client.expect_close().await;
        let took = begun.elapsed();
        assert!((Duration::from_millis(290)..Duration::from_secs(5)).contains(&took), "{took:?}");
    }
    let mut client = evenkeel.client("web").await;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) && client.try_send(b"\x16").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "a byte now and then buys no time");
    evenkeel
        .await_metrics("the handshakes that took too long", |metrics| {
            metrics.value("evenkeel_tls_handshake_failures_total", &[("reason", "timeout")]) >= 2.0
        })
        .await;
    evenkeel
        .await_metrics("its end", |metrics| {
            metrics.value("evenkeel_connections_open", &[("listener", "web")]) == 0.0
        })
        .await;
}

#[tokio::test]
async fn plain_http_is_told_where_it_is() {
    let ca = Authority::new();
    let [a] = backends(["a"]).await;
    let evenkeel = setup([&a], &[&ca.issue("a", "DNS:a.example")], "").start().await;
    let answer = curl(&evenkeel, "http://a.example/").await;
    assert_eq!(status(&answer), 400, "{answer:?}");
    assert!(answer.stdout.contains("this port speaks HTTPS"), "{answer:?}");
    assert_eq!(failures(&evenkeel, "plain_http").await, 1.0);
    assert_eq!(a.requests(), 0);
    // The connection ends in order, though nobody has read what the client sent.
    let mut client = evenkeel.client("web").await;
    client.send(format!("POST / HTTP/1.1\r\nHost: h\r\n\r\n{}", "x".repeat(30_000))).await;
    let read = async {
        let answer = client.read_to_close().await.expect("no reset");
        client.finish_sending().await;
        answer
    };
    assert!(read.await.ends_with(b"ask with https:// here\n"));
    // Whoever only looks whether somebody listens is no failure.
    drop(evenkeel.client("web").await);
    let mut garbage = evenkeel.client("web").await;
    garbage.send(b"\x01\x02\x03\x04\x05garbage").await;
    garbage.read_to_close().await.ok();
    assert_eq!(failures(&evenkeel, "malformed").await, 1.0);
    assert_eq!(failures(&evenkeel, "closed").await, 0.0);
}

/// Both ways at once, in pieces that do not fit any record.
#[tokio::test]
async fn large_bodies_arrive_whole() {
    let ca = Authority::new();
    let body: String = ('a'..='z').cycle().take(5_000_011).collect();
    let sent = body.clone();
    let a = Backend::scripted("a", move |_| evenkeel_testkit::Reply::text(200, &sent)).await;
    let evenkeel = setup([&a], &[&ca.issue("a", "DNS:a.example")], "").start().await;
    std::fs::write(ca.path().join("up"), &body).unwrap();
    let address = evenkeel.address("web");
    for version in ["--tls-max 1.2", "--tlsv1.3"] {
        let command = format!(
            "curl -sS --max-time 20 {version} --connect-to ::{address} --cacert ca.pem -H 'Expect:' \
             --data-binary @up -o down https://a.example/ && cmp up down && rm down"
        );
        let done = shell(ca.path(), &command).await;
        assert!(done.status.success(), "{done:?}");
    }
    let requests = a.received();
    assert_eq!(requests.len(), 2);
    let mut expected = evenkeel_testkit::Digest::new();
    expected.add(body.as_bytes());
    assert!(requests.iter().all(|one| one.digest == expected), "{:?}", requests[0].digest);
}
