//! What a request is told apart by, for strategies that keep like with like.
//!
//! Everything is taken as it was sent: nothing is decoded, nothing folded, so that what looks the same to a backend and
//! differs on the wire may go to two backends, and what is the same on the wire never does.

use std::net::IpAddr;

use evenkeel_config::HashKey;
use evenkeel_core::PickKey;

use crate::http1::FieldKind;

use super::cookie;
use super::forward::Incoming;

/// The key of a request; `client` says where it came from. [`PickKey::NONE`] when what the rule asks for is not there or is empty:
/// all requests without a key would otherwise meet on one backend.
pub(crate) fn of(rule: &HashKey, request: &Incoming<'_>, client: impl FnOnce() -> IpAddr) -> PickKey {
    match rule {
        HashKey::Source { ipv4, ipv6 } => source(client(), *ipv4, *ipv6),
        rule => text(rule, request).filter(|text| !text.is_empty()).map_or(PickKey::NONE, PickKey::of),
    }
}

/// What a key is, for people.
pub(crate) fn shown(rule: &HashKey, request: &Incoming<'_>, client: impl FnOnce() -> IpAddr) -> Vec<u8> {
    match rule {
        HashKey::Source { .. } => client().to_canonical().to_string().into_bytes(),
        rule => text(rule, request).unwrap_or_default().to_vec(),
    }
}

/// The hash of a whole address.
pub(crate) fn whole(client: IpAddr) -> u64 {
    source(client, 32, 128).hash().unwrap_or(0)
}

/// Of what is there more than once, the first.
fn text<'a>(rule: &'a HashKey, request: &Incoming<'a>) -> Option<&'a [u8]> {
    match rule {
        // The authority of an absolute target replaces the field (RFC 9112 section 3.2.2).
        HashKey::Header(name) if FieldKind::of(name.as_bytes()) == FieldKind::Host => Some(request.host()),
        HashKey::Header(name) => request.values(name.as_bytes()).next(),
        HashKey::Cookie(name) => cookie::values(request, name.as_bytes()).next(),
        HashKey::Query(name) => parameter(split_target(request.path()).1, name.as_bytes()),
        HashKey::Path => Some(match split_target(request.path()).0 {
            // An absolute target without a path means the root.
            [] => b"/",
            path => path,
        }),
        HashKey::Source { .. } => None,
    }
}

/// Path, and query without its question mark.
fn split_target(target: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'?', target) {
        Some(end) => (&target[..end], &target[end + 1..]),
        None => (target, b""),
    }
}

/// The value of the first parameter of that name, without any percent-decoding.
fn parameter<'a>(query: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    query.split(|&byte| byte == b'&').find_map(|pair| match pair.strip_prefix(name)? {
        [] => Some(&b""[..]),
        [b'=', value @ ..] => Some(value),
        _ => None,
    })
}

/// An address as far as its prefix. IPv4 in IPv6 (`::ffff:192.0.2.1`) counts as IPv4: it is the same client, met on
/// another kind of socket.
pub(crate) fn source(client: IpAddr, ipv4: u8, ipv6: u8) -> PickKey {
    match client.to_canonical() {
        IpAddr::V4(client) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(ipv4.into())).unwrap_or(0);
            PickKey::of(&(client.to_bits() & mask).to_be_bytes())
        }
        IpAddr::V6(client) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(ipv6.into())).unwrap_or(0);
            PickKey::of(&(client.to_bits() & mask).to_be_bytes())
        }
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
