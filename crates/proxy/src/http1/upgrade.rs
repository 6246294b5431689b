//! Which protocols a connection may switch to (RFC 9110 section 7.8): what a request offers, and what the answer chose.

use super::field::{Field, FieldKind, list_items};

/// Protocols in which more HTTP requests could be sent: behind the switch nobody here would read, route or log them, and
/// whatever a backend keeps from the outside would be open to it. RFC 9113 has removed `h2c`.
const CARRY_HTTP: [&[u8]; 4] = [b"h2c", b"h2", b"http", b"tls"];

/// The protocols in the `Upgrade` fields that may be passed on, in the order sent. Only for a message whose `Connection`
/// names `Upgrade`, and whose fields have been found to be an [offer](is_offer).
pub(crate) fn offered<'a>(bytes: &'a [u8], fields: &'a [Field]) -> impl Iterator<Item = &'a [u8]> {
    items(bytes, fields).filter(|item| may_pass(item))
}

/// Whether the `Upgrade` fields are a list of protocols, and one of them may be passed on. What is not quite a list is
/// none at all: recipients might read it differently.
pub(super) fn is_offer(bytes: &[u8], fields: &[Field]) -> bool {
    let mut offers = false;
    items(bytes, fields).all(|item| {
        offers |= may_pass(item);
        is_protocol(item)
    }) && offers
}

/// Whether a response that switches does so to what was offered, and says to what. Layers may be named one by one, each
/// of which must have been offered.
pub(crate) fn is_accepted(offer: (&[u8], &[Field]), answer: (&[u8], &[Field])) -> bool {
    let was_offered = |chosen: &[u8]| offered(offer.0, offer.1).any(|item| item.eq_ignore_ascii_case(chosen));
    let mut chosen = items(answer.0, answer.1).peekable();
    chosen.peek().is_some() && chosen.all(was_offered)
}

fn items<'a>(bytes: &'a [u8], fields: &'a [Field]) -> impl Iterator<Item = &'a [u8]> {
    let is_upgrade = |field: &&Field| {
        field.kind == FieldKind::HopByHop && field.name.slice(bytes).eq_ignore_ascii_case(b"upgrade")
    };
    fields.iter().filter(is_upgrade).flat_map(|field| list_items(field.value.slice(bytes)))
}

fn may_pass(item: &[u8]) -> bool {
    let (name, _) = parts(item);
    is_protocol(item) && !CARRY_HTTP.iter().any(|carrier| name.eq_ignore_ascii_case(carrier))
}

/// `protocol-name ["/" protocol-version]`, both of them tokens.
fn is_protocol(item: &[u8]) -> bool {
    let (name, version) = parts(item);
    is_token(name) && version.is_none_or(is_token)
}

fn parts(item: &[u8]) -> (&[u8], Option<&[u8]>) {
    match item.iter().position(|&byte| byte == b'/') {
        Some(slash) => (&item[..slash], Some(&item[slash + 1..])),
        None => (item, None),
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::super::{RequestHead, parse_request};
    use super::*;

    fn parse(start: &str, fields: &str) -> (Vec<u8>, Vec<Field>, RequestHead) {
        let text = format!("{start}\r\nHost: h\r\n{fields}\r\n").into_bytes();
        let mut parsed = Vec::new();
        let head = parse_request(&text, 100, &mut parsed).unwrap();
        (text, parsed, head)
    }

    fn offer(fields: &str) -> Option<String> {
        let (text, fields, head) = parse("GET / HTTP/1.1", fields);
        let items: Vec<_> = offered(&text, &fields).map(|item| String::from_utf8_lossy(item)).collect();
        head.upgrade.then(|| items.join(" "))
    }

    #[test]
    fn valid_protocols_are_offered_and_those_that_carry_http_are_not() {
        for (fields, expected) in [
            ("Connection: Upgrade\r\nUpgrade: websocket\r\n", Some("websocket")),
            ("connection: keep-alive, upgrade\r\nupgrade: WebSocket\r\n", Some("WebSocket")),
            ("Connection: upgrade\r\nUpgrade: SPDY/3.1, tcp\r\nUpgrade: x\r\n", Some("SPDY/3.1 tcp x")),
            ("Connection: upgrade\r\nContent-Length: 0\r\nUpgrade: SPDY/3.1\r\n", Some("SPDY/3.1")),
            ("Connection: upgrade\r\nUpgrade: h2c, websocket, TLS/1.0, HTTP/2.0\r\n", Some("websocket")),
            ("Connection: upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n", None),
            ("Connection: upgrade\r\nUpgrade: H2C\r\n", None),
            ("Connection: upgrade\r\nUpgrade: tls/1.2\r\n", None),
            ("Connection: upgrade\r\nUpgrade: HTTP/2.0\r\n", None),
            ("Connection: upgrade\r\nUpgrade: websocket, a b\r\n", None),
            ("Connection: upgrade\r\nUpgrade: websocket/\r\n", None),
            ("Connection: upgrade\r\nUpgrade: /13\r\n", None),
            ("Connection: upgrade\r\nUpgrade: a/b/c\r\n", None),
            ("Connection: upgrade\r\nUpgrade: ,\r\n", None),
            ("Connection: upgrade\r\n", None),
            ("Connection: keep-alive\r\nUpgrade: websocket\r\n", None),
            ("Upgrade: websocket\r\n", None),
        ] {
            assert_eq!(offer(fields).as_deref(), expected, "{fields:?}");
        }
    }

    #[test]
    fn only_a_request_of_http_1_1_without_a_body_asks() {
        const WEBSOCKET: &str = "Connection: upgrade\r\nUpgrade: websocket\r\n";
        for (start, fields, expected) in [
            ("GET / HTTP/1.1", "", true),
            ("POST / HTTP/1.1", "", true),
            ("GET / HTTP/1.0", "", false),
            ("GET / HTTP/1.1", "Content-Length: 1\r\n", false),
            ("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n", false),
        ] {
            let (_, _, head) = parse(start, &format!("{fields}{WEBSOCKET}"));
            assert_eq!(head.upgrade, expected, "{start} {fields:?}");
        }
    }

    #[test]
    fn an_answer_chooses_from_the_offer() {
        let upgrade = |list: &str| parse("GET / HTTP/1.1", &format!("Connection: upgrade\r\n{list}"));
        let accepted = |offer: &str, answer: &str| {
            let (offer, answer) = (upgrade(offer), upgrade(answer));
            is_accepted((&offer.0, &offer.1), (&answer.0, &answer.1))
        };
        assert!(accepted("Upgrade: websocket\r\n", "Upgrade: WebSocket\r\n"));
        assert!(accepted("Upgrade: a/1, b\r\n", "Upgrade: b, a/1\r\n"));
        assert!(!accepted("Upgrade: a/1\r\n", "Upgrade: a/2\r\n"));
        assert!(!accepted("Upgrade: a/1\r\n", "Upgrade: a\r\n"));
        assert!(!accepted("Upgrade: websocket\r\n", "Upgrade: websocket, chat\r\n"));
        assert!(!accepted("Upgrade: websocket\r\n", ""));
        assert!(!accepted("Upgrade: websocket\r\n", "Upgrade:\r\n"));
        // Offered to us, but not by us.
        assert!(!accepted("Upgrade: websocket, h2c\r\n", "Upgrade: h2c\r\n"));
    }
}
