//! Which format a log is in.

use super::Format;
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

/// The format that most of these lines are in; `None` when none fits more than half of them.
pub(crate) fn detect(lines: &[&[u8]]) -> Option<Format> {
    let known = ["evenkeel-json", "evenkeel-combined", "haproxy", "envoy"].into_iter();
    let formats = known.chain(NGINX).filter_map(|text| Format::from_text(text).ok());
    let fits = |format: &Format| {
        let mut times = Times::default();
        let entries = lines.iter().filter_map(|line| format.parse(line, &mut times));
        // Where a request went must look like that: a greedy format fits lines of another one.
        entries
            .filter(|entry| !matches!(format, Format::Template(_)) || looks_like_addresses(entry.backends))
            .count()
    };
    let counted = formats.map(|format| (fits(&format), format));
    // Of equals the first: the more particular ones come first.
    let best = counted.reduce(|best, other| if other.0 > best.0 { other } else { best })?;
    (best.0 * 2 > lines.len()).then_some(best.1)
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
        detect(&[line.as_bytes()]).map(|format| format.name())
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
                "1.2.3.4:5 [21/Nov/2026:12:54:47.655] in web/s1 0/0/0/3/3 200 99 - - ---- 1/1/0/0/0 0/0 \"GET / \
                 HTTP/1.1\""
                    .to_owned(),
                Some("haproxy"),
            ),
        ] {
            assert_eq!(detected(&line), name, "{line}");
        }
    }
}
