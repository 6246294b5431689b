//! Who has sent a request, behind the proxies that are trusted.

use std::net::{IpAddr, SocketAddr};

use crate::http1::FieldKind;

use super::forward::Incoming;

/// The address that a request came from: `peer`, unless that is a trusted proxy. Then it is the last one in
/// `X-Forwarded-For` that is not trusted itself: each proxy adds whom it has the request from, and what stands before a
/// stranger's address may be that stranger's invention. What cannot be read ends the search at the proxy that wrote it.
pub(crate) fn client(request: &Incoming<'_>, peer: IpAddr, is_trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut nearest = peer.to_canonical();
    if !request.from_trusted {
        return nearest;
    }
    let fields = request.fields.iter().rev().filter(|field| field.kind == FieldKind::ForwardedFor);
    let hops = fields.flat_map(|field| field.value.slice(request.bytes).rsplit(|&byte| byte == b','));
    for hop in hops {
        let Some(address) = address(hop) else { return nearest };
        nearest = address;
        if !is_trusted(address) {
            break;
        }
    }
    nearest
}

/// `192.0.2.1`, `2001:db8::1`, or either with a port, as some proxies write them.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop.trim_ascii()).ok()?;
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address =
        bare.parse().ok().or_else(|| text.parse().ok().map(|with_port: SocketAddr| with_port.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::super::forward::tests::with_incoming;
    use super::*;

    fn client_of(fields: &str, from_trusted: bool) -> String {
        let text = format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        let is_trusted =
            |address: IpAddr| matches!(address, IpAddr::V4(address) if address.octets()[0] == 10);
        with_incoming(&text, |request| {
            let request = Incoming { from_trusted, ..*request };
            client(&request, "10.0.0.1".parse().unwrap(), is_trusted).to_string()
        })
    }

    #[test]
    fn the_last_stranger_is_the_client() {
        for (fields, expected) in [
            ("", "10.0.0.1"),
            ("X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7"),
            ("X-Forwarded-For: 6.6.6.6, 192.0.2.7\r\n", "192.0.2.7"),
            ("X-Forwarded-For: 6.6.6.6, 192.0.2.7, 10.0.0.9\r\n", "192.0.2.7"),
            ("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 192.0.2.7 , 10.0.0.9\r\n", "192.0.2.7"),
            ("X-Forwarded-For: 10.0.0.8,10.0.0.9\r\n", "10.0.0.8"),
            ("X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1"),
            ("X-Forwarded-For: [2001:db8::1]\r\n", "2001:db8::1"),
            ("X-Forwarded-For: [2001:db8::1]:443\r\n", "2001:db8::1"),
            ("X-Forwarded-For: 192.0.2.7:4711\r\n", "192.0.2.7"),
            ("X-Forwarded-For: ::ffff:10.0.0.9\r\n", "10.0.0.9"),
            ("X-Forwarded-For: 192.0.2.7, unknown\r\n", "10.0.0.1"),
            ("X-Forwarded-For: 192.0.2.7, unknown, 10.0.0.9\r\n", "10.0.0.9"),
            ("X-Forwarded-For:\r\n", "10.0.0.1"),
        ] {
            assert_eq!(client_of(fields, true), expected, "{fields:?}");
            assert_eq!(client_of(fields, false), "10.0.0.1", "a stranger is not asked: {fields:?}");
        }
    }
}
