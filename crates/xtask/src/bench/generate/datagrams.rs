//! Datagrams that are to come back: each socket sends one, and the next when it is back.

use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use crate::Failure;

use super::super::measure::PORT;
use super::super::own;
use super::super::scenario::{Load, Scenario};
use super::Generated;

/// One that is not back by then is lost, and the next is sent.
const LOST_AFTER: Duration = Duration::from_millis(250);
/// The loopback loses what does not fit somebody's buffer, which is not to happen: few are under way at a time.
const LOST_MAX: f64 = 0.001;
/// Each begins with its number.
const BYTES_MIN: usize = 8;
/// Events taken at once.
const EVENTS: usize = 64;

const USAGE: &str = "datagrams PORT BYTES SOCKETS MILLISECONDS";

/// Runs the generator to its end.
pub(super) fn run(scenario: &Scenario, duration: Duration) -> Result<Generated, Failure> {
    let Load::Datagrams { bytes, sockets } = scenario.load else {
        return Err("this generator is for datagrams".to_owned());
    };
    let arguments =
        [PORT.into(), bytes, sockets, duration.as_millis() as usize].map(|number: usize| number.to_string());
    let numbers = own::numbers("datagrams", arguments)?;
    let &[requests, lost, p50_ms, p99_ms] = numbers.as_slice() else {
        return Err(format!("the load generator printed {numbers:?}"));
    };
    if lost > requests * LOST_MAX {
        return Err(format!("{lost} datagrams did not come back, of {requests}, no figure"));
    }
    Ok(Generated { requests, p50_ms, p99_ms })
}

/// The generator itself: prints how many came back, how many did not, and the median and 99th percentile of the times
/// between, milliseconds.
pub(crate) fn main(arguments: &[&str]) -> Result<(), Failure> {
    let numbers: Option<Vec<usize>> = arguments.iter().map(|number| number.parse().ok()).collect();
    let Some(&[port, bytes, sockets, millis]) = numbers.as_deref() else { return Err(USAGE.to_owned()) };
    let port = u16::try_from(port).map_err(|error| error.to_string())?;
    let told = |error: io::Error| format!("load generator: {error}");
    let mut generator = Generator::new(port, bytes.max(BYTES_MIN), sockets).map_err(told)?;
    generator.run(Duration::from_millis(millis as u64)).map_err(told)?;
    let (back, lost, times) = (generator.times.len(), generator.lost, &mut generator.times);
    times.sort_unstable();
    let percentile =
        |percent: usize| times.get(back * percent / 100).map_or(0.0, |&nanos| nanos as f64 / 1e6);
    println!("{back} {lost} {:.4} {:.4}", percentile(50), percentile(99));
    Ok(())
}

struct Generator {
    epoll: OwnedFd,
    clients: Vec<Client>,
    received: Vec<u8>,
    /// Nanoseconds from sending to receiving.
    times: Vec<u64>,
    lost: u64,
}

/// One socket, and so one session of the proxy.
struct Client {
    socket: UdpSocket,
    number: u64,
    datagram: Vec<u8>,
    sent: Instant,
}

impl Generator {
    fn new(port: u16, bytes: usize, sockets: usize) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut clients = Vec::with_capacity(sockets);
        for index in 0..sockets {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.connect(("127.0.0.1", port))?;
            socket.set_nonblocking(true)?;
            epoll::add(&epoll, &socket, EventData::new_u64(index as u64), EventFlags::IN)?;
            // Nobody's datagrams are like anybody else's.
            let number = (index as u64) << 40;
            clients.push(Client { socket, number, datagram: vec![b'x'; bytes], sent: Instant::now() });
        }
        // One byte more than may come shows that too much came.
        Ok(Self { epoll, clients, received: vec![0; bytes + 1], times: Vec::new(), lost: 0 })
    }

    fn run(&mut self, duration: Duration) -> io::Result<()> {
        let end = Instant::now() + duration;
        let mut look = Instant::now() + LOST_AFTER;
        self.clients.iter_mut().try_for_each(Client::send)?;
        while Instant::now() < end {
            self.take(LOST_AFTER)?;
            if Instant::now() >= look {
                self.resend()?;
                look += LOST_AFTER;
            }
        }
        Ok(())
    }

    /// Takes what is back; waits for the first at most so long.
    fn take(&mut self, timeout: Duration) -> io::Result<()> {
        let timeout =
            Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: i64::from(timeout.subsec_nanos()) };
        let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; EVENTS];
        let count = match epoll::wait(&self.epoll, &mut events, Some(&timeout)) {
            Err(Errno::INTR) => 0,
            result => result?,
        };
        for event in &events[..count] {
            let client = &mut self.clients[event.data.u64() as usize];
            if client.receive(&mut self.received)? {
                self.times.push(client.sent.elapsed().as_nanos() as u64);
                client.send()?;
            }
        }
        Ok(())
    }

    fn resend(&mut self) -> io::Result<()> {
        for client in &mut self.clients {
            if client.sent.elapsed() >= LOST_AFTER {
                self.lost += 1;
                client.send()?;
            }
        }
        Ok(())
    }
}

impl Client {
    fn send(&mut self) -> io::Result<()> {
        self.number += 1;
        self.datagram[..BYTES_MIN].copy_from_slice(&self.number.to_be_bytes());
        self.sent = Instant::now();
        self.socket.send(&self.datagram).map(drop)
    }

    /// Whether the last one is back. One that was given up may still come; anything else is an error.
    fn receive(&self, into: &mut [u8]) -> io::Result<bool> {
        let count = match self.socket.recv(into) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            count => count?,
        };
        let got = &into[..count];
        if got == self.datagram {
            return Ok(true);
        }
        let is_late = count == self.datagram.len() && got[..BYTES_MIN] < self.datagram[..BYTES_MIN];
        if is_late { Ok(false) } else { Err(io::Error::other("something else came back")) }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Answers the first datagrams with what is given, and the others with themselves.
    fn server(answer: impl Fn(usize, &[u8]) -> Vec<u8> + Send + 'static) -> u16 {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        thread::spawn(move || {
            let mut got = [0; 64];
            for index in 0.. {
                let (count, from) = socket.recv_from(&mut got).unwrap();
                let answer = answer(index, &got[..count]);
                if !answer.is_empty() {
                    socket.send_to(&answer, from).unwrap();
                }
            }
        });
        port
    }

    #[test]
    fn what_comes_back_is_counted_and_what_is_lost_is_sent_again() {
        let port = server(|index, got| if index == 5 { Vec::new() } else { got.to_vec() });
        let mut generator = Generator::new(port, 16, 1).unwrap();
        generator.run(LOST_AFTER * 4).unwrap();
        assert_eq!(generator.lost, 1);
        assert!(generator.times.len() > 10, "{}", generator.times.len());
    }

    #[test]
    fn something_else_that_comes_back_is_an_error() {
        let port = server(|_, got| [got, b"x"].concat());
        assert!(Generator::new(port, 16, 1).unwrap().run(LOST_AFTER).is_err());
    }

    #[test]
    fn one_that_was_given_up_may_still_come() {
        let port = server(|_, got| {
            let earlier = u64::from_be_bytes(got[..BYTES_MIN].try_into().unwrap()) - 1;
            [&earlier.to_be_bytes(), &got[BYTES_MIN..]].concat()
        });
        let mut generator = Generator::new(port, 16, 1).unwrap();
        generator.run(LOST_AFTER / 2).unwrap();
        assert!(generator.times.is_empty());
    }
}
