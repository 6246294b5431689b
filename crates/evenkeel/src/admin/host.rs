//! Which `Host` a request may name.
//!
//! A page from anywhere can make a browser on this machine send requests here under a name of its own that resolves
//! to 127.0.0.1 (DNS rebinding), and read the answers. It cannot make the browser send an address as `Host`.

use std::net::{Ipv4Addr, Ipv6Addr};

use hyper::header::HOST;
use hyper::{Request, StatusCode, Version};

/// Refuses requests that name a host other than an IP address or `localhost`.
///
/// # Errors
/// The status to refuse with, and why.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), (StatusCode, &'static str)> {
    let mut fields = request.headers().get_all(HOST).iter();
    let named = match (fields.next(), fields.next()) {
        (Some(_), Some(_)) => return Err((StatusCode::BAD_REQUEST, "more than one Host field")),
        (None, _) if request.version() != Version::HTTP_10 => {
            return Err((StatusCode::BAD_REQUEST, "no Host field"));
        }
        (field, _) => field,
    };
    let field_allowed = named.is_none_or(|host| host.to_str().is_ok_and(is_local));
    // In the absolute form the target names the host, and wins.
    let target_allowed = request.uri().authority().is_none_or(|authority| is_local(authority.as_str()));
    if field_allowed && target_allowed {
        Ok(())
    } else {
        Err((StatusCode::FORBIDDEN, "Host must be an IP address or localhost"))
    }
}

/// What the asker calls this process; of a request that has passed [`check`].
pub(super) fn of<B>(request: &Request<B>) -> Option<&str> {
    request.headers().get(HOST)?.to_str().ok()
}

/// An address literal or `localhost`, with or without a port.
fn is_local(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, after)) = rest.split_once(']') else {
            return false;
        };
        return address.parse::<Ipv6Addr>().is_ok() && is_port_or_nothing(after);
    }
    let (name, port) = host.find(':').map_or((host, ""), |colon| host.split_at(colon));
    let name_allowed = name.parse::<Ipv4Addr>().is_ok() || name.eq_ignore_ascii_case("localhost");
    name_allowed && is_port_or_nothing(port)
}

fn is_port_or_nothing(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(version: Version, target: &str, hosts: &[&str]) -> u16 {
        let mut request = Request::builder().version(version).uri(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        match check(&request.body(()).unwrap()) {
            Ok(()) => 200,
            Err((status, _)) => status.as_u16(),
        }
    }

    #[test]
    fn addresses_and_localhost_only() {
        for good in
            ["127.0.0.1", "127.0.0.1:9901", "[::1]", "[::1]:80", "localhost", "LocalHost:1", "10.1.2.3"]
        {
            assert_eq!(status(Version::HTTP_11, "/", &[good]), 200, "{good}");
        }
        let bad = [
            "evil.example",
            "evil.example:9901",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1:x",
            "[::1",
            "[::1]x",
            "[evil]",
            "::1",
            "",
            "127.0.0.1:",
            "127.1",
        ];
        for bad in bad {
            assert_eq!(status(Version::HTTP_11, "/", &[bad]), 403, "{bad}");
        }
    }

    #[test]
    fn exactly_one_but_in_http_1_0() {
        assert_eq!(status(Version::HTTP_11, "/", &[]), 400);
        assert_eq!(status(Version::HTTP_10, "/", &[]), 200);
        assert_eq!(status(Version::HTTP_10, "/", &["evil.example"]), 403);
        assert_eq!(status(Version::HTTP_11, "/", &["127.0.0.1", "127.0.0.1"]), 400);
    }

    #[test]
    fn the_target_counts_too() {
        assert_eq!(status(Version::HTTP_11, "http://evil.example/", &["127.0.0.1"]), 403);
        assert_eq!(status(Version::HTTP_11, "http://127.0.0.1:9901/", &["127.0.0.1"]), 200);
    }
}
