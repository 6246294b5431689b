//! What of HTTP/2 is read here and not by the engine, for fuzzing and for nothing else.

use http::Request;

use super::frames::Census;
use super::head::write_request;

/// The head of HTTP/1.1 that is made of a request as the engine gives it; `ends` when no content follows. `None` when
/// the request is malformed.
pub fn head_of(request: &Request<()>, ends: bool) -> Option<Vec<u8>> {
    let (mut head, mut fields) = (Vec::new(), Vec::new());
    write_request(&mut head, &mut fields, request, ends).ok().map(|_| head)
}

/// What the frames of a connection give away that come in these pieces, when `resets` streams may be reset: the flood,
/// by name, and whether the first frame was SETTINGS.
pub fn judged<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    resets: u32,
) -> (Option<&'static str>, Option<bool>) {
    let mut census = Census::new(resets);
    for piece in pieces {
        census.received(piece);
    }
    (census.flood().map(super::Flood::as_str), census.began_well())
}
