//! Clients that mean harm over HTTP/2: memory stays small, others are served, and a counter says what goes on.

use std::time::Duration;

use evenkeel_testkit::http2::{Attack, Siege, code};
use evenkeel_testkit::{Backend, Evenkeel, Head, Reply, until};

use crate::support::Setup;

/// Of each attack.
const LENGTH: Duration = Duration::from_secs(3);
/// Memory that an attack may cost.
const GROWN_MAX: u64 = 64 << 20;
/// Far above what a bystander waits, and far below what it waits for a server that is busy with an attacker. The bound
/// in relation to its quiet value is for a release build on a machine of its own: `cargo xtask accept attacks`.
const WAIT_MAX: Duration = Duration::from_secs(3);
/// Longer than a window that nobody opens.
const LARGE: &str = "/pattern/100000";

fn answer(head: &Head) -> Reply {
    match head.target() {
        LARGE => Reply::pattern(100_000),
        _ => Reply::named("a", "fine"),
    }
}

/// Attacks a balancer of its own, and checks what holds whatever the attack.
async fn withstand(attack: Attack) -> (Siege, Evenkeel) {
    let name = attack.name();
    let backend = Backend::scripted("a", answer).await;
    let timeouts = "timeouts = { handshake = \"1s\", request_header = \"1s\", keep_alive = \"2s\" }";
    let evenkeel = Setup::new([&backend]).listener(timeouts).start().await;
    let siege = Siege::lay(&evenkeel, attack, "web", LARGE, LENGTH).await;
    let Siege { fought, under_attack, grown, .. } = &siege;
    assert!(fought.bytes > 0, "{name}: nothing was sent");
    assert_eq!(under_attack.failed, 0, "{name}: requests of others failed, {fought:?}");
    assert!(under_attack.p99() < WAIT_MAX, "{name}: others wait {:?}, {fought:?}", under_attack.p99());
    assert!(*grown < GROWN_MAX, "{name}: {grown} bytes more, {fought:?}");
    until("the end of what the attackers began", async || {
        let metrics = evenkeel.metrics().await;
        let idle = metrics.value("evenkeel_backend_in_flight", &[("pool", "web")]) == 0.0;
        idle.then_some(())
    })
    .await;
    (siege, evenkeel)
}

/// The same for what only an attacker does: it is cut, told why, and counted by name.
async fn cut_off(attack: Attack, reason: &str) {
    let (siege, evenkeel) = withstand(attack).await;
    let (name, fought) = (attack.name(), &siege.fought);
    assert!(fought.cut > 0, "{name}: nobody ended it, {fought:?}");
    let metrics = evenkeel.metrics().await;
    let counted = metrics.get("evenkeel_http2_floods_total", &[("listener", "web"), ("reason", reason)]);
    let all = metrics.by("evenkeel_http2_floods_total", &[("listener", "web")], "reason");
    assert!(
        counted.is_some_and(|count| count >= 1.0),
        "{name}: not counted as {reason}: {all:?}, {fought:?}"
    );
    let others: Vec<_> = all.iter().filter(|(other, count)| *other != reason && **count > 0.0).collect();
    assert!(others.is_empty(), "{name}: counted as {others:?}, too");
    // An attacker that reads is told, unless its own unread bytes swallow that.
    let unknown: Vec<_> = fought.goaways.keys().filter(|code| !is_reason(**code)).collect();
    assert!(unknown.is_empty(), "{name}: GOAWAY of {unknown:?}");
}

fn is_reason(code: u32) -> bool {
    matches!(
        code,
        code::ENHANCE_YOUR_CALM | code::PROTOCOL_ERROR | code::FLOW_CONTROL_ERROR | code::COMPRESSION_ERROR
    )
}

#[tokio::test]
async fn requests_that_are_cancelled_at_once() {
    cut_off(Attack::RapidReset, "rapid_reset").await;
}

#[tokio::test]
async fn requests_that_the_server_must_reset() {
    cut_off(Attack::MadeYouReset, "made_you_reset").await;
}

#[tokio::test]
async fn malformed_requests_without_end() {
    cut_off(Attack::MalformedRequests, "made_you_reset").await;
}

#[tokio::test]
async fn field_sections_without_end() {
    cut_off(Attack::Continuations, "continuation").await;
}

#[tokio::test]
async fn empty_continuations_without_end() {
    cut_off(Attack::EmptyContinuations, "continuation").await;
}

#[tokio::test]
async fn field_sections_that_grow_when_read() {
    cut_off(Attack::HpackBomb, "header_list").await;
}

#[tokio::test]
async fn settings_without_end() {
    cut_off(Attack::Settings, "settings").await;
}

#[tokio::test]
async fn pings_without_end() {
    cut_off(Attack::Pings, "ping").await;
}

#[tokio::test]
async fn priorities_without_end() {
    cut_off(Attack::Priorities, "priority").await;
}

#[tokio::test]
async fn content_without_content() {
    cut_off(Attack::EmptyData, "empty_data").await;
}

#[tokio::test]
async fn windows_without_use() {
    cut_off(Attack::WindowUpdates, "window_update").await;
}

#[tokio::test]
async fn windows_that_hardly_open() {
    withstand(Attack::Dribble).await;
}

#[tokio::test]
async fn a_preface_that_takes_its_time() {
    let (siege, _evenkeel) = withstand(Attack::SlowPreface).await;
    assert!(siege.fought.cut >= 200, "each is cut after a second, {:?}", siege.fought);
}
