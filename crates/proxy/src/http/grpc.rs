//! What gRPC says on top of HTTP/2: its status in trailers, its deadline in a field, and errors that are not HTTP's.
//!
//! Facts from gRPC's "gRPC over HTTP2" and "HTTP to gRPC Status Code Mapping", and the table of its status codes.

use std::time::Duration;

use http::HeaderMap;

use super::respond::Failure;

/// Status codes of gRPC that are used here.
const CANCELLED: u32 = 1;
const UNKNOWN: u32 = 2;
const DEADLINE_EXCEEDED: u32 = 4;
const RESOURCE_EXHAUSTED: u32 = 8;
const UNIMPLEMENTED: u32 = 12;
const INTERNAL: u32 = 13;
const UNAVAILABLE: u32 = 14;
const DATA_LOSS: u32 = 15;
/// A deadline has at most eight digits.
const TIMEOUT_DIGITS_MAX: usize = 8;

/// Whether a message with this `Content-Type` is gRPC's own form: `application/grpc`, perhaps with a suffix. gRPC-Web has
/// its trailers in the body, and is to HTTP what any other content is.
pub(crate) fn is_grpc(content_type: &[u8]) -> bool {
    const TYPE: &[u8] = b"application/grpc";
    let starts = content_type.get(..TYPE.len()).is_some_and(|start| start.eq_ignore_ascii_case(TYPE));
    starts && matches!(content_type.get(TYPE.len()), None | Some(b'+' | b';' | b' '))
}

/// The status that trailers, or the only head of a response without content, carry.
pub(crate) fn status(fields: &HeaderMap) -> Option<u32> {
    parse_status(fields.get("grpc-status")?.as_bytes())
}

/// The value of a `grpc-status` field.
pub(crate) fn parse_status(value: &[u8]) -> Option<u32> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Whether a status says that the backend failed. The others say what the application thinks of the request, or that the
/// client gave up: an unhealthy backend is not to blame for either.
pub(crate) fn is_failure(status: u32) -> bool {
    matches!(status, UNKNOWN | INTERNAL | UNAVAILABLE | DATA_LOSS)
}

/// The status of an answer of our own.
pub(crate) fn status_of(failure: Failure) -> u32 {
    match failure {
        Failure::QueueFull
        | Failure::QueueTimeout
        | Failure::HeaderTooLarge
        | Failure::BodyTooLarge
        | Failure::TargetTooLong => RESOURCE_EXHAUSTED,
        Failure::TotalTimeout | Failure::ResponseTimeout | Failure::ConnectionTimeout => DEADLINE_EXCEEDED,
        Failure::NoRoute => UNIMPLEMENTED,
        Failure::Malformed(_) | Failure::BadResponse(_) => INTERNAL,
        Failure::HeaderTimeout | Failure::BodyTimeout => CANCELLED,
        _ => UNAVAILABLE,
    }
}

/// The value of a `grpc-timeout` field: up to eight digits and a unit.
pub(crate) fn timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > TIMEOUT_DIGITS_MAX || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_is_told_from_what_only_sounds_like_it() {
        for yes in ["application/grpc", "application/grpc+proto", "Application/GRPC;charset=x"] {
            assert!(is_grpc(yes.as_bytes()), "{yes}");
        }
        for no in ["application/grpc-web", "application/grpc-web+proto", "application/grp", "text/plain", ""]
        {
            assert!(!is_grpc(no.as_bytes()), "{no}");
        }
    }

    #[test]
    fn timeouts_have_digits_and_a_unit() {
        for (value, millis) in [("1S", 1000), ("100m", 100), ("2000u", 2), ("3000000n", 3), ("1M", 60_000)] {
            assert_eq!(timeout(value.as_bytes()), Some(Duration::from_millis(millis)), "{value}");
        }
        assert_eq!(timeout(b"99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for bad in ["", "S", "1", "1s", "-1S", "123456789S", "1.5S", " 1S", "1 S"] {
            assert_eq!(timeout(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn failures_have_the_status_that_the_mapping_gives_theirs() {
        for (failure, status) in [
            (Failure::NoRoute, UNIMPLEMENTED),
            (Failure::NoBackend, UNAVAILABLE),
            (Failure::QueueFull, RESOURCE_EXHAUSTED),
            (Failure::TotalTimeout, DEADLINE_EXCEEDED),
            (Failure::ConnectionRefused, UNAVAILABLE),
            (Failure::ConnectionTerminated, UNAVAILABLE),
            (Failure::BadResponse("x"), INTERNAL),
            (Failure::Cut, UNAVAILABLE),
        ] {
            assert_eq!(status_of(failure), status, "{failure:?}");
        }
    }

    #[test]
    fn what_the_application_thinks_is_no_failure_of_the_backend() {
        let failures: Vec<u32> = (0..20).filter(|&status| is_failure(status)).collect();
        assert_eq!(failures, [2, 13, 14, 15]);
    }
}
