//! Version 2: a fixed part, addresses, and fields of type, length and value.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{ClientTls, Details, Ends, Header, Invalid, Read, crc32c};

/// How every header begins.
pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and protocol, and the length of what follows.
pub(super) const FIXED: usize = 16;
/// As much is accepted behind the fixed part. The protocol allows 64 KiB; what proxies send is far below this.
pub(super) const REST_MAX: usize = 4096;
/// Longest id of a connection (section 2.2.5).
const UNIQUE_ID_MAX: usize = 128;

/// Version 2, and a connection of the proxy's own.
const LOCAL: u8 = 0x20;
/// Version 2, and a client's connection.
const PROXY: u8 = 0x21;

/// Families and protocols.
const UNSPECIFIED: u8 = 0x00;
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;
const UDP4: u8 = 0x12;
const UDP6: u8 = 0x22;
const PATHS: u8 = 0x31;
const PATHS_OF_DATAGRAMS: u8 = 0x32;

/// Types of fields (section 2.2).
const TYPE_ALPN: u8 = 0x01;
const TYPE_AUTHORITY: u8 = 0x02;
const TYPE_CRC32C: u8 = 0x03;
const TYPE_UNIQUE_ID: u8 = 0x05;
const TYPE_SSL: u8 = 0x20;
/// Within a field of that type.
const SUBTYPE_VERSION: u8 = 0x21;
/// Flags of its value.
const OVER_TLS: u8 = 0x01;
const CERTIFICATE_HERE: u8 = 0x02;
const CERTIFICATE_IN_SESSION: u8 = 0x04;

/// Reads a header that begins with [`SIGNATURE`].
pub(super) fn read(bytes: &[u8]) -> Result<Read, Invalid> {
    let Some((fixed, rest)) = bytes.split_at_checked(FIXED) else { return Ok(Read::Partial) };
    let (command, family) = (fixed[12], fixed[13]);
    if !matches!(command, LOCAL | PROXY) {
        return Err(Invalid("neither version 2 nor a command of it"));
    }
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if length > REST_MAX {
        return Err(Invalid("the header is too long"));
    }
    let Some(rest) = rest.get(..length) else { return Ok(Read::Partial) };
    // Whatever stands behind the fixed part of a proxy's own connection is to be ignored.
    let header = if command == LOCAL { Header::default() } else { client(fixed, family, rest)? };
    Ok(Read::Whole { header, length: FIXED + length })
}

/// Appends the header of a client's connection. Of ends of two families nothing is said.
pub(super) fn write(into: &mut Vec<u8>, ends: Ends, details: &Details) {
    let start = into.len();
    let ports = [ends.source.port().to_be_bytes(), ends.destination.port().to_be_bytes()];
    match (ends.source, ends.destination) {
        (SocketAddr::V4(source), SocketAddr::V4(destination)) => {
            begin(into, PROXY, TCP4);
            into.extend([source, destination].iter().flat_map(|end| end.ip().octets()));
            into.extend(ports.as_flattened());
        }
        (SocketAddr::V6(source), SocketAddr::V6(destination)) => {
            begin(into, PROXY, TCP6);
            into.extend([source, destination].iter().flat_map(|end| end.ip().octets()));
            into.extend(ports.as_flattened());
        }
        // Receivers may skip all that stands behind an unspecified family.
        _ => return begin(into, PROXY, UNSPECIFIED),
    }
    let Details { alpn, authority, unique_id, tls } = details;
    for (kind, value) in
        [(TYPE_ALPN, alpn), (TYPE_AUTHORITY, authority), (TYPE_UNIQUE_ID, unique_id), (TYPE_SSL, tls)]
    {
        if let Some(value) = value {
            field(into, start, kind, value);
        }
    }
}

/// Appends the header of a connection of our own.
pub(super) fn write_own(into: &mut Vec<u8>) {
    begin(into, LOCAL, UNSPECIFIED);
}

/// The value of a field of type [`TYPE_SSL`] (section 2.2.6): flags, whether the certificate was not verified, and a field
/// with the version.
pub(super) fn client_tls(ClientTls { version, has_certificate }: ClientTls) -> Box<[u8]> {
    let of_certificate = if has_certificate { CERTIFICATE_HERE | CERTIFICATE_IN_SESSION } else { 0 };
    let unverified = u32::from(!has_certificate).to_be_bytes();
    let length = (version.len() as u16).to_be_bytes();
    [&[OVER_TLS | of_certificate], &unverified[..], &[SUBTYPE_VERSION], &length, version.as_bytes()]
        .concat()
        .into()
}

fn begin(into: &mut Vec<u8>, command: u8, family: u8) {
    into.extend_from_slice(SIGNATURE);
    let length: u16 = match family {
        TCP4 => 12,
        TCP6 => 36,
        _ => 0,
    };
    into.extend_from_slice(&[command, family]);
    into.extend_from_slice(&length.to_be_bytes());
}

/// Appends one field to the header that begins at `start`, unless it would become longer than is accepted here, too.
fn field(into: &mut Vec<u8>, start: usize, kind: u8, value: &[u8]) {
    let length = into.len() - start - FIXED + 3 + value.len();
    let (Ok(length), Ok(own)) = (u16::try_from(length), u16::try_from(value.len())) else { return };
    if usize::from(length) > REST_MAX {
        return;
    }
    into.push(kind);
    into.extend_from_slice(&own.to_be_bytes());
    into.extend_from_slice(value);
    into[start + 14..start + FIXED].copy_from_slice(&length.to_be_bytes());
}

/// What a header says of a client.
fn client(fixed: &[u8], family: u8, rest: &[u8]) -> Result<Header, Invalid> {
    // The lengths are those of section 2.2; behind them stand fields.
    let length = match family {
        TCP4 | UDP4 => 12,
        TCP6 | UDP6 => 36,
        PATHS | PATHS_OF_DATAGRAMS => 216,
        // Nothing can be said of what stands behind a family that is not specified.
        UNSPECIFIED | 0x01 | 0x02 | 0x10 | 0x20 | 0x30 => return Ok(Header::default()),
        _ => return Err(Invalid("the address family is unknown")),
    };
    let (addresses, fields) = rest.split_at_checked(length).ok_or(Invalid("the addresses are cut off"))?;
    let ends = match family {
        TCP4 => ends::<4, Ipv4Addr>(addresses),
        TCP6 => ends::<16, Ipv6Addr>(addresses),
        _ => None,
    };
    Ok(Header { ends, details: details(fixed, addresses, fields)? })
}

/// Two addresses of `N` bytes, then two ports.
fn ends<const N: usize, A>(bytes: &[u8]) -> Option<Ends>
where
    A: From<[u8; N]>,
    (A, u16): Into<SocketAddr>,
{
    let address = |at: usize| Some(A::from(*bytes.get(at..)?.first_chunk()?));
    let port = |at: usize| Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
    let (source, destination) = ((address(0)?, port(2 * N)?), (address(N)?, port(2 * N + 2)?));
    Some(Ends { source: source.into(), destination: destination.into() })
}

/// Reads the fields behind the addresses; a checksum among them must be right. Unknown ones are skipped, of those that are
/// there twice the last holds.
fn details(fixed: &[u8], addresses: &[u8], fields: &[u8]) -> Result<Details, Invalid> {
    let mut details = Details::default();
    let mut rest = fields;
    while !rest.is_empty() {
        let cut = Invalid("a field is cut off");
        let (&[kind, high, low], behind) = rest.split_first_chunk().ok_or(cut)?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (value, next) = behind.split_at_checked(length).ok_or(cut)?;
        let target = match kind {
            TYPE_ALPN => &mut details.alpn,
            TYPE_AUTHORITY => &mut details.authority,
            TYPE_UNIQUE_ID if length > UNIQUE_ID_MAX => return Err(Invalid("the unique id is too long")),
            TYPE_UNIQUE_ID => &mut details.unique_id,
            TYPE_SSL => &mut details.tls,
            TYPE_CRC32C => {
                let before = &fields[..fields.len() - behind.len()];
                // The checksum is that of the whole header with zeros in its own place.
                let whole: [&[u8]; 5] = [fixed, addresses, before, &[0; 4], next];
                let stated = <[u8; 4]>::try_from(value).ok().map(u32::from_be_bytes);
                if stated != Some(crc32c::of(whole)) {
                    return Err(Invalid("the checksum is wrong"));
                }
                rest = next;
                continue;
            }
            _ => {
                rest = next;
                continue;
            }
        };
        *target = Some(value.into());
        rest = next;
    }
    Ok(details)
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::super::tests::ends;
    use super::*;

    /// A header of this family with these bytes behind its fixed part.
    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = (rest.len() as u16).to_be_bytes();
        [SIGNATURE, &[command, family], &length, rest].concat()
    }

    const ADDRESSES: &[u8] = &[192, 0, 2, 1, 10, 0, 0, 1, 0x12, 0x34, 0x01, 0xbb];

    fn with_fields(fields: &[u8]) -> Vec<u8> {
        header(PROXY, TCP4, &[ADDRESSES, fields].concat())
    }

    #[test]
    fn ends_and_fields_are_where_the_specification_says() {
        let fields = [0x04, 0, 2, 9, 9, 0x01, 0, 2, b'h', b'2', 0xe0, 0, 0];
        let Ok(Read::Whole { header, .. }) = read(&with_fields(&fields)) else { panic!("not whole") };
        assert_eq!(header.ends, Some(ends("192.0.2.1:4660", "10.0.0.1:443")));
        let details = Details { alpn: Some(b"h2".as_slice().into()), ..Details::default() };
        assert_eq!(header.details, details);
    }

    #[test]
    fn a_checksum_is_verified_where_it_is() {
        let mut bytes = with_fields(&[0x03, 0, 4, 0, 0, 0, 0, 0x01, 0, 1, b'x']);
        let checksum = crc32c::of([bytes.as_slice()]);
        let at = FIXED + ADDRESSES.len() + 3;
        bytes[at..at + 4].copy_from_slice(&checksum.to_be_bytes());
        assert!(matches!(read(&bytes), Ok(Read::Whole { .. })), "{:?}", read(&bytes));
        for index in FIXED..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 0x01;
            let verdict = read(&changed);
            // A length that has changed says something else; so does the type of the checksum itself.
            let tells = matches!(index - FIXED, 12..=14 | 20..=21);
            assert!(tells || verdict == Err(Invalid("the checksum is wrong")), "byte {index}: {verdict:?}");
        }
        let short = with_fields(&[0x03, 0, 3, 0, 0, 0]);
        assert!(read(&short).is_err());
    }

    #[test]
    fn a_clients_tls_is_told_as_the_specification_says() {
        let with = |has_certificate| client_tls(ClientTls { version: "TLSv1.3", has_certificate });
        assert_eq!(*with(false), *b"\x01\0\0\0\x01\x21\0\x07TLSv1.3");
        assert_eq!(*with(true), *b"\x07\0\0\0\0\x21\0\x07TLSv1.3");
    }

    #[test]
    fn what_names_no_client_is_read_over() {
        let none =
            |bytes: &[u8]| read(bytes) == Ok(Read::Whole { header: Header::default(), length: bytes.len() });
        assert!(none(&header(LOCAL, 0, b"")));
        assert!(none(&header(LOCAL, 0xff, b"anything at all")));
        assert!(none(&header(PROXY, UNSPECIFIED, b"anything at all")));
        assert!(none(&header(PROXY, 0x12, ADDRESSES)), "UDP");
        assert!(none(&header(PROXY, 0x31, &[b'/'; 216])), "a path");
    }

    #[test]
    fn what_is_not_specified_is_refused() {
        for bytes in [
            header(0x11, TCP4, ADDRESSES),
            header(0x22, TCP4, ADDRESSES),
            header(PROXY, 0x41, ADDRESSES),
            header(PROXY, 0x13, ADDRESSES),
            header(PROXY, TCP4, &ADDRESSES[..11]),
            header(PROXY, TCP6, ADDRESSES),
            header(PROXY, 0x31, ADDRESSES),
            with_fields(&[0x01]),
            with_fields(&[0x01, 0]),
            with_fields(&[0x01, 0, 3, b'h', b'2']),
            with_fields(&[&[0x05, 0, 129][..], &[b'x'; 129]].concat()),
            header(PROXY, TCP4, &[0; REST_MAX + 1]),
        ] {
            assert!(read(&bytes).is_err(), "{bytes:?}: {:?}", read(&bytes));
        }
    }

    #[test]
    fn a_header_is_as_long_as_may_be_and_not_longer() {
        let room = REST_MAX - ADDRESSES.len() - 3;
        let mut fields = vec![0xe0, (room >> 8) as u8, room as u8];
        fields.resize(REST_MAX - ADDRESSES.len(), 0);
        let bytes = with_fields(&fields);
        assert_eq!(bytes.len(), super::super::HEADER_MAX);
        assert!(matches!(read(&bytes), Ok(Read::Whole { .. })));
        let details = Details {
            authority: Some(vec![b'a'; REST_MAX].into()),
            alpn: Some(b"h2".as_slice().into()),
            ..Details::default()
        };
        let mut written = Vec::new();
        write(&mut written, ends("192.0.2.1:4660", "10.0.0.1:443"), &details);
        let Ok(Read::Whole { header, .. }) = read(&written) else { panic!("not whole") };
        assert_eq!(header.details, Details { authority: None, ..details }, "what does not fit is left out");
    }
}
