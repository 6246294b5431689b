use super::super::forward::tests::with_incoming;
use super::*;
use evenkeel_core::Rng;

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 77));

fn key(rule: &HashKey, text: &str) -> PickKey {
    with_incoming(text, |request| of(rule, request, || CLIENT))
}

fn get(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: shop.example\r\n{fields}\r\n")
}

fn header(name: &str) -> HashKey {
    HashKey::Header(name.to_owned())
}

fn query(name: &str) -> HashKey {
    HashKey::Query(name.to_owned())
}

#[test]
fn takes_what_the_rule_names() {
    let cookie = || HashKey::Cookie("sid".to_owned());
    for (rule, target, fields, expected) in [
        (header("X-User"), "/", "X-User: ann\r\n", Some("ann")),
        (header("X-User"), "/", "x-uSER: \t ann \r\n", Some("ann")),
        (header("X-User"), "/", "X-User: ann\r\nX-User: bob\r\n", Some("ann")),
        (header("X-User"), "/", "X-User:\r\nX-User: bob\r\n", None),
        (header("X-User"), "/", "X-User2: ann\r\nX_User: ann\r\n", None),
        (header("host"), "/", "", Some("shop.example")),
        (header("Host"), "http://other.example/x", "", Some("other.example")),
        (cookie(), "/", "Cookie: a=b; sid=42; sid=43\r\n", Some("42")),
        (cookie(), "/", "Cookie: a=b\r\nCookie: sid=42\r\n", Some("42")),
        (cookie(), "/", "Cookie: SID=42; sid2=7\r\n", None),
        (cookie(), "/", "Cookie: sid=\r\n", None),
        (query("user"), "/a?user=ann", "", Some("ann")),
        (query("user"), "/a?x=1&user=ann&user=bob", "", Some("ann")),
        (query("user"), "/a?user=%61nn", "", Some("%61nn")),
        (query("user"), "/a?user=a=b?c", "", Some("a=b?c")),
        (query("user"), "/a?user&user=bob", "", None),
        (query("user"), "/a?username=ann&xuser=1", "", None),
        (query("user"), "/user=ann", "", None),
        (query("user"), "http://h.example?user=ann", "", Some("ann")),
        (HashKey::Path, "/a/b?c=d", "", Some("/a/b")),
        (HashKey::Path, "/A%2Fb", "", Some("/A%2Fb")),
        (HashKey::Path, "http://h.example", "", Some("/")),
        (HashKey::Path, "http://h.example?a", "", Some("/")),
    ] {
        let expected = expected.map_or(PickKey::NONE, |text| PickKey::of(text.as_bytes()));
        assert_eq!(key(&rule, &get(target, fields)), expected, "{rule:?} {target} {fields:?}");
    }
    let asterisk = "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_eq!(key(&HashKey::Path, asterisk), PickKey::of(b"*"));
}

#[test]
fn sources_meet_within_their_prefix() {
    let of = |address: &str, ipv4, ipv6| source(address.parse().unwrap(), ipv4, ipv6);
    assert_eq!(of("192.0.2.1", 24, 64), of("192.0.2.200", 24, 64));
    assert_ne!(of("192.0.2.1", 25, 64), of("192.0.2.200", 25, 64));
    assert_ne!(of("192.0.2.1", 32, 64), of("192.0.2.2", 32, 64));
    assert_eq!(
        of("::ffff:192.0.2.1", 24, 64),
        of("192.0.2.9", 24, 64),
        "the same client on another kind of socket"
    );
    assert_eq!(of("2001:db8::1", 32, 64), of("2001:db8::ffff:1", 32, 64));
    assert_ne!(of("2001:db8::1", 32, 64), of("2001:db8:0:1::1", 32, 64));
    assert_ne!(of("2001:db8::1", 32, 128), of("2001:db8::2", 32, 128));
    assert_eq!(of("10.1.2.3", 1, 1), of("127.0.0.1", 1, 1));
    assert_ne!(of("10.1.2.3", 1, 1), of("192.0.2.1", 1, 1));
}

/// Whatever a client sends that is a request at all, looking for a key ends, and finds what a plain search of the text
/// finds.
#[test]
fn any_request_has_the_key_that_its_text_shows() {
    let mut rng = Rng::from_seed(11);
    let (mut found, mut missing) = (0, 0);
    for _ in 0..20_000 {
        let word = |rng: &mut Rng| -> String {
            let alphabet = b"kkkk=&;%?/a";
            let length = rng.next_u64() % 12;
            (0..length).map(|_| alphabet[(rng.next_u64() % alphabet.len() as u64) as usize] as char).collect()
        };
        let (target, cookie, value) = (word(&mut rng), word(&mut rng), word(&mut rng));
        let text = get(&format!("/{target}"), &format!("Cookie: {cookie}\r\nK: {value}\r\n"));
        let path_and_query = format!("/{target}");
        let (path, asked) = path_and_query.split_once('?').unwrap_or((&path_and_query, ""));
        let named = |pairs: &str, separator: char| {
            let mut pairs = pairs.split(separator).filter_map(|pair| pair.split_once('='));
            pairs.find(|(name, _)| *name == "k").map(|(_, value)| value.to_owned())
        };
        // A parameter without `=` is there, and empty.
        let bare = asked.split('&').position(|pair| pair == "k");
        let valued = asked.split('&').position(|pair| pair.starts_with("k="));
        let parameter = if bare.is_some_and(|bare| valued.is_none_or(|valued| bare < valued)) {
            None
        } else {
            named(asked, '&')
        };
        for (rule, expected) in [
            (header("k"), Some(value.clone())),
            (HashKey::Cookie("k".to_owned()), named(&cookie, ';')),
            (query("k"), parameter),
            (HashKey::Path, Some(path.to_owned())),
        ] {
            let expected = expected.filter(|text| !text.is_empty());
            *(if expected.is_some() { &mut found } else { &mut missing }) += 1;
            let expected = expected.map_or(PickKey::NONE, |text| PickKey::of(text.as_bytes()));
            assert_eq!(key(&rule, &text), expected, "{rule:?} {text:?}");
        }
    }
    assert!(found > 30_000 && missing > 5_000, "{found} found, {missing} missing");
}
