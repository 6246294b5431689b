//! Requests that are told apart by a key.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use evenkeel_core::Rng;
use http::{HeaderName, HeaderValue};

use crate::client::{Dial, Request};

/// What differs from one key to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vary {
    /// `header:X-User`: the value of a field.
    Header(HeaderName),
    /// `query:user`: the value of a parameter.
    Query(String),
    /// `cookie:session`: the value of a cookie.
    Cookie(String),
    /// `source`: the client's address, out of 127.0.0.0/8.
    Source,
}

impl Vary {
    /// Reads what [`Display`](fmt::Display) writes.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, name) = text.split_once(':').unwrap_or((text, ""));
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        let plain = !name.is_empty() && name.bytes().all(token);
        match kind {
            "header" => match name.parse() {
                Ok(name) => Ok(Self::Header(name)),
                Err(_) => Err(format!("{name:?} is not the name of a header field")),
            },
            "query" if plain => Ok(Self::Query(name.to_owned())),
            "cookie" if plain => Ok(Self::Cookie(name.to_owned())),
            "source" if name.is_empty() => Ok(Self::Source),
            _ => Err(format!(
                "{text:?} does not say what varies; write header:NAME, query:NAME, cookie:NAME or source"
            )),
        }
    }

    /// Gives a request, and the connection it is sent on, the key with this number. The same number and seed give the
    /// same key, and different ones different keys, all but certainly.
    pub fn apply(&self, request: &mut Request, dial: &mut Dial, seed: u64, number: u64) {
        let mut rng = Rng::from_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let bits = rng.next_u64();
        let key = format!("{:012x}", bits >> 16);
        match self {
            Self::Header(name) => {
                request.fields.insert(name.clone(), value(key));
            }
            Self::Query(name) => {
                let joint = if request.path.contains('?') { '&' } else { '?' };
                request.path = format!("{}{joint}{name}={key}", request.path);
            }
            Self::Cookie(name) => {
                request.fields.append(http::header::COOKIE, value(format!("{name}={key}")));
            }
            Self::Source => dial.source = Some(loopback(bits)),
        }
    }
}

impl fmt::Display for Vary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Query(name) => write!(f, "query:{name}"),
            Self::Cookie(name) => write!(f, "cookie:{name}"),
            Self::Source => f.write_str("source"),
        }
    }
}

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("names and hexadecimal digits are field content")
}

/// One of 16 million addresses; not that of the network or all hosts.
fn loopback(bits: u64) -> IpAddr {
    let [a, b, c, ..] = bits.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, a, b, c.clamp(1, 254)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::client::{Tls, TlsSettings};

    fn applied(vary: &str, number: u64) -> (Request, Dial) {
        let (mut request, mut dial) = (Request::get("/a?b=1"), Dial::new(Tls::new(TlsSettings::default())));
        Vary::parse(vary).unwrap().apply(&mut request, &mut dial, 7, number);
        (request, dial)
    }

    #[test]
    fn the_key_is_where_it_should_be() {
        let header = applied("header:X-User", 1).0.fields["x-user"].to_str().unwrap().to_owned();
        assert_eq!(header.len(), 12);
        assert_eq!(applied("query:user", 1).0.path, format!("/a?b=1&user={header}"));
        assert_eq!(applied("cookie:sid", 1).0.fields["cookie"], format!("sid={header}"));
        assert!(applied("source", 1).1.source.is_some_and(|source| source.is_loopback()));
        assert_eq!(applied("header:X-User", 1).0.fields["x-user"], header, "the same again");
    }

    #[test]
    fn keys_differ() {
        let keys: HashSet<_> =
            (0..1000).map(|number| applied("header:k", number).0.fields["k"].clone()).collect();
        assert_eq!(keys.len(), 1000);
    }

    #[test]
    fn what_does_not_vary_is_refused() {
        for bad in
            ["", "header:", "header", "query:", "query:a b", "cookie:", "cookie:a;b", "source:1", "user"]
        {
            assert!(Vary::parse(bad).is_err(), "{bad}");
        }
        for good in ["header:x-user", "query:user", "cookie:sid", "source"] {
            assert_eq!(Vary::parse(good).unwrap().to_string(), good);
        }
    }
}
