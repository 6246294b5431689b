//! Which hosts and paths a route is for.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::{Refusal, refuse};
use crate::model::HostMatch;

/// As in the configuration file; `*` is any host.
impl fmt::Display for HostMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Exact(host) => f.write_str(host),
            Self::Wildcard(parent) => write!(f, "*.{parent}"),
        }
    }
}

/// Reads the host of a route: `example.com`, `*.example.com`, or an IP address.
pub(crate) fn host_match(text: &str) -> Result<HostMatch, Refusal> {
    let lower = text.to_ascii_lowercase();
    if is_address(&lower) {
        return Ok(HostMatch::Exact(lower));
    }
    if lower == "*" {
        return refuse("holds for every host", "leave `host` out: a route without it is for every host");
    }
    if let Some((_, rest)) = lower.split_once("://") {
        return refuse(
            "is a URL",
            format!("write the host only: \"{}\"", rest.split(['/', ':']).next().unwrap_or("")),
        );
    }
    if let Some((host, _)) = lower.split_once('/') {
        return refuse("has a path", format!("write host = \"{host}\", and the path under `path`"));
    }
    if let Some((host, _)) = lower.split_once(':') {
        return refuse("has a port", format!("write \"{host}\": a route's host holds on every port"));
    }
    if !lower.is_ascii() {
        return refuse(
            "has letters beyond ASCII",
            "write the form that browsers send, which begins with \"xn--\"",
        );
    }
    let (wildcard, name) = match lower.strip_prefix("*.") {
        Some(name) => (true, name),
        None => (false, lower.as_str()),
    };
    if name.contains('*') {
        return refuse(
            "has a `*` in another place than first",
            "only a whole first label can be `*`: \"*.example.com\"",
        );
    }
    if let Some(bare) = name.strip_suffix('.').filter(|bare| is_host_name(bare)) {
        return refuse("ends in a dot", format!("write \"{}{bare}\"", if wildcard { "*." } else { "" }));
    }
    if !is_host_name(name) {
        return refuse("is not a host name", "write a name such as \"example.com\" or \"*.example.com\"");
    }
    Ok(if wildcard { HostMatch::Wildcard(name.into()) } else { HostMatch::Exact(name.into()) })
}

/// Reads the name that a TLS server is asked for by: a host name, or an IP address without brackets.
pub(crate) fn server_name(text: &str) -> Result<String, Refusal> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    if text.contains('*') {
        return refuse("is a pattern", "write one name that the certificates of all backends are for");
    }
    match host_match(text)? {
        HostMatch::Exact(name) => Ok(name),
        HostMatch::Any | HostMatch::Wildcard(_) => {
            refuse("is not a host name", "write a name such as \"app.internal\"")
        }
    }
}

/// Reads the path of a route. What follows `?` or `#` plays no part in routing, so it is refused.
pub(crate) fn route_path(text: &str) -> Result<String, Refusal> {
    let bare = text.split(['?', '#', '*']).next().unwrap_or(text);
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return refuse("has white space", "write the path as it is sent: a space is \"%20\"");
    }
    if !text.starts_with('/') {
        return refuse("does not begin with \"/\"", format!("write \"/{}\"", bare.trim_start_matches('/')));
    }
    if text.contains('*') {
        return refuse(
            "has a `*`",
            format!("write \"{bare}\": a path holds for everything below it as well"),
        );
    }
    if text.contains(['?', '#']) {
        return refuse("has a query or fragment", format!("write \"{bare}\": routes look at the path only"));
    }
    if !text.is_ascii() {
        return refuse("has letters beyond ASCII", "write the path as it is sent, in percent encoding");
    }
    Ok(text.into())
}

/// Whether this can be a name in DNS. Underscores are let through: container networks use them.
pub(super) fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn is_address(text: &str) -> bool {
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    bracketed.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok())
        || text.parse::<IpAddr>().is_ok_and(|address| address.is_ipv4())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_routes() {
        assert_eq!(host_match("Example.com"), Ok(HostMatch::Exact("example.com".into())));
        assert_eq!(host_match("*.Example.com"), Ok(HostMatch::Wildcard("example.com".into())));
        assert_eq!(host_match("[::1]"), Ok(HostMatch::Exact("[::1]".into())));
        for (text, help) in [
            ("*", "leave `host` out"),
            ("http://a.example/x", "\"a.example\""),
            ("a.example:80", "\"a.example\""),
            ("a.example/x", "host = \"a.example\""),
            ("a.*.example", "*.example.com"),
            ("*a.example", "*.example.com"),
            ("a.example.", "\"a.example\""),
            ("a..example", "such as"),
            ("-a.example", "such as"),
            ("", "such as"),
            ("bücher.example", "xn--"),
        ] {
            let refusal = host_match(text).expect_err(text);
            assert!(refusal.help.contains(help), "{text}: {refusal:?}");
        }
    }

    #[test]
    fn names_of_servers() {
        for (text, name) in
            [("App.internal", "app.internal"), ("10.0.0.1", "10.0.0.1"), ("[fd00::1]", "fd00::1")]
        {
            assert_eq!(server_name(text), Ok(name.into()));
        }
        for (text, help) in [
            ("*.a.example", "one name"),
            ("a.example:443", "\"a.example\""),
            ("https://a.example", "\"a.example\""),
        ] {
            let refusal = server_name(text).expect_err(text);
            assert!(refusal.help.contains(help), "{text}: {refusal:?}");
        }
    }

    #[test]
    fn paths_of_routes() {
        assert_eq!(route_path("/api/"), Ok("/api/".into()));
        for (text, help) in [
            ("api", "\"/api\""),
            ("", "\"/\""),
            ("/api/*", "\"/api/\""),
            ("/a?b=c", "\"/a\""),
            ("/a#b", "\"/a\""),
            ("/a b", "%20"),
            ("/ä", "percent"),
        ] {
            let refusal = route_path(text).expect_err(text);
            assert!(refusal.help.contains(help), "{text}: {refusal:?}");
        }
    }
}
