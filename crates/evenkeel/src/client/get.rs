//! A small blocking HTTP client: GET over one connection, bounded in bytes and time.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

/// Longest wait for a connection, and for a whole answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest header of an answer.
const HEAD_MAX: usize = 16 * 1024;
/// Longest answer: some 30,000 backends.
const BODY_MAX: usize = 16 * 1024 * 1024;
/// Read at once.
const CHUNK: usize = 16 * 1024;

/// A connection to an admin interface. It stays open between requests, and so outlives a listener that moves.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    stream: TcpStream,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GetError {
    #[error("{0:?} is not an address")]
    Address(String, #[source] io::Error),
    #[error("cannot reach the admin interface at {0}")]
    Connect(SocketAddr, #[source] io::Error),
    #[error("no answer from {0}")]
    Io(SocketAddr, #[source] io::Error),
    #[error("{0} does not answer like Evenkeel: {1}")]
    Foreign(SocketAddr, String),
}

impl GetError {
    /// What to try.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Connect(..) => {
                "is it running? `evenkeel run -c FILE` logs the address of listener \"admin\"; \
                 give it with --admin ADDR or EVENKEEL_ADMIN"
            }
            Self::Address(..) => "write an address and a port, such as 127.0.0.1:9901",
            Self::Io(..) => "is it overloaded or stopped?",
            Self::Foreign(..) => "is another program on this port? give Evenkeel's with --admin ADDR",
        }
    }
}

fn resolve(address: &str) -> Result<Vec<SocketAddr>, GetError> {
    let resolved = address.to_socket_addrs();
    Ok(resolved.map_err(|error| GetError::Address(address.to_owned(), error))?.collect())
}

impl Connection {
    /// Connects to `address`: an IP address or a name, and a port.
    pub(crate) fn open(address: &str) -> Result<Self, GetError> {
        let mut failure = None;
        for address in resolve(address)? {
            match TcpStream::connect_timeout(&address, TIMEOUT) {
                Ok(stream) => return Ok(Self { address, stream }),
                Err(error) => failure = Some(GetError::Connect(address, error)),
            }
        }
        let nothing = || GetError::Address(address.to_owned(), io::ErrorKind::NotFound.into());
        Err(failure.unwrap_or_else(nothing))
    }

    /// GETs a JSON document; any status but 200 is an error.
    pub(crate) fn get_json<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, GetError> {
        let reply = self.get(path)?;
        if reply.status != 200 {
            return Err(self.foreign(format!("status {} for {path}", reply.status)));
        }
        serde_json::from_slice(&reply.body).map_err(|error| self.foreign(format!("{path}: {error}")))
    }

    /// GETs `path`.
    pub(crate) fn get(&mut self, path: &str) -> Result<Reply, GetError> {
        let deadline = Instant::now() + TIMEOUT;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\n\r\n", self.address);
        let io = |error| GetError::Io(self.address, error);
        self.stream.set_write_timeout(Some(TIMEOUT)).map_err(io)?;
        self.stream.write_all(request.as_bytes()).map_err(io)?;
        let mut read = Vec::new();
        let (status, head_len, body_len) = loop {
            if let Some(head) = self.parse(&read)? {
                break head;
            }
            if read.len() > HEAD_MAX {
                return Err(self.foreign("its header does not end".to_owned()));
            }
            self.read_more(&mut read, deadline)?;
        };
        let mut body = read.split_off(head_len);
        while body.len() < body_len {
            self.read_more(&mut body, deadline)?;
        }
        if body.len() > body_len {
            return Err(self.foreign("more than was asked for".to_owned()));
        }
        Ok(Reply { status, body })
    }

    /// Status, length of the head and length of the body, once the head is there.
    fn parse(&self, read: &[u8]) -> Result<Option<(u16, usize, usize)>, GetError> {
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut fields);
        let head_len = match response.parse(read) {
            Ok(httparse::Status::Complete(len)) => len,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(self.foreign(error.to_string())),
        };
        let length = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
        let length = length.and_then(|field| std::str::from_utf8(field.value).ok()?.parse().ok());
        match (response.code, length) {
            (Some(status), Some(length)) if length <= BODY_MAX => Ok(Some((status, head_len, length))),
            _ => Err(self.foreign("no Content-Length that makes sense".to_owned())),
        }
    }

    fn read_more(&mut self, into: &mut Vec<u8>, deadline: Instant) -> Result<(), GetError> {
        let io = |error| GetError::Io(self.address, error);
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io(io::ErrorKind::TimedOut.into()));
        }
        self.stream.set_read_timeout(Some(left)).map_err(io)?;
        let mut chunk = [0; CHUNK];
        match self.stream.read(&mut chunk).map_err(io)? {
            0 => Err(io(io::ErrorKind::UnexpectedEof.into())),
            n => {
                into.extend_from_slice(&chunk[..n]);
                Ok(())
            }
        }
    }

    fn foreign(&self, what: String) -> GetError {
        GetError::Foreign(self.address, what)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A server that answers every connection with `answers`, one for each request, and closes.
    fn server(answers: &'static [&'static str]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for answer in answers {
                let mut request = [0; 1024];
                assert!(stream.read(&mut request).unwrap() > 0);
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        address
    }

    #[test]
    fn two_requests_on_one_connection() {
        let address = server(&[
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n",
        ]);
        let mut connection = Connection::open(&address).unwrap();
        assert_eq!(connection.get_json::<serde_json::Value>("/a").unwrap(), serde_json::json!({}));
        assert_eq!(connection.get("/b").unwrap().status, 503);
        assert!(matches!(connection.get("/c"), Err(GetError::Io(..))));
    }

    #[test]
    fn what_is_not_an_answer_is_refused() {
        for answer in [
            &["SSH-2.0-x\r\n"] as &'static [&'static str],
            &["HTTP/1.1 200 OK\r\n\r\n"],
            &["HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"],
            &["HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab"],
        ] {
            let mut connection = Connection::open(&server(answer)).unwrap();
            assert!(matches!(connection.get("/"), Err(GetError::Foreign(..))), "{answer:?}");
        }
        let mut cut = Connection::open(&server(&["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"])).unwrap();
        assert!(matches!(cut.get("/"), Err(GetError::Io(..))));
    }

    #[test]
    fn nobody_there_has_a_hint() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = Connection::open(&free.to_string()).unwrap_err();
        assert!(matches!(error, GetError::Connect(..)), "{error:?}");
        assert!(error.hint().contains("--admin"));
        assert!(matches!(Connection::open("nonsense").unwrap_err(), GetError::Address(..)));
    }
}
