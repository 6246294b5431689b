//! A response head from a backend, as strict as a request: what is ambiguous is never passed to a client.

use std::mem::MaybeUninit;

use super::field::{self, ConnectionOptions, Field, FieldKind, Span};
use super::{BodyLength, FIELDS_MAX, Malformed, Method};

/// The status of a response after which the connection speaks another protocol (RFC 9110 section 15.2.2).
pub(crate) const SWITCHING_PROTOCOLS: u16 = 101;

/// A response head as ranges of the buffer it was parsed from.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead {
    /// 100..=599
    pub status: u16,
    /// Reason phrase, as sent.
    pub reason: Span,
    /// How its body ends.
    pub body: BodyLength,
    /// Whether the connection is open, and certainly silent, afterwards.
    pub keep_alive: bool,
    /// Whether it has a `Date`.
    pub has_date: bool,
    /// Whether it is a 101 (Switching Protocols) that can be one: of HTTP/1.1, with `Connection: upgrade`.
    pub switches: bool,
}

impl ResponseHead {
    /// An interim response: another one follows (RFC 9110 section 15.2).
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status)
    }

    /// Whether a length in it is forbidden (RFC 9110 section 8.6) and must not be passed on.
    pub(crate) fn forbids_length(&self) -> bool {
        self.status < 200 || self.status == 204
    }
}

/// Parses `head`, a whole head as found by [`super::HeadScanner`], the answer to a request with `method`.
///
/// # Errors
/// [`Malformed`] when the response is invalid or two recipients might read it differently.
pub fn parse_response(
    head: &[u8],
    method: Method,
    fields: &mut Vec<Field>,
) -> Result<ResponseHead, Malformed> {
    let mut slots = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut []);
    let parsed =
        httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut response, head, &mut slots);
    match parsed {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => {
            return Err(Malformed::response("the header section does not end where its empty line is"));
        }
        Err(httparse::Error::TooManyHeaders) => return Err(Malformed::response("too many header fields")),
        Err(httparse::Error::Version) => return Err(Malformed::response("not an HTTP/1 response")),
        Err(_) => return Err(Malformed::response("invalid response header")),
    }
    let (Some(status), Some(minor)) = (response.code, response.version) else {
        return Err(Malformed::response("incomplete status line"));
    };
    field::collect(head, response.headers, fields);
    let options = field::connection_options(head, fields)
        .ok_or(Malformed::response("Connection names a field that frames the message"))?;
    let values = fields.iter().map(|field| (field.kind, field.value.slice(head)));
    let mut understood = understand_response(status, minor, options, method, values)?;
    if understood.forbids_length() {
        fields.retain(|field| field.kind != FieldKind::ContentLength);
    }
    let reason = response.reason.filter(|reason| !reason.is_empty());
    understood.reason = reason.map_or(Span::default(), |reason| Span::of(head, reason.as_bytes()));
    Ok(understood)
}

/// What status and fields of a response mean, the answer to a request with `method`, whichever version of HTTP they came
/// in. `fields` are their kinds and values. Its reason is empty.
///
/// # Errors
/// As of [`parse_response`].
pub(crate) fn understand_response<'a>(
    status: u16,
    minor: u8,
    options: ConnectionOptions,
    method: Method,
    fields: impl Iterator<Item = (FieldKind, &'a [u8])>,
) -> Result<ResponseHead, Malformed> {
    if !(100..600).contains(&status) {
        return Err(Malformed::response("status code out of range"));
    }
    let framing = Framing::of(fields)?;
    let wants_open = !options.close && (minor == 1 || options.keep_alive);
    let BodyRule { body, announces_more } = body_length(&framing, minor, status, method)?;
    Ok(ResponseHead {
        status,
        reason: Span::default(),
        body,
        keep_alive: wants_open && body != BodyLength::UntilClose && !announces_more,
        has_date: framing.has_date,
        switches: status == SWITCHING_PROTOCOLS && minor == 1 && options.upgrade,
    })
}

/// What the fields say of the message itself.
#[derive(Default)]
struct Framing<'a> {
    length: Option<&'a [u8]>,
    coding: Option<&'a [u8]>,
    has_date: bool,
}

impl<'a> Framing<'a> {
    fn of(fields: impl Iterator<Item = (FieldKind, &'a [u8])>) -> Result<Self, Malformed> {
        let mut framing = Self::default();
        for (kind, value) in fields {
            let slot = match kind {
                FieldKind::ContentLength => &mut framing.length,
                FieldKind::TransferEncoding => &mut framing.coding,
                FieldKind::Date => {
                    framing.has_date = true;
                    continue;
                }
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(Malformed::response(
                    "a framing field (Content-Length, Transfer-Encoding) is repeated",
                ));
            }
        }
        Ok(framing)
    }
}

/// How the body ends, and whether the head speaks of one that must not follow.
struct BodyRule {
    body: BodyLength,
    /// The answer to HEAD, and 204 and 304, have no body whatever they say. A backend that sends one all the same would
    /// have it taken for its answer to somebody else, so after such an answer the connection is not used again.
    announces_more: bool,
}

fn body_length(framing: &Framing<'_>, minor: u8, status: u16, method: Method) -> Result<BodyRule, Malformed> {
    let length = match framing.length.map(field::content_length) {
        Some(None) => return Err(Malformed::response("invalid Content-Length")),
        Some(known) => known,
        None => None,
    };
    let chunked = match framing.coding {
        None => false,
        Some(_) if length.is_some() => {
            return Err(Malformed::response("both Content-Length and Transfer-Encoding"));
        }
        Some(_) if minor == 0 => return Err(Malformed::response("Transfer-Encoding in HTTP/1.0")),
        Some(value) if value.eq_ignore_ascii_case(b"chunked") => true,
        Some(_) => {
            return Err(Malformed::response("the only transfer coding understood is chunked"));
        }
    };
    if status < 200 || status == 204 || status == 304 || method == Method::Head {
        let announces_more = chunked || length.is_some_and(|length| length > 0);
        return Ok(BodyRule { body: BodyLength::None, announces_more });
    }
    let body = match (chunked, length) {
        (true, _) => BodyLength::Chunked,
        (false, Some(0)) => BodyLength::None,
        (false, Some(length)) => BodyLength::Length(length),
        (false, None) => BodyLength::UntilClose,
    };
    Ok(BodyRule { body, announces_more: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, method: Method) -> Result<ResponseHead, Malformed> {
        parse_response(text.as_bytes(), method, &mut Vec::new())
    }

    fn body(fields: &str) -> Result<BodyLength, Malformed> {
        parse(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"), Method::Get).map(|head| head.body)
    }

    #[test]
    fn body_length_follows_rfc_9112_section_6_3() {
        assert_eq!(body("Content-Length: 5\r\n"), Ok(BodyLength::Length(5)));
        assert_eq!(body("Content-Length: 0\r\n"), Ok(BodyLength::None));
        assert_eq!(body("Transfer-Encoding: Chunked\r\n"), Ok(BodyLength::Chunked));
        assert_eq!(body(""), Ok(BodyLength::UntilClose));
        let with_length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(parse(with_length, Method::Head).unwrap().body, BodyLength::None);
        for status in [100, 103, 204, 304] {
            let text = format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\n");
            assert_eq!(parse(&text, Method::Get).unwrap().body, BodyLength::None, "{status}");
        }
    }

    #[test]
    fn a_length_on_204_is_not_passed_on() {
        let mut fields = Vec::new();
        parse_response(b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", Method::Get, &mut fields).unwrap();
        assert!(fields.is_empty());
    }

    #[test]
    fn ambiguous_responses_are_refused() {
        for fields in [
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: x\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n",
            "X: a\r\n b\r\n",
            "X : a\r\n",
        ] {
            assert_eq!(body(fields).map_err(|refusal| refusal.status), Err(502), "{fields:?}");
        }
        for line in ["HTTP/2 200 OK", "HTTP/1.1 99 Low", "HTTP/1.1 600 High", "HTTP/1.1 2x0 OK", "200 OK", ""]
        {
            assert!(parse(&format!("{line}\r\n\r\n"), Method::Get).is_err(), "{line:?}");
        }
    }

    #[test]
    fn persistence_needs_a_body_that_ends() {
        assert!(parse("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", Method::Get).unwrap().keep_alive);
        assert!(!parse("HTTP/1.1 200 OK\r\n\r\n", Method::Get).unwrap().keep_alive);
        assert!(!parse("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", Method::Get).unwrap().keep_alive);
        assert!(parse("HTTP/1.1 304 Same\r\n\r\n", Method::Get).unwrap().keep_alive);
        for fields in ["Content-Length: 1", "Transfer-Encoding: chunked"] {
            let announced = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
            assert!(!parse(&announced, Method::Head).unwrap().keep_alive, "{fields}");
            let announced = format!("HTTP/1.1 304 Same\r\n{fields}\r\n\r\n");
            assert!(!parse(&announced, Method::Get).unwrap().keep_alive, "{fields}");
        }
    }
}
