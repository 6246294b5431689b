//! The routes of a listener that passes TLS through: by the name that a client asks for, and by what it wants to speak.
//!
//! The most specific route wins: an exact name before a wildcard, a longer wildcard before a shorter one, any name last;
//! within a name one for a protocol that the client offers, in the client's order, before one for any. A name whose
//! routes do not hold for the client's protocols is passed over.

use std::collections::HashMap;

use crate::route::HostPattern;

/// Routes to targets of type `T`.
#[derive(Debug)]
pub struct NameTable<T> {
    exact: HashMap<Box<str>, ByProtocol<T>>,
    /// Keyed by what follows `*.`.
    below: HashMap<Box<str>, ByProtocol<T>>,
    any: ByProtocol<T>,
}

#[derive(Debug)]
struct ByProtocol<T> {
    one: Vec<(Box<[u8]>, T)>,
    any: Option<T>,
}

impl<T> Default for NameTable<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), below: HashMap::new(), any: ByProtocol::default() }
    }
}

impl<T> Default for ByProtocol<T> {
    fn default() -> Self {
        Self { one: Vec::new(), any: None }
    }
}

impl<T> NameTable<T> {
    /// Adds a route; names are in lower case. An equal route is replaced.
    pub fn insert(&mut self, host: HostPattern<'_>, alpn: Option<&str>, target: T) {
        let routes = match host {
            HostPattern::Any => &mut self.any,
            HostPattern::Exact(name) => self.exact.entry(name.into()).or_default(),
            HostPattern::Below(name) => self.below.entry(name.into()).or_default(),
        };
        let Some(alpn) = alpn.map(str::as_bytes) else {
            routes.any = Some(target);
            return;
        };
        routes.one.retain(|(protocol, _)| **protocol != *alpn);
        routes.one.push((alpn.into(), target));
    }

    /// Where a client goes that asks for this server, in lower case, and offers these protocols in this order.
    pub fn find(&self, name: Option<&str>, offered: &[Box<[u8]>]) -> Option<&T> {
        let Some(name) = name else { return self.any.find(offered) };
        let exact = self.exact.get(name).and_then(|routes| routes.find(offered));
        let mut parents =
            std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, rest)| rest));
        let below = || parents.by_ref().skip(1).find_map(|parent| self.below.get(parent)?.find(offered));
        exact.or_else(below).or_else(|| self.any.find(offered))
    }
}

impl<T> ByProtocol<T> {
    fn find(&self, offered: &[Box<[u8]>]) -> Option<&T> {
        let of = |wanted| self.one.iter().find(|(protocol, _)| protocol == wanted);
        let one = offered.iter().find_map(of).map(|(_, target)| target);
        one.or(self.any.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: Option<&str>, alpn: &[&str]) -> Option<&'static str> {
        let mut table = NameTable::default();
        table.insert(HostPattern::Exact("a.example"), None, "replaced");
        table.insert(HostPattern::Exact("a.example"), None, "a");
        table.insert(HostPattern::Exact("a.example"), Some("h2"), "replaced");
        table.insert(HostPattern::Exact("a.example"), Some("h2"), "a-h2");
        table.insert(HostPattern::Exact("a.example"), Some("acme-tls/1"), "a-acme");
        table.insert(HostPattern::Exact("mail.example"), Some("imap"), "mail");
        table.insert(HostPattern::Below("example"), None, "wild");
        table.insert(HostPattern::Below("deep.example"), None, "deep");
        table.insert(HostPattern::Any, Some("h3"), "any-h3");
        let offered: Vec<_> = alpn.iter().map(|protocol| protocol.as_bytes().into()).collect();
        table.find(name, &offered).copied()
    }

    #[test]
    fn the_most_specific_route_wins() {
        for (name, alpn, expected) in [
            ("a.example", &[][..], Some("a")),
            ("a.example", &["http/1.1"], Some("a")),
            ("a.example", &["http/1.1", "h2"], Some("a-h2")),
            ("a.example", &["acme-tls/1", "h2"], Some("a-acme")),
            ("a.example", &["h3"], Some("a")),
            ("mail.example", &["imap"], Some("mail")),
            ("mail.example", &["pop3"], Some("wild")),
            ("b.example", &[], Some("wild")),
            ("c.b.example", &[], Some("wild")),
            ("x.deep.example", &[], Some("deep")),
            ("deep.example", &[], Some("wild")),
            ("example", &[], None),
            ("xexample", &[], None),
            ("other", &["h3"], Some("any-h3")),
            ("other", &["h2"], None),
        ] {
            assert_eq!(found(Some(name), alpn), expected, "{name} {alpn:?}");
        }
        assert_eq!(found(None, &["h3"]), Some("any-h3"));
        assert_eq!(found(None, &["h2"]), None);
    }
}
