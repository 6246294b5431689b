//! One line, as far as it concerns us.

/// A request, or a connection, and whom it went to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Entry<'a> {
    /// Seconds since 1970.
    pub(crate) at: Option<i64>,
    /// Empty where the format has none.
    pub(crate) pool: &'a [u8],
    /// Each backend that was tried, as it is written: one, or several with commas between them. Empty or `-` when none
    /// was.
    pub(crate) backends: &'a [u8],
    /// 0 where there was none.
    pub(crate) status: u16,
    pub(crate) duration_ms: Option<f64>,
    pub(crate) bytes: u64,
    /// Address, with or without a port.
    pub(crate) client: &'a [u8],
    /// What was asked for, without its query; empty where the format does not tell.
    pub(crate) path: &'a [u8],
    /// Attempts before the one that is told of, where the line counts them without naming a backend (HAProxy).
    pub(crate) retries: u64,
    /// The line says that the backend failed, whatever the status.
    pub(crate) failed: bool,
    /// Backends are told by addresses with ports: what has none is the name of a group (nginx, when nobody can be asked).
    pub(crate) only_addresses: bool,
    /// A whole connection: how long it took is the client's doing.
    pub(crate) is_connection: bool,
}

/// Attempts of one request that are looked at; nobody tries more.
const TRIED_MAX: usize = 64;

impl<'a> Entry<'a> {
    /// Backends in the order tried. nginx writes ` : ` where a request was redirected inside; HAProxy has names in angle
    /// brackets for what is no server: `<NOSRV>`, `<STATS>`.
    pub(crate) fn tried(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let names = self.backends.split(|&byte| byte == b',').flat_map(split_redirects);
        let names = names.map(<[u8]>::trim_ascii);
        let only_addresses = self.only_addresses;
        let is_backend = move |name: &&[u8]| {
            let is_named = !name.is_empty() && *name != b"-" && name[0] != b'<';
            is_named && (!only_addresses || memchr::memchr(b':', name).is_some())
        };
        names.filter(is_backend).take(TRIED_MAX)
    }

    /// The client without its port.
    pub(crate) fn client_address(&self) -> &'a [u8] {
        let colons = memchr::memchr_iter(b':', self.client).count();
        match memchr::memrchr(b':', self.client) {
            // `1.2.3.4:5` and `[::1]:5`.
            Some(end) if colons == 1 || self.client.starts_with(b"[") => &self.client[..end],
            _ => self.client,
        }
    }

    /// Whether the backend that was tried last has failed.
    pub(crate) fn is_error(&self) -> bool {
        self.failed || self.status >= 500
    }
}

/// The path of `GET /path?query HTTP/1.1`.
pub(crate) fn path_of(request: &[u8]) -> &[u8] {
    let target = request.split(|&byte| byte == b' ').nth(1).unwrap_or_default();
    without_query(target)
}

pub(crate) fn without_query(target: &[u8]) -> &[u8] {
    &target[..memchr::memchr(b'?', target).unwrap_or(target.len())]
}

fn split_redirects(names: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(names);
    std::iter::from_fn(move || {
        let names = rest?;
        match memchr::memmem::find(names, b" : ") {
            Some(end) => {
                rest = Some(&names[end + 3..]);
                Some(&names[..end])
            }
            None => rest.take(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(backends: &str) -> Vec<String> {
        let entry = Entry { backends: backends.as_bytes(), ..Entry::default() };
        entry.tried().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }

    #[test]
    fn retries_and_redirects_are_attempts_of_their_own() {
        assert_eq!(tried("10.0.0.1:80"), ["10.0.0.1:80"]);
        assert_eq!(tried("10.0.0.1:80, 10.0.0.2:80"), ["10.0.0.1:80", "10.0.0.2:80"]);
        assert_eq!(
            tried("10.0.0.1:80, 10.0.0.2:80 : 10.0.0.3:80"),
            ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]
        );
        for none in ["-", "", "<NOSRV>", "<STATS>", ", ,"] {
            assert!(tried(none).is_empty(), "{none}");
        }
        assert_eq!(tried(&"a,".repeat(1000)).len(), TRIED_MAX);
    }

    #[test]
    fn ports_of_clients_are_dropped() {
        let address = |client: &str| {
            let entry = Entry { client: client.as_bytes(), ..Entry::default() };
            String::from_utf8_lossy(entry.client_address()).into_owned()
        };
        assert_eq!(address("192.0.2.1:5"), "192.0.2.1");
        assert_eq!(address("192.0.2.1"), "192.0.2.1");
        assert_eq!(address("[2001:db8::1]:5"), "[2001:db8::1]");
        assert_eq!(address("2001:db8::1"), "2001:db8::1");
    }

    #[test]
    fn paths_of_requests() {
        for (request, path) in [
            ("GET /a?b=c HTTP/1.1", "/a"),
            ("GET / HTTP/2", "/"),
            ("GET http://h/x HTTP/1.1", "http://h/x"),
            ("tcp", ""),
            ("", ""),
            ("<BADREQ>", ""),
        ] {
            assert_eq!(path_of(request.as_bytes()), path.as_bytes(), "{request}");
        }
    }
}
