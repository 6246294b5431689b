//! Listeners that let too many in, believe too much, or say in clear text what another says under TLS.

use std::collections::HashMap;
use std::time::Duration;

use super::ways::is_public;
use crate::decode::{Cx, Draft, ListenerDraft};
use crate::diagnostic::Diagnostic;
use crate::model::Protocol;
use crate::values::show_duration;

/// Connections from which on memory is the limit: 10 GB at 20 KiB each.
const CONNECTIONS_MAX: usize = 500_000;
/// Memory of a connection, in KiB.
const KIB_EACH: usize = 20;
/// A client of datagrams is gone, or a new one, after less.
const UDP_IDLE_MAX: Duration = Duration::from_secs(600);
/// More handshakes than requests.
const AGE_MIN: Duration = Duration::from_secs(10);

/// What a rule has to say of a listener.
type ListenerRule = fn(&ListenerDraft) -> Option<Diagnostic>;

const RULES: [ListenerRule; 4] =
    [too_many_connections, trusts_everybody, long_udp_session, short_connection_age];

pub(super) fn across(cx: &Cx, draft: &Draft) {
    for listener in &draft.listeners {
        RULES.into_iter().filter_map(|rule| rule(listener)).for_each(|found| cx.report(found));
    }
    if let Some(found) = plain_beside_tls(draft) {
        cx.report(found);
    }
}

fn too_many_connections(listener: &ListenerDraft) -> Option<Diagnostic> {
    let connections = listener.limits.connections;
    if connections <= CONNECTIONS_MAX || !is_public(listener) {
        return None;
    }
    let message = format!("anybody may open {connections} connections to listener `{}`", listener.name.value);
    let found = Diagnostic::warning(
        "boundless-listener",
        listener.written.at("limits.connections")?,
        message,
    )
    .label("as good as no limit")
    .effect(format!(
        "idle ones alone would take some {} GB here, and each request in flight a file of the process more",
        connections.saturating_mul(KIB_EACH) / 1_000_000
    ))
    .help("write what the machine can hold: 10000 is the default, and 50 of them take a megabyte");
    Some(found)
}

fn trusts_everybody(listener: &ListenerDraft) -> Option<Diagnostic> {
    let block = listener.trusted_proxies.iter().find(|block| block.prefix_len == 0)?;
    if listener.bind.as_ref()?.value.ip().is_loopback() {
        return None;
    }
    let message = format!("listener `{}` believes what every client says of itself", listener.name.value);
    let found = Diagnostic::warning("trusts-everybody", listener.written.at("trusted_proxies")?, message)
        .label(format!("{block} is everybody"))
        .effect(
            "whoever reaches it may claim any address: with `hash = { source = true }` each chooses its \
             backend",
        )
        .help("name the balancers in front of it, such as trusted_proxies = [\"10.0.0.5\", \"10.0.0.6\"]");
    Some(found)
}

fn long_udp_session(listener: &ListenerDraft) -> Option<Diagnostic> {
    let idle = listener.udp.idle;
    if idle <= UDP_IDLE_MAX {
        return None;
    }
    let shown = show_duration(idle);
    let message =
        format!("clients of listener `{}` keep their backend for {shown} of silence", listener.name.value);
    let found = Diagnostic::warning("long-udp-session", listener.written.at("udp.idle")?, message)
        .label("nobody is silent for so long")
        .effect(format!(
            "a backend that is added gets 0 % of the clients that are there, and one that hangs keeps its \
             own; {} sessions are full of clients that have gone",
            listener.udp.sessions
        ))
        .help("write how long a client that is still there may be silent, such as `idle = \"30s\"`");
    Some(found)
}

fn short_connection_age(listener: &ListenerDraft) -> Option<Diagnostic> {
    let age = listener.connection_age.filter(|age| *age < AGE_MIN)?;
    let message =
        format!("clients of listener `{}` are sent away after {}", listener.name.value, show_duration(age));
    let found = Diagnostic::warning("short-connection-age", listener.written.at("connection_age")?, message)
        .label("hardly begun")
        .effect("clients would spend their time on handshakes: requests are balanced one by one without it")
        .help(
            "write `connection_age = \"1h\"`: it spreads clients over instances, not requests over backends",
        );
    Some(found)
}

/// Port 80 that serves what port 443 serves, without a word about a redirect.
fn plain_beside_tls(draft: &Draft) -> Option<Diagnostic> {
    let mut secure: HashMap<&str, &ListenerDraft> = HashMap::new();
    let at = |listener: &ListenerDraft, protocol: Protocol, port: u16| {
        let speaks = listener.protocol.as_ref().is_some_and(|theirs| theirs.value == protocol);
        speaks && listener.bind.as_ref().is_some_and(|bind| bind.value.port() == port) && is_public(listener)
    };
    for listener in draft.listeners.iter().filter(|listener| at(listener, Protocol::Https, 443)) {
        if let Some(pool) = &listener.pool {
            secure.entry(&pool.value).or_insert(listener);
        }
    }
    let silent = |listener: &&ListenerDraft| {
        at(listener, Protocol::Http, 80) && listener.written.at("https_redirect").is_none()
    };
    let (plain, tls) = draft
        .listeners
        .iter()
        .filter(silent)
        .find_map(|plain| Some((plain, *secure.get(plain.pool.as_ref()?.value.as_str())?)))?;
    let message = format!(
        "listener `{}` serves in clear text what `{}` serves over TLS",
        plain.name.value, tls.name.value
    );
    let found = Diagnostic::warning("plain-beside-tls", plain.name.span.clone(), message)
        .label("no `https_redirect`")
        .related(tls.name.span.clone(), "the same pool over TLS")
        .effect(
            "clients that come to port 80 stay there: their cookies and what they send can be read on the \
             way",
        )
        .help(
            "write `https_redirect = true` in place of its `pool`; `https_redirect = false` ends this \
             warning",
        );
    Some(found)
}
