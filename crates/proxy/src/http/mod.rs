//! The HTTP/1.1 data path. One task drives a client connection and, while a request is in progress, the backend
//! connection that serves it: no channel and no second task lies between the two.

mod account;
mod body;
mod buffer;
mod carry;
mod client;
mod connection;
mod cookie;
mod download;
mod download_stream;
mod exchange;
mod forward;
mod grpc;
mod io;
mod key;
mod on_stream;
mod origin;
mod proxy_header;
mod redirect;
mod request;
mod request_id;
mod respond;
pub(crate) mod socket;
mod steer;
mod stream_heads;
mod stream_relay;
mod switch;
pub(crate) mod timer;
mod upload;

pub(crate) use buffer::Scratch;
pub(crate) use client::{Client, Responder, Stream};
pub(crate) use connection::{Connection, Next, serve};
pub(crate) use forward::{ClientNames, Incoming};
pub(crate) use key::source as source_key;
pub(crate) use respond::Failure;
pub(crate) use steer::RANK_USUAL;
pub(crate) use timer::Timer;

#[cfg(test)]
mod tests {
    fn output_size<A, B, C, D, R>(_: impl Fn(A, B, C, D) -> R) -> usize {
        size_of::<R>()
    }

    /// An idle connection costs its task, so what a request needs only while it is in progress must not be in there.
    #[test]
    fn a_connection_is_small() {
        let size = output_size(super::serve);
        assert!(size <= 1024, "{size} bytes");
    }
}
