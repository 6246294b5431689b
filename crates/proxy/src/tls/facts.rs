//! What a certificate says of itself.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// Read once, when a certificate is loaded or presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// As in RFC 4514: `CN=www.example.com,O=Example`.
    pub(crate) subject: String,
    pub(crate) issuer: String,
    /// DNS names it is valid for, in lower case; `*.example.com` is any one label before `example.com`. Without a
    /// subjectAltName of any kind it is the common name, if that looks like a host.
    pub(crate) names: Vec<String>,
    pub(crate) addresses: Vec<IpAddr>,
    /// Seconds since 1970.
    pub(crate) not_before: i64,
    /// Seconds since 1970.
    pub(crate) not_after: i64,
}

impl Facts {
    /// `None` when it is not an X.509 certificate.
    pub(crate) fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let (names, addresses) = alternative_names(&certificate);
        let validity = certificate.validity();
        Some(Self {
            subject: distinguished(certificate.subject()),
            issuer: distinguished(certificate.issuer()),
            names,
            addresses,
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
        })
    }

    /// From now to its end; negative when that has passed.
    pub(crate) fn seconds_left(&self, now: SystemTime) -> i64 {
        self.not_after.saturating_sub(unix(now))
    }

    /// Whether it is within its time.
    pub(crate) fn is_valid_at(&self, now: SystemTime) -> bool {
        (self.not_before..=self.not_after).contains(&unix(now))
    }
}

fn unix(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn alternative_names(certificate: &X509Certificate<'_>) -> (Vec<String>, Vec<IpAddr>) {
    let (mut names, mut addresses) = (Vec::new(), Vec::new());
    let Some(extension) = certificate.subject_alternative_name().ok().flatten() else {
        let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        names.extend(common.filter(|name| is_host(name)).map(str::to_ascii_lowercase));
        return (names, addresses);
    };
    for name in &extension.value.general_names {
        match name {
            GeneralName::DNSName(name) => names.push(name.to_ascii_lowercase()),
            GeneralName::IPAddress(bytes) => addresses.extend(address(bytes)),
            _ => {}
        }
    }
    (names, addresses)
}

fn is_host(name: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'*');
    name.contains('.') && name.bytes().all(part)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

/// The string form of RFC 4514 section 2: the most specific part first, whatever could be taken for syntax escaped, and
/// nothing but printable ASCII.
fn distinguished(name: &X509Name<'_>) -> String {
    let parts: Vec<_> = name.iter_rdn().collect();
    let mut text = String::new();
    for part in parts.into_iter().rev() {
        for (index, attribute) in part.iter().enumerate() {
            if !text.is_empty() {
                text.push(if index == 0 { ',' } else { '+' });
            }
            put_attribute(&mut text, attribute);
        }
    }
    text
}

fn put_attribute(text: &mut String, attribute: &AttributeTypeAndValue<'_>) {
    let kind = attribute.attr_type();
    match oid2abbrev(kind, oid_registry()) {
        Ok(short) => text.push_str(short),
        Err(_) => text.push_str(&kind.to_id_string()),
    }
    text.push('=');
    // Strings that are not UTF-8 (BMPString, say) are given as their bytes.
    let bytes = attribute.as_str().map_or_else(|_| attribute.as_slice(), str::as_bytes);
    put_value(text, bytes);
}

fn put_value(text: &mut String, bytes: &[u8]) {
    for (index, &byte) in bytes.iter().enumerate() {
        let at_edge = index == 0 || index + 1 == bytes.len();
        match byte {
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' => text.extend(['\\', char::from(byte)]),
            b'#' if index == 0 => text.push_str("\\#"),
            b' ' if at_edge => text.push_str("\\ "),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                write!(text, "\\{byte:02X}").ok();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_is_syntax() {
        let escaped = |value: &str| {
            let mut text = String::new();
            put_value(&mut text, value.as_bytes());
            text
        };
        assert_eq!(escaped("alice"), "alice");
        assert_eq!(escaped("a, CN=admin"), "a\\, CN=admin");
        assert_eq!(escaped("#x\r\nEvil: 1"), "\\#x\\0D\\0AEvil: 1");
        assert_eq!(escaped(" a+b "), "\\ a\\+b\\ ");
        assert_eq!(escaped("Zoë"), "Zo\\C3\\AB");
    }

    #[test]
    fn what_is_no_certificate_has_no_facts() {
        assert_eq!(Facts::of(b""), None);
        assert_eq!(Facts::of(b"\x30\x82\x01\x00"), None);
    }
}
