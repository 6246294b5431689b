//! Opens connections, uses each once, and keeps them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::Failure;

use super::certificate::NAME;
use super::figures::Figures;
use super::measure::PORT;
use super::process::resident_kib;
use super::scenario::Protocol;
use super::secure::{self, Connector};

/// What resident memory grows by with so many of them.
pub(crate) fn measure(pid: u32, protocol: Protocol, connections: usize) -> Result<Figures, Failure> {
    allow_files()?;
    let before = resident_kib(pid)?;
    let after = if protocol == Protocol::Https {
        grown(pid, open_secure(PORT, connections)?)?
    } else {
        grown(pid, open(PORT, connections, "GET /1024 HTTP/1.1\r\nHost: host0.example\r\n\r\n")?)?
    };
    Ok(Figures {
        resident_kib: before,
        idle_kib: Some((after - before) / connections as f64),
        ..Figures::default()
    })
}

/// Resident memory while they are open.
fn grown<T>(pid: u32, open: Vec<T>) -> Result<f64, Failure> {
    thread::sleep(Duration::from_secs(1));
    let after = resident_kib(pid);
    drop(open);
    after
}

/// Held open until dropped.
pub(crate) fn open(port: u16, count: usize, request: &str) -> Result<Vec<TcpStream>, Failure> {
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream =
            TcpStream::connect(("127.0.0.1", port)).map_err(|error| format!("connect: {error}"))?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).map_err(|error| error.to_string())?;
        ask(&mut stream, request)?;
        all.push(stream);
    }
    Ok(all)
}

/// The same over TLS, each with a full handshake.
fn open_secure(port: u16, count: usize) -> Result<Vec<secure::Stream>, Failure> {
    let connector = Connector::new(false)?;
    let request = format!("GET /1024 HTTP/1.1\r\nHost: {NAME}\r\n\r\n");
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = connector.open(port).map_err(|error| format!("connect: {error}"))?;
        ask(&mut stream, &request)?;
        secure::is_resumed(&stream.conn).map_err(|error| error.to_string())?;
        all.push(stream);
    }
    Ok(all)
}

fn ask(stream: &mut (impl Read + Write), request: &str) -> Result<(), Failure> {
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = [0; 8192];
    let read = stream.read(&mut answer).map_err(|error| error.to_string())?;
    if answer[..read].starts_with(b"HTTP/1.1 200") {
        return Ok(());
    }
    Err(format!("answered {:?}", String::from_utf8_lossy(&answer[..read.min(80)])))
}

/// As many files at once as the administrator allows.
pub(crate) fn allow_files() -> Result<(), Failure> {
    let limit = Resource::Nofile;
    let mut files = getrlimit(limit);
    files.current = files.maximum;
    setrlimit(limit, files).map_err(|error| format!("limit of open files: {error}"))
}
