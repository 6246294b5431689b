//! nginx's `log_format`: text with `$variables` in it.

use memchr::memmem::Finder;

use super::variable::{Value, Variable};
use crate::entry::Entry;
use crate::time::Times;

/// A compiled `log_format`.
#[derive(Clone, Debug)]
pub struct Template {
    text: String,
    /// What stands before the first variable.
    before: Vec<u8>,
    parts: Vec<Part>,
    /// Lines are of connections, as nginx's `stream` writes them.
    of_connections: bool,
}

/// A variable, and the text that ends it. The last one takes the rest when nothing follows.
#[derive(Clone, Debug)]
struct Part {
    variable: Variable,
    ends_with: Option<Finder<'static>>,
    /// Several values may stand there, one for each attempt, with commas or colons and spaces between them.
    is_list: bool,
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
            let is_list = name.starts_with("upstream_");
            parts.push(Part { variable: Variable::of_nginx(name), ends_with, is_list });
        }
        if !parts.iter().any(|part| part.variable == Variable::Backend) {
            return Err(TemplateError::NoBackend);
        }
        let of_connections = text.contains("$session_time");
        Ok(Self { text: text.to_owned(), before, parts, of_connections })
    }

    /// The `log_format`.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn parse<'a>(&self, line: &'a [u8], times: &mut Times) -> Option<Entry<'a>> {
        let mut rest = line.strip_prefix(self.before.as_slice())?;
        let mut entry = Entry { is_connection: self.of_connections, ..Entry::default() };
        for part in &self.parts {
            let value;
            (value, rest) = part.split(rest)?;
            part.variable.put(Value::Text(value), &mut entry, times)?;
        }
        // Where nobody is left to be asked nginx gives the name of the group in the end, which is no backend.
        entry.only_addresses = entry.status == 502;
        rest.trim_ascii().is_empty().then_some(entry)
    }
}

impl Part {
    /// Its value, and what follows the text that ends it.
    fn split<'a>(&self, line: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let Some(literal) = &self.ends_with else { return Some((line, b"")) };
        // Most are one space, which is found faster by itself.
        let find = |line: &[u8]| match literal.needle() {
            [byte] => memchr::memchr(*byte, line),
            _ => literal.find(line),
        };
        let mut end = find(line)?;
        while self.is_list && goes_on(&line[..end], &line[end..]) {
            end += 1 + find(&line[end + 1..])?;
        }
        Some((&line[..end], &line[end + literal.needle().len()..]))
    }
}

/// Whether a list such as `a, b : c` does not end here, at a space in it.
fn goes_on(before: &[u8], after: &[u8]) -> bool {
    after.starts_with(b" ")
        && (before.ends_with(b",") || before.ends_with(b" :") || after.starts_with(b" : "))
}

/// `{name}` or a name of letters, digits and underscores, and what follows.
fn split_name(piece: &str) -> (&str, &str) {
    if let Some((name, literal)) = piece.strip_prefix('{').and_then(|piece| piece.split_once('}')) {
        return (name, literal);
    }
    let end = piece.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    piece.split_at(end.unwrap_or(piece.len()))
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
    fn lists_of_attempts_do_not_end_at_their_spaces() {
        let template = Template::new("$upstream_addr $upstream_status $status $request_time").unwrap();
        for (line, tried) in [
            ("10.0.0.1:80 200 200 0.5", 1),
            ("10.0.0.1:80, 10.0.0.2:80 502, 200 200 0.5", 2),
            ("10.0.0.1:80, 10.0.0.2:80 : 10.0.0.3:80 502, 502 : 200 200 0.5", 3),
        ] {
            let entry = template.parse(line.as_bytes(), &mut Times::default()).unwrap();
            assert_eq!(
                (entry.tried().count(), entry.status, entry.duration_ms),
                (tried, 200, Some(500.0)),
                "{line}"
            );
        }
        assert_eq!(template.parse(b"10.0.0.1:80,", &mut Times::default()), None);
    }

    #[test]
    fn the_name_of_a_group_is_no_backend() {
        let template = Template::new("$status $upstream_addr").unwrap();
        let tried =
            |line: &str| template.parse(line.as_bytes(), &mut Times::default()).unwrap().tried().count();
        assert_eq!((tried("502 web"), tried("502 10.0.0.1:80, web"), tried("200 worker")), (0, 1, 1));
    }

    #[test]
    fn nginx_streams_are_connections() {
        let template =
            Template::new("$remote_addr [$time_local] $status $session_time $upstream_addr").unwrap();
        let line = b"192.0.2.7 [21/Nov/2026:12:54:47 +0000] 200 12.5 10.0.0.1:80";
        let entry = template.parse(line, &mut Times::default()).unwrap();
        assert!(entry.is_connection);
        assert_eq!(entry.duration_ms, Some(12_500.0));
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
