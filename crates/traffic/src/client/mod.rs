//! A client that reuses nothing by itself: each connection is opened, used and closed on purpose, because which requests
//! share one is what is being tested.

mod answer;
mod connection;
mod dial;
mod failure;
mod target;
mod tls;

pub use answer::{Answer, Request};
pub use connection::Connection;
pub use dial::{Dial, Version};
pub use failure::{Failure, FailureClass};
pub use target::{Target, TargetError};
pub use tls::{Tls, TlsError, TlsSettings};

/// An answer as tests need it.
#[cfg(test)]
pub(crate) fn sample(fields: &[(&'static str, &str)], body: &str) -> Answer {
    let mut headers = http::HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().expect("a value"));
    }
    let (body, bytes) = (body.as_bytes().to_vec(), body.len() as u64);
    let zero = std::time::Duration::ZERO;
    Answer { status: 200, headers, body, bytes, first_byte: zero, total: zero }
}
