//! WebSockets over TLS.

use evenkeel_testkit::{Json, TempDir, python};

use crate::support::BINARY;
use crate::upgrade::peers::{PROGRAM, Server};

use super::authority::Authority;
use super::*;

/// On both sides, and closed in good order from either: whatever is said at the end arrives before it.
#[tokio::test]
async fn websockets_talk_over_tls_with_clients_and_backends() {
    let ca = Authority::new();
    let pair = ca.issue("a", "IP:127.0.0.1");
    let directory = TempDir::new("wss");
    let program = directory.write("websockets_peer.py", PROGRAM);
    let server = Server::start("a", &program, &[&pair.cert, &pair.key]);
    let authority = ca.file().display().to_string();
    let pool = format!("health = false\npassive = false\ntls = {{ ca = \"{authority}\" }}");
    let setup = Setup::of_entries([server.entry()]).pool(&pool).listener(&listener(&[&pair], ""));
    let evenkeel = setup.start().await;
    let command = format!(
        "SSL_CERT_FILE={authority} {} {} talk wss://{}/chat 6",
        python(BINARY).display(),
        program.display(),
        evenkeel.address("web")
    );
    let talked = shell(directory.path(), &command).await;
    assert_eq!(talked.status.code(), Some(0), "{} {}", talked.stdout, talked.stderr);
    let told: Json = talked.stdout.parse().unwrap_or_else(|error| panic!("{error}: {}", talked.stdout));
    assert_eq!(told["closed"], Json::from([1000, 4001].repeat(3)), "{told}");
    let all_ok = |metrics: &evenkeel_testkit::Metrics| {
        metrics.value("evenkeel_backend_outcomes_total", &[("outcome", "ok")]) == 6.0
            && metrics.value("evenkeel_tunnels_open", &[]) == 0.0
    };
    evenkeel.await_metrics("six that ended in good order", all_ok).await;
}
