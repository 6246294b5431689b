//! Responses of Evenkeel's own: one table of what went wrong, its status, and how `Proxy-Status` calls it.

use crate::http1::Malformed;
use crate::upstream::TlsFault;

use super::forward::PSEUDONYM;
use super::grpc;

/// Why Evenkeel answers itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The request is not acceptable HTTP/1.1.
    Malformed(Malformed),
    /// The request line alone does not fit.
    TargetTooLong,
    /// The header section does not fit.
    HeaderTooLarge,
    /// The body exceeds the limit.
    BodyTooLarge,
    /// The header section did not arrive in time.
    HeaderTimeout,
    /// The body stopped arriving.
    BodyTimeout,
    /// No route holds.
    NoRoute,
    /// No backend of the pool may be picked.
    NoBackend,
    /// Every backend is at its limit, and as many requests wait as may.
    QueueFull,
    /// No backend came to have room in time.
    QueueTimeout,
    /// Every backend that could be tried refused the connection.
    ConnectionRefused,
    /// Every backend that could be tried left the connection unanswered.
    ConnectionTimeout,
    /// Connecting failed in another way.
    ConnectionFailed,
    /// TLS with the backend did not come about.
    BackendTls(TlsFault),
    /// The request asks for a tunnel through a pool that has none for it.
    NoTunnel,
    /// The backend's answer to a request for a tunnel is a success and no tunnel.
    NotSwitched,
    /// The request is for another host than the connection (RFC 9110 section 15.5.20).
    Misdirected,
    /// There is nowhere to send an HTTP/1.0 client that names no host.
    NoHost,
    /// This process is out of files, ports or memory.
    OutOfResources,
    /// The backend closed before it answered.
    ConnectionTerminated,
    /// The backend did not answer in time.
    ResponseTimeout,
    /// The backend's answer is not acceptable HTTP/1.1.
    BadResponse(&'static str),
    /// The whole request took longer than it may.
    TotalTimeout,
    /// The drain deadline passed.
    Cut,
}

impl Failure {
    /// Status code, error type of RFC 9209 section 2.3, and a detail for people.
    pub(crate) fn describe(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Malformed(Malformed { status, detail }) => (status, "http_request_error", detail),
            Self::TargetTooLong => {
                (414, "http_request_error", "the request line is longer than allowed here")
            }
            Self::HeaderTooLarge => {
                (431, "http_request_error", "the header section is larger than allowed here")
            }
            Self::BodyTooLarge => (413, "http_request_error", "the body is larger than allowed here"),
            Self::HeaderTimeout => (408, "http_request_error", "the header section did not arrive in time"),
            Self::BodyTimeout => (408, "http_request_error", "the body stopped arriving"),
            Self::NoRoute => (404, "destination_not_found", "no route holds for this host and path"),
            Self::NoBackend => (503, "destination_unavailable", "no backend of the pool is available"),
            Self::QueueFull => (
                503,
                "connection_limit_reached",
                "every backend is at its limit, and no more requests may wait",
            ),
            Self::QueueTimeout => (
                503,
                "connection_limit_reached",
                "every backend was at its limit for as long as a request may wait",
            ),
            Self::ConnectionRefused => (502, "connection_refused", "the backend refuses connections"),
            Self::ConnectionTimeout => {
                (504, "connection_timeout", "the backend does not accept the connection")
            }
            Self::ConnectionFailed => (502, "destination_ip_unroutable", "the backend cannot be reached"),
            Self::BackendTls(TlsFault::Certificate) => {
                (502, "tls_certificate_error", "the backend's certificate is not accepted")
            }
            Self::BackendTls(TlsFault::Alert) => {
                (502, "tls_alert_received", "the backend refuses the TLS handshake")
            }
            Self::BackendTls(TlsFault::Protocol) => {
                (502, "tls_protocol_error", "the TLS handshake with the backend failed")
            }
            Self::NoTunnel => (501, "http_request_error", "this pool opens no tunnel for a stream of HTTP/2"),
            Self::NotSwitched => {
                (502, "http_upgrade_failed", "the backend answers without switching protocols")
            }
            Self::Misdirected => {
                (421, "http_request_error", "this connection is for another host; open one for this host")
            }
            Self::NoHost => (400, "http_request_error", "the request names no host to go to over HTTPS"),
            Self::OutOfResources => (
                503,
                "connection_limit_reached",
                "the balancer is out of files, ports or memory; the backends are not",
            ),
            Self::ConnectionTerminated => {
                (502, "connection_terminated", "the backend closed the connection before it answered")
            }
            Self::ResponseTimeout => (504, "http_response_timeout", "the backend did not answer in time"),
            Self::BadResponse(detail) => (502, "http_protocol_error", detail),
            Self::TotalTimeout => (504, "http_response_timeout", "the request took longer than it may"),
            Self::Cut => (503, "proxy_internal_response", "shutting down"),
        }
    }

    pub(crate) fn status(self) -> u16 {
        self.describe().0
    }

    /// What the access log calls it: the error type, save where RFC 9209 has one for several.
    pub(crate) fn logged(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::QueueTimeout => "queue_timeout",
            other => other.describe().1,
        }
    }

    /// Whether the connection can carry another request: the request was understood to its end.
    pub(crate) fn leaves_connection_sound(self) -> bool {
        !matches!(
            self,
            Self::Malformed(_)
                | Self::TargetTooLong
                | Self::HeaderTooLarge
                | Self::BodyTooLarge
                | Self::HeaderTimeout
                | Self::BodyTimeout
                | Self::Cut
        )
    }
}

/// How to write an own response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    /// The answer to HEAD has no body.
    pub(crate) without_body: bool,
    pub(crate) keep_alive: bool,
    pub(crate) minor: u8,
    /// It answers a call of gRPC, which knows no status of HTTP but 200.
    pub(crate) grpc: bool,
}

/// Writes the response for `failure` into `out`; returns its status.
pub(crate) fn error_response(
    out: &mut Vec<u8>,
    failure: Failure,
    form: Form,
    request_id: &[u8],
    date: &[u8],
) -> u16 {
    if form.grpc {
        return grpc_response(out, failure, request_id, date);
    }
    let (status, error, detail) = failure.describe();
    let reason = reason_phrase(status);
    let body = format!("{status} {reason}: {detail}\n");
    let mut head = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nProxy-Status: {PSEUDONYM}; error={error}; details=\"{detail}\"\r\n",
        body.len()
    );
    if status == 405 {
        head.push_str("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n");
    }
    if !request_id.is_empty() {
        head.push_str("X-Request-Id: ");
        head.push_str(&String::from_utf8_lossy(request_id));
        head.push_str("\r\n");
    }
    match (form.keep_alive, form.minor) {
        (false, _) => head.push_str("Connection: close\r\n"),
        (true, 0) => head.push_str("Connection: keep-alive\r\n"),
        (true, _) => {}
    }
    head.push_str("Date: ");
    out.clear();
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(date);
    out.extend_from_slice(b"\r\n\r\n");
    if !form.without_body {
        out.extend_from_slice(body.as_bytes());
    }
    status
}

/// A response without content whose head says it all ("Trailers-Only"). Returns what the status would be otherwise: that
/// is what counters and logs go by.
fn grpc_response(out: &mut Vec<u8>, failure: Failure, request_id: &[u8], date: &[u8]) -> u16 {
    let (status, error, detail) = failure.describe();
    let code = grpc::status_of(failure);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\ngrpc-status: {code}\r\ngrpc-message: {detail}\r\n\
         Proxy-Status: {PSEUDONYM}; error={error}; details=\"{detail}\"\r\nX-Request-Id: "
    );
    out.clear();
    for part in [head.as_bytes(), request_id, b"\r\nDate: ", date, b"\r\n\r\n"] {
        out.extend_from_slice(part);
    }
    status
}

fn reason_phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_why_in_the_terms_of_rfc_9209() {
        let mut out = Vec::new();
        let form = Form { without_body: false, keep_alive: true, minor: 1, grpc: false };
        let status = error_response(&mut out, Failure::NoBackend, form, b"id", b"now");
        assert_eq!(status, 503);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 61\r\n\
             Cache-Control: no-store\r\n\
             Proxy-Status: evenkeel; error=destination_unavailable; details=\"no backend of the pool is available\"\r\n\
             X-Request-Id: id\r\nDate: now\r\n\r\n503 Service Unavailable: no backend of the pool is available\n"
        );
    }

    #[test]
    fn the_answer_to_head_has_no_body_but_its_length() {
        let mut out = Vec::new();
        let form = Form { without_body: true, keep_alive: false, minor: 1, grpc: false };
        error_response(&mut out, Failure::NoRoute, form, b"", b"now");
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.ends_with("Connection: close\r\nDate: now\r\n\r\n") && text.contains("Content-Length: "),
            "{text}"
        );
    }
}
