//! What a request costs at one point.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpStream;

use crate::Failure;

use super::super::contender::Contender;
use super::super::idle;
use super::super::measure::{PORT, Parsed, Setup, WARM_UP, check_answer, load, lua};
use super::super::process::{Usage, resident_kib};
use super::super::reload::settle;
use super::super::scenario::Scenario;
use super::outcome::Sample;
use super::series::{MANY_BACKENDS, Quantity, Series};

const MIB: f64 = 1024.0 * 1024.0;

/// Bodies from here on are counted in bytes: with the responses that a run's end cuts off.
const COUNTED_IN_BYTES: usize = 64 * 1024;

/// A fresh Evenkeel, warmed up, under load.
pub(super) fn measure(
    setup: &Setup,
    series: Series,
    scenario: &Scenario,
    at: usize,
) -> Result<Sample, Failure> {
    let running = Contender::Evenkeel.start(setup, scenario, PORT)?;
    let pid = running.0.id();
    check_answer(scenario)?;
    if scenario.backends >= MANY_BACKENDS {
        settle(pid)?;
    }
    let open = match series {
        Series::Idle => idle::open(PORT, at, "GET /1024 HTTP/1.1\r\nHost: host0.example\r\n\r\n")?,
        _ => Vec::new(),
    };
    let script = setup.directory.join("load.lua");
    fs::write(&script, lua(scenario)).map_err(|error| error.to_string())?;
    load(&script, scenario, WARM_UP)?;
    let before = Usage::of(pid)?;
    let output = load(&script, scenario, setup.duration)?;
    let used = before.until_now(pid)?;
    let resident = resident_kib(pid)?;
    let parsed = Parsed::from(&output)?;
    parsed.check(scenario)?;
    still_open(&open)?;
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
fn still_open(all: &[TcpStream]) -> Result<(), Failure> {
    let is_open = |stream: &TcpStream| {
        let peeked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
        peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    };
    match all.iter().filter(|stream| !is_open(stream)).count() {
        0 => Ok(()),
        closed => Err(format!("{closed} of {} idle connections did not stay open", all.len())),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_closed_connection_is_noticed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connect = || TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (kept, closed) = (connect(), connect());
        let (server, _) = listener.accept().unwrap();
        assert_eq!(still_open(std::slice::from_ref(&kept)), Ok(()));
        drop(listener.accept().unwrap());
        // What closes the connection has arrived when this returns.
        closed.peek(&mut [0]).unwrap();
        let failure = still_open(&[kept, closed]).unwrap_err();
        assert!(failure.starts_with("1 of 2"), "{failure}");
        drop(server);
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
