//! URLs that messages are sent to, and header fields that go with them. What is refused is never repeated: it may be a
//! secret.

use std::net::{IpAddr, Ipv6Addr};

use super::host::is_host_name;
use super::{Refusal, field_name, refuse};
use crate::model::WebUrl;

const HELP: &str = "write a URL such as \"https://hooks.example.com/path\"";
/// Longer ones are taken by nobody.
const LONGEST: usize = 2048;
/// Longest value of a header field: tokens are shorter.
const VALUE_MAX: usize = 4096;

/// Reads `https://host:port/path?query`, or the same with `http`.
pub(crate) fn web_url(text: &str) -> Result<WebUrl, Refusal> {
    let (secure, rest) = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
        Some(_) => return refuse("is neither https:// nor http://", HELP),
        None => return refuse("does not begin with https:// or http://", HELP),
    };
    if text.len() > LONGEST {
        return refuse("is longer than 2 KiB", HELP);
    }
    // A path goes onto the wire as it is.
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return refuse("has a space or a character beyond ASCII", "percent-encode what a URL cannot hold");
    }
    if rest.contains('#') {
        return refuse("has a fragment (#...), which is never sent", "take it out");
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        return refuse("has a user in it", "send an Authorization field instead, with `headers_file`");
    }
    let (host, port) = host_and_port(authority, if secure { 443 } else { 80 })?;
    let path = if path.starts_with('/') { path.into() } else { format!("/{path}") };
    Ok(WebUrl { secure, host, port, path })
}

fn host_and_port(authority: &str, usual: u16) -> Result<(String, u16), Refusal> {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inner, after)) if inner.parse::<Ipv6Addr>().is_ok() => {
            (inner.to_owned(), after.strip_prefix(':').or((!after.is_empty()).then_some("?")))
        }
        Some(_) => return refuse("has no IPv6 address between its brackets", HELP),
        None => match authority.split_once(':') {
            Some((host, port)) => (host.to_ascii_lowercase(), Some(port)),
            None => (authority.to_ascii_lowercase(), None),
        },
    };
    if host.is_empty() {
        return refuse("names no host", HELP);
    }
    if host.parse::<IpAddr>().is_err() && !is_host_name(&host) {
        return refuse("has something else than a host after ://", HELP);
    }
    match port.map(str::parse::<u16>) {
        None => Ok((host, usual)),
        Some(Ok(port)) if port > 0 => Ok((host, port)),
        Some(_) => refuse("has a port that is none", "ports are 1 to 65535"),
    }
}

/// Whether this machine or its own network is meant, as far as the text of a host tells.
pub(crate) fn is_inside(host: &str) -> bool {
    const OWN: [&str; 9] =
        ["localhost", "local", "internal", "lan", "intranet", "corp", "svc", "home.arpa", "test"];
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Err(_) => {
            let own = |end: &&str| {
                host.strip_suffix(*end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            };
            !host.contains('.') || OWN.iter().any(own)
        }
    }
}

/// Reads `Name: value`.
pub(crate) fn header_line(text: &str) -> Result<(String, String), Refusal> {
    let help = "write name and value, such as \"X-Team: edge\"";
    let Some((name, value)) = text.split_once(':') else {
        return refuse("has no colon", help);
    };
    let (Ok(name), value) = (field_name(name.trim()), value.trim()) else {
        return refuse("does not begin with the name of a header field", help);
    };
    const OURS: [&str; 6] =
        ["host", "content-length", "content-type", "connection", "transfer-encoding", "expect"];
    if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
        return refuse("is a field that each message has already", "take it out");
    }
    let fits = value.len() <= VALUE_MAX && value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    match fits && !value.is_empty() {
        true => Ok((name, value.into())),
        false => refuse("has a value that cannot be sent", "a value is visible ASCII, up to 4096 characters"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_url() {
        let parts = |text: &str| {
            let url = web_url(text).unwrap_or_else(|refusal| panic!("{text}: {refusal:?}"));
            (url.secure, url.authority(), url.port, url.path)
        };
        assert_eq!(
            parts("https://Hooks.Example.com/T/B?x=1"),
            (true, "hooks.example.com".into(), 443, "/T/B?x=1".into())
        );
        assert_eq!(parts("http://127.0.0.1:9000"), (false, "127.0.0.1:9000".into(), 9000, "/".into()));
        assert_eq!(parts("https://[::1]:8443/a"), (true, "[::1]:8443".into(), 8443, "/a".into()));
        assert_eq!(parts("http://a?q"), (false, "a".into(), 80, "/?q".into()));
    }

    #[test]
    fn what_is_no_url_is_refused_without_being_repeated() {
        for (text, why) in [
            ("", "does not begin"),
            ("hooks.example.com/sEcReT", "does not begin"),
            ("ftp://a/sEcReT", "is neither"),
            ("https:///sEcReT", "names no host"),
            ("https://u:sEcReT@a/", "has a user"),
            ("https://a/#sEcReT", "has a fragment"),
            ("https://a:0/sEcReT", "has a port that is none"),
            ("https://a:/sEcReT", "has a port that is none"),
            ("https://[::1]x/sEcReT", "has a port that is none"),
            ("https://[a]/sEcReT", "has no IPv6"),
            ("https://a b/sEcReT", "has a space"),
            ("https://a_b!/sEcReT", "has something else"),
            ("https://a/sEcReT\r\nX: y", "has a space"),
        ] {
            let refusal = web_url(text).expect_err(text);
            assert!(refusal.why.starts_with(why), "{text}: {refusal:?}");
            assert!(!format!("{refusal:?}").contains("sEcReT"), "{refusal:?}");
        }
        assert!(web_url(&format!("https://a/{}", "x".repeat(3000))).is_err());
        let url = web_url("https://a.example/sEcReT").expect("a URL");
        assert!(!format!("{url} {url:?}").contains("sEcReT"), "{url} {url:?}");
    }

    #[test]
    fn what_is_inside() {
        for host in [
            "localhost",
            "10.1.2.3",
            "192.168.0.1",
            "fd00::1",
            "::1",
            "alert",
            "a.svc",
            "x.internal",
            "127.0.0.1",
        ] {
            assert!(is_inside(host), "{host}");
        }
        for host in ["hooks.slack.com", "8.8.8.8", "2001:db8::1", "notlocal.com", "xinternal.io"] {
            assert!(!is_inside(host), "{host}");
        }
    }

    #[test]
    fn header_fields() {
        assert_eq!(header_line("Authorization: Bearer x"), Ok(("Authorization".into(), "Bearer x".into())));
        for text in
            ["", "X-Team", ": x", "X Team: x", "X-Team: ", "X-Team: a\r\nB: c", "Host: a", "content-type: x"]
        {
            assert!(header_line(text).is_err(), "{text}");
        }
    }
}
