//! Connections of a server: HTTP/1.1, or HTTP/2 where the client begins with it.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::Failure;

use super::work::{Done, Work};

/// Health checks are answered at once, however busy it is: those of most services are.
const HEALTH: &str = "/healthz";
/// `?slower=TIMES&failing=0|1`: what the director of the replay does to it.
const ORDERS: &str = "/machine?";
/// A client that begins with this speaks HTTP/2.
const HTTP2: &[u8] = b"PRI ";

pub(super) async fn serve(listener: TcpListener, work: Arc<Work>) -> Result<(), Failure> {
    loop {
        let (stream, _) = listener.accept().await.map_err(|error| error.to_string())?;
        let work = Arc::clone(&work);
        // An error ends the connection: the peer is gone, or is none.
        tokio::spawn(async move { connection(stream, work).await.ok() });
    }
}

async fn connection(stream: TcpStream, work: Arc<Work>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut first = [0; HTTP2.len()];
    // Whoever sends a part of it first sends no request either.
    if stream.peek(&mut first).await? == first.len() && first == HTTP2 {
        return http2(stream, work).await.map_err(io::Error::other);
    }
    http1(stream, work).await
}

async fn http1(stream: TcpStream, work: Arc<Work>) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    while let Some(start) = lines.next_line().await? {
        // Requests here have no bodies.
        while lines.next_line().await?.is_some_and(|line| !line.is_empty()) {}
        let done = answer(&work, start.split(' ').nth(1).unwrap_or_default()).await;
        let (status, name) = (done.status(), &work.name);
        let head =
            format!("HTTP/1.1 {status} -\r\nContent-Length: {}\r\nX-Backend: {name}\r\n\r\n", name.len());
        writer.write_all((head + name).as_bytes()).await?;
    }
    Ok(())
}

async fn http2(stream: TcpStream, work: Arc<Work>) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(request) = connection.accept().await {
        let (request, mut respond) = request?;
        let work = Arc::clone(&work);
        tokio::spawn(async move {
            let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
            let done = answer(&work, &target).await;
            let mut head = Response::new(());
            *head.status_mut() = StatusCode::from_u16(done.status()).unwrap_or_default();
            if let Ok(name) = HeaderValue::from_str(&work.name) {
                head.headers_mut().insert("x-backend", name);
            }
            let mut body = respond.send_response(head, false)?;
            body.send_data(Bytes::from_owner(work.name.clone()), true)
        });
    }
    Ok(())
}

async fn answer(work: &Work, target: &str) -> Done {
    if target == HEALTH {
        return Done::Well;
    }
    let Some(orders) = target.strip_prefix(ORDERS) else { return work.request().await };
    let value = |name: &str| {
        orders.split('&').find_map(|order| order.strip_prefix(name)?.strip_prefix('=')?.parse::<f64>().ok())
    };
    work.set(value("slower").unwrap_or(1.0), value("failing").is_some_and(|failing| failing > 0.0));
    Done::Well
}

#[cfg(test)]
mod tests {
    use evenkeel_testkit::{Client, http2};

    use super::super::tests::spec;
    use super::*;

    #[tokio::test]
    async fn both_versions_are_answered_and_orders_are_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, Work::new(&spec(1, 2))));
        let mut client = Client::connect(address).await;
        let response = client.get("h", "/").await;
        assert_eq!((response.status(), response.field("x-backend")), (200, Some("web1")));
        assert_eq!(client.get("h", "/machine?slower=1&failing=1").await.status(), 200);
        assert_eq!(client.get("h", "/").await.status(), 500);
        assert_eq!(client.get("h", "/healthz").await.status(), 200, "checks see nothing of it");
        let mut second = http2::Client::connect(address).await;
        second.send([http2::get(1, "/")]).await.unwrap();
        let response = second.response(1).await.unwrap();
        assert_eq!((response.status(), response.field("x-backend")), (500, Some("web1")));
    }
}
