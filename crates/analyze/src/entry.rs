//! One line, as far as it concerns us.

/// A request and whom it went to.
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
}

impl<'a> Entry<'a> {
    /// Backends in the order tried. nginx writes ` : ` where a request was redirected inside.
    pub(crate) fn tried(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let names = self.backends.split(|&byte| byte == b',').flat_map(split_redirects);
        names.map(<[u8]>::trim_ascii).filter(|name| !name.is_empty() && *name != b"-" && *name != b"<NOSRV>")
    }

    /// The client without its port.
    pub(crate) fn client_address(&self) -> &'a [u8] {
        let colons = memchr::memchr_iter(b':', self.client).count();
        match memchr::memrchr(b':', self.client) {
            // `1.2.3.4:5` and `[::1]:5`, and HAProxy's `::1:5`, which nobody can tell from an address: left as it is.
            Some(end) if colons == 1 || self.client.starts_with(b"[") => &self.client[..end],
            _ => self.client,
        }
    }
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
        assert!(tried("-").is_empty() && tried("").is_empty() && tried("<NOSRV>").is_empty());
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
}
