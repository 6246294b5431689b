//! Heads that go from HTTP/2 to HTTP/2: their fields stay fields. What passes and what is added is decided in `forward`,
//! and what a head means in `http1`, for both forms.

use std::sync::PoisonError;

use bytes::BytesMut;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, Parts, Scheme, Uri};
use http::{Request, Response, Version};

use crate::http1::{
    ConnectionOptions, FIELDS_MAX, FieldKind, Malformed, Method, ResponseHead, understand_response,
};
use crate::http2::{self, is_unique, without_blanks};
use crate::pool::SetCookie;

use super::forward::{Added, Incoming, add_fields, passes_to_backend, passes_to_client};

/// What the values of fields that are added usually take.
const ADDED: usize = 256;
/// The longest host that is remembered: the longest name that there is (RFC 1035 section 2.3.4), and a port.
const HOST_USUAL: usize = 261;
/// How many fields are added.
const ADDED_FIELDS: usize = 8;

/// The request that a backend gets for `asked`, which came as `sent`. `None` when it cannot be said.
pub(super) fn request(asked: &Incoming<'_>, sent: &Request<()>, scheme: Scheme) -> Option<Request<()>> {
    let mut fields = HeaderMap::with_capacity(sent.headers().len() + ADDED_FIELDS);
    pass_fields(&mut fields, asked, sent.headers())?;
    if asked.takes_trailers() {
        fields.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    put_added(&mut fields, asked)?;
    let mut request = Request::new(());
    *request.method_mut() = sent.method().clone();
    *request.uri_mut() = uri(asked, sent.uri(), scheme)?;
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = fields;
    Some(request)
}

fn pass_fields(fields: &mut HeaderMap, asked: &Incoming<'_>, sent: &HeaderMap) -> Option<()> {
    for (name, value) in sent {
        let kind = FieldKind::as_treated(name.as_str().as_bytes());
        if !passes_to_backend(kind, asked) {
            continue;
        }
        if name != header::COOKIE {
            fields.append(name.clone(), value.clone());
        } else if !fields.contains_key(header::COOKIE) {
            // As one, for there are servers that look at the first crumb only.
            let cookies = asked.values(b"cookie").next()?;
            fields.append(header::COOKIE, HeaderValue::from_bytes(cookies).ok()?);
        }
    }
    Some(())
}

/// What Evenkeel says of a client's connection to backends of HTTP/2, beside the id of each request. Connections ask for
/// one host again and again, and to find what is known of it is less work than to say it anew.
#[derive(Debug)]
pub(crate) struct Said {
    host: Box<[u8]>,
    fields: Box<[(HeaderName, HeaderValue)]>,
}

impl Said {
    /// `None` when it cannot be said.
    fn of(asked: &Incoming<'_>) -> Option<Self> {
        let mut fields = HeaderMap::new();
        let mut text = BytesMut::with_capacity(ADDED);
        let mut sayable = true;
        add_fields(asked, |field, value| {
            if field == Added::RequestId {
                return;
            }
            value.iter().for_each(|part| text.extend_from_slice(part));
            match HeaderValue::from_maybe_shared(text.split().freeze()) {
                Ok(value) => _ = fields.append(name(field), value),
                Err(_) => sayable = false,
            }
        });
        if let Some(secured) = &asked.client.secured {
            http2::append_lines(&mut fields, secured.fields())?;
        }
        let fields = fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        sayable.then_some(Self { host: asked.host().into(), fields })
    }

    fn put(&self, fields: &mut HeaderMap) {
        for (name, value) in &self.fields {
            fields.append(name.clone(), value.clone());
        }
    }
}

fn put_added(fields: &mut HeaderMap, asked: &Incoming<'_>) -> Option<()> {
    if asked.from_trusted || asked.host().len() > HOST_USUAL {
        // What the proxy in front says is part of it; and a connection keeps nothing long for its client.
        Said::of(asked)?.put(fields);
    } else {
        let mut said = asked.client.said.lock().unwrap_or_else(PoisonError::into_inner);
        match &*said {
            Some(said) if *said.host == *asked.host() => said.put(fields),
            _ => said.insert(Box::new(Said::of(asked)?)).put(fields),
        }
    }
    let mut id = HeaderValue::from_bytes(asked.request_id).ok()?;
    id.set_sensitive(is_unique(FieldKind::RequestId));
    fields.append(name(Added::RequestId), id);
    Some(())
}

fn name(field: Added) -> HeaderName {
    match field {
        Added::ForwardedFor => const { HeaderName::from_static("x-forwarded-for") },
        Added::ForwardedProto => const { HeaderName::from_static("x-forwarded-proto") },
        Added::ForwardedHost => const { HeaderName::from_static("x-forwarded-host") },
        Added::Forwarded => header::FORWARDED,
        Added::RequestId => const { HeaderName::from_static("x-request-id") },
        Added::Via => header::VIA,
    }
}

fn uri(asked: &Incoming<'_>, sent: &Uri, scheme: Scheme) -> Option<Uri> {
    let authority = match sent.authority() {
        Some(authority) => authority.clone(),
        None => Authority::try_from(asked.host()).ok()?,
    };
    let mut parts = Parts::default();
    parts.scheme = Some(scheme);
    parts.authority = Some(authority);
    parts.path_and_query = sent.path_and_query().cloned();
    Uri::from_parts(parts).ok()
}

/// What `response` to a request with `method` means. What of it is not for the client is taken out.
///
/// # Errors
/// As of a response over HTTP/1.1.
pub(super) fn understand(response: &mut Response<()>, method: Method) -> Result<ResponseHead, Malformed> {
    if response.headers().len() > FIELDS_MAX {
        return Err(Malformed { status: 502, detail: "too many header fields" });
    }
    let mut dropped = Vec::new();
    let (mut any_blanks, mut any_unique) = (false, false);
    let fields = response.headers().iter().map(|(name, value)| {
        let kind = FieldKind::as_treated(name.as_str().as_bytes());
        let bare = without_blanks(value);
        any_blanks |= bare.len() < value.len();
        any_unique |= is_unique(kind);
        // Whom a message is for is nothing that a response says.
        if kind == FieldKind::Host || !passes_to_client(kind) {
            dropped.push(name.clone());
        }
        (kind, bare)
    });
    let options = ConnectionOptions::default();
    let head = understand_response(response.status().as_u16(), 1, options, method, fields)?;
    let fields = response.headers_mut();
    if head.forbids_length() {
        fields.remove(header::CONTENT_LENGTH);
    }
    for name in dropped {
        fields.remove(name);
    }
    if any_blanks || any_unique {
        put_right(fields);
    }
    Ok(head)
}

fn put_right(fields: &mut HeaderMap) {
    for (name, value) in fields.iter_mut() {
        let bare = without_blanks(value);
        if bare.len() < value.len()
            && let Ok(bare) = HeaderValue::from_bytes(bare)
        {
            *value = bare;
        }
        value.set_sensitive(is_unique(FieldKind::of(name.as_str().as_bytes())));
    }
}

/// Adds what the client is told beside the backend's response.
pub(super) fn add_to_response(
    fields: &mut HeaderMap,
    head: &ResponseHead,
    set_cookie: Option<SetCookie<'_>>,
    date: impl FnOnce() -> [u8; 29],
) {
    if !head.has_date
        && let Ok(date) = HeaderValue::from_bytes(&date())
    {
        fields.insert(header::DATE, date);
    }
    if let Some(cookie) = set_cookie {
        let mut line = Vec::new();
        cookie.put(&mut line);
        http2::append_lines(fields, &line);
    }
}

#[cfg(test)]
#[path = "stream_heads_tests.rs"]
mod tests;
