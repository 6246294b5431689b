//! HAProxy's `option httplog` and `option tcplog` (configuration manual, sections 8.2.2 and 8.2.3).

use super::number;
use crate::entry::{Entry, path_of};
use crate::time::{Times, digits};

/// `client:port [date] frontend backend/server timers status-or-bytes ... state counts queues ... "request"`, after
/// whatever syslog put before it.
pub(super) fn parse<'a>(line: &'a [u8], times: &mut Times) -> Option<Entry<'a>> {
    let (client, at, rest) = accepted(line, times)?;
    let mut words = rest.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let _frontend = words.next()?;
    let target = words.next()?;
    let slash = memchr::memchr(b'/', target)?;
    let timers = words.next()?;
    let parts = memchr::memchr_iter(b'/', timers).count() + 1;
    let total = timers.rsplit(|&byte| byte == b'/').next().and_then(whole);
    let first = whole(words.next()?)?;
    let (status, bytes) = match parts {
        // HTTP: five timers, then status, bytes and two captured cookies.
        5 => {
            let bytes = whole(words.next()?)?;
            words.nth(1);
            (u16::try_from(first.max(0)).ok()?, bytes)
        }
        // TCP: three, then bytes.
        3 => (0, first),
        _ => return None,
    };
    let state = words.next().unwrap_or_default();
    let retries = words.next().and_then(|counts| counts.rsplit(|&byte| byte == b'/').next());
    Some(Entry {
        at: Some(at),
        pool: &target[..slash],
        backends: &target[slash + 1..],
        status,
        duration_ms: total.map(|total| total as f64).filter(|total| *total >= 0.0),
        bytes: bytes.max(0).unsigned_abs(),
        client,
        path: request(rest),
        retries: retries.and_then(whole).unwrap_or(0).max(0).unsigned_abs(),
        failed: is_failure(state),
        is_connection: parts == 3,
        only_addresses: false,
    })
}

/// The client without its port, the time in brackets behind it, and what follows.
fn accepted<'a>(line: &'a [u8], times: &mut Times) -> Option<(&'a [u8], i64, &'a [u8])> {
    memchr::memchr_iter(b'[', line).find_map(|open| {
        let close = open + memchr::memchr(b']', line.get(open..open + 40).unwrap_or(&line[open..]))?;
        let at = times.common(&line[open + 1..close])?;
        let before = line[..open].trim_ascii_end();
        let start = memchr::memrchr(b' ', before).map_or(0, |space| space + 1);
        let client = &before[start..];
        // There always is a port, also behind an IPv6 address, which stands there without brackets.
        let port = memchr::memrchr(b':', client)?;
        Some((&client[..port], at, &line[close + 1..]))
    })
}

/// The server broke off or refused (`S`), or was too slow to connect or to begin its answer (`s`; section 8.5). A server
/// that is silent in the middle of a connection (`sD`) may have nothing to say.
fn is_failure(state: &[u8]) -> bool {
    matches!(state, [b'S', ..] | [b's', b'C' | b'H', ..])
}

/// What stands in the last quotes. Those inside a request are written otherwise (section 8.6). Of a line that was cut
/// only the first of the two may be left.
fn request(rest: &[u8]) -> &[u8] {
    let Some(close) = memchr::memrchr(b'"', rest) else { return b"" };
    match memchr::memrchr(b'"', &rest[..close]) {
        Some(open) => path_of(&rest[open + 1..close]),
        None => path_of(&rest[close + 1..]),
    }
}

/// A whole number; -1 and `+12` (logged before the end, sent to another server) occur.
fn whole(text: &[u8]) -> Option<i64> {
    match text {
        [b'+', rest @ ..] => digits(rest),
        [b'-', ..] => number(text).map(|number| number as i64),
        _ => digits(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<Entry<'_>> {
        parse(line.as_bytes(), &mut Times::default())
    }

    #[test]
    fn http_with_and_without_syslog() {
        let bare = "10.0.1.2:33317 [21/Nov/2026:12:54:47.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- \
                    1/1/1/1/0 0/0 {1wt.eu} {} \"GET /index.html?a=b HTTP/1.1\"";
        let entry = parsed(bare).unwrap();
        assert_eq!(
            (entry.client, entry.pool, entry.backends),
            (&b"10.0.1.2"[..], &b"static"[..], &b"srv1"[..])
        );
        assert_eq!((entry.status, entry.bytes, entry.duration_ms), (200, 2750, Some(109.0)));
        assert_eq!((entry.path, entry.retries, entry.is_error()), (&b"/index.html"[..], 0, false));
        assert!(!entry.is_connection);
        assert_eq!(parsed(&format!("Nov 21 12:54:47 host haproxy[14389]: {bare}")), Some(entry));
        assert_eq!(
            parsed(&format!("<134>1 2026-11-21T12:54:47Z h haproxy 7 - [a b=\"c\"] {bare}")),
            Some(entry)
        );
    }

    #[test]
    fn captured_headers_cookies_and_ipv6_move_nothing() {
        let entry = parsed(
            "2001:db8::7:33317 [21/Nov/2026:12:54:47.655] https~ app/s2 0/0/0/-1/5001 504 194 sid=x|y srv=a sH-- \
             1/1/1/1/+2 0/0 {shop.example|Mozilla/5.0 (X11; \"x\")} {a b c|} \"POST /cart HTTP/2.0\"",
        )
        .unwrap();
        assert_eq!((entry.client, entry.backends), (&b"2001:db8::7"[..], &b"s2"[..]));
        assert_eq!((entry.status, entry.retries, entry.is_error()), (504, 2, true));
    }

    #[test]
    fn tcp_and_requests_that_went_nowhere() {
        let tcp =
            parsed("10.0.1.2:33313 [21/Nov/2026:12:54:51.443] fnt bck/srv1 0/0/5007 212 -- 0/0/0/0/3 0/0");
        let tcp = tcp.unwrap();
        assert_eq!(
            (tcp.backends, tcp.status, tcp.bytes, tcp.duration_ms),
            (&b"srv1"[..], 0, 212, Some(5007.0))
        );
        assert_eq!((tcp.retries, tcp.is_connection, tcp.is_error()), (3, true, false));
        let nowhere = parsed(
            "10.0.1.2:33313 [21/Nov/2026:12:54:51.443] fnt bck/<NOSRV> 0/-1/-1/-1/+0 503 212 - - SC-- 0/0/0/0/0 0/0 \
             \"GET / HTTP/1.1\"",
        )
        .unwrap();
        assert_eq!((nowhere.tried().count(), nowhere.status), (0, 503));
    }

    #[test]
    fn how_a_connection_ended_tells_whose_fault_it_was() {
        for (state, failed) in [
            ("--", false),
            ("CD", false),
            ("cD", false),
            ("sD", false),
            ("SD", true),
            ("SC", true),
            ("sC", true),
        ] {
            let line = format!("1.2.3.4:5 [21/Nov/2026:12:54:51.443] f b/s 0/0/7 212 {state} 0/0/0/0/0 0/0");
            assert_eq!(parsed(&line).unwrap().is_error(), failed, "{state}");
        }
    }

    #[test]
    fn other_lines_are_not_taken_for_it() {
        for line in [
            "",
            "Nov 21 12:54:47 host haproxy[14389]: Proxy web started.",
            "1.2.3.4 - - [21/Nov/2026:12:54:47 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"-\"",
            "1.2.3.4:5 [21/Nov/2026:12:54:47.1] a b/c 1/2 200 5",
            "1.2.3.4:5 [21/Nov/2026:12:54:47.1] web/1: SSL handshake failure",
        ] {
            assert_eq!(parsed(line), None, "{line}");
        }
    }
}
