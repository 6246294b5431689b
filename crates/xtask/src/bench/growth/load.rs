//! What a request costs at one point.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;

use crate::Failure;

use super::super::contender::Contender;
use super::super::generate::{Parsed, load, lua};
use super::super::measure::{PORT, Setup, WARM_UP};
use super::super::process::{Usage, resident_kib};
use super::super::reload::settle;
use super::super::scenario::Scenario;
use super::super::{answer, idle};
use super::outcome::Sample;
use super::series::{MANY_BACKENDS, Quantity, Series};

const MIB: f64 = 1024.0 * 1024.0;

/// Bodies from here on are counted in bytes: with the responses that a run's end cuts off.
const COUNTED_IN_BYTES: usize = 64 * 1024;

/// Of the longest bodies few end within the time, but all their bytes count.
const RESPONSES_MIN: f64 = 5.0;

/// A fresh Evenkeel, warmed up, under load.
pub(super) fn measure(
    setup: &Setup,
    series: Series,
    scenario: &Scenario,
    at: usize,
) -> Result<Sample, Failure> {
    let running = Contender::Evenkeel.start(setup, scenario, PORT)?;
    let pid = running.0.id();
    answer::check(setup, scenario)?;
    if scenario.backends >= MANY_BACKENDS {
        settle(pid)?;
    }
    let mut open = match series {
        Series::Idle => idle::open(PORT, at, "GET /1024 HTTP/1.1\r\nHost: host0.example\r\n\r\n")?,
        _ => Vec::new(),
    };
    let script = setup.directory.join("load.lua");
    fs::write(&script, lua(scenario)).map_err(|error| error.to_string())?;
    load(setup, &script, scenario, WARM_UP)?;
    let before = Usage::of(pid)?;
    let output = load(setup, &script, scenario, setup.duration)?;
    let used = before.until_now(pid)?;
    let resident = resident_kib(pid)?;
    let parsed = Parsed::from(&output)?;
    parsed.check_at_least(RESPONSES_MIN, scenario)?;
    still_open(&mut open)?;
    let micros = used.cpu * 1e6 / responses(&parsed, scenario.response_bytes());
    Ok(Sample {
        values: values(series, micros, scenario.response_bytes(), resident),
        busy: used.busy(),
        disturbed: used.disturbed(),
    })
}

/// How many were sent. Of the longest, so many are under way when a run ends that leaving them out would matter.
fn responses(parsed: &Parsed, bytes: usize) -> f64 {
    if bytes < COUNTED_IN_BYTES { parsed.requests } else { parsed.bytes / bytes as f64 }
}

fn values(series: Series, micros: f64, bytes: usize, resident_kib: f64) -> Vec<(Quantity, f64)> {
    let value = |quantity: &Quantity| match quantity {
        Quantity::Request => Some((*quantity, micros)),
        Quantity::Mebibyte if bytes > 0 => Some((*quantity, micros * MIB / bytes as f64)),
        Quantity::Resident => Some((*quantity, resident_kib / 1024.0)),
        _ => None,
    };
    series.quantities().iter().filter_map(value).collect()
}

/// Connections that were closed meanwhile were not what was to be measured.
fn still_open(all: &mut [TcpStream]) -> Result<(), Failure> {
    let count = all.len();
    match all.iter_mut().map(is_open).filter(|open| *open).count() {
        open if open == count => Ok(()),
        open => Err(format!("{} of {count} idle connections did not stay open", count - open)),
    }
}

/// What is left of the answer is read first.
fn is_open(stream: &mut TcpStream) -> bool {
    let mut rest = [0; 4096];
    if stream.set_nonblocking(true).is_err() {
        return false;
    }
    loop {
        match stream.read(&mut rest) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_closed_connection_is_noticed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connect = || TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let kept = connect();
        let (mut server, _) = listener.accept().unwrap();
        let closed = connect();
        drop(listener.accept().unwrap());
        server.write_all(b"the rest of an answer").unwrap();
        // When these return, both has arrived.
        assert_eq!(kept.peek(&mut [0]).unwrap(), 1);
        assert_eq!(closed.peek(&mut [0]).unwrap(), 0);
        let mut all = [kept];
        assert_eq!(still_open(&mut all), Ok(()));
        let [kept] = all;
        let failure = still_open(&mut [kept, closed]).unwrap_err();
        assert!(failure.starts_with("1 of 2"), "{failure}");
    }

    #[test]
    fn long_responses_are_counted_by_their_bytes() {
        let parsed = Parsed::from("RESULT 10 2097152 0 0 1 1\n").unwrap();
        assert_eq!(responses(&parsed, 1024), 10.0);
        assert_eq!(responses(&parsed, 1 << 20), 2.0);
    }

    #[test]
    fn a_body_costs_by_the_mebibyte_unless_it_is_empty() {
        let values = |bytes| values(Series::Body, 30.0, bytes, 1.0);
        assert_eq!(values(512 * 1024), [(Quantity::Request, 30.0), (Quantity::Mebibyte, 60.0)]);
        assert_eq!(values(0), [(Quantity::Request, 30.0)]);
    }
}
