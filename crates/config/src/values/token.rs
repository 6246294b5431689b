//! Names in requests: of header fields, cookies and query parameters; and the path of a cookie.

use super::{Refusal, refuse, route_path};

/// Longest name: more is a slip.
const LONGEST: usize = 128;

/// Reads the name of a header field, which is a token (RFC 9110, section 5.1).
pub(crate) fn field_name(text: &str) -> Result<String, Refusal> {
    if let Some(bare) = text.strip_suffix(':').filter(|bare| is_token(bare)) {
        return refuse("ends in a colon", format!("write \"{bare}\""));
    }
    token(text, "write the name as it is sent, such as \"X-User\"")
}

/// Reads the name of a cookie, which is a token (RFC 6265, section 4.1.1).
pub(crate) fn cookie_name(text: &str) -> Result<String, Refusal> {
    if let Some((bare, _)) = text.split_once('=').filter(|(bare, _)| is_token(bare)) {
        return refuse("has a value", format!("write the name alone: \"{bare}\""));
    }
    token(text, "a cookie's name is letters, digits and any of - _ . such as \"session\"")
}

/// Reads the name of a query parameter. Requests are compared with it as they are sent, so nothing is decoded.
pub(crate) fn query_name(text: &str) -> Result<String, Refusal> {
    if let Some(bare) = text.strip_prefix('?') {
        return refuse(
            "begins with \"?\"",
            format!("write the name alone: \"{}\"", before(bare, &['=', '&'])),
        );
    }
    if let Some((bare, _)) = text.split_once('=').filter(|(bare, _)| !bare.is_empty()) {
        return refuse("has a value", format!("write the name alone: \"{bare}\""));
    }
    let help =
        "write the name as it is sent, such as \"user\": what a URL cannot hold is percent-encoded there";
    name(text, help, |byte| byte.is_ascii_graphic() && !matches!(byte, b'&' | b'#' | b'='))
}

/// Reads the identifier of a protocol in ALPN (RFC 7301, section 3.1). Registered ones are short and of visible ASCII.
pub(crate) fn alpn(text: &str) -> Result<String, Refusal> {
    name(text, "write one as it is registered, such as \"h2\" or \"http/1.1\"", |byte| {
        byte.is_ascii_graphic()
    })
}

/// Reads the full name of a gRPC service: its package and its name, without a method.
pub(crate) fn grpc_service(text: &str) -> Result<String, Refusal> {
    let help = "write package and service, such as \"shop.Cart\", or true for the server as a whole";
    if let Some((service, _)) = text.trim_start_matches('/').split_once('/') {
        return refuse("has a method", format!("write the service alone: \"{service}\""));
    }
    name(text, help, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'))
}

/// Reads the path of a cookie: that of a route, without what ends an attribute (RFC 6265, section 4.1.1).
pub(crate) fn cookie_path(text: &str) -> Result<String, Refusal> {
    if text.contains([';', ',']) {
        return refuse(
            "has a `;` or `,`, which end an attribute of a cookie",
            format!("write \"{}\"", before(text, &[';', ','])),
        );
    }
    route_path(text)
}

fn token(text: &str, help: &str) -> Result<String, Refusal> {
    name(text, help, is_token_byte)
}

fn name(text: &str, help: &str, fits: impl Fn(u8) -> bool) -> Result<String, Refusal> {
    if text.is_empty() {
        return refuse("is empty", help);
    }
    if text.len() > LONGEST {
        return refuse(format!("is {} bytes long", text.len()), format!("{help}; it has at most {LONGEST}"));
    }
    // Bytes beyond ASCII fit nowhere, so the first character that does not fit is one of ASCII or begins such a one.
    match text.chars().find(|c| !u8::try_from(*c).is_ok_and(|byte| byte.is_ascii() && fits(byte))) {
        Some(other) => refuse(format!("contains {other:?}"), help),
        None => Ok(text.into()),
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// `tchar` of RFC 9110, section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn before<'a>(text: &'a str, ends: &[char]) -> &'a str {
    text.split(ends).next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_request_can_hold() {
        assert_eq!(field_name("X-User"), Ok("X-User".into()));
        assert_eq!(cookie_name("__Host-session"), Ok("__Host-session".into()));
        assert_eq!(query_name("user[id]"), Ok("user[id]".into()));
        assert_eq!(grpc_service("shop.Cart"), Ok("shop.Cart".into()));
        assert_eq!(alpn("http/1.1"), Ok("http/1.1".into()));
        assert_eq!(cookie_path("/shop"), Ok("/shop".into()));
    }

    #[test]
    fn names_that_it_cannot_hold() {
        type Read = fn(&str) -> Result<String, Refusal>;
        let long = "x".repeat(129);
        let cases: [(Read, &str, &str, &str); 21] = [
            (grpc_service, "", "is empty", "true for the server"),
            (grpc_service, "/shop.Cart/Add", "has a method", "\"shop.Cart\""),
            (grpc_service, "shop cart", "contains ' '", "shop.Cart"),
            (alpn, "", "is empty", "h2"),
            (alpn, "h2, http/1.1", "contains ' '", "\"h2\" or"),
            (field_name, "", "is empty", "X-User"),
            (field_name, "X-User:", "ends in a colon", "\"X-User\""),
            (field_name, "X User", "contains ' '", "X-User"),
            (field_name, "X-Üser", "contains 'Ü'", "X-User"),
            (field_name, "X\r\nY", "contains '\\r'", "X-User"),
            (field_name, &long, "is 129 bytes long", "at most 128"),
            (cookie_name, "a=b", "has a value", "\"a\""),
            (cookie_name, "a;b", "contains ';'", "session"),
            (cookie_name, "=", "contains '='", "session"),
            (query_name, "?user=1", "begins with \"?\"", "\"user\""),
            (query_name, "user=1", "has a value", "\"user\""),
            (query_name, "a&b", "contains '&'", "as it is sent"),
            (query_name, "a b", "contains ' '", "percent"),
            (cookie_path, "shop", "does not begin with \"/\"", "\"/shop\""),
            (cookie_path, "/a; Secure", "has a `;`", "\"/a\""),
            (cookie_path, "/a b", "has white space", "%20"),
        ];
        for (read, text, why, help) in cases {
            let refusal = read(text).expect_err(text);
            assert!(refusal.why.starts_with(why) && refusal.help.contains(help), "{text:?}: {refusal:?}");
        }
    }
}
