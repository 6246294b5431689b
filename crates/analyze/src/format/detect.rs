//! Which format a log is in, and what is around its lines.

use super::{Envelope, FieldMap, Format, Opened};
use crate::entry::Entry;
use crate::time::Times;

/// Formats of nginx that people use: combined, with what says where a request went, in the orders seen most.
const NGINX: [&str; 5] = [
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \
     \"$http_user_agent\" \"$upstream_addr\"",
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \
     \"$http_user_agent\" $request_time $upstream_addr",
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \
     \"$http_user_agent\" $request_length $request_time [$proxy_upstream_name] [$alternative] $upstream_addr \
     $upstream_response_length $upstream_response_time $upstream_status $req_id",
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \
     \"$http_user_agent\" upstream_addr=$upstream_addr request_time=$request_time",
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \
     \"$http_user_agent\" $upstream_addr",
];

/// JSON as nginx's variables are called, as Envoy's and Istio's formats have it, and as Traefik writes it.
const OBJECTS: [&str; 4] = [
    "time=time_iso8601,client=remote_addr,request=request,status=status,bytes=body_bytes_sent,seconds=request_time,\
     backend=upstream_addr,pool=proxy_host",
    "time=time_local,client=remote_addr,request=request,status=status,bytes=body_bytes_sent,seconds=request_time,\
     backend=upstream_addr,pool=proxy_host",
    "time=start_time,client=downstream_remote_address,path=path,status=response_code,bytes=bytes_sent,millis=duration,\
     backend=upstream_host,pool=upstream_cluster",
    "time=StartUTC,client=ClientHost,path=RequestPath,status=DownstreamStatus,bytes=DownstreamContentSize,\
     nanos=Duration,backend=ServiceAddr,pool=ServiceName",
];

/// What a log is in.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) envelope: Envelope,
    pub(crate) format: Format,
}

/// What most of these lines are in; of the formats that nothing else looks like, a few lines are enough, since other
/// programs may write to the same file. `None` when nothing fits. Only `format` is tried, if there is one.
pub(crate) fn detect(lines: &[&[u8]], format: Option<&Format>) -> Option<Found> {
    let mut best: Option<(f64, Found)> = None;
    for envelope in Envelope::ALL {
        let mut copies = vec![Vec::new(); lines.len()];
        let opened: Vec<Opened<'_>> =
            lines.iter().zip(&mut copies).map(|(line, copy)| envelope.open(line, copy)).collect();
        let inside = opened.iter().filter(|line| matches!(line, Opened::Line(_))).count();
        let log: Vec<&[u8]> = opened.iter().zip(lines).filter_map(inner).collect();
        // Some envelope may fit a line or two by chance.
        if log.is_empty() || inside * 2 < log.len() {
            continue;
        }
        for (enough, format) in candidates(format) {
            let part = fits(&format, &log) as f64 / log.len() as f64;
            // Of equals the first: the more particular ones come first.
            if part > enough && best.as_ref().is_none_or(|(most, _)| part > *most) {
                best = Some((part, Found { envelope, format }));
            }
        }
    }
    best.map(|(_, found)| found)
}

/// A line without what is around it: bare if it comes without that.
pub(crate) fn inner<'a>((opened, bare): (&Opened<'a>, &&'a [u8])) -> Option<&'a [u8]> {
    match opened {
        Opened::Line(line) => Some(line),
        Opened::Other => Some(bare),
        Opened::Empty => None,
    }
}

/// Formats to try, and above which part of the lines each is believed.
fn candidates(format: Option<&Format>) -> Vec<(f64, Format)> {
    if let Some(format) = format {
        return vec![(0.0, format.clone())];
    }
    let known =
        ["evenkeel-json", "evenkeel-combined", "haproxy", "envoy"].map(|text| (0.05, text)).into_iter();
    let known = known.chain(NGINX.map(|text| (0.5, text)));
    let objects = OBJECTS.iter().filter_map(|text| Some((0.5, Format::Fields(FieldMap::new(text).ok()?))));
    known.filter_map(|(enough, text)| Some((enough, Format::from_text(text).ok()?))).chain(objects).collect()
}

/// Lines that are in this format.
fn fits(format: &Format, lines: &[&[u8]]) -> usize {
    let mut times = Times::default();
    let entries = lines.iter().filter_map(|line| format.parse(line, &mut times));
    // Where a request went must look like that: a greedy format fits lines of another one.
    let is_address = |entry: &Entry<'_>| {
        let is_greedy = matches!(format, Format::Template(_) | Format::Fields(_));
        !is_greedy
            || looks_like_addresses(entry.backends)
            || (entry.status == 502 && entry.tried().next().is_none())
    };
    entries.filter(is_address).count()
}

/// `10.0.0.1:80`, `unix:/run/app.sock`, several of them, or `-`.
fn looks_like_addresses(names: &[u8]) -> bool {
    names == b"-"
        || names.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).all(|name| {
            name.starts_with(b"unix:")
                || memchr::memrchr(b':', name).is_some_and(|colon| {
                    let port = &name[colon + 1..];
                    !port.is_empty() && port.iter().all(u8::is_ascii_digit) && !name.contains(&b'"')
                })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(line: &str) -> Option<&'static str> {
        detect(&[line.as_bytes()], None).map(|found| found.format.name())
    }

    #[test]
    fn each_is_known_by_its_lines() {
        let combined =
            "192.0.2.7 - - [21/Nov/2026:12:54:47 +0000] \"GET /a HTTP/1.1\" 200 157 \"-\" \"curl (x)\"";
        for (line, name) in [
            (format!("{combined} \"10.0.0.1:80\""), Some("nginx")),
            (format!("{combined} 0.250 10.0.0.1:80, 10.0.0.2:80"), Some("nginx")),
            (format!("{combined} 10.0.0.1:80"), Some("nginx")),
            (format!("{combined} unix:/run/app.sock"), Some("nginx")),
            (format!("{combined} 430 0.002 [default-web-80] [] 10.0.0.1:80 5 0.003 200 0a1b"), Some("nginx")),
            (format!("{combined} listener=web pool=p backend=b reason=algorithm attempts=1"), Some("evenkeel-combined")),
            (combined.to_owned(), None),
            (
                "[2026-11-21T12:54:47.310Z] \"POST /api HTTP/2\" 204 - 154 0 226 100 \"10.0.35.28\" \"ua\" \"cc21\" \
                 \"locations\" \"10.0.2.1:80\""
                    .to_owned(),
                Some("envoy"),
            ),
            (
                r#"{"time_iso8601":"2026-11-21T12:54:47Z","remote_addr":"1.2.3.4","status":"200","request_time":"0.001",
                    "upstream_addr":"10.0.0.1:80"}"#
                    .to_owned(),
                Some("field-map"),
            ),
            (
                r#"{"start_time":"2026-11-21T12:54:47.310Z","response_code":200,"upstream_host":"10.0.0.1:80","x":{"y":[1]}}"#
                    .to_owned(),
                Some("field-map"),
            ),
            (r#"{"time":"2026-11-21T12:54:47Z","msg":"started"}"#.to_owned(), None),
            (
                "1.2.3.4:5 [21/Nov/2026:12:54:47.655] in web/s1 0/0/0/3/3 200 99 - - ---- 1/1/0/0/0 0/0 \"GET / \
                 HTTP/1.1\""
                    .to_owned(),
                Some("haproxy"),
            ),
        ] {
            assert_eq!(detected(&line), name, "{line}");
        }
    }

    #[test]
    fn what_is_around_the_lines_is_found_with_them() {
        let nginx = "192.0.2.7 - - [21/Nov/2026:12:54:47 +0000] \"GET /a HTTP/1.1\" 200 157 \"-\" \"curl\" 10.0.0.1:80";
        let haproxy = "1.2.3.4:5 [21/Nov/2026:12:54:47.655] in web/s1 0/0/0/3/3 200 99 - - ---- 1/1/0/0/0 0/0 \"GET / HTTP/1.1\"";
        for (lines, envelope, name) in [
            (vec![nginx.to_owned()], Envelope::None, "nginx"),
            (vec![format!("Nov 21 12:54:47 h nginx: {nginx}"), nginx.to_owned()], Envelope::Syslog, "nginx"),
            (vec![format!("<134>Nov 21 12:54:47 h haproxy[7]: {haproxy}")], Envelope::Syslog, "haproxy"),
            (
                vec![
                    "__CURSOR=s=7".into(),
                    "_PID=9".into(),
                    format!("MESSAGE={haproxy}"),
                    "PRIORITY=6".into(),
                    String::new(),
                ],
                Envelope::Journal,
                "haproxy",
            ),
            (vec![format!("2026-11-21T12:54:47.1Z stdout F {nginx}")], Envelope::Container, "nginx"),
        ] {
            let lines: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
            let found = detect(&lines, None).unwrap();
            assert_eq!((found.envelope, found.format.name()), (envelope, name));
        }
    }

    #[test]
    fn a_few_lines_are_enough_where_nothing_else_looks_like_that() {
        let haproxy = "1.2.3.4:5 [21/Nov/2026:12:54:47.655] in web/s1 0/0/0/3/3 200 99 - - ---- 1/1/0/0/0 0/0 \"GET / HTTP/1.1\"";
        let other = "cron[7]: session opened";
        let mixed = |of_ours: usize| {
            let mut lines = vec![other.as_bytes(); 100 - of_ours];
            lines.extend(vec![haproxy.as_bytes(); of_ours]);
            detect(&lines, None).is_some()
        };
        assert!(mixed(10) && !mixed(1));
    }
}
