//! Values of command-line flags.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use evenkeel_config::BackendAddress;
use evenkeel_core::StrategyKind;

/// `127.0.0.1:8080`, `[::1]:8080`, or `:8080` for every IPv4 address of the machine.
pub(crate) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text.strip_prefix(':') {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), self::port(port)?));
    }
    text.parse().map_err(|_| "write an IP address and a port, such as 127.0.0.1:8080 or :8080".to_owned())
}

/// `10.0.0.1:80`, `[::1]:80` or `app.internal:80`.
pub(crate) fn backend_address(text: &str) -> Result<BackendAddress, String> {
    let (host, port) =
        text.rsplit_once(':').ok_or("write an address and a port, such as 10.0.0.1:80 or app:80")?;
    let port = self::port(port)?;
    if port == 0 {
        return Err("a backend's port is 1 to 65535".to_owned());
    }
    if let Ok(address) = text.parse() {
        return Ok(BackendAddress::Socket(address));
    }
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    // All digits and dots is an address with a mistake in it, not a name.
    let numeric = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if host.is_empty() || numeric || !host.bytes().all(in_name) {
        return Err(format!("{host:?} is neither an IP address nor a host name"));
    }
    Ok(BackendAddress::Name { host: host.to_owned(), port })
}

/// `10.0.0.1:80=2`: a name and a part of the whole, 0 or more; 1 if it is left out.
pub(crate) fn part(text: &str) -> Result<(String, f64), String> {
    let mistake = || format!("{text:?} is not a backend and its part; write it like web1=2 or 10.0.0.1:80=2");
    let (name, part) = text.rsplit_once('=').unwrap_or((text, "1"));
    let part: f64 = part.parse().map_err(|_| mistake())?;
    if name.is_empty() || !part.is_finite() || part < 0.0 {
        return Err(mistake());
    }
    Ok((name.to_owned(), part))
}

/// `2026-11-21 12:54`: seconds since 1970.
pub(crate) fn time(text: &str) -> Result<i64, String> {
    let mistake = || {
        format!(
            "{text:?} is not a time; write it like 2026-11-21, \"2026-11-21 12:54\" or 2026-11-21T12:54:47+01:00"
        )
    };
    evenkeel_analyze::parse_time(text).ok_or_else(mistake)
}

/// `2000`, or `web=2000` for one pool: requests a second.
pub(crate) fn rate(text: &str) -> Result<(Option<String>, f64), String> {
    let (pool, number) = match text.rsplit_once('=') {
        Some((pool, number)) if !pool.is_empty() => (Some(pool.to_owned()), number),
        Some(_) => return Err(format!("{text:?} names no pool; write it like 2000 or web=2000")),
        None => (None, text),
    };
    Ok((pool, positive(number)?))
}

/// A number above 0.
pub(crate) fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| *number > 0.0 && *number <= RATE_MAX);
    number.ok_or_else(|| format!("{text:?} is not a number above 0, up to {RATE_MAX:.0}"))
}

/// A mean number of requests, 1 or more.
pub(crate) fn length(text: &str) -> Result<f64, String> {
    positive(text)
        .ok()
        .filter(|number| *number >= 1.0)
        .ok_or_else(|| format!("{text:?} is not a number from 1 on"))
}

/// 0 to 10.
pub(crate) fn exponent(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=10.0).contains(number));
    number.ok_or_else(|| format!("{text:?} is not a number from 0 to 10"))
}

/// Requests a second that nothing reaches.
const RATE_MAX: f64 = 1e9;

/// `500ms`, `2s`, `1m30s`, `1h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let mistake = || format!("{text:?} is not a duration; write it like 500ms, 2s, 1m30s or 1h");
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(mistake)?;
        let (number, after) = rest.split_at(digits);
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(mistake()),
        };
        let number: u64 = number.parse().map_err(|_| mistake())?;
        let part = number.checked_mul(millis).map(Duration::from_millis).ok_or_else(mistake)?;
        total = total.checked_add(part).ok_or_else(mistake)?;
        rest = after;
    }
    if total.is_zero() { Err(mistake()) } else { Ok(total) }
}

/// The name of a strategy.
pub(crate) fn strategy(text: &str) -> Result<StrategyKind, String> {
    StrategyKind::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = StrategyKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("strategies are {}", names.join(", "))
    })
}

fn port(text: &str) -> Result<u16, String> {
    // `parse` alone would take a sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|_| digits);
    port.ok_or_else(|| format!("{text:?} is not a port; ports are 0 to 65535"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_addresses() {
        assert_eq!(listen_address(":80"), Ok("0.0.0.0:80".parse().unwrap()));
        assert_eq!(listen_address("[::1]:0"), Ok("[::1]:0".parse().unwrap()));
        for bad in ["", ":", ":x", ":+1", ":65536", "127.0.0.1", "localhost:80"] {
            assert!(listen_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn backend_addresses() {
        let name = BackendAddress::Name { host: "app-1.internal".to_owned(), port: 80 };
        assert_eq!(backend_address("app-1.internal:80"), Ok(name));
        let socket = BackendAddress::Socket("[::1]:80".parse().unwrap());
        assert_eq!(backend_address("[::1]:80"), Ok(socket));
        for bad in
            ["", "a", "a:", ":80", "a:0", "10.0.0.1:0", "10.0.0.256:80", "::1:80", "a b:80", "http://a:80"]
        {
            assert!(backend_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn strategies_by_name() {
        for kind in StrategyKind::ALL {
            assert_eq!(strategy(kind.as_str()), Ok(kind));
        }
        assert!(strategy("fastest").unwrap_err().contains("round_robin"));
    }

    #[test]
    fn rates_and_lengths() {
        assert_eq!(rate("2000"), Ok((None, 2000.0)));
        assert_eq!(rate("web=0.5"), Ok((Some("web".to_owned()), 0.5)));
        for bad in ["", "=1", "web=", "0", "-1", "inf", "NaN", "1e10", "web=x"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
        assert_eq!((length("1"), exponent("0"), exponent("1.1")), (Ok(1.0), Ok(0.0), Ok(1.1)));
        assert!(length("0.5").is_err() && exponent("-0.1").is_err() && exponent("NaN").is_err());
    }

    #[test]
    fn durations() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for bad in
            ["", "5", "s", "0s", "-1s", "1.5s", "1d", "1s ", "99999999999999999999s", "9999999999999999h"]
        {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
