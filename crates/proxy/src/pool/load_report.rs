//! One load probe: a GET, and what the answer says of the backend's load.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::http1::{BodyLength, HeadScanner, Method, Scan, parse_response};
use crate::tls::Securely;
use crate::transport::Transport;

/// The response field of ORCA (Open Request Cost Aggregation) load reports.
const FIELD: &[u8] = b"endpoint-load-metrics";
/// The metrics that are read: requests in flight, and the time in milliseconds that a request would take.
const IN_FLIGHT: &str = "rif";
const LATENCY: &str = "latency_ms";
/// More than an hour is nothing that a backend means.
const LATENCY_MAX_MS: f64 = 3_600_000.0;
/// More than this is not an answer to a probe, header and body alike.
const ANSWER_MAX: usize = 16 * 1024;

/// What a backend said.
#[derive(Debug)]
pub(super) struct Report {
    /// What a request would take, if it says; else from the question to the whole header of the answer.
    pub(super) latency: Duration,
    /// Requests in flight, if it says.
    pub(super) in_flight: Option<u32>,
    /// The connection, when it can be used again.
    pub(super) stream: Option<Transport>,
}

/// Asks once, on the connection given or a new one, which begins with `first` and then secures itself.
/// `None` when there is no answer, or none that is a success.
pub(super) async fn ask(
    address: SocketAddr,
    kept: Option<Transport>,
    (first, securely): (&[u8], Option<Securely>),
    path: &str,
) -> Option<Report> {
    let mut stream = match kept {
        Some(stream) => stream,
        None => {
            let mut stream = TcpStream::connect(address).await.ok()?;
            stream.set_nodelay(true).ok();
            stream.write_all(first).await.ok()?;
            match securely {
                Some(securely) => securely.over(stream).await.ok()?,
                None => Transport::Plain(stream),
            }
        }
    };
    let version = env!("CARGO_PKG_VERSION");
    let question = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: evenkeel-probe/{version}\r\nAccept: */*\r\n\r\n"
    );
    // Opening the connection is nothing that a request would have to wait for.
    let asked = Instant::now();
    stream.write_all(question.as_bytes()).await.ok()?;
    stream.flush().await.ok()?;
    let mut bytes = Vec::with_capacity(1024);
    let length = head_length(&mut stream, &mut bytes).await?;
    let answered = asked.elapsed();
    let mut fields = Vec::new();
    let head = parse_response(&bytes[..length], Method::Get, &mut fields).ok()?;
    if !(200..300).contains(&head.status) {
        return None;
    }
    let report = fields.iter().find(|field| field.name.slice(&bytes).eq_ignore_ascii_case(FIELD));
    let report = report.and_then(|field| std::str::from_utf8(field.value.slice(&bytes)).ok()).map(str::trim);
    let in_flight = report.and_then(requests_in_flight);
    let latency = report.and_then(latency).unwrap_or(answered);
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
async fn head_length(stream: &mut Transport, bytes: &mut Vec<u8>) -> Option<usize> {
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
async fn after(mut stream: Transport, mut bytes: Vec<u8>, end: usize) -> Option<Transport> {
    while bytes.len() < end {
        stream.read_buf(&mut bytes).await.ok().filter(|read| *read > 0)?;
    }
    (bytes.len() == end).then_some(stream)
}

/// Requests in flight: a metric, or all that the report says.
fn requests_in_flight(report: &str) -> Option<u32> {
    let number = metric(report, IN_FLIGHT).or_else(|| report.trim().parse().ok())?;
    // Reports give it as a fraction now and then.
    (0.0..=f64::from(u32::MAX)).contains(&number).then(|| number.round() as u32)
}

/// What a request that comes now would take, in milliseconds.
fn latency(report: &str) -> Option<Duration> {
    let millis = metric(report, LATENCY)?;
    (0.0..=LATENCY_MAX_MS).contains(&millis).then(|| Duration::from_secs_f64(millis / 1e3))
}

/// Reads one metric of a report in either form: `TEXT rif=3, cpu_utilization=0.4` or `JSON {"named_metrics": {"rif": 3}}`.
/// It may stand in `named_metrics` or by itself.
fn metric(report: &str, name: &str) -> Option<f64> {
    if let Some(text) = report.strip_prefix("TEXT ") {
        let value = |pair: &str| {
            let (key, value) = pair.split_once('=')?;
            let key = key.trim();
            (key.strip_prefix("named_metrics.").unwrap_or(key) == name).then(|| value.trim().parse().ok())?
        };
        return text.split(',').find_map(value);
    }
    let json: serde_json::Value = serde_json::from_str(report.strip_prefix("JSON ")?).ok()?;
    json.get("named_metrics").and_then(|metrics| metrics.get(name)).or_else(|| json.get(name))?.as_f64()
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
            assert_eq!(requests_in_flight(report), expected, "{report:?}");
        }
    }

    #[test]
    fn a_latency_is_a_time_that_somebody_might_wait() {
        for (report, expected) in [
            ("TEXT rif=3, latency_ms=12.5", Some(12_500)),
            ("TEXT named_metrics.latency_ms=0", Some(0)),
            ("JSON {\"named_metrics\": {\"latency_ms\": 150}}", Some(150_000)),
            ("TEXT rif=3", None),
            ("17", None),
            ("TEXT latency_ms=-1", None),
            ("TEXT latency_ms=NaN", None),
            ("TEXT latency_ms=1e300", None),
        ] {
            assert_eq!(latency(report), expected.map(Duration::from_micros), "{report:?}");
        }
    }
}
