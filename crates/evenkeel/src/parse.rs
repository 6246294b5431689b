//! Values of command-line flags.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use evenkeel_config::BackendAddress;
use evenkeel_core::StrategyKind;
use evenkeel_core::skew::Tolerance;
use evenkeel_traffic::client::Target;
use evenkeel_traffic::verify::Pattern;
use http::{HeaderName, HeaderValue};

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

/// `http://127.0.0.1:8080/path`.
pub(crate) fn target(text: &str) -> Result<Target, String> {
    Target::parse(text).map_err(|error| error.to_string())
}

/// `127.0.0.1:8080` or `app:8080`, as text.
pub(crate) fn place(text: &str) -> Result<String, String> {
    backend_address(text).map(|_| text.to_owned())
}

/// Which requests share a connection.
pub(crate) fn pattern(text: &str) -> Result<Pattern, String> {
    let all = [Pattern::Fresh, Pattern::Kept, Pattern::Streams];
    let found = all.into_iter().find(|pattern| pattern.as_str() == text);
    found.ok_or_else(|| "patterns are fresh, kept and streams".to_owned())
}

/// `X-Name: value`.
pub(crate) fn field(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let mistake = || format!("{text:?} is not a header field; write it like 'X-Name: value'");
    let (name, value) = text.split_once(':').ok_or_else(mistake)?;
    let name: HeaderName = name.trim().parse().map_err(|_| mistake())?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| mistake())?;
    // What frames a message, or a connection, is not for us to be told.
    if [http::header::CONTENT_LENGTH, http::header::TRANSFER_ENCODING, http::header::CONNECTION]
        .contains(&name)
    {
        return Err(format!("{name} is decided by the connection; leave it out"));
    }
    Ok((name, value))
}

/// A part of a share: 0 up to below 1.
pub(crate) fn tolerance(text: &str) -> Result<Tolerance, String> {
    let mistake = || format!("{text:?} is not a part from 0 to below 1, such as 0.05");
    text.parse().ok().and_then(Tolerance::new).ok_or_else(mistake)
}

/// A part of a whole: 0 to 1.
pub(crate) fn unit_part(text: &str) -> Result<f64, String> {
    let part = text.parse().ok().filter(|part| (0.0..=1.0).contains(part));
    part.ok_or_else(|| format!("{text:?} is not a part from 0 to 1, such as 0.01"))
}

/// A factor that shares may be wrong by.
pub(crate) fn factor(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|factor| (1.05..=100.0).contains(factor));
    factor.ok_or_else(|| format!("{text:?} is not a factor from 1.05 to 100, such as 2"))
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
    fn what_verify_is_told() {
        assert_eq!(pattern("kept"), Ok(Pattern::Kept));
        assert!(pattern("Kept").is_err());
        assert_eq!(
            field("X-A:  b ").map(|(name, value)| (name.to_string(), value)),
            Ok(("x-a".to_owned(), HeaderValue::from_static("b")))
        );
        for bad in ["X-A", "X A: b", "X-A: b\r\nX-B: c", "Content-Length: 3", ": b"] {
            assert!(field(bad).is_err(), "{bad}");
        }
        assert!(
            tolerance("0.05").is_ok()
                && tolerance("1").is_err()
                && tolerance("-0.1").is_err()
                && tolerance("NaN").is_err()
        );
        assert!(unit_part("1").is_ok() && unit_part("1.1").is_err() && unit_part("NaN").is_err());
        assert!(factor("2").is_ok() && factor("1").is_err() && factor("inf").is_err());
        assert_eq!(place("app:80"), Ok("app:80".to_owned()));
        assert!(place("app").is_err() && place("app:0").is_err());
        assert!(target("http://a/").is_ok() && target("a").unwrap_err().contains("write it like"));
    }

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
