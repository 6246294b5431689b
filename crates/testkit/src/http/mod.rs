//! HTTP/1.1 messages, read strictly (RFC 9112), and bodies that can be told apart.

mod digest;
mod head;
mod wire;

pub use digest::{Digest, pattern};
pub use head::{Fields, Framing, Head};
pub use wire::Response;
pub(crate) use wire::Wire;
