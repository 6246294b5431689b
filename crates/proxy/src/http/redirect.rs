//! Sending clients of plain HTTP to HTTPS.

use crate::http1::Target;

use super::forward::Incoming;
use super::respond::Form;

/// Permanent, and the same method and body again (RFC 9110 section 15.4.9).
pub(super) const STATUS: u16 = 308;
/// Where a CA asks whether a host is ours (RFC 8555 section 8.3), before there is a certificate to answer with.
const ACME: &[u8] = b"/.well-known/acme-challenge/";
/// What `https://` means without a port.
const HTTPS_PORT: u16 = 443;

/// Whether a request is sent on, given whether a route would serve it. Not those of a CA that somebody answers, nor those
/// that came to a trusted proxy over HTTPS: they would come again and again.
pub(super) fn applies(request: &Incoming<'_>, has_route: bool) -> bool {
    let is_challenge = has_route && request.path().starts_with(ACME);
    let https_before = request.from_trusted
        && request
            .values(b"x-forwarded-proto")
            .last()
            .is_some_and(|proto| proto.eq_ignore_ascii_case(b"https"));
    !is_challenge && !https_before
}

/// The answer: the same host and target, on HTTPS.
pub(super) fn response(out: &mut Vec<u8>, request: &Incoming<'_>, port: u16, form: Form, date: &[u8]) {
    const BODY: &str = "308 Permanent Redirect: ask with https://\n";
    out.clear();
    out.extend_from_slice(b"HTTP/1.1 308 Permanent Redirect\r\nLocation: https://");
    out.extend_from_slice(without_port(request.host()));
    if port != HTTPS_PORT {
        out.extend_from_slice(format!(":{port}").as_bytes());
    }
    match request.head.target {
        // `OPTIONS *` has no place in a URL.
        Target::Asterisk => out.push(b'/'),
        Target::RootQuery(_) => {
            out.push(b'/');
            out.extend_from_slice(request.path());
        }
        _ => out.extend_from_slice(request.path()),
    }
    out.extend_from_slice(b"\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ");
    out.extend_from_slice(format!("{}\r\n", BODY.len()).as_bytes());
    match (form.keep_alive, form.minor) {
        (false, _) => out.extend_from_slice(b"Connection: close\r\n"),
        (true, 0) => out.extend_from_slice(b"Connection: keep-alive\r\n"),
        (true, _) => {}
    }
    out.extend_from_slice(b"X-Request-Id: ");
    out.extend_from_slice(request.request_id);
    out.extend_from_slice(b"\r\nDate: ");
    out.extend_from_slice(date);
    out.extend_from_slice(b"\r\n\r\n");
    if !form.without_body {
        out.extend_from_slice(BODY.as_bytes());
    }
}

/// The host of an authority; the brackets of an IPv6 address stay.
fn without_port(authority: &[u8]) -> &[u8] {
    let from = authority.iter().rposition(|&byte| byte == b']').unwrap_or(0);
    let colon = authority[from..].iter().position(|&byte| byte == b':');
    colon.map_or(authority, |colon| &authority[..from + colon])
}

#[cfg(test)]
mod tests {
    use super::super::forward::tests::with_incoming;
    use super::*;

    fn answer(request: &str, port: u16) -> String {
        let form = Form { without_body: false, keep_alive: true, minor: 1, grpc: false };
        let mut out = Vec::new();
        with_incoming(request, |incoming| response(&mut out, incoming, port, form, b"now"));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_same_place_on_https() {
        for (request, port, location) in [
            ("GET /a/b?c=d HTTP/1.1\r\nHost: shop.example\r\n\r\n", 443, "https://shop.example/a/b?c=d"),
            ("POST / HTTP/1.1\r\nHost: shop.example:8080\r\n\r\n", 8443, "https://shop.example:8443/"),
            ("GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", 443, "https://[2001:db8::1]/"),
            ("GET http://a.example?q HTTP/1.1\r\nHost: a.example\r\n\r\n", 443, "https://a.example/?q"),
            ("OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n", 443, "https://a.example/"),
        ] {
            let answer = answer(request, port);
            assert!(answer.contains(&format!("\r\nLocation: {location}\r\n")), "{location}: {answer}");
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{answer}");
        }
    }

    #[test]
    fn not_who_must_not_be_sent_away() {
        let asked = |text: &str, trusted, has_route| {
            with_incoming(text, |incoming| {
                applies(&Incoming { from_trusted: trusted, ..*incoming }, has_route)
            })
        };
        let challenge = "GET /.well-known/acme-challenge/x HTTP/1.1\r\nHost: a\r\n\r\n";
        assert!(!asked(challenge, false, true));
        assert!(asked(challenge, false, false), "nobody would answer");
        let terminated = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n\r\n";
        assert!(!asked(terminated, true, true));
        assert!(asked(terminated, false, true), "a stranger is not asked");
        assert!(asked("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true, true));
    }
}
