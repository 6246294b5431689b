//! Which certificate is presented: by the name that the client asks for, and by what it can check.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificates::Certificate;

/// The certificates of one listener, in configured order. The first one's is presented to clients that name nobody, or
/// nobody known here.
#[derive(Debug)]
pub(crate) struct Table {
    all: Vec<Certificate>,
    /// Indices by name, in order of preference.
    exact: HashMap<Box<str>, Vec<usize>>,
    /// By what follows the first label: `example.com` for `*.example.com`.
    wildcard: HashMap<Box<str>, Vec<usize>>,
    /// The first certificate and those with another kind of key for the same names.
    default: Vec<usize>,
}

impl Table {
    /// From at least one certificate.
    pub(super) fn new(all: Vec<Certificate>) -> Self {
        let mut by_preference: Vec<usize> = (0..all.len()).collect();
        // An ECDSA signature costs a server a tenth of an RSA one; whoever cannot check it says so.
        by_preference.sort_by_key(|&index| is_rsa(&all[index].key));
        let (mut exact, mut wildcard) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for index in by_preference {
            for name in &all[index].facts.names {
                let (names, key) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut wildcard, parent),
                    None => (&mut exact, name.as_str()),
                };
                let indices = names.entry(key.into()).or_default();
                if !indices.contains(&index) {
                    indices.push(index);
                }
            }
        }
        let mut table = Self { all, exact, wildcard, default: vec![0] };
        table.default = table.with_the_names_of_the_first();
        table
    }

    /// In configured order.
    pub(crate) fn certificates(&self) -> &[Certificate] {
        &self.all
    }

    /// Whether a request for `host` on a connection whose client asked for `asked` is for somebody else than who was
    /// presented (RFC 9110 section 15.5.20).
    ///
    /// The rule: the name asked for is answered. Any other is answered when one certificate is presented for both and
    /// is valid for it, so that a client may share a connection as RFC 9113 section 9.1.1 lets it.
    pub(crate) fn is_misdirected(&self, asked: &str, host: &str) -> bool {
        let (asked, host) = (bare(asked), bare(host));
        if asked.eq_ignore_ascii_case(host) {
            return false;
        }
        let host = host.to_ascii_lowercase();
        if host.parse::<std::net::IpAddr>().is_ok_and(|host| self.covers_address(asked, host)) {
            return false;
        }
        let presented = self.presented(&asked.to_ascii_lowercase());
        !self.named(&host).is_some_and(|named| named.iter().any(|index| presented.contains(index)))
    }

    /// Whether a certificate is for this host, a name in lower case or an address.
    pub(super) fn covers(&self, host: &str) -> bool {
        let address = |all: &Certificate| host.parse().is_ok_and(|host| all.facts.addresses.contains(&host));
        self.named(host).is_some() || self.all.iter().any(address)
    }

    fn covers_address(&self, asked: &str, host: std::net::IpAddr) -> bool {
        let presented = self.presented(&asked.to_ascii_lowercase());
        presented.iter().any(|&index| self.all[index].facts.addresses.contains(&host))
    }

    /// Candidates for a name in lower case.
    fn presented(&self, name: &str) -> &[usize] {
        self.named(name).unwrap_or(&self.default)
    }

    /// Certificates for a name in lower case: its own before those of its parent.
    fn named(&self, name: &str) -> Option<&[usize]> {
        let exact = self.exact.get(name);
        let found = exact.or_else(|| name.split_once('.').and_then(|(_, parent)| self.wildcard.get(parent)));
        found.map(Vec::as_slice)
    }

    fn with_the_names_of_the_first(&self) -> Vec<usize> {
        let first = self.all.first().and_then(|first| first.facts.names.first());
        let same = first.and_then(|name| match name.strip_prefix("*.") {
            Some(parent) => self.wildcard.get(parent),
            None => self.exact.get(name.as_str()),
        });
        same.cloned().unwrap_or_else(|| vec![0])
    }

    fn choose(&self, asked: Option<&str>, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let candidates = match asked {
            Some(name) if name.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                self.presented(&bare(name).to_ascii_lowercase())
            }
            Some(name) => self.presented(bare(name)),
            None => &self.default,
        };
        let can_check = |index: &&usize| self.all[**index].key.key.choose_scheme(schemes).is_some();
        // With none that it can check the handshake fails all the same, and says why.
        let chosen = candidates.iter().find(can_check).or(candidates.first())?;
        Some(Arc::clone(&self.all[*chosen].key))
    }
}

impl ResolvesServerCert for Table {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name(), hello.signature_schemes())
    }
}

fn is_rsa(key: &CertifiedKey) -> bool {
    key.key.algorithm() == rustls::SignatureAlgorithm::RSA
}

/// Without the dot that may end a name.
fn bare(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
