//! Keys of a listener that its protocol has no use for.

use super::reader::Reader;
use crate::diagnostic::Diagnostic;
use crate::model::Protocol;
use crate::span::At;
use crate::values;

/// The protocols that read a key of a table.
type Readers = (&'static str, &'static [Protocol]);

const HTTP: &[Protocol] = &[Protocol::Http, Protocol::Https];
const CONNECTIONS: &[Protocol] = &[Protocol::Http, Protocol::Https, Protocol::Tcp, Protocol::TlsPassthrough];

const LISTENER: [Readers; 9] = [
    ("tls", &[Protocol::Https]),
    ("http2", HTTP),
    ("https_redirect", &[Protocol::Http]),
    ("trusted_proxies", HTTP),
    ("accept_proxy", CONNECTIONS),
    ("limits", CONNECTIONS),
    ("timeouts", CONNECTIONS),
    ("connection_age", HTTP),
    ("udp", &[Protocol::Udp]),
];
/// Of `limits` and `timeouts`: the keys that are for requests.
const BOUNDS: [Readers; 7] = [
    ("header_bytes", HTTP),
    ("headers", HTTP),
    ("body_bytes", HTTP),
    ("request_header", HTTP),
    ("request_body_idle", HTTP),
    ("write_idle", HTTP),
    ("keep_alive", HTTP),
];

/// Reports the keys that a listener of this protocol does not read, unless they say that something is off.
pub(super) fn listener(table: &Reader<'_>, protocol: &At<Protocol>) {
    check(table, &LISTENER, protocol);
}

/// The same of its `limits` or `timeouts`.
pub(super) fn bounds(table: &Reader<'_>, protocol: Option<&At<Protocol>>) {
    // The whole tables are reported where there are no connections: each key would only repeat it.
    if let Some(protocol) = protocol.filter(|protocol| protocol.value != Protocol::Udp) {
        check(table, &BOUNDS, protocol);
    }
}

/// The protocol of a listener in words: `` a `tcp` listener ``.
pub(crate) fn a_listener(protocol: Protocol) -> String {
    format!("{} `{}` listener", if protocol.is_http() { "an" } else { "a" }, protocol.as_str())
}

fn check(table: &Reader<'_>, keys: &[Readers], protocol: &At<Protocol>) {
    for (key, readers) in keys.iter().filter(|(_, readers)| !readers.contains(&protocol.value)) {
        if let Some(at) = table.key_span(key).filter(|_| !table.is_off(key)) {
            let named = protocol.span != table.span();
            table.cx.report(unread(At::new(*key, at), protocol, named, readers));
        }
    }
}

fn unread(key: At<&str>, protocol: &At<Protocol>, named: bool, readers: &[Protocol]) -> Diagnostic {
    let name = key.value;
    let ticked: Vec<_> = readers.iter().map(|reader| format!("`{}`", reader.as_str())).collect();
    let (effect, help) = instead(name, protocol.value, readers);
    let message = format!("`{name}` has no effect on {}", a_listener(protocol.value));
    let wrong = Diagnostic::error("contradiction", key.span, message)
        .label(format!("for {} only", values::one_of(&ticked)));
    let place = if named { "the protocol of the listener" } else { "without `protocol` it is `http`" };
    wrong.related(protocol.span.clone(), place).effect(effect).help(help)
}

/// What a key does where it is not read, and what to write.
fn instead(name: &str, protocol: Protocol, readers: &[Protocol]) -> (&'static str, String) {
    let quoted: Vec<_> = readers.iter().map(|reader| format!("`\"{}\"`", reader.as_str())).collect();
    let other = values::one_of(&quoted).replacen("`\"", "`protocol = \"", 1);
    match (name, protocol) {
        ("tls", Protocol::Http) => (
            "clients would be served in clear text, and those that begin with TLS refused",
            "write `protocol = \"https\"`, or take `tls` out".into(),
        ),
        ("tls", Protocol::Tcp | Protocol::TlsPassthrough) => (
            "bytes are passed on as they come: TLS would not end here, and nobody would see this certificate",
            "write `protocol = \"https\"` for HTTP whose TLS ends here; take `tls` out if backends have the certificate"
                .into(),
        ),
        ("https_redirect", Protocol::Https) => (
            "clients of this listener have come by HTTPS already",
            "take it out here, and write it in the listener of `protocol = \"http\"`".into(),
        ),
        ("limits" | "timeouts", _) => (
            "datagrams come without connections, so nothing would be bounded",
            format!("take `{name}` out; `udp = {{ sessions = 16384, idle = \"30s\" }}` bounds datagrams"),
        ),
        (_, Protocol::Http | Protocol::Https) => {
            ("no datagram ever comes to this listener", format!("take `{name}` out, or write {other}"))
        }
        (_, Protocol::Udp) => {
            ("datagrams are passed on as they come, as if this were not there", format!("take `{name}` out"))
        }
        _ => (
            "bytes are passed on as they come, as if this were not there",
            format!("take `{name}` out, or write {other}"),
        ),
    }
}
