//! Clients with certificates of their own.

use super::authority::Authority;
use super::*;
use crate::support::backends;

fn asking(ca: &Authority, mode: &str) -> String {
    format!(", client_auth = {{ ca = \"{}\", mode = \"{mode}\" }}", ca.file().display())
}

#[tokio::test]
async fn a_backend_learns_who_the_client_is_and_nobody_can_forge_it() {
    let (ca, stranger) = (Authority::new(), Authority::new());
    let [a] = backends(["a"]).await;
    let server = ca.issue("a", "DNS:a.example");
    let alice = ca.issue_client("alice", "/C=DE/O=Acme, Inc./CN=alice");
    let mallory = stranger.issue_client("mallory", "/CN=alice");
    let evenkeel = setup([&a], &[&server], &asking(&ca, "required")).start().await;
    let with = |pair: &Pair| format!("-k --cert {} --key {}", pair.cert.display(), pair.key.display());
    let forged = "-H 'X-Client-Cert-Subject: CN=root' -H 'X-Client-Cert-Verify: SUCCESS' -H 'X_Client_Cert_Subject: x'";

    let answer = curl(&evenkeel, &format!("{} {forged} https://a.example/", with(&alice))).await;
    assert_eq!(status(&answer), 200, "{answer:?}");
    let request = a.only_request();
    let values = |name: &str| request.head.all(name);
    assert_eq!(values("x-client-cert-verify"), ["SUCCESS"]);
    assert_eq!(values("x-client-cert-subject"), ["CN=alice,O=Acme\\, Inc.,C=DE"]);
    assert!(values("x_client_cert_subject").is_empty(), "app servers read it as the other");
    let fingerprint = shell(
        ca.path(),
        "openssl x509 -in alice.pem -noout -fingerprint -sha256 | cut -d= -f2 | tr -d : | tr A-F a-f",
    )
    .await;
    assert_eq!(values("x-client-cert-fingerprint"), [fingerprint.stdout.trim()]);

    for refused in [with(&mallory), "-k".to_owned()] {
        let answer = curl(&evenkeel, &format!("{refused} https://a.example/")).await;
        assert!(!answer.status.success(), "{refused}: {answer:?}");
        assert!(answer.stderr.contains("alert"), "it is told why: {answer:?}");
    }
    assert_eq!(failures(&evenkeel, "client_certificate").await, 2.0);
    assert_eq!(a.requests(), 1);
}

#[tokio::test]
async fn where_it_is_optional_a_wrong_one_is_still_refused() {
    let (ca, stranger) = (Authority::new(), Authority::new());
    let [a] = backends(["a"]).await;
    let server = ca.issue("a", "DNS:a.example");
    let mallory = stranger.issue_client("mallory", "/CN=alice");
    let evenkeel = setup([&a], &[&server], &asking(&ca, "optional")).start().await;
    let forged = "-H 'X-Client-Cert-Verify: SUCCESS'";
    let answer = curl(&evenkeel, &format!("-k {forged} https://a.example/")).await;
    assert_eq!(status(&answer), 200, "{answer:?}");
    let request = a.only_request();
    assert_eq!(request.head.all("x-client-cert-verify"), ["NONE"]);
    assert!(request.head.field("x-client-cert-subject").is_none());
    let wrong =
        format!("-k --cert {} --key {} https://a.example/", mallory.cert.display(), mallory.key.display());
    let answer = curl(&evenkeel, &wrong).await;
    assert!(!answer.status.success(), "{answer:?}");
}

/// Not only where certificates are asked for: a listener without TLS may lead to the same backends.
#[tokio::test]
async fn forged_fields_go_nowhere_without_tls_either() {
    let [a] = backends(["a"]).await;
    let evenkeel = Setup::new([&a]).listener("trusted_proxies = [\"127.0.0.1\"]").start().await;
    let answer =
        curl(&evenkeel, "-H 'X-Client-Cert-Subject: CN=root' -H 'X-Real: 1' http://a.example/").await;
    assert_eq!(status(&answer), 200, "{answer:?}");
    let request = a.only_request();
    assert!(request.head.field("x-client-cert-subject").is_none());
    assert_eq!(request.head.field("x-real"), Some("1"));
}
