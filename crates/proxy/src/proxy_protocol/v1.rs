//! Version 1: one line of text.

use std::fmt::Display;
use std::io::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::{Details, Ends, Header, Invalid, Read};

/// How every header begins.
pub(super) const SIGNATURE: &[u8] = b"PROXY ";
/// Longest line with its end (section 2.1: 107 characters).
const LINE_MAX: usize = 107;

/// Reads a line that begins with [`SIGNATURE`].
pub(super) fn read(bytes: &[u8]) -> Result<Read, Invalid> {
    let within = &bytes[..bytes.len().min(LINE_MAX)];
    let Some(end) = within.iter().position(|&byte| byte == b'\n') else {
        return if bytes.len() < LINE_MAX { Ok(Read::Partial) } else { Err(Invalid("the line is too long")) };
    };
    let line = within[..end].strip_suffix(b"\r").ok_or(Invalid("the line does not end in CR LF"))?;
    let text = std::str::from_utf8(line).map_err(|_| Invalid("the line is not text"))?;
    let mut fields = text.split(' ').skip(1);
    let ends = match fields.next() {
        // Whatever follows it is to be ignored.
        Some("UNKNOWN") => None,
        Some("TCP4") => Some(ends::<Ipv4Addr>(fields)?),
        Some("TCP6") => Some(ends::<Ipv6Addr>(fields)?),
        _ => return Err(Invalid("the protocol is neither TCP4 nor TCP6 nor UNKNOWN")),
    };
    Ok(Read::Whole { header: Header { ends, details: Details::default() }, length: end + 1 })
}

/// Appends the line; without ends it names no client.
pub(super) fn write(into: &mut Vec<u8>, ends: Option<Ends>) {
    let line = |into: &mut Vec<u8>, family: &str, ends: [&dyn Display; 2], ports: [u16; 2]| {
        let ([source, destination], [from, to]) = (ends, ports);
        write!(into, "PROXY {family} {source} {destination} {from} {to}\r\n").ok();
    };
    match ends.map(|Ends { source, destination }| (source, destination)) {
        Some((SocketAddr::V4(source), SocketAddr::V4(destination))) => {
            line(into, "TCP4", [source.ip(), destination.ip()], [source.port(), destination.port()]);
        }
        Some((SocketAddr::V6(source), SocketAddr::V6(destination))) => {
            line(into, "TCP6", [source.ip(), destination.ip()], [source.port(), destination.port()]);
        }
        _ => into.extend_from_slice(b"PROXY UNKNOWN\r\n"),
    }
}

/// Two addresses, two ports, and nothing else.
fn ends<'a, A>(mut fields: impl Iterator<Item = &'a str>) -> Result<Ends, Invalid>
where
    A: FromStr,
    (A, u16): Into<SocketAddr>,
{
    let mut next = || fields.next().ok_or(Invalid("fields are missing"));
    let address = |text: &str| text.parse::<A>().map_err(|_| Invalid("an address is invalid"));
    let (source, destination) = (address(next()?)?, address(next()?)?);
    let (from, to) = (port(next()?)?, port(next()?)?);
    if fields.next().is_some() {
        return Err(Invalid("there are more fields than six"));
    }
    Ok(Ends { source: (source, from).into(), destination: (destination, to).into() })
}

/// Decimal, without sign and leading zeros.
fn port(text: &str) -> Result<u16, Invalid> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| canonical).ok_or(Invalid("a port is invalid"))
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::super::tests::ends;
    use super::*;

    #[test]
    fn the_examples_of_the_specification() {
        let tcp4 = b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n";
        let Ok(Read::Whole { header, length: 56 }) = read(tcp4) else { panic!("{:?}", read(tcp4)) };
        assert_eq!(header.ends, Some(ends("255.255.255.255:65535", "255.255.255.255:65535")));
        let worst = format!("PROXY UNKNOWN {0} {0} 65535 65535\r\n", "f".repeat(39));
        assert_eq!(worst.len(), LINE_MAX);
        let whole = Read::Whole { header: Header::default(), length: worst.len() };
        assert_eq!(read(worst.as_bytes()), Ok(whole));
    }

    #[test]
    fn one_way_to_write_it_only() {
        for line in [
            "PROXY TCP4 192.0.2.1 10.0.0.1 1 2 \r\n",
            "PROXY TCP4  192.0.2.1 10.0.0.1 1 2\r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.1 1\r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.1 1 2 3\r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.1 01 2\r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.1 +1 2\r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.1 1 65536\r\n",
            "PROXY TCP4 192.0.2.01 10.0.0.1 1 2\r\n",
            "PROXY TCP4 192.0.2 10.0.0.1 1 2\r\n",
            "PROXY TCP4 ::1 ::2 1 2\r\n",
            "PROXY TCP6 192.0.2.1 10.0.0.1 1 2\r\n",
            "PROXY tcp4 192.0.2.1 10.0.0.1 1 2\r\n",
            "PROXY UDP4 192.0.2.1 10.0.0.1 1 2\r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.1 1 2\n",
            "PROXY \r\n",
            "PROXY TCP4\t192.0.2.1 10.0.0.1 1 2\r\n",
            "PROXY TCP4 192.0.2.\u{661} 10.0.0.1 1 2\r\n",
        ] {
            assert!(read(line.as_bytes()).is_err(), "{line:?}: {:?}", read(line.as_bytes()));
        }
        let endless = [SIGNATURE, &[b'x'; 101]].concat();
        assert!(read(&endless).is_err(), "107 bytes without an end");
        assert_eq!(read(&endless[..106]), Ok(Read::Partial));
    }
}
