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

pub(super) const LISTENER: [Readers; 9] = [
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
pub(super) const LIMITS: [Readers; 3] = [("header_bytes", HTTP), ("headers", HTTP), ("body_bytes", HTTP)];
pub(super) const TIMEOUTS: [Readers; 4] =
    [("request_header", HTTP), ("request_body_idle", HTTP), ("write_idle", HTTP), ("keep_alive", HTTP)];

/// Reports the keys of a table that a listener of this protocol does not read, unless they say that something is off.
pub(super) fn check(table: &Reader<'_>, keys: &[Readers], protocol: &At<Protocol>) {
    // Without a connection the whole tables of bounds were reported, and each of their keys would only repeat it.
    if protocol.value == Protocol::Udp && !std::ptr::eq(keys, &LISTENER[..]) {
        return;
    }
    for (key, readers) in keys.iter().filter(|(_, readers)| !readers.contains(&protocol.value)) {
        if let Some(at) = table.key_span(key).filter(|_| !table.is_off(key)) {
            table.cx.report(unread(At::new(key, at), protocol, readers));
        }
    }
}

fn unread(key: At<&str>, protocol: &At<Protocol>, readers: &[Protocol]) -> Diagnostic {
    let (name, word) = (key.value, protocol.value.as_str());
    let words = |quote: &str| -> Vec<_> {
        readers.iter().map(|reader| format!("{quote}{}{quote}", reader.as_str())).collect()
    };
    let (ticked, quoted) = (words("`"), words("\""));
    let others = format!("write `protocol = {}`", values::one_of(&quoted));
    let (effect, help) = match (name, protocol.value) {
        ("tls", Protocol::Http) => (
            "clients would be served in clear text, and those that begin with TLS refused".into(),
            "write `protocol = \"https\"`, or take `tls` out".into(),
        ),
        ("tls", Protocol::Tcp | Protocol::TlsPassthrough) => (
            "bytes are passed on as they come: TLS would not end here, and this certificate be shown to nobody".into(),
            "write `protocol = \"https\"` for HTTP whose TLS ends here; take `tls` out if backends have the certificate"
                .into(),
        ),
        ("https_redirect", Protocol::Https) => (
            "clients of this listener have come by HTTPS already".into(),
            "take it out here, and write it in the listener of `protocol = \"http\"`".into(),
        ),
        ("limits" | "timeouts", _) => (
            "there are no connections of datagrams that it could bound".into(),
            format!("take `{name}` out; `udp = {{ sessions = ..., idle = ... }}` bounds a listener for datagrams"),
        ),
        (_, Protocol::Http | Protocol::Https) => {
            ("no datagram ever comes to this listener".into(), format!("take `{name}` out, or {others}"))
        }
        (_, Protocol::Udp) => {
            ("datagrams are passed on as they come, as if this were not there".into(), format!("take `{name}` out"))
        }
        _ => (
            "bytes are passed on as they come, as if this were not there".to_owned(),
            format!("take `{name}` out, or {others}"),
        ),
    };
    Diagnostic::error("contradiction", key.span, format!("`{name}` has no effect on a `{word}` listener"))
        .label(format!("for {} only", values::one_of(&ticked)))
        .related(protocol.span.clone(), "the protocol of the listener")
        .effect(effect)
        .help(help)
}
