//! Which backend gave an answer, as far as the answer tells.

mod guess;
mod names;

use std::fmt;

use http::HeaderName;
use http::header::SET_COOKIE;
use regex::Regex;

use crate::client::Answer;

pub use guess::guess;
pub(crate) use guess::suggest;
pub use names::Names;

/// What of an answer names the backend.
#[derive(Clone, Debug)]
pub enum By {
    /// `header:X-Backend`: the value of a field.
    Header(HeaderName),
    /// `cookie:SERVERID`: the value of a cookie that is set.
    Cookie(String),
    /// `body`: the first line of the content that is not empty.
    FirstLine,
    /// `body:PATTERN`: what a regular expression finds in the content: its first group, or all of it.
    Body(Regex),
    /// `json:host.name`: a string or a number in a JSON document; dots lead into objects.
    Json(String),
}

/// Longer names are cut.
const NAME_MAX: usize = 64;

impl By {
    /// Reads what [`Display`](fmt::Display) writes.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, what) = text.split_once(':').unwrap_or((text, ""));
        match (kind, what) {
            ("header", name) if !name.is_empty() => {
                let name = name.parse().map_err(|_| format!("{name:?} is not the name of a header field"))?;
                Ok(Self::Header(name))
            }
            ("cookie", name) if !name.is_empty() => Ok(Self::Cookie(name.to_owned())),
            ("body", "") => Ok(Self::FirstLine),
            ("body", pattern) => {
                let refuse = |error| format!("{pattern:?} is not a regular expression: {error}");
                Regex::new(pattern).map(Self::Body).map_err(refuse)
            }
            ("json", field) if !field.is_empty() => Ok(Self::Json(field.to_owned())),
            _ => Err(format!(
                "{text:?} does not say what names a backend; write header:NAME, cookie:NAME, body, body:PATTERN or \
                 json:FIELD"
            )),
        }
    }

    /// The name of the backend, without what would spoil a terminal; `None` where the answer does not tell.
    pub fn name_in(&self, answer: &Answer) -> Option<String> {
        let name = match self {
            Self::Header(name) => last_address(&text(answer.headers.get(name)?.as_bytes())),
            Self::Cookie(name) => cookie(answer, name)?,
            Self::FirstLine => {
                let body = text(&answer.body);
                body.lines().find(|line| !line.trim().is_empty())?.to_owned()
            }
            Self::Body(pattern) => {
                let body = text(&answer.body);
                let found = pattern.captures(&body)?;
                found.get(1).or_else(|| found.get(0))?.as_str().to_owned()
            }
            Self::Json(field) => json(&answer.body, field)?,
        };
        let name: String = name.trim().chars().take(NAME_MAX).map(printable).collect();
        (!name.is_empty()).then_some(name)
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Cookie(name) => write!(f, "cookie:{name}"),
            Self::FirstLine => f.write_str("body"),
            Self::Body(pattern) => write!(f, "body:{pattern}"),
            Self::Json(field) => write!(f, "json:{field}"),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn printable(character: char) -> char {
    if character.is_control() { '?' } else { character }
}

/// A request that was sent again is logged by nginx with all addresses that it went to; the last one answered.
fn last_address(value: &str) -> String {
    let is_address = |part: &str| part.trim().parse::<std::net::SocketAddr>().is_ok();
    match value.rsplit_once(',') {
        Some((_, last)) if value.split(',').all(is_address) => last.trim().to_owned(),
        _ => value.to_owned(),
    }
}

fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let set = answer.headers.get_all(SET_COOKIE).iter();
    set.filter_map(|value| pair(value.as_bytes())).find(|(other, _)| other == name).map(|(_, value)| value)
}

/// Name and value of a `Set-Cookie` field.
pub(crate) fn pair(field: &[u8]) -> Option<(String, String)> {
    let field = std::str::from_utf8(field).ok()?;
    let (name, value) = field.split(';').next()?.split_once('=')?;
    Some((name.trim().to_owned(), value.trim().trim_matches('"').to_owned()))
}

fn json(body: &[u8], field: &str) -> Option<String> {
    let document: serde_json::Value = serde_json::from_slice(body).ok()?;
    let found = field.split('.').try_fold(&document, |value, key| value.get(key))?;
    match found {
        serde_json::Value::String(name) => Some(name.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::sample;

    fn named(by: &str, answer: &Answer) -> Option<String> {
        By::parse(by).unwrap().name_in(answer)
    }

    #[test]
    fn every_way_to_name_a_backend() {
        let answer = sample(
            &[
                ("x-backend", "web1"),
                ("set-cookie", "a=1; Path=/"),
                ("set-cookie", "SERVERID=\"s2\"; HttpOnly"),
            ],
            "\n  hello from web3  \n{",
        );
        for (by, name) in [
            ("header:X-Backend", Some("web1")),
            ("header:x-other", None),
            ("cookie:SERVERID", Some("s2")),
            ("cookie:serverid", None),
            ("body", Some("hello from web3")),
            ("body:web\\d", Some("web3")),
            ("body:from (\\w+)", Some("web3")),
            ("body:nowhere", None),
            ("json:host", None),
        ] {
            assert_eq!(named(by, &answer).as_deref(), name, "{by}");
        }
        let document = sample(&[], "{\"host\": {\"name\": \"w1\", \"id\": 7}}");
        assert_eq!(named("json:host.name", &document).as_deref(), Some("w1"));
        assert_eq!(named("json:host.id", &document).as_deref(), Some("7"));
        assert_eq!(named("json:host", &document), None);
    }

    #[test]
    fn a_retried_request_was_answered_by_the_last() {
        let by = "header:x-upstream-addr";
        let name = |value| named(by, &sample(&[("x-upstream-addr", value)], ""));
        assert_eq!(name("10.0.0.1:80, 10.0.0.2:80").as_deref(), Some("10.0.0.2:80"));
        assert_eq!(name("cache-1, cache-2").as_deref(), Some("cache-1, cache-2"), "no addresses: one name");
    }

    #[test]
    fn hostile_names_are_harmless() {
        let name = named("body", &sample(&[], &format!("\x1b[2J{}", "x".repeat(500)))).unwrap();
        assert_eq!(name.chars().count(), NAME_MAX);
        assert!(!name.chars().any(char::is_control), "{name:?}");
        assert_eq!(named("header:x-backend", &sample(&[("x-backend", "  ")], "")), None);
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for bad in
            ["", "header", "header:", "header:a b", "cookie:", "json", "json:", "body:(", "server", "x:y"]
        {
            assert!(By::parse(bad).is_err(), "{bad}");
        }
        for good in ["header:x-backend", "cookie:S", "body", "body:^a(.)", "json:a.b"] {
            assert_eq!(By::parse(good).unwrap().to_string(), good);
        }
    }
}
