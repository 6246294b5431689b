//! nginx's `log_format`: text with `$variables` in it.

use memchr::memmem::Finder;

use super::number;
use crate::entry::Entry;
use crate::time::{Times, digits};

/// A compiled `log_format`.
#[derive(Clone, Debug)]
pub struct Template {
    text: String,
    /// What stands before the first variable.
    before: Vec<u8>,
    parts: Vec<Part>,
}

/// A variable, and the text that ends it. The last one takes the rest when nothing follows.
#[derive(Clone, Debug)]
struct Part {
    variable: Variable,
    ends_with: Option<Finder<'static>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variable {
    Client,
    TimeCommon,
    TimeIso,
    TimeSeconds,
    Status,
    Bytes,
    Backend,
    Pool,
    /// Seconds, as nginx counts.
    DurationSeconds,
    DurationMillis,
    Ignored,
}

/// Why a `log_format` cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TemplateError {
    /// Without it nobody knows where a request went.
    #[error(
        "the format has no $upstream_addr, which says where a request went; known names: evenkeel-json, \
             evenkeel-combined, haproxy, envoy"
    )]
    NoBackend,
    /// Nothing tells where one ends.
    #[error("nothing stands between two variables before {0:?}, so nobody can tell where the first one ends")]
    Adjacent(String),
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Template {
    /// Compiles a `log_format`, as it is written in nginx's configuration without its name and quotes.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = text.split('$');
        let before = pieces.next().unwrap_or_default().as_bytes().to_vec();
        let mut parts: Vec<Part> = Vec::new();
        let mut pieces = pieces.peekable();
        while let Some(piece) = pieces.next() {
            let (name, literal) = split_name(piece);
            if literal.is_empty()
                && let Some(next) = pieces.peek()
            {
                return Err(TemplateError::Adjacent(format!("${next}")));
            }
            let ends_with = (!literal.is_empty()).then(|| Finder::new(literal.as_bytes()).into_owned());
            parts.push(Part { variable: Variable::of(name), ends_with });
        }
        if !parts.iter().any(|part| part.variable == Variable::Backend) {
            return Err(TemplateError::NoBackend);
        }
        Ok(Self { text: text.to_owned(), before, parts })
    }

    /// The `log_format`.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn parse<'a>(&self, line: &'a [u8], times: &mut Times) -> Option<Entry<'a>> {
        let mut rest = line.strip_prefix(self.before.as_slice())?;
        let mut entry = Entry::default();
        for part in &self.parts {
            let value;
            (value, rest) = match &part.ends_with {
                Some(literal) => {
                    let end = literal.find(rest)?;
                    (&rest[..end], &rest[end + literal.needle().len()..])
                }
                None => (rest, &b""[..]),
            };
            part.variable.put(value, &mut entry, times)?;
        }
        rest.trim_ascii().is_empty().then_some(entry)
    }
}

/// `{name}` or a name of letters, digits and underscores, and what follows.
fn split_name(piece: &str) -> (&str, &str) {
    if let Some((name, literal)) = piece.strip_prefix('{').and_then(|piece| piece.split_once('}')) {
        return (name, literal);
    }
    let end = piece.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    piece.split_at(end.unwrap_or(piece.len()))
}

impl Variable {
    fn of(name: &str) -> Self {
        match name {
            "remote_addr" | "http_x_forwarded_for" | "realip_remote_addr" => Self::Client,
            "time_local" => Self::TimeCommon,
            "time_iso8601" => Self::TimeIso,
            "msec" => Self::TimeSeconds,
            "status" => Self::Status,
            "body_bytes_sent" | "bytes_sent" => Self::Bytes,
            "upstream_addr" => Self::Backend,
            "proxy_host" | "upstream_name" | "proxy_upstream_name" => Self::Pool,
            "request_time" => Self::DurationSeconds,
            "duration_ms" => Self::DurationMillis,
            _ => Self::Ignored,
        }
    }

    /// `None` when the value cannot be one of this variable. The first of two that say the same counts.
    fn put<'a>(self, value: &'a [u8], entry: &mut Entry<'a>, times: &mut Times) -> Option<()> {
        match self {
            Self::Client if entry.client.is_empty() => entry.client = value,
            Self::TimeCommon => entry.at = Some(times.common(value)?),
            Self::TimeIso => entry.at = Some(times.iso(value)?),
            Self::TimeSeconds => entry.at = Some(number(value)? as i64),
            Self::Status => entry.status = u16::try_from(digits(value)?).ok()?,
            Self::Bytes => entry.bytes = digits(value).unwrap_or(0).unsigned_abs(),
            Self::Backend => entry.backends = value,
            Self::Pool => entry.pool = value,
            Self::DurationSeconds => entry.duration_ms = number(value).map(|seconds| seconds * 1e3),
            Self::DurationMillis => entry.duration_ms = number(value),
            Self::Client | Self::Ignored => {}
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NGINX: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
                         \"$http_referer\" \"$http_user_agent\" $request_time $upstream_addr";
    const LINE: &str = "192.0.2.7 - - [21/Nov/2026:12:54:47 +0000] \"GET /a HTTP/1.1\" 502 157 \"-\" \"curl/8 (x)\" \
                        0.250 10.0.0.1:80, 10.0.0.2:80";

    #[test]
    fn reads_what_nginx_writes() {
        let template = Template::new(NGINX).unwrap();
        let entry = template.parse(LINE.as_bytes(), &mut Times::default()).unwrap();
        assert_eq!((entry.client, entry.status, entry.bytes), (&b"192.0.2.7"[..], 502, 157));
        assert_eq!((entry.at, entry.duration_ms), (Some(1_795_265_687), Some(250.0)));
        assert_eq!(entry.tried().count(), 2);
    }

    #[test]
    fn other_lines_are_not_taken_for_it() {
        let template = Template::new(NGINX).unwrap();
        for line in
            ["", "x", "192.0.2.7 - - [never] \"GET\" 200 1 \"-\" \"-\" 0 a:1", &LINE.replace("502", "OK")]
        {
            assert_eq!(template.parse(line.as_bytes(), &mut Times::default()), None, "{line}");
        }
    }

    #[test]
    fn formats_that_say_too_little_are_refused() {
        assert_eq!(Template::new("$remote_addr $status"), Err(TemplateError::NoBackend));
        assert_eq!(
            Template::new("$status$upstream_addr"),
            Err(TemplateError::Adjacent("$upstream_addr".into()))
        );
        assert!(Template::new("a=${status}b u=$upstream_addr").is_ok());
    }
}
