//! One delivery: a POST on a connection of its own, bounded in time and in what is read of the answer.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::desk::Answer;
use super::settings::Settings;
use crate::http1::{Field, HeadScanner, Method, Scan, parse_response};
use crate::pool::connect;
use crate::transport::Transport;

/// More than this is not the header of an answer. What follows it is never read.
const HEAD_MAX: usize = 16 * 1024;
/// Addresses of a name that are tried.
const ADDRESSES_MAX: usize = 4;

/// What an answer says.
struct Reply {
    status: u16,
    retry_after: Option<Duration>,
}

/// Sends `body`, once. Takes no longer than the receiver's timeout.
pub(super) async fn deliver(settings: &Settings, body: &str) -> Answer {
    let timeout = settings.config.timeout;
    match tokio::time::timeout(timeout, exchange(settings, body)).await {
        Ok(Ok(reply)) => reply.means(),
        Ok(Err(why)) => Answer::Again { why, after: None },
        Err(_) => Answer::Again { why: format!("no answer within {timeout:?}"), after: None },
    }
}

impl Reply {
    fn means(&self) -> Answer {
        let status = self.status;
        match status {
            200..=299 => Answer::Taken,
            300..=399 => Answer::Refused(format!("status {status}: redirects are not followed")),
            408 | 425 | 429 | 500.. => {
                Answer::Again { why: format!("status {status}"), after: self.retry_after }
            }
            _ => Answer::Refused(format!("status {status}")),
        }
    }
}

async fn exchange(settings: &Settings, body: &str) -> Result<Reply, String> {
    let mut stream = open(settings).await?;
    let text = |error: std::io::Error| error.to_string();
    stream.write_all(request(settings, body).as_bytes()).await.map_err(text)?;
    stream.flush().await.map_err(text)?;
    reply(&mut stream).await
}

/// The first of its addresses that takes a connection.
async fn open(settings: &Settings) -> Result<Transport, String> {
    let url = &settings.url;
    let found = tokio::net::lookup_host((url.host.as_str(), url.port)).await;
    let addresses: Vec<SocketAddr> = found.map_err(|error| error.to_string())?.take(ADDRESSES_MAX).collect();
    let mut why = "the name has no address".to_owned();
    for address in addresses {
        match connect(address, &[], settings.tls.clone()).await {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => why = error,
            None => why = "this process is out of files or ports".to_owned(),
        }
    }
    Err(why)
}

fn request(settings: &Settings, body: &str) -> String {
    let (url, version) = (&settings.url, env!("CARGO_PKG_VERSION"));
    let mut request = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: evenkeel-notify/{version}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n",
        url.path,
        url.authority(),
        body.len()
    );
    for (name, value) in &settings.headers {
        write!(request, "{name}: {value}\r\n").ok();
    }
    request.push_str("\r\n");
    request.push_str(body);
    request
}

/// Reads up to the end of the final header.
async fn reply(stream: &mut Transport) -> Result<Reply, String> {
    let (mut bytes, mut scanner, mut fields) = (Vec::new(), HeadScanner::default(), Vec::new());
    loop {
        while let Scan::Complete(length) = scanner.advance(&bytes) {
            let head = parse_response(&bytes[..length], Method::Get, &mut fields)
                .map_err(|malformed| format!("not an HTTP response: {}", malformed.detail))?;
            if !head.is_interim() {
                return Ok(Reply { status: head.status, retry_after: retry_after(&bytes, &fields) });
            }
            bytes.drain(..length);
            scanner = HeadScanner::default();
        }
        if scanner.clone().advance(&bytes) == Scan::BareLf || bytes.len() > HEAD_MAX {
            return Err("not an HTTP response".to_owned());
        }
        bytes.reserve(1024);
        if stream.read_buf(&mut bytes).await.map_err(|error| error.to_string())? == 0 {
            return Err("closed without an answer".to_owned());
        }
    }
}

/// Seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(head: &[u8], fields: &[Field]) -> Option<Duration> {
    let field = fields.iter().find(|field| field.name.slice(head).eq_ignore_ascii_case(b"retry-after"))?;
    let value = std::str::from_utf8(field.value.slice(head)).ok()?;
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::now()).ok(),
    }
}
