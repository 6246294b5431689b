//! HTTP/1.1 as pure functions over bytes: no sockets, no clock.
//!
//! Everything here is strict. RFC 9112 lets a recipient be lenient in many places; every leniency is a
//! chance that Evenkeel and a backend read one message in two ways, so whatever is ambiguous is refused.
//! The tokens themselves are read by the `httparse` crate; what a message *means* is decided here.

mod chunked;
mod field;
mod request;
mod response;
mod scan;
mod upgrade;

pub(crate) use chunked::parse_trailers;
pub use chunked::{ChunkDecoder, ChunkError, Step};
pub(crate) use field::ConnectionOptions;
pub use field::{Field, FieldKind, Span};
pub(crate) use request::{Line, TOO_MANY_FIELDS, understand};
pub use request::{Method, RequestHead, Target, parse_request};
pub use response::{ResponseHead, parse_response};
pub(crate) use response::{SWITCHING_PROTOCOLS, understand_response};
pub use scan::{HeadScanner, Scan};
pub(crate) use upgrade::{is_accepted, offered};

/// Most header fields that any message may have; configuration can only lower it.
pub const FIELDS_MAX: usize = 256;

/// Largest header section accepted from a backend, in bytes.
pub(crate) const RESPONSE_HEADER_MAX: usize = 64 * 1024;

/// How the end of a message body is found (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// There is no body.
    None,
    /// Exactly so many bytes, at least one.
    Length(u64),
    /// Chunked transfer coding.
    Chunked,
    /// Everything until the sender closes; responses only.
    UntilClose,
}

/// Why a message was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The status a client gets for such a request; 502 for a response.
    pub status: u16,
    /// What is wrong, in words fit for a `Proxy-Status` detail.
    pub detail: &'static str,
}

impl Malformed {
    pub(crate) const fn request(detail: &'static str) -> Self {
        Self { status: 400, detail }
    }

    pub(crate) const fn response(detail: &'static str) -> Self {
        Self { status: 502, detail }
    }
}
