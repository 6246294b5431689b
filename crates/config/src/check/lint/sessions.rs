//! Clients that stay where they are for longer than anybody means.

use std::time::Duration;

use evenkeel_core::StrategyKind;

use super::{PoolRule, Subject};
use crate::decode::HealthDraft;
use crate::defaults;
use crate::diagnostic::Diagnostic;
use crate::model::{Check, HashKey, Protocol};
use crate::values::{percent, show_duration};

pub(super) const RULES: [PoolRule; 6] =
    [endless_session, endless_drain, session_path, split_affinity, pinned_connections, grpc_by_connection];

/// Who comes daily never leaves: the cookie is renewed with each response.
const SESSION_MAX: Duration = Duration::from_secs(12 * 3600);

fn endless_session(subject: &Subject<'_>) -> Option<Diagnostic> {
    let ttl = subject.pool.sticky.as_ref()?.value.ttl.filter(|ttl| *ttl > SESSION_MAX)?;
    let open = subject.open();
    let message =
        format!("sessions of pool `{}` last {} after each visit", subject.name(), show_duration(ttl));
    let found = Diagnostic::warning("endless-session", subject.at("sticky.ttl")?, message)
        .label("no end for who comes daily")
        .effect(format!(
            "clients stay where they are for good: a backend that is added would get {} of new sessions and \
             0 % of the old ones",
            percent(1.0 / (open + 1) as f64)
        ))
        .help("write how long a visit lasts, such as `ttl = \"1h\"`: it begins again with each response");
    (open > 1).then_some(found)
}

/// A backend that waits for sessions to end which have no end.
fn endless_drain(subject: &Subject<'_>) -> Option<Diagnostic> {
    let sticky = subject.pool.sticky.as_ref().filter(|sticky| sticky.value.ttl.is_none())?;
    let draining =
        subject.pool.backends.value.iter().find(|backend| backend.enabled.value && backend.drain.value)?;
    let message =
        format!("`{}` is draining, and sessions of pool `{}` have no end", draining.id.value, subject.name());
    let found = Diagnostic::warning("endless-drain", draining.drain.span.clone(), message)
        .label("until the last browser is closed")
        .related(sticky.span.clone(), "no `ttl`")
        .effect(
            "browsers that restore their tabs keep the cookie for weeks: it would never be down to 0 % of \
             requests",
        )
        .help("write `ttl = \"1h\"` in `sticky`: sessions end an hour after their last request");
    Some(found)
}

/// A cookie that no request brings along.
fn session_path(subject: &Subject<'_>) -> Option<Diagnostic> {
    let sticky = subject.pool.sticky.as_ref()?;
    let cookie = sticky.value.path.trim_end_matches('/');
    if subject.ways.whole_listener || subject.ways.routes.is_empty() {
        return None;
    }
    let below = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let meets = |path: &str| {
        let path = path.trim_end_matches('/');
        below(path, cookie) || below(cookie, path)
    };
    if subject.ways.routes.iter().any(|route| meets(&route.path.value)) {
        return None;
    }
    let route = subject.ways.routes.first()?;
    let message = format!("no request to pool `{}` would bring its session's cookie along", subject.name());
    let found = Diagnostic::warning("session-path", subject.at("sticky.path")?, message)
        .label("only below this path")
        .related(route.path.span.clone(), "where its requests are")
        .effect("every request would begin a new session: 0 % of them would find their backend again")
        .help(format!("write `path = \"{}\"`, or leave it out for the whole site", route.path.value));
    Some(found)
}

/// Sessions that keep their backend, of a strategy that keeps content together.
fn split_affinity(subject: &Subject<'_>) -> Option<Diagnostic> {
    let sticky = subject.pool.sticky.as_ref()?;
    let hash = subject.pool.hash.as_ref()?;
    if !matches!(hash.value, HashKey::Path | HashKey::Query(_)) || subject.open() < 2 {
        return None;
    }
    let message =
        format!("sessions of pool `{}` take its requests away from where their key is", subject.name());
    let found = Diagnostic::warning("split-affinity", sticky.span.clone(), message)
        .label("decides before the key does")
        .related(hash.span.clone(), "the key of the first request only")
        .effect(format!(
            "a client's first request would decide for all: like requests meet in {} of cases, as by chance",
            percent(subject.even())
        ))
        .help("take `sticky` out, or `hash` with its strategy");
    Some(found)
}

/// Connections that are said to live for long, of a strategy that counts only new ones.
fn pinned_connections(subject: &Subject<'_>) -> Option<Diagnostic> {
    let strategy = subject.pool.strategy;
    if !matches!(strategy, StrategyKind::RoundRobin | StrategyKind::Random) || subject.open() < 2 {
        return None;
    }
    let long = |listener: &&crate::decode::ListenerDraft| {
        let protocol = listener.protocol.as_ref().map(|protocol| protocol.value);
        matches!(protocol, Some(Protocol::Tcp | Protocol::TlsPassthrough))
            && listener.timeouts.tunnel_idle > defaults::TUNNEL_IDLE
    };
    let listener = subject.ways.named.iter().copied().find(|listener| long(listener))?;
    let idle = listener.timeouts.tunnel_idle;
    let message = format!(
        "`{strategy}` spreads new connections of pool `{}`, and these live for hours",
        subject.name()
    );
    let found = Diagnostic::warning(
        "pinned-connections",
        listener.written.at("timeouts.tunnel_idle")?,
        message,
    )
    .label("kept open for long")
    .related(
        subject.at("strategy").unwrap_or_else(|| subject.pool.name.span.clone()),
        "does not look at open ones",
    )
    .effect(format!(
        "a backend that comes back begins with 0 % of the connections and stays behind: equal would be {}; \
         silent ones are kept for {}",
        percent(subject.even()),
        show_duration(idle)
    ))
    .help(format!(
        "write `strategy = \"least_request\"` in [pool.{}]: here it counts open connections",
        subject.name()
    ));
    Some(found)
}

/// gRPC over a listener that balances connections: a client has one, with all of its calls.
fn grpc_by_connection(subject: &Subject<'_>) -> Option<Diagnostic> {
    let HealthDraft::On(health) = &subject.pool.health else { return None };
    if !matches!(health.value.check, Check::Grpc { .. }) || health.value.port.is_some() || subject.open() < 2
    {
        return None;
    }
    let listener = subject.reach.by(Protocol::Tcp)?;
    let protocol = listener.protocol.as_ref()?;
    let message =
        format!("gRPC clients of pool `{}` are balanced by connection, not by call", subject.name());
    let found = Diagnostic::warning("grpc-by-connection", protocol.span.clone(), message)
        .label("a connection goes to one backend")
        .related(health.span.clone(), "the backends speak gRPC")
        .effect(format!(
            "a client keeps one connection for all of its calls: with one busy client one backend gets 100 \
             %; equal would be {}",
            percent(subject.even())
        ))
        .help(format!(
            "write `protocol = \"http\"` in [listener.{}] and `protocol = \"http2\"` in [pool.{}]",
            listener.name.value,
            subject.name()
        ));
    Some(found)
}
