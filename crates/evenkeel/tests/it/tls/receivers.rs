//! Receivers of alarms that speak TLS: here, another Evenkeel in front of one.

use evenkeel_testkit::until_within;

use super::authority::Authority;
use super::*;

/// With the URL and a token in files of their own.
#[tokio::test]
async fn a_receiver_is_believed_by_its_ca_and_its_secrets_stay_in_their_files() {
    let (ca, stranger) = (Authority::new(), Authority::new());
    let pair = ca.issue("receiver", "DNS:localhost");
    let receiver = Backend::start("receiver").await;
    let front = setup([&receiver], &[&pair], "").start().await;
    let port = front.address("web").port();
    let files = ca.path();
    std::fs::write(files.join("hook.url"), format!("https://localhost:{port}/hook/sEcReT\n"))
        .expect("a file");
    std::fs::write(files.join("hook.headers"), "Authorization: Bearer tOkEn\n").expect("a file");
    let (url, headers) = (files.join("hook.url"), files.join("hook.headers"));
    let entry = |name: &str, ca: &Path| {
        format!(
            "[[notify]]\nname = \"{name}\"\nurl_file = \"{}\"\nheaders_file = \"{}\"\nca = \"{}\"\n",
            url.display(),
            headers.display(),
            ca.display()
        )
    };
    let top = entry("own", &ca.file()) + &entry("stranger", &stranger.file());
    // One of two is not there.
    let all = [Backend::start("a").await, Backend::start("b").await];
    all[1].set_health(evenkeel_testkit::Reply::text(503, "ill"));
    let pool = "passive = false\nexpect = { members = 2 }\nhealth = { path = \"/healthz\", interval = \"100ms\", \
                timeout = \"100ms\", rise = 1, fall = 1 }";
    let evenkeel = Setup::new(&all).pool(pool).top(&top).start().await;
    let request =
        until_within(Duration::from_secs(30), "the message", async || receiver.received().pop()).await;
    assert_eq!(request.head.field("authorization"), Some("Bearer tOkEn"));
    assert!(request.head.start.starts_with("POST /hook/sEcReT"), "{}", request.head.start);
    let body = String::from_utf8_lossy(&request.body).into_owned();
    assert!(body.contains("members 1, expected 2"), "{body}");
    // The other one does not believe it.
    let failed = evenkeel.await_message("cannot be told now; tried again").await;
    assert_eq!(failed["receiver"], "stranger", "{failed}");
    assert!(failed["why"].as_str().is_some_and(|why| why.contains("TLS")), "{failed}");
    assert_eq!(receiver.requests(), 1);
    let seen = [
        evenkeel.log_text(),
        evenkeel.admin("/config").await.text(),
        evenkeel.admin("/metrics").await.text(),
    ];
    for text in seen {
        assert!(!text.contains("sEcReT") && !text.contains("tOkEn"), "{text}");
    }
}
