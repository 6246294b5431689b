//! A message head, parsed strictly.

use std::io;

/// Header or trailer fields in order, as sent.
pub type Fields = Vec<(String, String)>;

/// Start line and fields of a request or response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Without its line end.
    pub start: String,
    /// As sent, whitespace around values removed.
    pub fields: Fields,
    /// Every byte, empty line included.
    pub raw: Vec<u8>,
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// After so many bytes.
    Length(u64),
    /// With the last chunk.
    Chunked,
    /// With the connection.
    UntilClose,
}

impl Head {
    /// Parses a whole head.
    ///
    /// # Errors
    /// `InvalidData` on anything that RFC 9112 does not allow a sender to generate.
    pub fn parse(raw: &[u8]) -> io::Result<Self> {
        let text = std::str::from_utf8(raw).map_err(|_| invalid("not UTF-8", raw))?;
        let text = text.strip_suffix("\r\n\r\n").ok_or_else(|| invalid("no empty line at the end", raw))?;
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let fields = lines.map(parse_field).collect::<io::Result<Fields>>()?;
        if text.replace("\r\n", "").contains(['\r', '\n', '\0']) {
            return Err(invalid("a bare CR, bare LF or NUL", raw));
        }
        Ok(Self { start, fields, raw: raw.to_vec() })
    }

    /// The value of the field `name`, case-insensitive; of the first when there are several.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.all(name).into_iter().next()
    }

    /// The values of all fields called `name`.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = self.fields.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_str()).collect()
    }

    /// First word of a request line.
    pub fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    /// Second word of a request line.
    pub fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// Status code of a response.
    ///
    /// # Errors
    /// `InvalidData` when the start is not a status line of HTTP/1.1.
    pub fn status(&self) -> io::Result<u16> {
        let rest = self.start.strip_prefix("HTTP/1.1 ").or_else(|| self.start.strip_prefix("HTTP/1.0 "));
        let rest = rest.ok_or_else(|| invalid("not a status line", self.start.as_bytes()))?;
        let (code, separator) = rest.split_at_checked(3).unwrap_or_default();
        let valid = code.bytes().all(|byte| byte.is_ascii_digit()) && separator.starts_with(' ');
        match code.parse() {
            Ok(code @ 100..=599) if valid => Ok(code),
            _ => Err(invalid("not a status line", self.start.as_bytes())),
        }
    }

    /// How the body of this request ends (RFC 9112 section 6.3).
    ///
    /// # Errors
    /// `InvalidData` when it is ambiguous.
    pub fn request_framing(&self) -> io::Result<Framing> {
        Ok(self.declared_framing()?.unwrap_or(Framing::None))
    }

    /// How the body of this response to a `method` request ends (RFC 9112 section 6.3).
    ///
    /// # Errors
    /// `InvalidData` when it is ambiguous.
    pub fn response_framing(&self, method: &str) -> io::Result<Framing> {
        let status = self.status()?;
        let declared = self.declared_framing()?;
        if (status < 200 || status == 204) && declared.is_some() {
            return Err(invalid("framing fields where none are allowed", &self.raw));
        }
        if method == "HEAD" || status < 200 || matches!(status, 204 | 304) {
            return Ok(Framing::None);
        }
        Ok(declared.unwrap_or(Framing::UntilClose))
    }

    fn declared_framing(&self) -> io::Result<Option<Framing>> {
        let (lengths, codings) = (self.all("content-length"), self.all("transfer-encoding"));
        match (lengths.as_slice(), codings.as_slice()) {
            ([], []) => Ok(None),
            ([], [coding]) if coding.eq_ignore_ascii_case("chunked") => Ok(Some(Framing::Chunked)),
            ([length], []) if !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()) => {
                let length = length.parse().map_err(|_| invalid("Content-Length too large", &self.raw))?;
                Ok(Some(Framing::Length(length)))
            }
            _ => Err(invalid("ambiguous framing", &self.raw)),
        }
    }
}

/// Parses one field line without its line end.
pub(super) fn parse_field(line: &str) -> io::Result<(String, String)> {
    let (name, value) = line.split_once(':').ok_or_else(|| invalid("no colon", line.as_bytes()))?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(invalid("not a field name", line.as_bytes()));
    }
    Ok((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
}

/// An error that shows what was read.
pub(super) fn invalid(what: &str, bytes: &[u8]) -> io::Error {
    let shown = bytes.get(..bytes.len().min(300)).unwrap_or_default();
    io::Error::new(io::ErrorKind::InvalidData, format!("{what}: {:?}", String::from_utf8_lossy(shown)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> io::Result<Head> {
        Head::parse(text.as_bytes())
    }

    #[test]
    fn reads_fields_and_framing() {
        let parsed = head("HTTP/1.1 200 OK\r\nA:  b \r\na: c\r\nContent-Length: 5\r\n\r\n").unwrap();
        assert_eq!(parsed.all("A"), ["b", "c"]);
        assert_eq!(parsed.status().unwrap(), 200);
        assert_eq!(parsed.response_framing("GET").unwrap(), Framing::Length(5));
        assert_eq!(parsed.response_framing("HEAD").unwrap(), Framing::None);
    }

    #[test]
    fn refuses_what_no_sender_may_generate() {
        for text in [
            "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
            "HTTP/1.1 200 OK\nA: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
        ] {
            assert!(head(text).is_err(), "{text:?}");
        }
        for text in ["HTTP/1.1 20 OK", "HTTP/2 200 OK", "HTTP/1.1 200", "HTTP/1.1 999 Odd", "GET / HTTP/1.1"]
        {
            assert!(head(&format!("{text}\r\n\r\n")).unwrap().status().is_err(), "{text:?}");
        }
        for fields in
            ["Content-Length: 1\r\nContent-Length: 1", "Content-Length: +1", "Transfer-Encoding: gzip"]
        {
            let parsed = head(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n")).unwrap();
            assert!(parsed.response_framing("GET").is_err(), "{fields:?}");
        }
    }
}
