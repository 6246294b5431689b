//! One kept connection, and the little of HTTP that a generator must know.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

/// A response's head is never longer here.
const HEAD_MAX: usize = 4096;

/// At most one request at a time.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    answer: Answer,
    /// When the running request was due, nanoseconds; none runs when `None`.
    due: Option<u64>,
}

/// What arrived so far of one response.
#[derive(Debug)]
pub(super) struct Answer {
    buffer: Vec<u8>,
    filled: usize,
    /// Of the last response: the next one's head is likely as long.
    head: usize,
    body: usize,
}

/// What arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    Part,
    /// All of it, and as expected or not.
    Whole {
        good: bool,
    },
}

impl Connection {
    pub(super) fn open(port: u16, body: usize) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, answer: Answer::new(body), due: None })
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(super) fn due(&self) -> Option<u64> {
        self.due
    }

    /// A request is short enough to fit the socket's buffer at once.
    pub(super) fn send(&mut self, request: &[u8], due: u64) -> io::Result<()> {
        self.due = Some(due);
        self.answer.filled = 0;
        let count = self.stream.write(request)?;
        if count == request.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    /// Reads what is there. An end of the connection is an error: nobody was to close it.
    pub(super) fn receive(&mut self) -> io::Result<Received> {
        let count = match self.stream.read(&mut self.answer.buffer[self.answer.filled..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Received::Part),
            Err(error) => return Err(error),
        };
        self.answer.filled += count;
        let received = self.answer.look()?;
        if received != Received::Part && self.due.take().is_none() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(received)
    }
}

impl Answer {
    fn new(body: usize) -> Self {
        // One byte more than may come shows that too much came.
        Self { buffer: vec![0; HEAD_MAX + body + 1], filled: 0, head: 0, body }
    }

    fn look(&mut self) -> io::Result<Received> {
        let got = &self.buffer[..self.filled];
        let ends_at = |head: usize| head >= 4 && got.get(head - 4..head) == Some(b"\r\n\r\n");
        if !ends_at(self.head) {
            let Some(end) = got.windows(4).position(|four| four == b"\r\n\r\n") else {
                let is_too_long = self.filled >= HEAD_MAX;
                return if is_too_long { Err(io::ErrorKind::InvalidData.into()) } else { Ok(Received::Part) };
            };
            self.head = end + 4;
            if length(&got[..self.head]) != Some(self.body) {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        match self.filled.cmp(&(self.head + self.body)) {
            std::cmp::Ordering::Less => Ok(Received::Part),
            std::cmp::Ordering::Equal => Ok(Received::Whole { good: got.starts_with(b"HTTP/1.1 200 ") }),
            std::cmp::Ordering::Greater => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// What the head says of the body.
fn length(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?;
    let mut fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(answer: &mut Answer, bytes: &str) -> io::Result<Received> {
        answer.buffer[..bytes.len()].copy_from_slice(bytes.as_bytes());
        answer.filled = bytes.len();
        answer.look()
    }

    const GOOD: &str = "HTTP/1.1 200 OK\r\nA: b\r\ncontent-LENGTH: 3\r\n\r\nabc";

    #[test]
    fn a_response_is_whole_with_its_last_byte() {
        let mut answer = Answer::new(3);
        for end in 0..GOOD.len() {
            assert_eq!(look(&mut answer, &GOOD[..end]).unwrap(), Received::Part, "{end}");
        }
        assert_eq!(look(&mut answer, GOOD).unwrap(), Received::Whole { good: true });
        assert!(look(&mut answer, &format!("{GOOD}x")).is_err());
    }

    #[test]
    fn another_head_length_is_found_anew() {
        let mut answer = Answer::new(3);
        look(&mut answer, GOOD).unwrap();
        let shorter = GOOD.replace("A: b\r\n", "");
        assert_eq!(look(&mut answer, &shorter).unwrap(), Received::Whole { good: true });
        let longer = GOOD.replace("A: b\r\n", "A: bcd\r\n");
        assert_eq!(look(&mut answer, &longer).unwrap(), Received::Whole { good: true });
    }

    #[test]
    fn another_status_or_length_is_told() {
        let mut answer = Answer::new(3);
        let failed = GOOD.replace("200 OK", "503 No");
        assert_eq!(look(&mut answer, &failed).unwrap(), Received::Whole { good: false });
        assert!(look(&mut Answer::new(3), &GOOD.replace(": 3", ": 2")).is_err());
        assert!(look(&mut Answer::new(3), &GOOD.replace("content-LENGTH", "x")).is_err());
        assert!(look(&mut Answer::new(9000), &"x".repeat(HEAD_MAX)).is_err());
    }
}
