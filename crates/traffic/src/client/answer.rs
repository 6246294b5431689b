//! A request and what came of it.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use hyper::body::Bytes;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// GET unless said.
    pub method: Method,
    /// Path and query; begins with `/`.
    pub path: String,
    /// `Host` or `:authority`, where it is not that of the URL.
    pub host: Option<HeaderValue>,
    /// Further fields.
    pub fields: HeaderMap,
    /// Content.
    pub body: Bytes,
    /// As much of the content of an answer is kept, in bytes.
    pub keep: usize,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// 200..=599: interim answers are passed over.
    pub status: u16,
    /// Its fields.
    pub headers: HeaderMap,
    /// The beginning of its content.
    pub body: Vec<u8>,
    /// Bytes of its content.
    pub bytes: u64,
    /// From the beginning of the request to the head of the answer.
    pub first_byte: Duration,
    /// From the beginning of the request to the end of the answer.
    pub total: Duration,
}

/// What servers are told about us.
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("evenkeel/", env!("CARGO_PKG_VERSION")));

impl Request {
    /// GET, keeping 16 KiB of the answer.
    pub fn get(path: impl Into<String>) -> Self {
        let mut fields = HeaderMap::new();
        fields.insert(http::header::USER_AGENT, USER_AGENT);
        let body = Bytes::new();
        Self { method: Method::GET, path: path.into(), host: None, fields, body, keep: 16 * 1024 }
    }

    /// With this field, in place of others of that name.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.fields.insert(name, value);
        self
    }
}
