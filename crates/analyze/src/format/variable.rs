//! What a part of a line may mean.

use super::number;
use crate::entry::{Entry, path_of, without_query};
use crate::time::{Times, digits, since_1970};

/// What a part of a line means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    /// One address.
    Client,
    /// Addresses, the client's own first.
    Forwarded,
    TimeCommon,
    TimeIso,
    /// In any of the ways that there are.
    Time,
    /// `GET /path HTTP/1.1`
    Request,
    /// `/path`
    Path,
    Status,
    Bytes,
    Backend,
    Pool,
    Seconds,
    Millis,
    Micros,
    Nanos,
    Ignored,
}

/// What stands there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Text(&'a [u8]),
    Number(f64),
}

impl Variable {
    /// As `--field-map` calls it.
    pub(super) fn of_map(name: &str) -> Option<Self> {
        let known = NAMES.iter().find(|(known, _)| *known == name)?;
        Some(known.1)
    }

    /// As nginx calls it.
    pub(super) fn of_nginx(name: &str) -> Self {
        match name {
            "remote_addr" | "realip_remote_addr" | "binary_remote_addr" => Self::Client,
            "http_x_forwarded_for" | "proxy_add_x_forwarded_for" => Self::Forwarded,
            "time_local" => Self::TimeCommon,
            "time_iso8601" => Self::TimeIso,
            "msec" => Self::Time,
            "request" => Self::Request,
            "request_uri" | "uri" => Self::Path,
            "status" => Self::Status,
            "body_bytes_sent" | "bytes_sent" => Self::Bytes,
            "upstream_addr" => Self::Backend,
            "proxy_host" | "upstream_name" | "proxy_upstream_name" => Self::Pool,
            "request_time" | "session_time" => Self::Seconds,
            "duration_ms" => Self::Millis,
            _ => Self::Ignored,
        }
    }

    /// `None` when the value cannot be one of this variable. The first of two that say the same counts.
    pub(super) fn put<'a>(self, value: Value<'a>, entry: &mut Entry<'a>, times: &mut Times) -> Option<()> {
        match value {
            Value::Text(text) => self.put_text(text, entry, times),
            Value::Number(number) => self.put_number(number, entry),
        }
    }

    fn put_text<'a>(self, text: &'a [u8], entry: &mut Entry<'a>, times: &mut Times) -> Option<()> {
        match self {
            Self::Client if entry.client.is_empty() => {
                // Something else stands there: whatever put a text before the line.
                if memchr::memchr(b' ', text).is_some() {
                    return None;
                }
                entry.client = text;
            }
            Self::Forwarded if matches!(entry.client, b"" | b"-") => {
                entry.client = text[..memchr::memchr(b',', text).unwrap_or(text.len())].trim_ascii();
            }
            Self::TimeCommon => entry.at = Some(times.common(text)?),
            Self::TimeIso => entry.at = Some(times.iso(text)?),
            Self::Time => entry.at = Some(times.any(text)?),
            Self::Request => entry.path = path_of(text),
            Self::Path => entry.path = without_query(text),
            Self::Status => entry.status = u16::try_from(digits(text)?).ok()?,
            Self::Bytes => entry.bytes = digits(text).unwrap_or(0).unsigned_abs(),
            Self::Backend => entry.backends = text,
            Self::Pool => entry.pool = text,
            Self::Seconds | Self::Millis | Self::Micros | Self::Nanos => {
                // `2ms`, as some write it.
                let digits = text.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-')).count();
                entry.duration_ms = number(&text[..digits]).and_then(|number| self.millis(number));
            }
            Self::Client | Self::Forwarded | Self::Ignored => {}
        }
        Some(())
    }

    /// `None` for what is never a number.
    fn put_number(self, number: f64, entry: &mut Entry<'_>) -> Option<()> {
        match self {
            Self::Time | Self::TimeIso | Self::TimeCommon => entry.at = Some(since_1970(number)?),
            Self::Status => {
                let status = (0.0..=999.0).contains(&number);
                entry.status = status.then_some(number as u16)?;
            }
            Self::Bytes => entry.bytes = number.clamp(0.0, 1e15) as u64,
            Self::Seconds | Self::Millis | Self::Micros | Self::Nanos => {
                entry.duration_ms = self.millis(number)
            }
            Self::Ignored => {}
            Self::Client | Self::Forwarded | Self::Request | Self::Path | Self::Backend | Self::Pool => {
                return None;
            }
        }
        Some(())
    }

    fn millis(self, number: f64) -> Option<f64> {
        let millis = match self {
            Self::Seconds => number * 1e3,
            Self::Micros => number / 1e3,
            Self::Nanos => number / 1e6,
            _ => number,
        };
        Some(millis).filter(|millis| (0.0..1e12).contains(millis))
    }
}

/// What `--field-map` may name.
pub(super) const NAMES: [(&str, Variable); 13] = [
    ("client", Variable::Client),
    ("forwarded", Variable::Forwarded),
    ("time", Variable::Time),
    ("request", Variable::Request),
    ("path", Variable::Path),
    ("status", Variable::Status),
    ("bytes", Variable::Bytes),
    ("backend", Variable::Backend),
    ("pool", Variable::Pool),
    ("seconds", Variable::Seconds),
    ("millis", Variable::Millis),
    ("micros", Variable::Micros),
    ("nanos", Variable::Nanos),
];
