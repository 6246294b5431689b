//! Sessions that are taken up again.

use super::authority::Authority;
use super::*;
use crate::support::backends;

/// Each connection lands on either worker; tickets and sessions are good on both.
#[tokio::test]
async fn sessions_resume_on_every_worker_and_after_a_reload() {
    let ca = Authority::new();
    let [a] = backends(["a"]).await;
    let pair = ca.issue("a", "DNS:a.example");
    for tickets in ["true", "false"] {
        let setup = setup([&a], &[&pair], &format!(", tickets = {tickets}"));
        let evenkeel = setup.start().await;
        for version in ["-tls1_2", "-tls1_3"] {
            let first = s_client_get(&evenkeel, &format!("{version} -sess_out session")).await;
            assert!(first.contains("New, TLSv1"), "{first}");
            for round in 0..6 {
                // In TLS 1.3 a session without a ticket is good once: the next one comes with the answer.
                let again = format!("{version} -sess_in session -sess_out session");
                let again = s_client_get(&evenkeel, &again).await;
                assert!(again.contains("Reused, TLSv1"), "{tickets} {version} {round}: {again}");
                assert!(again.contains("HTTP/1.1 200"), "{again}");
                if round == 3 {
                    let reloaded = evenkeel.reload(&setup.text()).await;
                    assert_eq!(reloaded["last_reload"]["ok"], true, "{reloaded}");
                }
            }
        }
        assert_eq!(handshakes(&evenkeel, "1.2", "resumed").await, 6.0);
        assert_eq!(handshakes(&evenkeel, "1.3", "resumed").await, 6.0);
    }
}

/// Whoever is not trusted any more must not come back with a session from before.
#[tokio::test]
async fn sessions_end_with_the_trust_they_were_made_under() {
    let (ca, other) = (Authority::new(), Authority::new());
    let [a] = backends(["a"]).await;
    let (pair, client) = (ca.issue("a", "DNS:a.example"), ca.issue_client("client", "/CN=client"));
    let trusting = |ca: &Authority| {
        let auth = format!(", client_auth = {{ ca = \"{}\", mode = \"required\" }}", ca.file().display());
        setup([&a], &[&pair], &auth)
    };
    let evenkeel = trusting(&ca).start().await;
    let certificate = format!("-cert {} -key {}", client.cert.display(), client.key.display());
    for version in ["-tls1_2", "-tls1_3"] {
        let first =
            s_client_get(&evenkeel, &format!("{version} {certificate} -sess_out {}", &version[1..])).await;
        assert!(first.contains("HTTP/1.1 200"), "{first}");
    }
    evenkeel.reload(&trusting(&other).text()).await;
    for version in ["-tls1_2", "-tls1_3"] {
        let again = format!("{version} {certificate} -sess_in {}", &version[1..]);
        let again = s_client_get(&evenkeel, &again).await;
        assert!(!again.contains("HTTP/1.1 200"), "{again}");
        assert!(!again.contains("Reused"), "{again}");
    }
    assert_eq!(failures(&evenkeel, "client_certificate").await, 2.0);
}
