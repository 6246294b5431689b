//! HTTP/2 (RFC 9113): connections of clients, and what both sides share.
//!
//! The `h2` crate speaks the protocol. What is here gives it bytes (`link`), bounds what a client may make it do
//! (`frames`, `session`), makes heads of HTTP/1.1 of its requests (`head`; `connect` of those for a WebSocket) and has each stream answered by a task of its
//! own (`stream`), which goes the way that every request goes: each stream is routed and balanced by itself.

mod bounds;
mod connect;
mod frames;
pub mod fuzzed;
mod head;
mod link;
mod session;
mod stream;

pub(crate) use bounds::{Http2Bounds, Http2Counts};
pub(crate) use connect::accepts as accepts_websocket;
pub(crate) use frames::Flood;
#[cfg(test)]
pub(crate) use head::write_request;
pub(crate) use head::{
    append_lines, is_unique, passed_trailers, request, response, trailers, without_blanks, write_response,
    write_trailers,
};
pub(crate) use link::{Io, Link};
pub(crate) use session::serve;

/// What the client's connection preface (RFC 9113 section 3.4) looks like to a parser of HTTP/1.1: a head.
pub(crate) const PREFACE_HEAD: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";
