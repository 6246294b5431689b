//! A backend that takes as little of its core as can be: every request gets the same answer.
//!
//! Where latencies are measured the backend shares its core with the load generator, and nginx in its place leaves the
//! two so little of it that requests wait there rather than in the proxy. This very program, called again.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Child;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::Failure;

use super::own;

/// Connections at a time. More are closed at once.
const CONNECTIONS_MAX: usize = 4096;
/// Bytes read at once: requests are short.
const READ_MAX: usize = 4 * 1024;
const EVENTS: usize = 64;
/// The listener among the events.
const LISTENER: u64 = u64::MAX;

/// Starts one on the load's core, on every address of this machine.
pub(crate) fn start(port: u16, bytes: usize) -> Result<Child, Failure> {
    own::serve("plain-server", [port.to_string(), bytes.to_string()])
}

/// The server itself: `PORT BYTES`. Serves until it is killed.
pub(crate) fn main(arguments: &[&str]) -> Result<(), Failure> {
    let &[port, bytes] = arguments else { return Err("plain-server PORT BYTES".to_owned()) };
    let (Ok(port), Ok(bytes)) = (port.parse(), bytes.parse()) else {
        return Err("plain-server PORT BYTES".to_owned());
    };
    let listener = TcpListener::bind(("0.0.0.0", port)).map_err(|error| error.to_string())?;
    Server::new(listener, bytes).and_then(|mut server| server.run()).map_err(|error| error.to_string())
}

struct Server {
    listener: TcpListener,
    epoll: OwnedFd,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    answer: Vec<u8>,
    /// Answers to as many requests as came in one read.
    answers: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// Bytes of an empty line that ended the last read: a request may be cut there.
    matched: usize,
}

impl Server {
    fn new(listener: TcpListener, bytes: usize) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        let mut answer = format!(
            "HTTP/1.1 200 OK\r\nServer: plain\r\nContent-Type: text/plain\r\nContent-Length: {bytes}\r\n\r\n"
        )
        .into_bytes();
        answer.resize(answer.len() + bytes, b'x');
        let free = (0..CONNECTIONS_MAX).collect();
        let connections = (0..CONNECTIONS_MAX).map(|_| None).collect();
        Ok(Self { listener, epoll, connections, free, answer, answers: Vec::new() })
    }

    fn run(&mut self) -> io::Result<()> {
        let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; EVENTS];
        loop {
            let count = match epoll::wait(&self.epoll, &mut events, None) {
                Err(Errno::INTR) => 0,
                result => result?,
            };
            for event in &events[..count] {
                match event.data.u64() {
                    LISTENER => self.accept()?,
                    index if self.serve(index as usize).is_err() => {
                        self.connections[index as usize] = None;
                        self.free.push(index as usize);
                    }
                    _ => {}
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            let Some(index) = self.free.pop() else { continue };
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            epoll::add(&self.epoll, &stream, EventData::new_u64(index as u64), EventFlags::IN)?;
            self.connections[index] = Some(Connection { stream, matched: 0 });
        }
        Ok(())
    }

    /// Answers what has arrived. An error ends the connection: the peer is gone, or does not read.
    fn serve(&mut self, index: usize) -> io::Result<()> {
        let Some(connection) = &mut self.connections[index] else { return Ok(()) };
        let mut buffer = [0; READ_MAX];
        let count = match connection.stream.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            count => count?,
        };
        match requests(&buffer[..count], &mut connection.matched) {
            0 => Ok(()),
            1 => write(&mut connection.stream, &self.answer),
            several => {
                self.answers.clear();
                (0..several).for_each(|_| self.answers.extend_from_slice(&self.answer));
                write(&mut connection.stream, &self.answers)
            }
        }
    }
}

fn write(stream: &mut TcpStream, answers: &[u8]) -> io::Result<()> {
    let count = stream.write(answers)?;
    if count == answers.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Requests that end in these bytes: GETs, so an empty line ends each.
fn requests(bytes: &[u8], matched: &mut usize) -> usize {
    const END: &[u8; 4] = b"\r\n\r\n";
    let mut ended = 0;
    for &byte in bytes {
        *matched = if byte == END[*matched] { *matched + 1 } else { usize::from(byte == END[0]) };
        if *matched == END.len() {
            ended += 1;
            *matched = 0;
        }
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_with_its_empty_line_however_it_is_cut() {
        let two = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: \rb\r\r\n\r\n";
        for cut in 0..=two.len() {
            let mut matched = 0;
            let first = requests(&two[..cut], &mut matched);
            assert_eq!(first + requests(&two[cut..], &mut matched), 2, "{cut}");
        }
        let mut matched = 0;
        assert_eq!(requests(&two[..two.len() - 1], &mut matched), 1);
    }

    #[test]
    fn answers_are_whole_and_as_many_as_requests() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || Server::new(listener, 3).unwrap().run());
        let mut client = TcpStream::connect(address).unwrap();
        for asked in [1, 3] {
            client.write_all("GET / HTTP/1.1\r\n\r\n".repeat(asked).as_bytes()).unwrap();
            let mut got = Vec::new();
            while got.windows(7).filter(|end| *end == b"\r\n\r\nxxx").count() < asked {
                let mut some = [0; 512];
                let count = client.read(&mut some).unwrap();
                assert!(count > 0);
                got.extend_from_slice(&some[..count]);
            }
            assert!(got.starts_with(b"HTTP/1.1 200 OK\r\n") && got.ends_with(b"\r\n\r\nxxx"));
        }
    }
}
