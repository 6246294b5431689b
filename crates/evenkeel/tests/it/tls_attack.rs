//! Clients that begin a TLS handshake and take their time over it.

use std::process::{Command, Stdio};
use std::time::Duration;

use evenkeel_testkit::http2::{Attack, Siege};
use evenkeel_testkit::{Backend, TempDir};

use crate::support::Setup;

const LENGTH: Duration = Duration::from_secs(3);
/// Memory that the attack may cost.
const GROWN_MAX: u64 = 64 << 20;

/// A listener `secure` with a certificate of its own making in `directory`.
fn secure(directory: &TempDir) -> String {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args([
            "-keyout",
            "site.key",
            "-out",
            "site.pem",
            "-subj",
            "/CN=h",
            "-addext",
            "subjectAltName=DNS:h",
        ])
        .args(["-days", "2"])
        .current_dir(directory.path())
        .stderr(Stdio::null())
        .status();
    assert!(made.is_ok_and(|status| status.success()), "openssl makes a certificate");
    let path = directory.path().display();
    format!(
        "[listener.secure]\nbind = \"127.0.0.1:0\"\nprotocol = \"https\"\npool = \"web\"\n\
         timeouts = {{ handshake = \"1s\" }}\n\
         tls = {{ certificates = [{{ cert = \"{path}/site.pem\", key = \"{path}/site.key\" }}] }}\n"
    )
}

#[tokio::test]
async fn a_handshake_that_takes_its_time() {
    let (backend, directory) = (Backend::start("a").await, TempDir::new("certificate"));
    let evenkeel = Setup::new([&backend]).top(&secure(&directory)).start().await;
    let siege = Siege::lay(&evenkeel, Attack::SlowTls, "secure", "/", LENGTH).await;
    let Siege { fought, under_attack, grown, .. } = &siege;
    assert_eq!(under_attack.failed, 0, "requests of others failed, {fought:?}");
    assert!(under_attack.p99() < Duration::from_secs(3), "others wait {:?}", under_attack.p99());
    assert!(*grown < GROWN_MAX, "{grown} bytes more, {fought:?}");
    assert!(fought.cut >= 200, "each is cut after a second, {fought:?}");
    let metrics = evenkeel.metrics().await;
    let labels = [("listener", "secure"), ("reason", "timeout")];
    let counted = metrics.value("evenkeel_tls_handshake_failures_total", &labels);
    assert!(counted >= 200.0, "{counted} counted, {fought:?}");
}
