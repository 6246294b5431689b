//! What a request for events asks for.

use evenkeel_proxy::journal::{Filter, Query};
use hyper::Request;
use hyper::header::{ACCEPT, HeaderName};

/// Sent by a browser that connects again.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Events of one answer, unless more or fewer are asked for.
const LIMIT: usize = 1_000;
const LIMIT_MAX: usize = 10_000;
/// Pools and kinds in one request.
const WORDS_MAX: usize = 64;

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An object a line.
    Lines,
    /// Server-sent events.
    Stream,
    /// One object, with how far was looked.
    Document,
}

impl Form {
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Lines => "application/x-ndjson",
            Self::Stream => "text/event-stream",
            Self::Document => "application/json",
        }
    }
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) query: Query,
    /// Whether some of the past was asked for, too.
    pub(super) past: bool,
    pub(super) follow: bool,
    pub(super) form: Form,
}

impl Asked {
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn of<B>(request: &Request<B>) -> Result<Self, String> {
        let field = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let streams = field(ACCEPT).is_some_and(|accept| accept.contains("text/event-stream"));
        let form = if streams { Form::Stream } else { Form::Lines };
        let query = Query { limit: LIMIT, ..Query::default() };
        let mut asked = Self { query, past: false, follow: streams, form };
        for pair in request.uri().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            asked.take(name, &decoded(value))?;
        }
        if let Some(last) = field(LAST_EVENT_ID).filter(|last| !last.is_empty()) {
            asked.take("after", last)?;
        }
        let Filter { pools, kinds } = &asked.query.filter;
        if pools.len() > WORDS_MAX || kinds.len() > WORDS_MAX {
            return Err(format!("at most {WORDS_MAX} pools and kinds"));
        }
        match asked.query.filter.unknown_kind() {
            Some(word) => Err(format!("{word:?} is no kind of event")),
            None => Ok(asked),
        }
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        let number = || value.parse::<u64>().map_err(|_| format!("{name}={value:?} is no number"));
        let words = || value.split(',').filter(|word| !word.is_empty()).map(str::to_owned);
        match name {
            "after" => self.query.after = Some(number()?),
            "since" => self.query.since_ms = Some(number()?.saturating_mul(1_000)),
            "until" => self.query.until_ms = Some(number()?.saturating_mul(1_000).saturating_add(999)),
            "limit" => {
                let limit = usize::try_from(number()?).unwrap_or(usize::MAX);
                self.query.limit = Some(limit)
                    .filter(|limit| (1..=LIMIT_MAX).contains(limit))
                    .ok_or_else(|| format!("limit must be from 1 to {LIMIT_MAX}"))?;
            }
            "pool" => self.query.filter.pools.extend(words()),
            "kind" => self.query.filter.kinds.extend(words()),
            "follow" => self.follow = !matches!(value, "0" | "false"),
            "format" => self.form = form(value)?,
            _ => {
                let known = "after, since, until, limit, pool, kind, follow, format";
                return Err(format!("there is no parameter {name:?}; there are {known}"));
            }
        }
        self.past |= matches!(name, "after" | "since" | "limit");
        if self.follow && self.form == Form::Document {
            return Err("a document has an end: follow with format=lines or format=stream".to_owned());
        }
        Ok(())
    }
}

fn form(word: &str) -> Result<Form, String> {
    match word {
        "lines" => Ok(Form::Lines),
        "stream" => Ok(Form::Stream),
        "document" => Ok(Form::Document),
        other => Err(format!("format={other:?} is not lines, stream or document")),
    }
}

/// Names need no escapes, but those who write addresses may use them nevertheless.
fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escape = after.get(..2).filter(|_| first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &after[2..];
            }
            None => {
                out.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(uri: &str, fields: &[(&str, &str)]) -> Result<Asked, String> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        Asked::of(&request.body(()).unwrap())
    }

    #[test]
    fn everything_can_be_asked_for() {
        let found =
            asked("/events?after=7&since=9&until=10&limit=5&pool=web,a%3A1&kind=skew&kind=reload", &[])
                .unwrap();
        let Query { after, since_ms, until_ms, filter, limit } = found.query;
        assert_eq!((after, since_ms, until_ms, limit), (Some(7), Some(9_000), Some(10_999), 5));
        assert_eq!(
            (filter.pools, filter.kinds),
            (vec!["web".into(), "a:1".into()], vec!["skew".into(), "reload".into()])
        );
        assert!(found.form == Form::Lines && !found.follow && found.past);
        let plain = asked("/events", &[]).unwrap();
        assert!(!plain.past && plain.query.limit == LIMIT);
    }

    #[test]
    fn a_browser_streams_and_goes_on_where_it_was() {
        let fields = [("accept", "text/event-stream"), ("last-event-id", "12")];
        let found = asked("/events?after=3", &fields).unwrap();
        assert!(found.follow && found.form == Form::Stream);
        assert_eq!(found.query.after, Some(12), "where it was counts, not where it began");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in [
            "after=x",
            "limit=0",
            "limit=10001",
            "kind=sku",
            "x=1",
            "format=xml",
            "format=document&follow",
            "since=-1",
        ] {
            assert!(asked(&format!("/events?{bad}"), &[]).is_err(), "{bad}");
        }
    }
}
