//! Where to listen, where backends are, and blocks of addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::host::is_host_name;
use super::{Refusal, refuse};
use crate::model::{BackendAddress, IpRange};

/// Reads an address to listen on. `":8080"` is `"0.0.0.0:8080"`.
pub(crate) fn bind_address(text: &str) -> Result<SocketAddr, Refusal> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Some(port) = text.strip_prefix(':').filter(|port| !port.contains(':')) {
        return Ok(SocketAddr::from((Ipv4Addr::UNSPECIFIED, read_port(port)?)));
    }
    if text.parse::<u16>().is_ok() {
        return refuse("has no address", format!("write \":{text}\" for every IPv4 address of this machine"));
    }
    let (host, port) = split_port(text)?;
    let port = read_port(port)?;
    if host == "localhost" {
        return refuse("is a name, not an address", format!("write \"127.0.0.1:{port}\""));
    }
    if host == "*" {
        return refuse(
            "is not an address",
            format!("write \":{port}\" for every IPv4 address of this machine"),
        );
    }
    refuse(
        "is not an IP address and port",
        format!("write an address of this machine, such as \"0.0.0.0:{port}\""),
    )
}

impl fmt::Display for BackendAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// As in the configuration file: `10.0.0.1:80`, `[::1]:80`, `app.internal:80`.
impl FromStr for BackendAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        backend_address(text).map_err(|refusal| format!("\"{text}\" {}: {}", refusal.why, refusal.help))
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix_len)
    }
}

/// Reads where a backend is: an IP address or a host name, and a port.
pub(crate) fn backend_address(text: &str) -> Result<BackendAddress, Refusal> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return match address.port() {
            0 => refuse("has port 0", "write the port that the backend listens on"),
            _ => Ok(BackendAddress::Socket(address)),
        };
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let bare = rest.split('/').next().unwrap_or(rest);
        let port = if bare.contains(':') { "" } else { ":80" };
        return refuse(format!("is a URL ({scheme})"), format!("write host and port only: \"{bare}{port}\""));
    }
    let (host, port) = split_port(text)?;
    let port = match read_port(port)? {
        0 => return refuse("has port 0", "write the port that the backend listens on"),
        port => port,
    };
    if host.is_empty() {
        return refuse("has no host", format!("write where the backend is, such as \"127.0.0.1:{port}\""));
    }
    let looks_like_v4 = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if looks_like_v4 || !is_host_name(host) {
        return refuse(
            "is neither an IP address nor a host name with a port",
            "write \"10.0.0.11:8080\", \"[::1]:8080\" or \"app.internal:8080\"",
        );
    }
    Ok(BackendAddress::Name { host: host.to_ascii_lowercase(), port })
}

/// Reads an address block: `10.0.0.0/8`, or one address.
pub(crate) fn ip_range(text: &str) -> Result<IpRange, Refusal> {
    let help = "write a block such as \"10.0.0.0/8\" or \"fd00::/8\", or one address";
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return refuse("is not an address block", help);
    };
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix_len = match prefix.map(str::parse::<u8>) {
        None => bits,
        Some(Ok(len)) if len <= bits => len,
        Some(_) => return refuse(format!("needs a prefix length from 0 to {bits}"), help),
    };
    let network = mask(address, prefix_len);
    if network != address {
        return refuse(
            format!("has bits beyond its prefix of {prefix_len}"),
            format!("write \"{network}/{prefix_len}\" for the block, or \"{address}\" for the one address"),
        );
    }
    Ok(IpRange { network, prefix_len })
}

fn mask(address: IpAddr, prefix_len: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix_len)).unwrap_or(0);
            Ipv4Addr::from_bits(v4.to_bits() & mask).into()
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix_len)).unwrap_or(0);
            Ipv6Addr::from_bits(v6.to_bits() & mask).into()
        }
    }
}

fn split_port(text: &str) -> Result<(&str, &str), Refusal> {
    if let Ok(v6) = text.parse::<Ipv6Addr>() {
        return refuse("has no port", format!("write \"[{v6}]:8080\", with the port that is meant"));
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        let host = if text.is_empty() { "10.0.0.11" } else { text };
        return refuse("has no port", format!("write \"{host}:8080\", with the port that is meant"));
    };
    if host.parse::<Ipv6Addr>().is_ok() {
        return refuse("has an IPv6 address without brackets", format!("write \"[{host}]:{port}\""));
    }
    Ok((host, port))
}

fn read_port(port: &str) -> Result<u16, Refusal> {
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(port) if digits => Ok(port),
        _ => refuse(format!("has \"{port}\" where a port belongs"), "a port is a number from 1 to 65535"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_to_listen_on() {
        assert_eq!(bind_address(":8080"), Ok(SocketAddr::from(([0, 0, 0, 0], 8080))));
        assert_eq!(bind_address("[::1]:0").map(|address| address.port()), Ok(0));
        for (text, help) in [
            ("8080", ":8080"),
            ("localhost:80", "127.0.0.1:80"),
            ("*:80", ":80"),
            ("0.0.0.0", "0.0.0.0:8080"),
            ("::1", "[::1]:8080"),
            ("1.2.3.4:90000", "a port is a number"),
            (":http", "a port is a number"),
            ("", ":8080"),
        ] {
            let refusal = bind_address(text).expect_err(text);
            assert!(refusal.help.contains(help), "{text}: {refusal:?}");
        }
    }

    #[test]
    fn addresses_of_backends() {
        let name = BackendAddress::Name { host: "app.internal".into(), port: 80 };
        assert_eq!(backend_address("App.internal:80"), Ok(name));
        assert!(matches!(backend_address("[::1]:80"), Ok(BackendAddress::Socket(_))));
        for (text, help) in [
            ("10.0.0.1", "10.0.0.1:8080"),
            ("10.0.0.1:0", "the port that the backend listens on"),
            ("app:0", "the port that the backend listens on"),
            ("http://10.0.0.1/x", "10.0.0.1:80"),
            ("https://app:8443/", "app:8443"),
            ("10.0.0.256:80", "10.0.0.11:8080"),
            ("fe80::1:80", "[fe80::1"),
            ("app:99999", "1 to 65535"),
            ("app:+80", "1 to 65535"),
            (":80", "127.0.0.1:80"),
            ("a b:80", "app.internal:8080"),
        ] {
            let refusal = backend_address(text).expect_err(text);
            assert!(refusal.help.contains(help), "{text}: {refusal:?}");
        }
    }

    #[test]
    fn blocks_of_addresses() {
        let block = |text: &str| ip_range(text).map(|range| (range.network.to_string(), range.prefix_len));
        assert_eq!(block("10.0.0.0/8"), Ok(("10.0.0.0".into(), 8)));
        assert_eq!(block("0.0.0.0/0"), Ok(("0.0.0.0".into(), 0)));
        assert_eq!(block("::/0"), Ok(("::".into(), 0)));
        assert_eq!(block("127.0.0.1"), Ok(("127.0.0.1".into(), 32)));
        assert_eq!(block("::1"), Ok(("::1".into(), 128)));
        for text in
            ["10.0.0.1/8", "10.0.0.0/0", "fd00::/0", "10.0.0.0/33", "fd00::/129", "10.0.0.0/", "ten", ""]
        {
            assert!(block(text).is_err(), "{text}");
        }
        assert!(ip_range("10.1.2.3/8").expect_err("host bits").help.contains("10.0.0.0/8"));
    }
}
