//! Header fields as ranges of the buffer that they arrived in.

use std::ops::Range;

use memchr::memchr;

/// A range of a head buffer. Heads are far below 4 GiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// From byte offsets.
    pub fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= u32::MAX as usize);
        Self { start: start as u32, end: end as u32 }
    }

    /// Where `part` lies in `whole`, of which it must be a slice.
    pub(crate) fn of(whole: &[u8], part: &[u8]) -> Self {
        let start = part.as_ptr() as usize - whole.as_ptr() as usize;
        Self::new(start, start + part.len())
    }

    /// The bytes.
    pub fn slice(self, buffer: &[u8]) -> &[u8] {
        &buffer[self.start as usize..self.end as usize]
    }

    /// Whether it is empty.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// One header field.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// As sent; compare without regard to case.
    pub name: Span,
    /// Without surrounding white space.
    pub value: Span,
    /// What it means to a proxy.
    pub kind: FieldKind,
}

impl Field {
    /// Where its line lies in `buffer`, line end included, if that has the form `Name: value`: one space, nothing behind.
    pub(crate) fn canonical_line(&self, buffer: &[u8]) -> Option<Range<usize>> {
        let (start, end) = (self.name.start as usize, self.value.end as usize + 2);
        let between = buffer.get(self.name.end as usize..self.value.start as usize)?;
        let line_end = buffer.get(self.value.end as usize..end)?;
        (between == b": " && line_end == b"\r\n").then_some(start..end)
    }
}

/// Fields that a proxy must treat itself; everything else is [`FieldKind::Other`] and passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Passes unchanged.
    Other,
    /// `Host`
    Host,
    /// `Content-Length`
    ContentLength,
    /// `Transfer-Encoding`
    TransferEncoding,
    /// `Connection`
    Connection,
    /// `Expect`
    Expect,
    /// `Date`
    Date,
    /// `X-Request-Id`
    RequestId,
    /// `X-Forwarded-For`
    ForwardedFor,
    /// `X-Forwarded-Proto`, `X-Forwarded-Host`, `X-Forwarded-Port`, `X-Real-Ip`
    ForwardedOther,
    /// `Forwarded`
    Forwarded,
    /// `X-Client-Cert-Verify`, `X-Client-Cert-Subject`, `X-Client-Cert-Fingerprint`: what this proxy alone may say.
    ClientCertificate,
    /// `User-Agent`
    UserAgent,
    /// `Referer`
    Referer,
    /// Holds for one connection only (RFC 9110 section 7.6.1) and is never passed on.
    HopByHop,
}

impl FieldKind {
    /// Classifies a name. By length first: most names are decided by one comparison of integers.
    pub fn of(name: &[u8]) -> Self {
        let is = |candidate: &str| name.eq_ignore_ascii_case(candidate.as_bytes());
        match name.len() {
            2 if is("te") => Self::HopByHop,
            4 if is("host") => Self::Host,
            4 if is("date") => Self::Date,
            6 if is("expect") => Self::Expect,
            7 if is("upgrade") => Self::HopByHop,
            7 if is("referer") => Self::Referer,
            9 if is("forwarded") => Self::Forwarded,
            9 if is("x-real-ip") => Self::ForwardedOther,
            10 if is("connection") => Self::Connection,
            10 if is("keep-alive") => Self::HopByHop,
            10 if is("user-agent") => Self::UserAgent,
            12 if is("x-request-id") => Self::RequestId,
            14 if is("content-length") => Self::ContentLength,
            14 if is("http2-settings") => Self::HopByHop,
            15 if is("x-forwarded-for") => Self::ForwardedFor,
            16 if is("x-forwarded-host") || is("x-forwarded-port") => Self::ForwardedOther,
            16 if is("proxy-connection") => Self::HopByHop,
            17 if is("x-forwarded-proto") => Self::ForwardedOther,
            17 if is("transfer-encoding") => Self::TransferEncoding,
            18 if is("proxy-authenticate") => Self::HopByHop,
            19 if is("proxy-authorization") => Self::HopByHop,
            20 if is("x-client-cert-verify") => Self::ClientCertificate,
            21 if is("x-client-cert-subject") => Self::ClientCertificate,
            25 if is("x-client-cert-fingerprint") => Self::ClientCertificate,
            _ => Self::Other,
        }
    }

    /// How a field with this name is treated.
    pub(crate) fn as_treated(name: &[u8]) -> Self {
        match Self::of(name) {
            Self::Other if name.len() <= LONGEST_KNOWN && memchr(b'_', name).is_some() => {
                Self::with_underscores(name)
            }
            kind => kind,
        }
    }

    /// Many app servers hand `X_Forwarded_For` to the application as they do `X-Forwarded-For`. What Evenkeel treats
    /// itself under its proper name must not slip through under the other.
    fn with_underscores(name: &[u8]) -> Self {
        let mut hyphens = [b'-'; LONGEST_KNOWN];
        let Some(same) = hyphens.get_mut(..name.len()) else { return Self::Other };
        same.iter_mut().zip(name).filter(|(_, byte)| **byte != b'_').for_each(|(to, from)| *to = *from);
        match Self::of(same) {
            Self::Other | Self::UserAgent | Self::Referer | Self::Date => Self::Other,
            _ => Self::HopByHop,
        }
    }

    /// Fields that no `Connection` field may name: their removal would change what the message is.
    fn is_protected(self) -> bool {
        matches!(self, Self::Host | Self::ContentLength | Self::TransferEncoding)
    }
}

/// Length of `X-Client-Cert-Fingerprint`, the longest name in [`FieldKind::of`].
const LONGEST_KNOWN: usize = 25;
/// Names in all `Connection` fields of a message; more have no honest use and cost a look at every field each.
const CONNECTION_NAMES_MAX: usize = 32;

/// What the `Connection` fields of a message ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConnectionOptions {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
}

/// Copies `headers` into `fields`.
pub(crate) fn collect(buffer: &[u8], headers: &[httparse::Header<'_>], fields: &mut Vec<Field>) {
    fields.clear();
    for header in headers {
        let name = header.name.as_bytes();
        let kind = FieldKind::as_treated(name);
        fields.push(Field { name: Span::of(buffer, name), value: Span::of(buffer, header.value), kind });
    }
}

/// Marks the fields that `Connection` names as hop-by-hop, and says what it asks for.
///
/// `None` when `Connection` names a field that frames or addresses the message, or too many.
pub(crate) fn connection_options(buffer: &[u8], fields: &mut [Field]) -> Option<ConnectionOptions> {
    let mut options = ConnectionOptions::default();
    let mut names = 0;
    for index in 0..fields.len() {
        if fields[index].kind != FieldKind::Connection {
            continue;
        }
        for token in list_items(fields[index].value.slice(buffer)) {
            names += 1;
            if names > CONNECTION_NAMES_MAX {
                return None;
            }
            if token.eq_ignore_ascii_case(b"close") {
                options.close = true;
            } else if token.eq_ignore_ascii_case(b"keep-alive") {
                options.keep_alive = true;
            } else {
                options.upgrade |= token.eq_ignore_ascii_case(b"upgrade");
                drop_named(buffer, fields, token)?;
            }
        }
    }
    Some(options)
}

fn drop_named(buffer: &[u8], fields: &mut [Field], name: &[u8]) -> Option<()> {
    if FieldKind::of(name).is_protected() {
        return None;
    }
    for field in fields.iter_mut() {
        if field.kind != FieldKind::Connection && field.name.slice(buffer).eq_ignore_ascii_case(name) {
            field.kind = FieldKind::HopByHop;
        }
    }
    Some(())
}

/// The non-empty items of a comma-separated list, without surrounding white space (RFC 9110 section 5.6.1).
pub(crate) fn list_items(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
}

/// A `Content-Length` value: digits only, no sign, no list, no overflow (RFC 9110 section 8.6).
pub(crate) fn content_length(value: &[u8]) -> Option<u64> {
    let (first, rest) = value.split_first()?;
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    rest.iter().try_fold(digit(*first)?, |number, &byte| number.checked_mul(10)?.checked_add(digit(byte)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_length_is_digits_only() {
        assert_eq!(content_length(b"0"), Some(0));
        assert_eq!(content_length(b"18446744073709551615"), Some(u64::MAX));
        for bad in ["", "+1", "-1", " 1", "1 ", "0x10", "1,1", "18446744073709551616", "1.0"] {
            assert_eq!(content_length(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn underscores_hide_nothing() {
        for name in [
            "X_Forwarded_For",
            "x_real-ip",
            "Content_Length",
            "PROXY_AUTHORIZATION",
            "X_Request_Id",
            "X_Client_Cert_Verify",
            "x-client_cert-fingerprint",
        ] {
            assert_eq!(FieldKind::with_underscores(name.as_bytes()), FieldKind::HopByHop, "{name}");
        }
        for name in ["api_key", "User_Agent", "a_very_long_name_that_nobody_knows_of"] {
            assert_eq!(FieldKind::with_underscores(name.as_bytes()), FieldKind::Other, "{name}");
        }
    }

    #[test]
    fn only_a_plain_line_is_canonical() {
        let line = |text: &str, name: (usize, usize), value: (usize, usize)| {
            let (name, value) = (Span::new(name.0, name.1), Span::new(value.0, value.1));
            Field { name, value, kind: FieldKind::Other }.canonical_line(text.as_bytes())
        };
        assert_eq!(line("A: b\r\n", (0, 1), (3, 4)), Some(0..6));
        assert_eq!(line("x\r\nA: \r\n", (3, 4), (6, 6)), Some(3..8));
        assert_eq!(line("A:b\r\n", (0, 1), (2, 3)), None);
        assert_eq!(line("A:  b\r\n", (0, 1), (4, 5)), None);
        assert_eq!(line("A:\tb\r\n", (0, 1), (3, 4)), None);
        assert_eq!(line("A: b \r\n", (0, 1), (3, 4)), None);
        assert_eq!(line("A: b", (0, 1), (3, 4)), None);
    }

    #[test]
    fn list_items_skip_the_empty_ones() {
        let items: Vec<&[u8]> = list_items(b" a ,, b,\t").collect();
        assert_eq!(items, [b"a", b"b"]);
    }
}
