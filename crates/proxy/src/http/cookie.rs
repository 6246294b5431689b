//! Cookies of a request (RFC 6265 section 4.2.1).

use super::forward::Incoming;

/// The values that a request has for the cookie `name`, in the order sent; over all its `Cookie` fields, although a
/// client should send but one (HTTP/2 splits them). Names are told apart by case, quotes belong to the value, and what
/// has no `=` is no cookie.
pub(crate) fn values<'a>(request: &Incoming<'a>, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    request.values(b"cookie").flat_map(move |field| {
        field.split(|&byte| byte == b';').filter_map(move |pair| {
            let end = pair.iter().position(|&byte| byte == b'=')?;
            (pair[..end].trim_ascii() == name).then(|| pair[end + 1..].trim_ascii())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::forward::tests::with_incoming;
    use super::*;

    fn all(fields: &str, name: &str) -> Vec<String> {
        let text = format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
        with_incoming(&text, |request| {
            values(request, name.as_bytes())
                .map(|value| String::from_utf8_lossy(value).into_owned())
                .collect()
        })
    }

    #[test]
    fn reads_every_field_and_every_pair() {
        for (fields, expected) in [
            ("", &[][..]),
            ("Cookie: a=1\r\n", &["1"]),
            ("cookie: b=2; a=1; a=3\r\n", &["1", "3"]),
            ("Cookie: b=2\r\nCookie: a=1\r\nCookie: a=4\r\n", &["1", "4"]),
            ("Cookie: A=1; xa=2; ax=3; a =4 ;\ta= 5 \r\n", &["4", "5"]),
            ("Cookie: a; =a; a=; a=x=y; a=\"q\"\r\n", &["", "x=y", "\"q\""]),
            ("Cookie: ;;; ;a=1;;\r\n", &["1"]),
            ("X-Cookie: a=1\r\nSet-Cookie: a=2\r\n", &[]),
        ] {
            assert_eq!(all(fields, "a"), expected, "{fields:?}");
        }
    }
}
