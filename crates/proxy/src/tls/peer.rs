//! What is known of a client from its handshake, as requests need it.

use std::fmt::Write as _;
use std::sync::Arc;

use rustls::{CipherSuite, Connection, SupportedCipherSuite};

use super::facts::Facts;
use super::server::Loaded;
use super::table::Table;

/// Of one connection with TLS; made when it has shaken hands.
#[derive(Debug)]
pub(crate) struct Secured {
    /// Whom the client asked for; nobody knows of one that did not say.
    server_name: Option<Box<str>>,
    table: Arc<Table>,
    /// Whole lines for the request head: what is known of the client's certificate.
    fields: Box<[u8]>,
}

impl Secured {
    /// `asks` says whether clients are asked for a certificate at all.
    pub(super) fn new(connection: &Connection, loaded: &Loaded, asks: bool) -> Self {
        let server_name = match connection {
            Connection::Server(server) => server.server_name().map(Box::from),
            Connection::Client(_) => None,
        };
        let presented = connection.peer_certificates().and_then(|chain| chain.first());
        let fields = if asks { certificate_fields(presented.map(AsRef::as_ref)) } else { Box::default() };
        Self { server_name, table: Arc::clone(&loaded.table), fields }
    }

    /// Field lines that backends get, each with its end; none where clients are not asked for a certificate.
    pub(crate) fn fields(&self) -> &[u8] {
        &self.fields
    }

    /// Whether a request for `authority`, a `Host` field, is for somebody else than the client was answered by. See
    /// [`Table::is_misdirected`]; who asked for nobody is answered for everybody.
    pub(crate) fn is_misdirected(&self, authority: &[u8]) -> bool {
        let host = host(authority);
        match &self.server_name {
            Some(asked) if !host.eq_ignore_ascii_case(asked.as_bytes()) && !host.is_empty() => {
                std::str::from_utf8(host).map_or(true, |host| self.table.is_misdirected(asked, host))
            }
            _ => false,
        }
    }
}

/// An authority without its port, an IPv6 address without its brackets.
fn host(authority: &[u8]) -> &[u8] {
    if let Some(rest) = authority.strip_prefix(b"[") {
        return rest.split(|&byte| byte == b']').next().unwrap_or(rest);
    }
    authority.split(|&byte| byte == b':').next().unwrap_or(authority)
}

/// `X-Client-Cert-*`. The handshake has checked what was presented: only a certificate that is good gets this far.
fn certificate_fields(presented: Option<&[u8]>) -> Box<[u8]> {
    let Some(der) = presented else {
        return Box::from(&b"X-Client-Cert-Verify: NONE\r\n"[..]);
    };
    let subject = Facts::of(der).map_or_else(String::new, |facts| facts.subject);
    let fields = format!(
        "X-Client-Cert-Verify: SUCCESS\r\nX-Client-Cert-Subject: {subject}\r\nX-Client-Cert-Fingerprint: {}\r\n",
        fingerprint(der)
    );
    fields.into_bytes().into()
}

/// SHA-256 of the whole certificate in hexadecimal, as `openssl x509 -fingerprint -sha256` without its colons.
pub(super) fn fingerprint(der: &[u8]) -> String {
    let sha256 = super::provider().cipher_suites.iter().find_map(|suite| match suite {
        SupportedCipherSuite::Tls13(suite) if suite.common.suite == CipherSuite::TLS13_AES_128_GCM_SHA256 => {
            Some(suite.common.hash_provider)
        }
        _ => None,
    });
    let digest = sha256.map(|sha256| sha256.hash(der));
    let mut text = String::new();
    for byte in digest.iter().flat_map(AsRef::as_ref) {
        write!(text, "{byte:02x}").ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_sha_256() {
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(fingerprint(b"abc"), expected);
    }

    #[test]
    fn hosts_stand_alone() {
        for (authority, expected) in [
            ("example.com", "example.com"),
            ("example.com:443", "example.com"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("", ""),
        ] {
            assert_eq!(host(authority.as_bytes()), expected.as_bytes(), "{authority}");
        }
    }

    #[test]
    fn who_presents_nothing_is_said_to() {
        assert_eq!(&*certificate_fields(None), b"X-Client-Cert-Verify: NONE\r\n");
    }
}
