//! The PROXY protocol (HAProxy's `proxy-protocol.txt`, versions 1 and 2): a header in front of a connection's bytes that
//! says who is at its other end. Parsed and written here as pure functions; who is believed is decided elsewhere.

mod crc32c;
mod v1;
mod v2;

use std::net::SocketAddr;

use evenkeel_config::ProxyVersion;

/// No header is longer: the fixed part of version 2 and what is accepted behind it.
pub const HEADER_MAX: usize = v2::FIXED + v2::REST_MAX;

/// What a header says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// `None` when the connection is the proxy's own (`LOCAL`, such as a health check), or when the header says nothing
    /// of IP addresses: then those of the connection hold.
    pub ends: Option<Ends>,
    /// What version 2 may say beside.
    pub details: Details,
}

/// Both ends of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The client.
    pub source: SocketAddr,
    /// Where it connected to.
    pub destination: SocketAddr,
}

/// What is known of a client's connection beside its ends; fields (TLVs) of version 2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The protocol negotiated above TLS (`PP2_TYPE_ALPN`).
    pub alpn: Option<Box<[u8]>>,
    /// The host name that the client asked for by SNI (`PP2_TYPE_AUTHORITY`).
    pub authority: Option<Box<[u8]>>,
    /// An id of the connection, at most 128 bytes (`PP2_TYPE_UNIQUE_ID`).
    pub unique_id: Option<Box<[u8]>>,
    /// What is known of the client's TLS (`PP2_TYPE_SSL`), as it stands in the header.
    pub tls: Option<Box<[u8]>>,
}

/// A client's TLS that has ended here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientTls {
    /// `TLSv1.3`, for instance.
    pub version: &'static str,
    /// Whether the client has shown a certificate, and it was found to be good.
    pub has_certificate: bool,
}

/// What the first bytes of a connection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// A header of `length` bytes.
    Whole {
        /// What it says.
        header: Header,
        /// Its length in bytes, 1..=[`HEADER_MAX`].
        length: usize,
    },
    /// More bytes are needed to tell. Never for [`HEADER_MAX`] bytes or more.
    Partial,
    /// No header.
    Absent,
}

/// Begins as a header and is none. Says why, in words for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid(pub &'static str);

/// Reads the header at the front of `bytes`.
///
/// # Errors
/// [`Invalid`] when the first bytes can be nothing but a header, and it is not a valid one.
pub fn read(bytes: &[u8]) -> Result<Read, Invalid> {
    for (signature, read) in [(v1::SIGNATURE, v1::read as fn(&[u8]) -> _), (v2::SIGNATURE, v2::read)] {
        if bytes.starts_with(signature) {
            return read(bytes);
        }
        if signature.starts_with(bytes) {
            return Ok(Read::Partial);
        }
    }
    Ok(Read::Absent)
}

/// Appends the header of a client's connection. Version 1 has no room for details.
pub fn write(into: &mut Vec<u8>, version: ProxyVersion, ends: Ends, details: &Details) {
    match version {
        ProxyVersion::V1 => v1::write(into, Some(ends)),
        ProxyVersion::V2 => v2::write(into, ends, details),
    }
}

/// [`Details::tls`] of a client.
pub fn client_tls(tls: ClientTls) -> Box<[u8]> {
    v2::client_tls(tls)
}

/// Appends the header of a connection that is this process' own, such as a health check.
pub fn write_own(into: &mut Vec<u8>, version: ProxyVersion) {
    match version {
        ProxyVersion::V1 => v1::write(into, None),
        ProxyVersion::V2 => v2::write_own(into),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn ends(source: &str, destination: &str) -> Ends {
        Ends { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
    }

    fn written(version: ProxyVersion, ends: Ends, details: &Details) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, version, ends, details);
        bytes
    }

    #[test]
    fn what_is_written_is_read_and_nothing_shorter() {
        let details = Details {
            alpn: Some(b"h2".as_slice().into()),
            authority: Some(b"a.example".as_slice().into()),
            unique_id: Some(b"id".as_slice().into()),
            tls: Some([1, 0, 0, 0, 0].as_slice().into()),
        };
        for ends in [ends("192.0.2.1:5", "10.0.0.1:443"), ends("[2001:db8::1]:65535", "[::1]:1")] {
            for version in [ProxyVersion::V1, ProxyVersion::V2] {
                let bytes = written(version, ends, &details);
                let details = if version == ProxyVersion::V2 { details.clone() } else { Details::default() };
                let header = Header { ends: Some(ends), details };
                let whole = Read::Whole { header, length: bytes.len() };
                assert_eq!(read(&bytes), Ok(whole.clone()));
                assert_eq!(read(&[&bytes, b"GET /".as_slice()].concat()), Ok(whole), "{version:?}");
                for length in 0..bytes.len() {
                    assert_eq!(read(&bytes[..length]), Ok(Read::Partial), "{version:?}, {length} bytes");
                }
            }
        }
    }

    #[test]
    fn ends_of_two_families_are_not_invented() {
        for version in [ProxyVersion::V1, ProxyVersion::V2] {
            let bytes = written(version, ends("192.0.2.1:5", "[::1]:1"), &Details::default());
            let Ok(Read::Whole { header, length }) = read(&bytes) else { panic!("{bytes:?}") };
            assert_eq!((header, length), (Header::default(), bytes.len()));
        }
    }

    #[test]
    fn a_connection_of_our_own_has_no_client() {
        for version in [ProxyVersion::V1, ProxyVersion::V2] {
            let mut bytes = Vec::new();
            write_own(&mut bytes, version);
            let length = bytes.len();
            assert_eq!(read(&bytes), Ok(Read::Whole { header: Header::default(), length }));
        }
    }

    #[test]
    fn other_bytes_are_left_alone() {
        for bytes in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"PROPFIND /",
            b"\r\n\r\nGET",
            b"\x16\x03\x01\x02\x00",
            b"proxy TCP4 ",
        ] {
            assert_eq!(read(bytes), Ok(Read::Absent), "{bytes:?}");
        }
        for bytes in [&b""[..], b"P", b"PRO", b"PROXY", b"\r", b"\r\n\r\n"] {
            assert_eq!(read(bytes), Ok(Read::Partial), "{bytes:?}");
        }
    }
}
