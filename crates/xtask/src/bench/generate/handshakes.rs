//! A new TLS connection for each request, with a full handshake or a resumed session.
//!
//! As many clients as there are connections at a time, each a thread that waits for its own. No generator at hand resumes
//! sessions of TLS 1.3.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::thread;
use std::time::{Duration, Instant};

use crate::Failure;

use super::super::certificate::NAME;
use super::super::measure::PORT;
use super::super::own;
use super::super::scenario::{Load, Scenario};
use super::super::secure::{Connector, is_resumed};
use super::Generated;

/// Clients at a time.
const CLIENTS: usize = 32;
/// The first handshake of each client cannot be a resumed one; the others are to be.
const RESUMED_MIN: f64 = 0.98;

const USAGE: &str = "handshakes PORT PATH BYTES full|resumed MILLISECONDS";

/// Runs the generator to its end.
pub(super) fn run(scenario: &Scenario, duration: Duration) -> Result<Generated, Failure> {
    let Load::Handshakes { bytes, resumed } = scenario.load else {
        return Err("this generator is for handshakes".to_owned());
    };
    let kind = if resumed { "resumed" } else { "full" };
    let arguments = [
        PORT.to_string(),
        scenario.path(),
        bytes.to_string(),
        kind.to_owned(),
        duration.as_millis().to_string(),
    ];
    let numbers = own::numbers("handshakes", arguments)?;
    let &[requests, share, p50_ms, p99_ms] = numbers.as_slice() else {
        return Err(format!("the load generator printed {numbers:?}"));
    };
    check(resumed, share).map_err(|failure| format!("{failure}, of {requests}"))?;
    Ok(Generated { requests, p50_ms, p99_ms })
}

/// Nobody resumes who was not asked to, and whoever was, does.
fn check(resumed: bool, share: f64) -> Result<(), Failure> {
    let is_right = if resumed { share >= RESUMED_MIN } else { share == 0.0 };
    if is_right {
        return Ok(());
    }
    Err(format!("{:.1} % of the sessions were resumed: no figure", share * 100.0))
}

/// The generator itself: prints requests, the share of resumed sessions, and the median and 99th percentile of
/// latencies, milliseconds.
pub(crate) fn main(arguments: &[&str]) -> Result<(), Failure> {
    let &[port, path, bytes, kind, millis] = arguments else { return Err(USAGE.to_owned()) };
    let (Ok(port), Ok(bytes), Ok(millis)) = (port.parse(), bytes.parse(), millis.parse()) else {
        return Err(USAGE.to_owned());
    };
    let all = Clients { port, path: path.to_owned(), bytes, resumes: kind == "resumed" };
    let mut done = all.run(Duration::from_millis(millis))?;
    done.nanos.sort_unstable();
    let requests = done.nanos.len();
    let share = done.resumed as f64 / requests.max(1) as f64;
    println!("{requests} {share:.6} {:.4} {:.4}", done.percentile_ms(50), done.percentile_ms(99));
    Ok(())
}

/// What each of them does.
#[derive(Clone, Debug)]
struct Clients {
    port: u16,
    path: String,
    bytes: usize,
    resumes: bool,
}

/// What came of it.
#[derive(Debug, Default)]
struct Done {
    /// From the connection's begin to the response's end.
    nanos: Vec<u64>,
    resumed: usize,
}

impl Clients {
    /// Any error is an error of the whole.
    fn run(&self, duration: Duration) -> Result<Done, Failure> {
        let end = Instant::now() + duration;
        thread::scope(|scope| {
            let all: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(move || self.client(end))).collect();
            let mut sum = Done::default();
            for client in all {
                let done = client.join().map_err(|_| "a client panicked".to_owned())??;
                sum.nanos.extend(done.nanos);
                sum.resumed += done.resumed;
            }
            Ok(sum)
        })
    }

    fn client(&self, end: Instant) -> Result<Done, Failure> {
        let connector = Connector::new(self.resumes)?;
        let request =
            format!("GET {} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n", self.path).into_bytes();
        let mut answer = Vec::with_capacity(self.bytes + 4096);
        let mut done = Done::default();
        while Instant::now() < end {
            let begin = Instant::now();
            let resumed = self.ask(&connector, &request, &mut answer);
            done.resumed += usize::from(resumed.map_err(|error| format!("a request failed: {error}"))?);
            done.nanos.push(begin.elapsed().as_nanos() as u64);
        }
        Ok(done)
    }

    /// One connection from begin to end; whether its session was resumed.
    fn ask(&self, connector: &Connector, request: &[u8], answer: &mut Vec<u8>) -> io::Result<bool> {
        let mut stream = connector.open(self.port)?;
        stream.write_all(request)?;
        answer.clear();
        match stream.read_to_end(answer) {
            // Without a farewell, which the response's length makes up for.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
            read => drop(read?),
        }
        if !is_whole(answer, self.bytes) {
            let begin = String::from_utf8_lossy(&answer[..answer.len().min(80)]).into_owned();
            return Err(io::Error::other(format!("answered {} bytes: {begin:?}", answer.len())));
        }
        is_resumed(&stream.conn)
    }
}

impl Done {
    /// Of sorted times; 0 without any.
    fn percentile_ms(&self, percent: usize) -> f64 {
        let index = (self.nanos.len() * percent / 100).min(self.nanos.len().saturating_sub(1));
        self.nanos.get(index).map_or(0.0, |&nanos| nanos as f64 / 1e6)
    }
}

/// Status and length of a response that the connection's end ended.
fn is_whole(answer: &[u8], bytes: usize) -> bool {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
    answer.starts_with(b"HTTP/1.1 200 ") && head.is_some_and(|head| answer.len() - head - 4 == bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_resumed_sessions_is_as_asked_for() {
        assert!(check(true, 0.98).is_ok() && check(false, 0.0).is_ok());
        assert!(check(true, 0.97).is_err() && check(false, 0.001).is_err());
    }

    #[test]
    fn a_response_is_whole_with_its_status_and_length() {
        let good = "HTTP/1.1 200 OK\r\nA: b\r\n\r\nabc";
        assert!(is_whole(good.as_bytes(), 3));
        assert!(!is_whole(good.as_bytes(), 4));
        assert!(!is_whole(good.replace("200", "503").as_bytes(), 3));
        assert!(!is_whole(b"HTTP/1.1 200 OK\r\n", 0));
    }

    #[test]
    fn percentiles_are_of_what_there_is() {
        let done = Done { nanos: (1..=100).map(|ms| ms * 1_000_000).collect(), resumed: 0 };
        assert_eq!((done.percentile_ms(50), done.percentile_ms(99)), (51.0, 100.0));
        assert_eq!(Done::default().percentile_ms(99), 0.0);
    }
}
