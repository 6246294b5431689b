use super::*;

fn parse(text: &str) -> Result<RequestHead, Malformed> {
    parse_request(text.as_bytes(), 100, &mut Vec::new())
}

fn with_fields(fields: &str) -> Result<RequestHead, Malformed> {
    parse(&format!("POST /a HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
}

fn status(fields: &str) -> u16 {
    with_fields(fields)
        .map_or_else(|refusal| refusal.status, |head| panic!("accepted: {fields:?} as {head:?}"))
}

#[test]
fn reads_a_plain_request() {
    let text = "GET /a?b HTTP/1.1\r\nHost: example.com:8080\r\nConnection: close\r\n\r\n";
    let head = parse(text).unwrap();
    assert_eq!(head.method, Method::Get);
    assert_eq!(head.host.slice(text.as_bytes()), b"example.com:8080");
    assert!(matches!(head.target, Target::Path(span) if span.slice(text.as_bytes()) == b"/a?b"));
    assert_eq!(head.body, BodyLength::None);
    assert!(!head.keep_alive);
}

#[test]
fn framing_that_has_two_readings_is_refused() {
    for fields in [
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
        "Content-Length: 1\r\nContent-Length: 1\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Content-Length: 1, 1\r\n",
        "Content-Length: +1\r\n",
        "Content-Length: \r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length : 1\r\n",
        " Content-Length: 1\r\n",
        "X: a\r\n b\r\n",
        "X: a\0b\r\n",
        "X: a\rb\r\n",
        "Connection: content-length\r\nContent-Length: 1\r\n",
        "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n",
        "Connection: host\r\n",
        "Host: a\r\n",
        ": x\r\n",
        "X y: z\r\n",
    ] {
        assert_eq!(status(fields), 400, "{fields:?}");
    }
    for coding in ["gzip", "gzip, chunked", "chunked, chunked", "identity", "xchunked", "chunked;a=b", ""] {
        assert_eq!(status(&format!("Transfer-Encoding: {coding}\r\n")), 501, "{coding:?}");
    }
}

#[test]
fn http_1_0_has_no_transfer_codings() {
    let refusal = parse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap_err();
    assert_eq!(refusal.status, 400);
}

#[test]
fn host_is_one_valid_authority() {
    for host in ["a", "a:80", "[::1]:80", "[::1]", "xn--bcher-kva.example", "a_b.c", "127.0.0.1:"] {
        assert!(parse(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).is_ok(), "{host:?}");
    }
    for host in [
        "", "a b", "a/b", "a@b", "a,b", "[::1", "[a]", "a:b", "a:80:80", "a:123456", "a:65536", "a?b", "ä",
        "[::1]a",
    ] {
        let refusal = parse(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(refusal.map(|_| ()).unwrap_err().status, 400, "{host:?}");
    }
    assert_eq!(parse("GET / HTTP/1.1\r\n\r\n").unwrap_err().status, 400);
    assert!(parse("GET / HTTP/1.0\r\n\r\n").unwrap().host.is_empty());
}

#[test]
fn the_absolute_form_replaces_host() {
    let text = "GET http://B.example:81?q HTTP/1.1\r\nHost: a\r\n\r\n";
    let head = parse(text).unwrap();
    assert_eq!(head.host.slice(text.as_bytes()), b"B.example:81");
    assert!(matches!(head.target, Target::RootQuery(span) if span.slice(text.as_bytes()) == b"?q"));
    assert_eq!(parse("GET http://b HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().target, Target::Root);
    for target in ["http://", "http:///x", "ftp://a/", "a", "http://u@h/", "//", "x:80"] {
        let outcome = parse(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(outcome.is_err() || target == "//", "{target:?}");
    }
}

#[test]
fn request_lines_are_strict() {
    let line =
        |line: &str| parse(&format!("{line}\r\nHost: a\r\n\r\n")).map(|_| 200).unwrap_or_else(|r| r.status);
    assert_eq!(line("GET / HTTP/1.1"), 200);
    assert_eq!(line("OPTIONS * HTTP/1.1"), 200);
    for (bad, expected) in [
        ("GET * HTTP/1.1", 400),
        ("GET  / HTTP/1.1", 400),
        ("GET /  HTTP/1.1", 400),
        ("GET / HTTP/1.1 ", 400),
        (" GET / HTTP/1.1", 400),
        ("GET /", 400),
        ("G{T / HTTP/1.1", 400),
        ("GET /a#b HTTP/1.1", 400),
        ("GET /\u{e4} HTTP/1.1", 400),
        ("GET / HTTP/1.2", 505),
        ("PRI * HTTP/2.0", 505),
        ("GET / HTTP/11", 400),
        ("GET / http/1.1", 400),
        ("CONNECT a:443 HTTP/1.1", 405),
        ("TRACE / HTTP/1.1", 405),
    ] {
        assert_eq!(line(bad), expected, "{bad:?}");
    }
}

#[test]
fn connection_options_decide_persistence() {
    let keep_alive = |text: &str| parse(text).unwrap().keep_alive;
    assert!(keep_alive("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert!(!keep_alive("GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n"));
    assert!(!keep_alive("GET / HTTP/1.0\r\n\r\n"));
    assert!(keep_alive("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
}

#[test]
fn fields_that_connection_names_are_hop_by_hop() {
    let mut fields = Vec::new();
    let text =
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Secret: 1\r\nConnection: x-secret\r\nTE: trailers\r\nX: y\r\n\r\n";
    parse_request(text, 100, &mut fields).unwrap();
    let passes: Vec<&[u8]> =
        fields.iter().filter(|f| f.kind == FieldKind::Other).map(|f| f.name.slice(text)).collect();
    assert_eq!(passes, [b"X"]);
}

#[test]
fn too_many_fields_is_431() {
    let fields = "A: b\r\n".repeat(101);
    assert_eq!(status(&fields), 431);
}

#[test]
fn expectations_other_than_100_continue_fail() {
    assert!(with_fields("Expect: 100-Continue\r\n").unwrap().expects_continue);
    assert_eq!(status("Expect: the-unexpected\r\n"), 417);
}
