//! TLS on connections of clients and to backends.

mod session;

pub(crate) use session::Session;
