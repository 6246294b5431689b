use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::super::{FailureClass, Tls, TlsSettings};
use super::*;

/// What a server does with each request on a connection.
#[derive(Clone, Copy)]
enum Deed {
    Answer(&'static str),
    Hang,
    Close,
}

/// Answers the requests of every connection in turn, and closes it after the last deed.
async fn server(deeds: &'static [Deed]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                for deed in deeds {
                    let mut request = [0; 4096];
                    if stream.read(&mut request).await.unwrap_or(0) == 0 {
                        return;
                    }
                    match deed {
                        Deed::Answer(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
                        Deed::Hang => std::future::pending().await,
                        Deed::Close => return,
                    }
                }
            });
        }
    });
    address
}

fn dial() -> Dial {
    Dial { timeout: Duration::from_millis(500), ..Dial::new(Tls::new(TlsSettings::default())) }
}

async fn open(address: SocketAddr, dial: &Dial) -> Result<Connection, Failure> {
    Connection::open(&Target::parse(&format!("http://{address}/")).unwrap(), dial).await
}

async fn class_of(deeds: &'static [Deed]) -> FailureClass {
    let mut connection = open(server(deeds).await, &dial()).await.unwrap();
    connection.request(&Request::get("/")).await.unwrap_err().class()
}

#[tokio::test]
async fn two_exchanges_on_one_connection() {
    let address = server(&[
        Deed::Answer(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-Backend: a\r\nContent-Length: 5\r\n\r\nhello",
        ),
        Deed::Answer("HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n2\r\npe\r\n0\r\n\r\n"),
    ])
    .await;
    let mut connection = open(address, &dial()).await.unwrap();
    let first = connection.request(&Request { keep: 3, ..Request::get("/a") }).await.unwrap();
    assert_eq!((first.status, first.body.as_slice(), first.bytes), (200, b"hel".as_slice(), 5));
    assert_eq!(first.headers["x-backend"], "a");
    assert!(first.first_byte <= first.total);
    let second = connection.request(&Request { keep: 3, ..Request::get("/b") }).await.unwrap();
    assert_eq!((second.status, second.body.as_slice(), second.bytes), (503, b"nop".as_slice(), 4));
    assert!(connection.again().is_none(), "one request at a time");
}

#[tokio::test]
async fn the_request_is_what_was_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap().0;
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await.unwrap();
        String::from_utf8(request[..read].to_vec()).unwrap()
    });
    let target = Target::parse("http://a.example/").unwrap();
    let dial = Dial { connect_to: Some(address.to_string()), source: "127.0.0.9".parse().ok(), ..dial() };
    let mut connection = Connection::open(&target, &dial).await.unwrap();
    let request = Request { host: Some("b.example".parse().unwrap()), ..Request::get("/x?y=1") };
    let failed = connection.request(&request).await.unwrap_err();
    assert_eq!(failed.class(), FailureClass::Closed, "{failed}");
    let seen = seen.await.unwrap();
    assert!(seen.starts_with("GET /x?y=1 HTTP/1.1\r\n"), "{seen}");
    for line in ["host: b.example\r\n", "user-agent: evenkeel/"] {
        assert!(seen.to_lowercase().contains(line), "{line} in {seen}");
    }
}

#[tokio::test]
async fn failures_by_class() {
    assert_eq!(class_of(&[Deed::Hang]).await, FailureClass::Timeout);
    assert_eq!(class_of(&[Deed::Close]).await, FailureClass::Closed);
    for garbage in
        ["\0\0\0\0garbage\r\n\r\n", "SSH-2.0-x\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"]
    {
        let mut connection =
            open(server(Box::leak(Box::new([Deed::Answer(garbage)]))).await, &dial()).await.unwrap();
        let failure = connection.request(&Request::get("/")).await.unwrap_err();
        assert_eq!(failure.class(), FailureClass::Protocol, "{garbage:?}: {failure}");
    }
    assert_eq!(
        class_of(&[Deed::Answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")]).await,
        FailureClass::Closed
    );
    let hanging = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab";
    assert_eq!(
        class_of(Box::leak(Box::new([Deed::Answer(hanging), Deed::Hang]))).await,
        FailureClass::Timeout
    );
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(open(free, &dial()).await.unwrap_err().class(), FailureClass::Refused);
    let nowhere = Dial { connect_to: Some("no-such-host.invalid:80".to_owned()), ..dial() };
    assert_eq!(open(free, &nowhere).await.unwrap_err().class(), FailureClass::Resolve);
}

#[tokio::test]
async fn a_head_without_end_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap().0;
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\nX: ").await.unwrap();
        // Until the other side has had enough.
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    let mut connection = open(address, &dial()).await.unwrap();
    let failure = connection.request(&Request::get("/")).await.unwrap_err();
    assert_eq!(failure.class(), FailureClass::Protocol, "{failure}");
}

#[tokio::test]
async fn garbage_is_no_http_2() {
    let dial = Dial { version: Version::Http2, ..dial() };
    for deeds in [&[Deed::Answer("HTTP/1.1 400 Bad\r\n\r\n")] as &'static [Deed], &[Deed::Close]] {
        let mut connection = match open(server(deeds).await, &dial).await {
            Ok(connection) => connection,
            Err(failure) => panic!("{failure}"),
        };
        assert!(connection.again().is_some());
        let failure = connection.request(&Request::get("/")).await.unwrap_err();
        let expected = [FailureClass::Protocol, FailureClass::Closed, FailureClass::Reset];
        assert!(expected.contains(&failure.class()), "{failure}");
    }
}
