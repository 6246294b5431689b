//! The routes of one listener, compiled.
//!
//! The most specific route wins, whatever the order in the file: an exact host before a wildcard, a longer
//! wildcard before a shorter one, any host last; within a host the longest path prefix by whole segments. A host
//! whose routes do not hold for the path is passed over, so a route without a host catches what is left.

use std::collections::HashMap;

/// Routes to targets of type `T`.
#[derive(Debug)]
pub struct RouteTable<T> {
    exact: HashMap<Box<str>, Paths<T>>,
    /// Keyed by what follows `*.`.
    wildcard: HashMap<Box<str>, Paths<T>>,
    any: Paths<T>,
}

/// Which hosts a route is for; names are in lower case.
#[derive(Clone, Copy, Debug)]
pub enum HostPattern<'a> {
    /// Whatever the host.
    Any,
    /// This name.
    Exact(&'a str),
    /// Every name below this one.
    Below(&'a str),
}

/// Prefixes without their trailing slash; the empty one is `/`.
#[derive(Debug)]
struct Paths<T> {
    /// The target of `/`, where most lookups end.
    root: Option<T>,
    by_prefix: HashMap<Box<str>, T>,
    /// Bytes of the longest prefix: nothing longer needs to be looked up, however long the path.
    longest: usize,
}

/// Longest host name that DNS allows; longer ones match no host route.
const HOST_MAX: usize = 253;

impl<T> Default for Paths<T> {
    fn default() -> Self {
        Self { root: None, by_prefix: HashMap::new(), longest: 0 }
    }
}

impl<T> Default for RouteTable<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), wildcard: HashMap::new(), any: Paths::default() }
    }
}

impl<T> RouteTable<T> {
    /// Adds a route; an equal one is replaced.
    pub fn insert(&mut self, host: HostPattern<'_>, path: &str, target: T) {
        let paths = match host {
            HostPattern::Any => &mut self.any,
            HostPattern::Exact(name) => self.exact.entry(name.into()).or_default(),
            HostPattern::Below(name) => self.wildcard.entry(name.into()).or_default(),
        };
        paths.insert(path.trim_end_matches('/'), target);
    }

    /// The target for a `Host` value (with or without port) and a request target. Does not allocate.
    pub fn find(&self, authority: &[u8], path: &[u8]) -> Option<&T> {
        let path = std::str::from_utf8(path).ok()?;
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        if self.exact.is_empty() && self.wildcard.is_empty() {
            return self.any.find(path);
        }
        let mut lower = [0; HOST_MAX];
        let Some(host) = lower_case_name(authority, &mut lower) else {
            return self.any.find(path);
        };
        let exact = self.exact.get(host).and_then(|paths| paths.find(path));
        exact.or_else(|| self.find_wildcard(host, path)).or_else(|| self.any.find(path))
    }

    fn find_wildcard(&self, host: &str, path: &str) -> Option<&T> {
        if self.wildcard.is_empty() {
            return None;
        }
        let mut rest = host;
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(target) = self.wildcard.get(parent).and_then(|paths| paths.find(path)) {
                return Some(target);
            }
            rest = parent;
        }
        None
    }
}

impl<T> Paths<T> {
    fn insert(&mut self, prefix: &str, target: T) {
        if prefix.is_empty() {
            self.root = Some(target);
            return;
        }
        self.longest = self.longest.max(prefix.len());
        self.by_prefix.insert(prefix.into(), target);
    }

    fn find(&self, path: &str) -> Option<&T> {
        let mut prefix = self.cut(path.trim_end_matches('/'));
        while !prefix.is_empty() {
            if let Some(target) = self.by_prefix.get(prefix) {
                return Some(target);
            }
            // `*` and other targets without a slash have no parent but the root.
            prefix = &prefix[..prefix.rfind('/').unwrap_or(0)];
        }
        self.root.as_ref()
    }

    /// The whole segments of `path` that fit into the longest prefix. Hashing every parent of a long path would cost
    /// the square of its length: 13 ms for 16 KiB of slashes.
    fn cut<'a>(&self, path: &'a str) -> &'a str {
        if path.len() <= self.longest {
            return path;
        }
        if self.longest == 0 {
            return "";
        }
        let fits = path.as_bytes()[..=self.longest].iter().rposition(|&byte| byte == b'/');
        path.get(..fits.unwrap_or(0)).unwrap_or_default()
    }
}

/// The name without its port and without a final dot, in lower case.
fn lower_case_name<'a>(authority: &[u8], lower: &'a mut [u8; HOST_MAX]) -> Option<&'a str> {
    let name = match authority.iter().rposition(|&byte| byte == b':') {
        // In `[::1]` the last colon is part of the address.
        Some(colon) if !authority[colon..].contains(&b']') => &authority[..colon],
        _ => authority,
    };
    let name = name.strip_suffix(b".").unwrap_or(name);
    let target = lower.get_mut(..name.len())?;
    target.copy_from_slice(name);
    target.make_ascii_lowercase();
    std::str::from_utf8(target).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> RouteTable<&'static str> {
        let mut table = RouteTable::default();
        table.insert(HostPattern::Any, "/", "any");
        table.insert(HostPattern::Any, "/api/", "any-api");
        table.insert(HostPattern::Exact("a.example"), "/", "a");
        table.insert(HostPattern::Exact("a.example"), "/x/y", "a-xy");
        table.insert(HostPattern::Exact("only.example"), "/only", "only");
        table.insert(HostPattern::Below("example"), "/", "wild");
        table.insert(HostPattern::Below("deep.example"), "/", "deep");
        table
    }

    #[test]
    fn the_most_specific_route_wins() {
        let table = table();
        for (host, path, expected) in [
            ("other", "/", "any"),
            ("other", "/api", "any-api"),
            ("other", "/api?x=/", "any-api"),
            ("other", "/api/v1/x", "any-api"),
            ("other", "/apis", "any"),
            ("a.example", "/", "a"),
            ("A.Example:8080", "/x", "a"),
            ("a.example.", "/x/y/", "a-xy"),
            ("a.example", "/x/yz", "a"),
            ("a.example", "/x/y/z?q", "a-xy"),
            ("b.example", "/", "wild"),
            ("c.b.example", "/", "wild"),
            ("x.deep.example", "/", "deep"),
            ("example", "/", "any"),
            ("only.example", "/only/1", "only"),
            ("only.example", "/else", "wild"),
            ("[::1]:80", "/", "any"),
            ("", "/", "any"),
            ("a.example", "*", "a"),
        ] {
            assert_eq!(table.find(host.as_bytes(), path.as_bytes()), Some(&expected), "{host} {path}");
        }
    }

    #[test]
    fn a_long_path_is_cut_at_a_segment() {
        let table = table();
        let deep = "/a".repeat(8000);
        assert_eq!(table.find(b"other", deep.as_bytes()), Some(&"any"));
        assert_eq!(table.find(b"other", format!("/api{deep}").as_bytes()), Some(&"any-api"));
        assert_eq!(table.find(b"other", format!("/apix{deep}").as_bytes()), Some(&"any"));
        assert_eq!(table.any.cut("/api/v1"), "/api");
        assert_eq!(table.any.cut("/apix/v1"), "");
        assert_eq!(table.any.cut("/api"), "/api");
    }

    #[test]
    fn no_route_is_no_target() {
        let mut table = RouteTable::default();
        table.insert(HostPattern::Exact("a"), "/x", ());
        for (host, path) in [("a", "/"), ("b", "/x"), ("a", "/xy"), (&"a".repeat(300), "/x")] {
            assert!(table.find(host.as_bytes(), path.as_bytes()).is_none(), "{host} {path}");
        }
    }
}
