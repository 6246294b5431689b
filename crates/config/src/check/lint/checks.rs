//! Health checks that say the wrong thing, or say it too late.

use std::collections::HashMap;
use std::time::Duration;

use super::{PoolRule, Subject};
use crate::decode::{BackendDraft, HealthDraft};
use crate::diagnostic::Diagnostic;
use crate::model::{BackendAddress, Check, Health};
use crate::span::At;
use crate::values::{percent, show_duration};

pub(super) const RULES: [PoolRule; 7] =
    [impossible, lenient, shared_port, slow_detection, slow_recovery, flapping, storm];

/// A dead backend should not have its share for longer: people give up after seconds.
const DETECTED_WITHIN: Duration = Duration::from_secs(120);
/// A repaired backend should not be kept out for longer.
const BACK_WITHIN: Duration = Duration::from_secs(300);
/// Checks of a backend closer together cost it more than they tell.
const INTERVAL_MIN: Duration = Duration::from_millis(50);
/// Answers that say that the server cannot serve.
const FAILURES: [u16; 4] = [500, 502, 503, 504];

fn on<'a>(subject: &Subject<'a>) -> Option<&'a At<Health>> {
    match &subject.pool.health {
        HealthDraft::On(health) => Some(health),
        HealthDraft::Silent | HealthDraft::Off => None,
    }
}

/// The codes that an HTTP check passes, if there is one and any could be read.
fn passing<'a>(subject: &Subject<'a>) -> Option<&'a [(u16, u16)]> {
    match &on(subject)?.value.check {
        Check::Http { expect_status, .. } => Some(expect_status.as_slice()).filter(|codes| !codes.is_empty()),
        Check::Tcp | Check::Grpc { .. } => None,
    }
}

fn impossible(subject: &Subject<'_>) -> Option<Diagnostic> {
    // Answers below 200 are not final (RFC 9110, section 15.2).
    let codes = passing(subject)?;
    if codes.iter().any(|(_, last)| *last >= 200) {
        return None;
    }
    let message = format!("no answer ever passes the check of pool `{}`", subject.name());
    let found = Diagnostic::error("impossible-check", subject.at("health.expect_status")?, message)
        .label("below 200 no answer is final")
        .effect(
            "every backend would be taken for dead: the pool would serve all of them in panic, or nothing \
             but 503",
        )
        .help("write `expect_status = \"200-399\"`, or leave it out for the same");
    Some(found)
}

fn lenient(subject: &Subject<'_>) -> Option<Diagnostic> {
    let codes = passing(subject)?;
    let passed =
        FAILURES.into_iter().find(|code| codes.iter().any(|(from, to)| (from..=to).contains(&code)))?;
    let share = percent(subject.even());
    let message = format!("a backend of pool `{}` that answers {passed} passes its check", subject.name());
    let found = Diagnostic::warning("lenient-check", subject.at("health.expect_status")?, message)
        .label("passes failures")
        .effect(format!(
            "a backend that fails everything it is asked would keep its share ({share} where all are equal)"
        ))
        .help("write `expect_status = \"200-399\"`, or the one code that the path answers");
    Some(found)
}

/// Backends of one machine, all asked on one port.
fn shared_port(subject: &Subject<'_>) -> Option<Diagnostic> {
    let port = on(subject)?.value.port?;
    let mut seen: HashMap<String, &BackendDraft> = HashMap::new();
    let shares = subject.tiers.iter().flat_map(|tier| &tier.shares);
    let (first, second) = shares.map(|share| share.backend).find_map(|backend| {
        let host = match &backend.address.as_ref()?.value {
            BackendAddress::Socket(socket) => socket.ip().to_canonical().to_string(),
            BackendAddress::Name { host, .. } => host.clone(),
        };
        seen.insert(host, backend).map(|first| (first, backend))
    })?;
    let (one, other) = (&first.id.value, &second.id.value);
    let message = format!("`{one}` and `{other}` are asked the same question, on port {port}");
    let found = Diagnostic::warning("shared-check", subject.at("health.port")?, message)
        .label("one port for both")
        .related(second.id.span.clone(), "on the same machine")
        .effect(format!(
            "both would pass and fail together: a dead one keeps its share ({} where all are equal)",
            percent(subject.even())
        ))
        .help("take `port` out, so that each is asked on its own port");
    Some(found)
}

fn slow_detection(subject: &Subject<'_>) -> Option<Diagnostic> {
    let Health { interval, timeout, fall, .. } = &on(subject)?.value;
    let after = interval.saturating_mul(*fall).saturating_add(*timeout);
    if after <= DETECTED_WITHIN {
        return None;
    }
    let span = subject.pool.written.first(&["health.interval", "health.fall"])?;
    let message =
        format!("a dead backend of pool `{}` is found after {}", subject.name(), show_duration(after));
    let found = Diagnostic::warning("slow-detection", span, message)
        .label(format!("{fall} checks, {} apart", show_duration(*interval)))
        .effect(format!(
            "until then it keeps its share ({} where all are equal), and its requests fail or are tried \
             elsewhere",
            percent(subject.even())
        ))
        .help("write `interval = \"2s\"` and `fall = 3`: a dead backend is found within 7 s");
    Some(found)
}

fn slow_recovery(subject: &Subject<'_>) -> Option<Diagnostic> {
    let Health { interval, rise, .. } = &on(subject)?.value;
    let after = interval.saturating_mul(*rise);
    // The interval alone is told of by how late a dead one is found.
    if after <= BACK_WITHIN || *rise <= 3 {
        return None;
    }
    let message =
        format!("a repaired backend of pool `{}` is back after {}", subject.name(), show_duration(after));
    let found = Diagnostic::warning("slow-recovery", subject.at("health.rise")?, message)
        .label(format!("{rise} checks, {} apart", show_duration(*interval)))
        .effect(format!(
            "until then it would get 0 % of requests, whatever it could take; equal would be {}",
            percent(subject.even())
        ))
        .help("write `rise = 2`; `slow_start` brings a cold backend up gently");
    Some(found)
}

fn flapping(subject: &Subject<'_>) -> Option<Diagnostic> {
    let health = &on(subject)?.value;
    if (health.rise, health.fall) != (1, 1) {
        return None;
    }
    let message = format!("one check decides on a backend of pool `{}`", subject.name());
    let found = Diagnostic::warning("flapping-check", subject.at("health.fall")?, message)
        .label("one lost packet")
        .effect(format!(
            "a backend with now and then a slow answer would go and come with each check, and its share of \
             {} with it",
            percent(subject.even())
        ))
        .help("write `fall = 3` and `rise = 2`; a shorter `interval` finds a dead backend as soon");
    Some(found)
}

fn storm(subject: &Subject<'_>) -> Option<Diagnostic> {
    let interval = on(subject)?.value.interval;
    if interval >= INTERVAL_MIN {
        return None;
    }
    let each = 1.0 / interval.as_secs_f64().max(0.001);
    let message = format!("each backend of pool `{}` is checked {each:.0} times a second", subject.name());
    let found = Diagnostic::warning("check-storm", subject.at("health.interval")?, message)
        .label("more checks than news")
        .effect(format!(
            "{:.0} checks a second from each instance: a busy backend fails them for being busy, and its \
             share falls on the others",
            each * subject.open() as f64
        ))
        .help("write `interval = \"1s\"`; failed requests eject a backend sooner than any check (`passive`)");
    Some(found)
}
