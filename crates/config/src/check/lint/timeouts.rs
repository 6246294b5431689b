//! Times that come in the wrong order, or are so long that they mean nothing.

use std::time::Duration;

use super::{PoolRule, Subject};
use crate::defaults;
use crate::diagnostic::Diagnostic;
use crate::span::At;
use crate::values::{percent, show_duration};

pub(super) const RULES: [PoolRule; 9] = [
    inverted,
    connect_above_total,
    queue_above_total,
    drain_below_total,
    slow_connect,
    idle_above_age,
    too_many_attempts,
    long_slow_start,
    moot_slow_start,
];

/// Longer than any network takes to open a connection: two lost SYNs and their repetitions (1 + 2 s) fit in thrice.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// No cache takes longer to warm, and no backend should be worth less for longer.
const SLOW_START_MAX: Duration = Duration::from_secs(900);

/// The bound on the whole request, where it is given.
fn total(subject: &Subject<'_>) -> Option<At<Duration>> {
    Some(At::new(subject.pool.timeouts.total?, subject.at("timeouts.total")?))
}

/// A bound on a part that is never reached, because that on the whole comes first.
fn inverted(subject: &Subject<'_>) -> Option<Diagnostic> {
    let total = total(subject)?;
    let timeouts = &subject.pool.timeouts;
    // A default that is never reached harms nobody.
    let parts = [
        ("response_header", timeouts.response_header, defaults::RESPONSE_HEADER_TIMEOUT),
        ("response_idle", timeouts.response_idle, defaults::RESPONSE_IDLE),
    ];
    let (name, part, span) = parts.into_iter().find_map(|(name, part, default)| {
        let longer = part > total.value && part != default;
        let span = subject.at(&format!("timeouts.{name}")).filter(|_| longer)?;
        Some((name, part, span))
    })?;
    let (whole, part) = (show_duration(total.value), show_duration(part));
    let message =
        format!("`{name}` is {part}, and the whole request of pool `{}` may take {whole}", subject.name());
    let found = Diagnostic::warning("inverted-timeouts", span, message)
        .label("longer than the whole")
        .related(total.span, "ends first")
        .effect(format!("a request that needs up to {part} would be cut after {whole} each time"))
        .help(format!("write `total` above {part}, or `{name}` below {whole}"));
    Some(found)
}

/// A dead address that takes all the time that there is for another attempt.
fn connect_above_total(subject: &Subject<'_>) -> Option<Diagnostic> {
    let total = total(subject)?;
    let connect = subject.pool.timeouts.connect;
    if connect < total.value || subject.open() < 2 || subject.pool.max_attempts < 2 {
        return None;
    }
    let (whole, connect) = (show_duration(total.value), show_duration(connect));
    let span = subject.at("timeouts.connect").unwrap_or_else(|| total.span.clone());
    let message = format!(
        "opening a connection may take {connect}, and the whole request of pool `{}` {whole}",
        subject.name()
    );
    let found = Diagnostic::warning("connect-above-total", span, message)
        .label("leaves no time for another backend")
        .effect(format!(
            "while a backend does not answer at all, its {} of requests fail after {whole}: the time is up \
             before another is tried",
            percent(subject.even())
        ))
        .help(format!(
            "write `connect = \"{}\"`, so that {} fit in",
            show_duration(total.value / 4),
            subject.pool.max_attempts.min(3)
        ));
    Some(found)
}

fn queue_above_total(subject: &Subject<'_>) -> Option<Diagnostic> {
    let total = total(subject)?;
    let queue = &subject.pool.queue.value;
    if queue.size == 0 || queue.timeout < total.value {
        return None;
    }
    let (wait, whole) = (show_duration(queue.timeout), show_duration(total.value));
    let span = subject.at("queue.timeout").unwrap_or_else(|| subject.pool.queue.span.clone());
    let message = format!(
        "a request may wait {wait} in the queue of pool `{}`, and take {whole} in all",
        subject.name()
    );
    let found = Diagnostic::warning("queue-above-total", span, message)
        .label("no time is left to be served")
        .related(total.span, "the whole request")
        .effect(
            "under overload backends would work on requests whose time is up: all of their work, no answer",
        )
        .help(format!(
            "write `timeout = \"{}\"`, which leaves time for the answer",
            show_duration(total.value / 4)
        ));
    Some(found)
}

fn drain_below_total(subject: &Subject<'_>) -> Option<Diagnostic> {
    let total = total(subject)?;
    let drain = subject.draft.runtime.drain_timeout;
    // The default is what container platforms wait, whatever requests take.
    if drain == defaults::DRAIN_TIMEOUT || drain >= total.value {
        return None;
    }
    let (whole, drain) = (show_duration(total.value), show_duration(drain));
    let message = format!(
        "requests of pool `{}` may take {whole}, and each restart cuts them after {drain}",
        subject.name()
    );
    let found = Diagnostic::warning("drain-below-total", total.span, message)
        .label("longer than `drain_timeout`")
        .effect(format!(
            "with every restart, requests that are older than {drain} would fail, on healthy backends"
        ))
        .help(format!("write `drain_timeout = \"{whole}\"` in [runtime]"));
    Some(found)
}

fn slow_connect(subject: &Subject<'_>) -> Option<Diagnostic> {
    let connect = subject.pool.timeouts.connect;
    if connect <= CONNECT_MAX {
        return None;
    }
    let shown = show_duration(connect);
    let message = format!("pool `{}` waits {shown} for a connection to open", subject.name());
    let found = Diagnostic::warning("slow-connect", subject.at("timeouts.connect")?, message)
        .label("who does not answer soon is gone")
        .effect(format!(
            "until a backend that is gone is found, {} of requests take {shown} longer before another is tried",
            percent(subject.even())
        ))
        .help("write `connect = \"3s\"` or less");
    (subject.open() > 1).then_some(found)
}

fn idle_above_age(subject: &Subject<'_>) -> Option<Diagnostic> {
    let keep = &subject.pool.keep_alive;
    if keep.idle_timeout <= keep.max_age || keep.idle_max == 0 {
        return None;
    }
    let (idle, age) = (show_duration(keep.idle_timeout), show_duration(keep.max_age));
    let message = format!(
        "connections of pool `{}` may be idle for {idle}, and none gets older than {age}",
        subject.name()
    );
    let span = subject.at("keep_alive.idle_timeout")?;
    let found = Diagnostic::warning("idle-above-age", span, message)
        .label("never reached")
        .effect(format!("idle connections are closed after {age}, as if this were not there"))
        .help(format!("write `idle_timeout` below {age}, or a longer `max_age`"));
    Some(found)
}

fn too_many_attempts(subject: &Subject<'_>) -> Option<Diagnostic> {
    let (attempts, open) = (subject.pool.max_attempts, subject.open());
    let usual = u64::from(attempts) <= defaults::MAX_ATTEMPTS;
    if usual || usize::try_from(attempts).is_ok_and(|attempts| attempts <= open) {
        return None;
    }
    let message =
        format!("a request may be tried {attempts} times, and pool `{}` has {open} backends", subject.name());
    let found = Diagnostic::warning("too-many-attempts", subject.at("max_attempts")?, message)
        .label("more than there are")
        .effect(format!(
            "each attempt goes to another backend, so those after {open} have nobody to go to; where all of \
             them refuse, every request would come to every one: {open} times the load at the worst moment"
        ))
        .help("write `max_attempts = 2`, or 3: two more backends, and no storm of retries");
    Some(found)
}

fn long_slow_start(subject: &Subject<'_>) -> Option<Diagnostic> {
    let window = subject.pool.shaping.slow_start.as_ref()?.window;
    if window <= SLOW_START_MAX {
        return None;
    }
    let shown = show_duration(window);
    let message = format!("a backend of pool `{}` takes {shown} to get its share", subject.name());
    let span = subject.pool.written.first(&["slow_start.window", "slow_start"])?;
    let found = Diagnostic::warning("long-slow-start", span, message)
        .label("longer than any cache warms")
        .effect(format!(
            "after each restart it would have less than its {} for {shown}, and the others more than theirs",
            percent(subject.even())
        ))
        .help("write how long a cold backend is slow, such as `slow_start = \"30s\"`");
    (subject.open() > 1).then_some(found)
}

fn moot_slow_start(subject: &Subject<'_>) -> Option<Diagnostic> {
    let slow = subject.pool.shaping.slow_start.as_ref().filter(|slow| slow.minimum.get() >= 1.0)?;
    let message = format!("slow start in pool `{}` begins with the whole weight", subject.name());
    let found = Diagnostic::warning("moot-slow-start", subject.at("slow_start.minimum")?, message)
        .label("all of it at once")
        .effect(format!(
            "a cold backend would get its whole share ({} where all are equal) with the first request, and \
             so for all {}",
            percent(subject.even()),
            show_duration(slow.window)
        ))
        .help("write `minimum = 0.1`, or take `slow_start` out");
    Some(found)
}
