//! The backend of gRPC calls: HTTP/2 without TLS, where each call is answered with its own message.
//!
//! No server at hand sends trailers with what came, and a call without its status in them would be none.

use std::process::Child;

use bytes::{Bytes, BytesMut};
use h2::RecvStream;
use h2::server::{self, SendResponse};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tokio::net::{TcpListener, TcpStream};

use crate::Failure;

use super::own;

/// What a client sends in the header of a call, beside its method and path.
pub(crate) const FIELDS: [&str; 2] = ["content-type: application/grpc", "te: trailers"];
/// The trailer that ends a call that went well.
pub(crate) const STATUS: &str = "grpc-status: 0";
/// Before each message: not compressed, and its length.
pub(crate) const PREFIX: usize = 5;

/// A message of so many bytes, as it goes over the wire.
pub(crate) fn message(bytes: usize) -> Vec<u8> {
    let mut message = vec![0];
    message.extend(u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes());
    message.resize(PREFIX + bytes, b'x');
    message
}

/// Starts it on the load's core, on every address of this machine.
pub(crate) fn start(port: u16) -> Result<Child, Failure> {
    own::serve("grpc-echo", [port.to_string()])
}

/// The server itself: `PORT`. Serves until it is killed.
pub(crate) fn main(arguments: &[&str]) -> Result<(), Failure> {
    let port: u16 = match arguments {
        [port] => port.parse().map_err(|error| format!("grpc-echo PORT: {error}"))?,
        _ => return Err("grpc-echo PORT".to_owned()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async move {
        let listener = TcpListener::bind(("0.0.0.0", port)).await.map_err(|error| error.to_string())?;
        serve(listener).await
    })
}

async fn serve(listener: TcpListener) -> Result<(), Failure> {
    loop {
        let (stream, _) = listener.accept().await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        // An error ends the connection: the peer is gone, or is none.
        tokio::spawn(async move { connection(stream).await.ok() });
    }
}

async fn connection(stream: TcpStream) -> Result<(), h2::Error> {
    let mut connection = server::handshake(stream).await?;
    while let Some(call) = connection.accept().await {
        let (request, respond) = call?;
        tokio::spawn(async move { answer(request, respond).await.ok() });
    }
    Ok(())
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let message = whole(request.into_body()).await?;
    let mut head = Response::new(());
    let grpc = HeaderValue::from_static("application/grpc");
    head.headers_mut().insert(HeaderName::from_static("content-type"), grpc);
    let mut body = respond.send_response(head, false)?;
    body.send_data(message, false)?;
    let mut trailers = HeaderMap::new();
    trailers.insert(HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
    body.send_trailers(trailers)
}

/// All of a body. Most come in one piece, which is passed on as it is.
async fn whole(mut body: RecvStream) -> Result<Bytes, h2::Error> {
    let mut pieces: Vec<Bytes> = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        if !piece.is_empty() {
            pieces.push(piece);
        }
    }
    match <[Bytes; 1]>::try_from(pieces) {
        Ok([only]) => Ok(only),
        Err(pieces) => Ok(pieces
            .iter()
            .fold(BytesMut::new(), |mut all, piece| {
                all.extend_from_slice(piece);
                all
            })
            .freeze()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes back for a message: body and trailers.
    async fn called(message: Vec<u8>) -> (Bytes, HeaderMap) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener));
        let (mut client, connection) =
            h2::client::handshake(TcpStream::connect(address).await.unwrap()).await.unwrap();
        tokio::spawn(async move { connection.await.unwrap() });
        let request = Request::post("http://echo/bench.Echo/Unary").body(()).unwrap();
        let (response, mut body) = client.send_request(request, false).unwrap();
        body.send_data(message.into(), true).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), 200);
        let mut answer = response.into_body();
        let mut got = BytesMut::new();
        while let Some(piece) = answer.data().await {
            let piece = piece.unwrap();
            answer.flow_control().release_capacity(piece.len()).unwrap();
            got.extend_from_slice(&piece);
        }
        (got.freeze(), answer.trailers().await.unwrap().unwrap())
    }

    #[tokio::test]
    async fn a_message_comes_back_with_the_status_of_its_call() {
        // The last needs more than one frame, and more than one window.
        for bytes in [0, 100, 100_000] {
            let sent = message(bytes);
            let (got, trailers) = called(sent.clone()).await;
            assert!(got == sent, "{bytes}");
            assert_eq!(trailers["grpc-status"], "0");
        }
    }

    #[test]
    fn a_message_begins_with_its_length() {
        assert_eq!(message(2), [0, 0, 0, 0, 2, b'x', b'x']);
        assert_eq!(message(258)[..PREFIX], [0, 0, 0, 1, 2]);
    }
}
