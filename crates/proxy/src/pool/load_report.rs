//! One load probe: a GET, and what the answer says of the backend's load.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http1::{BodyLength, HeadScanner, Method, Scan, parse_response};

/// The response field of ORCA (Open Request Cost Aggregation) load reports.
const FIELD: &[u8] = b"endpoint-load-metrics";
/// The metric that is read: requests in flight.
const METRIC: &str = "rif";
/// More than this is not an answer to a probe, header and body alike.
const ANSWER_MAX: usize = 16 * 1024;

/// What a backend said.
#[derive(Debug)]
pub(super) struct Report {
    /// From the question to the whole header of the answer.
    pub(super) latency: Duration,
    /// Requests in flight, if it says.
    pub(super) in_flight: Option<u32>,
    /// The connection, when it can be used again.
    pub(super) stream: Option<TcpStream>,
}

/// Asks once, on the connection given or a new one. `None` when there is no answer, or none that is a success.
pub(super) async fn ask(address: SocketAddr, kept: Option<TcpStream>, path: &str) -> Option<Report> {
    let mut stream = match kept {
        Some(stream) => stream,
        None => {
            let stream = TcpStream::connect(address).await.ok()?;
            stream.set_nodelay(true).ok();
            stream
        }
    };
    let version = env!("CARGO_PKG_VERSION");
    let question = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: evenkeel-probe/{version}\r\nAccept: */*\r\n\r\n"
    );
    // Opening the connection is nothing that a request would have to wait for.
    let asked = Instant::now();
    stream.write_all(question.as_bytes()).await.ok()?;
    let mut bytes = Vec::with_capacity(1024);
    let length = head_length(&mut stream, &mut bytes).await?;
    let latency = asked.elapsed();
    let mut fields = Vec::new();
    let head = parse_response(&bytes[..length], Method::Get, &mut fields).ok()?;
    if !(200..300).contains(&head.status) {
        return None;
    }
    let report = fields.iter().find(|field| field.name.slice(&bytes).eq_ignore_ascii_case(FIELD));
    let in_flight = report.and_then(|field| requests_in_flight(field.value.slice(&bytes)));
    let body = match head.body {
        BodyLength::None => Some(0),
        BodyLength::Length(length) => usize::try_from(length).ok().filter(|length| *length <= ANSWER_MAX),
        BodyLength::Chunked | BodyLength::UntilClose => None,
    };
    let stream = match body.filter(|_| head.keep_alive) {
        Some(body) => after(stream, bytes, length + body).await,
        None => None,
    };
    Some(Report { latency, in_flight, stream })
}

/// Reads up to the end of a header, and maybe more; its length.
async fn head_length(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<usize> {
    let mut scanner = HeadScanner::default();
    loop {
        match scanner.advance(bytes) {
            Scan::Complete(length) => return Some(length),
            Scan::Partial if bytes.len() <= ANSWER_MAX => {}
            Scan::Partial | Scan::BareLf => return None,
        }
        stream.read_buf(bytes).await.ok().filter(|read| *read > 0)?;
    }
}

/// Reads until `end`; the connection, unless there is more, which nobody has asked for.
async fn after(mut stream: TcpStream, mut bytes: Vec<u8>, end: usize) -> Option<TcpStream> {
    while bytes.len() < end {
        stream.read_buf(&mut bytes).await.ok().filter(|read| *read > 0)?;
    }
    (bytes.len() == end).then_some(stream)
}

/// Reads a report in one of three forms: `TEXT rif=3, cpu_utilization=0.4`, `JSON {"named_metrics": {"rif": 3}}`, or a
/// number alone. In the first two the metric may stand in `named_metrics` or by itself.
fn requests_in_flight(report: &[u8]) -> Option<u32> {
    let report = std::str::from_utf8(report).ok()?.trim();
    if let Some(text) = report.strip_prefix("TEXT ") {
        let metric = |pair: &str| {
            let (name, value) = pair.split_once('=')?;
            let name = name.trim();
            (name.strip_prefix("named_metrics.").unwrap_or(name) == METRIC).then(|| number(value)).flatten()
        };
        return text.split(',').find_map(metric);
    }
    if let Some(json) = report.strip_prefix("JSON ") {
        let json: serde_json::Value = serde_json::from_str(json).ok()?;
        let named = json.get("named_metrics").and_then(|metrics| metrics.get(METRIC));
        return count(named.or_else(|| json.get(METRIC))?.as_f64()?);
    }
    number(report)
}

fn number(text: &str) -> Option<u32> {
    count(text.trim().parse().ok()?)
}

/// A count is finite and not negative; reports give it as a fraction now and then.
fn count(number: f64) -> Option<u32> {
    (0.0..=f64::from(u32::MAX)).contains(&number).then(|| number.round() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_of_a_report() {
        for (report, expected) in [
            ("TEXT rif=3", Some(3)),
            ("TEXT cpu_utilization=0.4, named_metrics.rif=12", Some(12)),
            ("TEXT named_metrics.rif = 2.6 ,eps=1", Some(3)),
            ("JSON {\"cpu_utilization\": 0.4, \"named_metrics\": {\"rif\": 7}}", Some(7)),
            ("JSON {\"rif\": 7.0}", Some(7)),
            ("17", Some(17)),
            (" 0 ", Some(0)),
            ("", None),
            ("TEXT", None),
            ("TEXT rif", None),
            ("TEXT rif=", None),
            ("TEXT rif=-1", None),
            ("TEXT rif=NaN", None),
            ("TEXT rif=inf", None),
            ("TEXT rif=4294967296", None),
            ("TEXT trif=3", None),
            ("JSON {\"rif\": \"7\"}", None),
            ("JSON {", None),
            ("JSON []", None),
            ("BIN CQAAAA==", None),
            ("\u{ff11}", None),
        ] {
            assert_eq!(requests_in_flight(report.as_bytes()), expected, "{report:?}");
        }
        assert_eq!(requests_in_flight(b"\xff"), None);
    }
}
