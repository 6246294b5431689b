//! Files that change, and files that are no good.

use evenkeel_testkit::{Json, until};

use super::authority::Authority;
use super::*;
use crate::support::{BINARY, backends};

#[tokio::test]
async fn a_renewed_certificate_is_served_without_a_reload() {
    let ca = Authority::new();
    let [a] = backends(["a"]).await;
    let (used, renewed) = (ca.issue("used", "DNS:a.example"), ca.issue("renewed", "DNS:a.example"));
    let evenkeel = setup([&a], &[&used], "").start().await;
    assert_eq!(subject(&s_client(&evenkeel, "").await), "CN = used");
    used.become_like(&renewed);
    until("the new certificate", async || {
        (subject(&s_client(&evenkeel, "").await) == "CN = renewed").then_some(())
    })
    .await;
    let loads = |metrics: &evenkeel_testkit::Metrics, result| {
        metrics.value("evenkeel_tls_certificate_loads_total", &[("listener", "web"), ("result", result)])
    };
    let metrics = evenkeel.metrics().await;
    assert_eq!((loads(&metrics, "loaded"), loads(&metrics, "refused")), (1.0, 0.0));
    let ends = metrics.value("evenkeel_tls_certificate_not_after_seconds", &[("listener", "web")]);
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    assert!((89.0..=90.0).contains(&((ends - now) / 86_400.0)), "{ends}");

    // One that is no good stays out, and is told everywhere.
    std::fs::write(&used.key, "nonsense").unwrap();
    let refused = evenkeel.await_message("changed certificates refused; those in use stay").await;
    assert!(refused["file"].as_str().is_some_and(|file| file.ends_with("used.key")), "{refused}");
    assert_eq!(subject(&s_client(&evenkeel, "").await), "CN = renewed");
    assert_eq!(loads(&evenkeel.metrics().await, "refused"), 1.0);
    let status: Json = evenkeel.admin_json("/pools").await;
    let certificate = &status["certificates"][0];
    assert_eq!(certificate["subject"], "CN=renewed", "{certificate}");
    assert!(
        certificate["error"].as_str().is_some_and(|error| error.contains("no private key")),
        "{certificate}"
    );

    used.become_like(&ca.issue("third", "DNS:a.example"));
    until("the third certificate", async || {
        (subject(&s_client(&evenkeel, "").await) == "CN = third").then_some(())
    })
    .await;
    let status: Json = evenkeel.admin_json("/pools").await;
    assert_eq!(status["certificates"][0]["error"], Json::Null, "{status}");
}

#[tokio::test]
async fn a_bad_key_refuses_the_whole_reload_and_the_check() {
    let ca = Authority::new();
    let [a, b] = backends(["a", "b"]).await;
    let (good, other) = (ca.issue("good", "DNS:a.example"), ca.issue("other", "DNS:a.example"));
    let evenkeel = setup([&a], &[&good], "").start().await;
    let mixed = Pair { cert: good.cert.clone(), key: other.key.clone() };
    let bad = setup([&b], &[&mixed], "").text();
    let generation = evenkeel.reload(&bad).await;
    assert_eq!(generation["last_reload"]["ok"], false, "{generation}");
    let error = generation["last_reload"]["error"].as_str().unwrap_or_default();
    for part in ["listener web", "good.pem", "other.key is not that of this certificate"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let answer = curl(&evenkeel, "-k https://a.example/").await;
    assert_eq!((status(&answer), a.requests(), b.requests()), (200, 1, 0), "everything is as before");

    let check = shell(evenkeel.directory(), &format!("{BINARY} check evenkeel.toml 2>&1")).await;
    assert_eq!(check.status.code(), Some(1), "{check:?}");
    assert!(check.stdout.contains("is not that of this certificate"), "{check:?}");
    assert!(check.stdout.contains("openssl pkey -pubout"), "the way out: {check:?}");
    assert!(check.stdout.contains("refused, 1 error"), "{check:?}");

    let nowhere = Pair { cert: "/nowhere/site.pem".into(), key: good.key.clone() };
    evenkeel.write_config(&setup([&a], &[&nowhere, &mixed, &good], "").text());
    let check = shell(evenkeel.directory(), &format!("{BINARY} check evenkeel.toml 2>&1")).await;
    assert!(check.stdout.contains("refused, 2 errors"), "all of them at once: {check:?}");

    evenkeel.write_config(&setup([&a], &[&good], "").text());
    let check = shell(evenkeel.directory(), &format!("{BINARY} check evenkeel.toml 2>&1")).await;
    assert_eq!(check.status.code(), Some(0), "{check:?}");
}

#[tokio::test]
async fn a_start_with_a_missing_certificate_says_what_to_do() {
    let [a] = backends(["a"]).await;
    let nowhere = Pair { cert: "/nowhere/site.pem".into(), key: "/nowhere/site.key".into() };
    let mut evenkeel =
        Evenkeel::launch(BINARY, &setup([&a], &[&nowhere], "").text(), &["run", "-c", "evenkeel.toml"]);
    let ended = evenkeel.await_exit(Duration::from_secs(20)).await;
    assert_eq!(ended.code(), Some(1));
    let log = evenkeel.log_text();
    assert!(log.contains("listener web: /nowhere/site.pem: cannot be read"), "{log}");
    assert!(log.contains("put the file there"), "{log}");
}

#[tokio::test]
async fn a_certificate_that_ends_soon_is_said_to_at_start() {
    let ca = Authority::new();
    let [a] = backends(["a"]).await;
    let (long, short) =
        (ca.issue("long", "DNS:long.example"), ca.issue_for_days("short", "DNS:short.example", 6));
    let evenkeel = setup([&a], &[&long, &short], "").start().await;
    let warned = evenkeel.await_message("a certificate ends soon; renew it").await;
    assert_eq!(
        (&warned["subject"], &warned["used_by"]),
        (&"CN=short".into(), &"listener web".into()),
        "{warned}"
    );
    let soon = evenkeel.log().iter().filter(|event| event["message"] == warned["message"]).count();
    assert_eq!(soon, 1, "the other one has time, and once is enough");
    let admin = evenkeel.address("admin");
    let status = shell(evenkeel.directory(), &format!("{BINARY} status --admin {admin}")).await;
    assert!(
        status.stdout.matches("ENDS IN").count() == 1 && status.stdout.matches("ends in").count() == 1,
        "{status:?}"
    );
}
