//! Asking the same balancer for longer than one connection lasts.

use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::get::{Connection, GetError};

/// A connection is replaced after this, well before the admin interface ends it: when the listener has moved
/// meanwhile, the old one still has time to tell how that went.
const RENEW_AFTER: Duration = Duration::from_secs(20);

/// A connection to an admin interface that is replaced when it gets old or ends.
#[derive(Debug)]
pub(crate) struct Session {
    address: String,
    connection: Connection,
    renew_at: Instant,
}

impl Session {
    /// Connects to `address`.
    pub(crate) fn open(address: &str) -> Result<Self, GetError> {
        let connection = Connection::open(address)?;
        Ok(Self { address: address.to_owned(), connection, renew_at: Instant::now() + RENEW_AFTER })
    }

    /// GETs a JSON document; any status but 200 is an error.
    pub(crate) fn get_json<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, GetError> {
        if Instant::now() > self.renew_at {
            self.renew_at = Instant::now() + RENEW_AFTER;
            // When nobody answers there any more, the old one will do.
            if let Ok(answer) = self.get_anew(path) {
                return Ok(answer);
            }
        }
        match self.connection.get_json(path) {
            Err(GetError::Io(..)) => self.get_anew(path),
            answer => answer,
        }
    }

    fn get_anew<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, GetError> {
        let mut fresh = Connection::open(&self.address)?;
        let answer = fresh.get_json(path)?;
        self.connection = fresh;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// Accepts so many connections, and answers on each `requests` times with its number before it closes.
    fn server(connections: u64, requests: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            for number in 1..=connections {
                let (stream, _) = listener.accept().unwrap();
                std::thread::spawn(move || answer(stream, number, requests));
            }
        });
        address
    }

    fn answer(mut stream: TcpStream, number: u64, requests: usize) {
        for _ in 0..requests {
            if stream.read(&mut [0; 1024]).unwrap() == 0 {
                return;
            }
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    }

    #[test]
    fn a_connection_that_ends_is_replaced() {
        let mut session = Session::open(&server(3, 2)).unwrap();
        let answers: Vec<u64> = (0..6).map(|_| session.get_json("/").unwrap()).collect();
        assert_eq!(answers, [1, 1, 2, 2, 3, 3]);
        assert!(session.get_json::<u64>("/").is_err(), "nobody is there any more");
    }

    #[test]
    fn an_old_connection_is_replaced_in_time_or_kept() {
        let mut session = Session::open(&server(2, 9)).unwrap();
        assert_eq!(session.get_json::<u64>("/").unwrap(), 1);
        for connection in [2, 2] {
            session.renew_at = Instant::now() - Duration::from_secs(1);
            // The second time nobody listens: the server takes no third one.
            assert_eq!(session.get_json::<u64>("/").unwrap(), connection);
        }
    }
}
