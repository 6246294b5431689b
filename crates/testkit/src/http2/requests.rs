//! Requests as frames.

use super::frame::{Frame, flag};
use super::hpack::block;

/// The fields of a request, pseudo-header fields first.
pub fn request<'a>(method: &'a str, path: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![(":method", method), (":scheme", "http"), (":authority", "h"), (":path", path)]
}

/// A GET without content.
pub fn get(stream: u32, path: &str) -> Frame {
    Frame::headers(stream, flag::END_HEADERS | flag::END_STREAM, block(&request("GET", path)))
}

/// A HEAD.
pub fn head(stream: u32, path: &str) -> Frame {
    Frame::headers(stream, flag::END_HEADERS | flag::END_STREAM, block(&request("HEAD", path)))
}

/// The begin of a POST, whose content is to follow, with more fields.
pub fn post(stream: u32, path: &str, fields: &[(&str, &str)]) -> Frame {
    let mut all = request("POST", path);
    all.extend_from_slice(fields);
    Frame::headers(stream, flag::END_HEADERS, block(&all))
}
