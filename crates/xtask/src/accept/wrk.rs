//! Load by wrk, and what it says of failures.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::task::JoinHandle;

/// Connections of every run.
pub(crate) const CONNECTIONS: u32 = 64;

/// How a run went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) requests: u64,
    /// Responses that were not 2xx or 3xx.
    pub(crate) refused: u64,
    /// Connections that failed to open, read, write, or in time.
    pub(crate) broken: u64,
    pub(crate) per_second: f64,
}

impl Run {
    pub(crate) fn failed(&self) -> u64 {
        self.refused + self.broken
    }
}

/// Starts wrk beside everything else.
///
/// The handle panics when wrk cannot be run or says something unknown.
pub(crate) fn start(target: SocketAddr, duration: Duration) -> JoinHandle<Run> {
    let seconds = duration.as_secs().max(1);
    tokio::task::spawn_blocking(move || {
        let done = Command::new("wrk")
            .args([
                "-t",
                "1",
                "-c",
                &CONNECTIONS.to_string(),
                "-d",
                &format!("{seconds}s"),
                "--timeout",
                "10s",
            ])
            .arg(format!("http://{target}/"))
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("wrk: {error}"));
        let text = String::from_utf8_lossy(&done.stdout);
        parse(&text)
            .unwrap_or_else(|| panic!("wrk said {text:?} {:?}", String::from_utf8_lossy(&done.stderr)))
    })
}

fn parse(text: &str) -> Option<Run> {
    let line = |key: &str| text.lines().map(str::trim).find(|line| line.contains(key));
    let last_number = |line: &str| line.rsplit([' ', ':']).next()?.parse::<f64>().ok();
    let requests = line(" requests in ")?.split(' ').next()?.parse().ok()?;
    let per_second = last_number(line("Requests/sec:")?)?;
    let refused = line("Non-2xx or 3xx responses:").and_then(last_number).unwrap_or(0.0) as u64;
    let broken = line("Socket errors:")
        .map_or(0, |line| line.split([' ', ',']).filter_map(|word| word.parse::<u64>().ok()).sum());
    Some(Run { requests, refused, broken, per_second })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_wrk_prints() {
        let text = "Running 1s test @ http://127.0.0.1:1/\n  1 threads and 64 connections\n\
                    \x20 83425 requests in 1.10s, 13.21MB read\n  Socket errors: connect 1, read 2, write 3, timeout 4\n\
                    \x20 Non-2xx or 3xx responses: 7\nRequests/sec:  75825.42\nTransfer/sec:     12.00MB\n";
        let run = parse(text).unwrap();
        assert_eq!(run, Run { requests: 83425, refused: 7, broken: 10, per_second: 75825.42 });
        assert_eq!(run.failed(), 17);
        assert_eq!(parse("unable to connect"), None);
    }
}
