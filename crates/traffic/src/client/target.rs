//! Where requests go.

use std::fmt;

use http::Uri;

/// The parts of a URL that a request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whether it is spoken to over TLS: `https`.
    pub secure: bool,
    /// A name or an IP address; one of IPv6 without its brackets.
    pub host: String,
    /// 80 or 443 unless said.
    pub port: u16,
    /// Path and query; begins with `/`.
    pub path: String,
}

/// Why a text is not the URL of something that can be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} {problem}; write it like http://127.0.0.1:8080/path")]
pub struct TargetError {
    url: String,
    problem: &'static str,
}

/// Longer ones are refused; servers do not take them either.
const URL_MAX: usize = 8 * 1024;

impl Target {
    /// Reads `http://host:port/path?query` or `https://...`.
    ///
    /// # Errors
    /// When it is something else, or has a user or a fragment in it.
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        let refuse = |problem| TargetError { url: url.chars().take(100).collect(), problem };
        if url.len() > URL_MAX {
            return Err(refuse("is longer than 8 KiB"));
        }
        if url.contains('#') {
            return Err(refuse("has a fragment (#...), which is never sent"));
        }
        let uri: Uri = url.parse().map_err(|_| refuse("is not a URL"))?;
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(_) => return Err(refuse("is neither http:// nor https://")),
            None => return Err(refuse("does not say http:// or https://")),
        };
        let authority = uri.authority().ok_or_else(|| refuse("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("has a user in it; send an Authorization field instead"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(refuse("names no host"));
        }
        let has_port = authority.as_str().len() > authority.host().len();
        let port = match authority.port_u16() {
            Some(0) => return Err(refuse("has port 0, on which nobody listens")),
            Some(port) => port,
            None if has_port => return Err(refuse("has a port that is none; ports are 1 to 65535")),
            None => default_port(secure),
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { secure, host: host.to_owned(), port, path })
    }

    /// What goes into `Host` or `:authority`: the port only where it is not the usual one.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == default_port(self.secure) { host } else { format!("{host}:{}", self.port) }
    }

    /// Host and port, as a connection needs them.
    pub fn place(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority(), self.path)
    }
}

fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_url() {
        let parts = |url: &str| {
            let target = Target::parse(url).unwrap();
            (target.secure, target.host.clone(), target.port, target.path.clone(), target.authority())
        };
        let owned = |secure, host: &str, port, path: &str, authority: &str| {
            (secure, host.to_owned(), port, path.to_owned(), authority.to_owned())
        };
        assert_eq!(parts("http://a.example"), owned(false, "a.example", 80, "/", "a.example"));
        assert_eq!(parts("https://a.example/x?y=1"), owned(true, "a.example", 443, "/x?y=1", "a.example"));
        assert_eq!(parts("http://a?q"), owned(false, "a", 80, "/?q", "a"));
        assert_eq!(parts("http://127.0.0.1:8080/"), owned(false, "127.0.0.1", 8080, "/", "127.0.0.1:8080"));
        assert_eq!(parts("https://[::1]:8443/a"), owned(true, "::1", 8443, "/a", "[::1]:8443"));
        assert_eq!(parts("http://a:443/"), owned(false, "a", 443, "/", "a:443"));
        assert_eq!(Target::parse("https://[::1]/x").unwrap().to_string(), "https://[::1]/x");
    }

    #[test]
    fn what_is_no_url_is_refused_with_the_reason() {
        for (url, reason) in [
            ("", "is not a URL"),
            ("127.0.0.1:8080", "does not say http:// or https://"),
            ("/path", "does not say http:// or https://"),
            ("ftp://a/", "is neither http:// nor https://"),
            ("http://u:p@a/", "has a user in it"),
            ("http://a/#x", "has a fragment"),
            ("http://a:0/", "port 0"),
            ("http://a:/", "a port that is none"),
            ("http://a:99999/", "a port that is none"),
            ("http://a b/", "is not a URL"),
            ("http://a/\r\nX: y", "is not a URL"),
            ("http:///x", "is not a URL"),
        ] {
            let error = Target::parse(url).unwrap_err().to_string();
            assert!(error.contains(reason), "{url}: {error}");
            assert!(error.ends_with("write it like http://127.0.0.1:8080/path"), "{error}");
        }
        assert!(Target::parse(&format!("http://a/{}", "x".repeat(9000))).is_err());
    }
}
