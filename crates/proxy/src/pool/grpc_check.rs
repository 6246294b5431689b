//! A health check by `grpc.health.v1.Health/Check`.
//!
//! The two messages of that protocol have one field each, so they are written and read by hand (protobuf's wire format:
//! a tag of field number and type, then a length or a number).

use std::net::SocketAddr;

use crate::transport::Transport;
use crate::upstream::engine;
use bytes::Bytes;
use h2::RecvStream;
use http::{HeaderMap, Method, Request, Version};

/// Longest message that is an answer to a health check.
const ANSWER_MAX: usize = 4 * 1024;
/// In front of each message: whether it is compressed, and its length.
const PREFIX: usize = 5;
/// Field 1 of length-delimited type: the service asked for.
const TAG_SERVICE: u8 = 1 << 3 | 2;
/// Field 1 of varint type: how it is.
const TAG_STATUS: u8 = 1 << 3;
/// `SERVING`.
const SERVING: u8 = 1;

/// Asks once. An empty `service` is the server as a whole.
///
/// # Errors
/// Why the answer is not a yes, in words.
pub(crate) async fn ask(stream: Transport, address: SocketAddr, service: &str) -> Result<(), String> {
    let scheme = if stream.plain().is_some() { "http" } else { "https" };
    let (connection, _) = engine::begin(stream, 1, address).await.map_err(|error| error.to_string())?;
    let mut connection = connection.ready().await.map_err(|error| error.to_string())?;
    let sent =
        connection.send_request(request(scheme, address)?, false).map_err(|error| error.to_string())?;
    let (response, mut body) = sent;
    body.send_data(question(service), true).map_err(|error| error.to_string())?;
    let response = response.await.map_err(|error| format!("no answer: {error}"))?;
    if response.status() != http::StatusCode::OK {
        return Err(format!("status {}", response.status().as_u16()));
    }
    grpc_ok(response.headers())?;
    let mut content = response.into_body();
    let answer = read(&mut content).await?;
    let trailers = content.trailers().await.map_err(|error| error.to_string())?;
    grpc_ok(&trailers.unwrap_or_default())?;
    is_serving(&answer)
}

fn request(scheme: &str, address: SocketAddr) -> Result<Request<()>, String> {
    Request::builder()
        .method(Method::POST)
        .version(Version::HTTP_2)
        .uri(format!("{scheme}://{address}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", concat!("evenkeel-health/", env!("CARGO_PKG_VERSION")))
        .body(())
        .map_err(|error| error.to_string())
}

/// The message with its prefix.
fn question(service: &str) -> Bytes {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(TAG_SERVICE);
        let mut length = service.len();
        while length >= 0x80 {
            message.push(length as u8 | 0x80);
            length >>= 7;
        }
        message.push(length as u8);
        message.extend_from_slice(service.as_bytes());
    }
    let mut framed = vec![0];
    framed.extend_from_slice(&(message.len() as u32).to_be_bytes());
    framed.extend_from_slice(&message);
    framed.into()
}

async fn read(content: &mut RecvStream) -> Result<Vec<u8>, String> {
    let mut answer = Vec::new();
    while let Some(piece) = content.data().await {
        let piece = piece.map_err(|error| error.to_string())?;
        answer.extend_from_slice(&piece);
        if answer.len() > ANSWER_MAX {
            return Err("the answer is too long".to_owned());
        }
        content.flow_control().release_capacity(piece.len()).map_err(|error| error.to_string())?;
    }
    Ok(answer)
}

/// The error that fields speak of; none of them is no error.
fn grpc_ok(fields: &HeaderMap) -> Result<(), String> {
    let text =
        |name: &str| fields.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    match text("grpc-status") {
        Some(status) if status != "0" => {
            let message = text("grpc-message").unwrap_or_default();
            Err(format!("grpc-status {status} {message}").trim_end().to_owned())
        }
        _ => Ok(()),
    }
}

/// A message without the field has its default: UNKNOWN.
fn is_serving(answer: &[u8]) -> Result<(), String> {
    let message = answer.get(PREFIX..).unwrap_or_default();
    match message {
        [TAG_STATUS, SERVING, ..] => Ok(()),
        [TAG_STATUS, 2, ..] => Err("NOT_SERVING".to_owned()),
        [TAG_STATUS, 3, ..] => Err("SERVICE_UNKNOWN".to_owned()),
        _ => Err("not SERVING".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_a_framed_message_of_one_string() {
        assert_eq!(&question("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(&question("a.B")[..], [0, 0, 0, 0, 5, 0x0a, 3, b'a', b'.', b'B']);
        let long = question(&"x".repeat(300));
        assert_eq!(&long[..8], [0, 0, 0, 1, 47, 0x0a, 0xac, 2]);
    }

    #[test]
    fn only_serving_is_a_yes() {
        assert!(is_serving(&[0, 0, 0, 0, 2, 8, 1]).is_ok());
        for no in [&[0, 0, 0, 0, 2, 8, 2][..], &[0, 0, 0, 0, 2, 8, 3], &[0, 0, 0, 0, 0], &[], &[8, 1]] {
            assert!(is_serving(no).is_err(), "{no:?}");
        }
    }
}
