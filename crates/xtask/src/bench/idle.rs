//! Opens connections, uses each once, and keeps them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::Failure;

/// Held open until dropped.
pub(crate) fn open(port: u16, count: usize, request: &str) -> Result<Vec<TcpStream>, Failure> {
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream =
            TcpStream::connect(("127.0.0.1", port)).map_err(|error| format!("connect: {error}"))?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).map_err(|error| error.to_string())?;
        stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
        let mut answer = [0; 8192];
        let read = stream.read(&mut answer).map_err(|error| error.to_string())?;
        if !answer[..read].starts_with(b"HTTP/1.1 200") {
            return Err(format!("answered {:?}", String::from_utf8_lossy(&answer[..read.min(80)])));
        }
        all.push(stream);
    }
    Ok(all)
}

/// As many files at once as the administrator allows.
pub(crate) fn allow_files() -> Result<(), Failure> {
    let limit = Resource::Nofile;
    let mut files = getrlimit(limit);
    files.current = files.maximum;
    setrlimit(limit, files).map_err(|error| format!("limit of open files: {error}"))
}
