//! Sessions that keep their backend: a cookie of Evenkeel's own names it.

use std::fmt::Write as _;

use evenkeel_config::{SameSite, Sticky as Config};

/// Digits of a session in the cookie.
const DIGITS: usize = 16;

/// The cookie of one pool, its constant parts made once for each configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sticky {
    name: Box<[u8]>,
    /// `Set-Cookie: NAME=`
    before: Box<[u8]>,
    /// The attributes, and the end of the line.
    after: Box<[u8]>,
    /// The cookie ends by itself, so every response puts that off.
    renewed: bool,
}

/// A cookie that a response sets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SetCookie<'a> {
    sticky: &'a Sticky,
    session: u64,
}

impl Sticky {
    pub(crate) fn new(config: &Config) -> Self {
        let mut after = format!("; Path={}", config.path);
        if let Some(ttl) = config.ttl {
            // Whole seconds (RFC 6265 section 4.1.1), and never 0, which would delete it.
            write!(after, "; Max-Age={}", ttl.as_secs().max(1)).ok();
        }
        after.push_str(if config.secure { "; Secure" } else { "" });
        after.push_str(if config.http_only { "; HttpOnly" } else { "" });
        after.push_str(match config.same_site {
            SameSite::Strict => "; SameSite=Strict\r\n",
            SameSite::Lax => "; SameSite=Lax\r\n",
            SameSite::None => "; SameSite=None\r\n",
        });
        Self {
            name: config.cookie.as_bytes().into(),
            before: format!("Set-Cookie: {}=", config.cookie).into_bytes().into(),
            after: after.into_bytes().into(),
            renewed: config.ttl.is_some(),
        }
    }

    /// The name of the cookie.
    pub(crate) fn name(&self) -> &[u8] {
        &self.name
    }

    /// The session that a request belongs to, by its cookies of that name: the first that Evenkeel can have set. Others
    /// are not looked at any closer: a client that has only such has no session.
    pub(crate) fn session<'a>(mut cookies: impl Iterator<Item = &'a [u8]>) -> Option<u64> {
        cookies.find_map(parse)
    }

    /// What the response to a request that came with `old` must set, when `new` has served it: nothing when the client
    /// has it already, unless that would come to its end.
    pub(crate) fn set(&self, old: Option<u64>, new: u64) -> Option<SetCookie<'_>> {
        (self.renewed || old != Some(new)).then_some(SetCookie { sticky: self, session: new })
    }
}

impl SetCookie<'_> {
    /// Appends the field line.
    pub(crate) fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.sticky.before);
        out.extend_from_slice(&digits(self.session));
        out.extend_from_slice(&self.sticky.after);
    }
}

fn digits(session: u64) -> [u8; DIGITS] {
    std::array::from_fn(|place| {
        let digit = (session >> (4 * (DIGITS - 1 - place))) as u8 & 0xf;
        if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }
    })
}

/// Reads exactly what [`digits`] writes.
fn parse(value: &[u8]) -> Option<u64> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let value: &[u8; DIGITS] = value.try_into().ok()?;
    value.iter().try_fold(0, |session, &byte| Some(session << 4 | u64::from(digit(byte)?)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn config() -> Config {
        Config {
            cookie: "EVENKEEL".to_owned(),
            ttl: None,
            path: "/".to_owned(),
            secure: false,
            http_only: true,
            same_site: SameSite::Lax,
        }
    }

    fn line(config: &Config, session: u64) -> String {
        let sticky = Sticky::new(config);
        let mut out = Vec::new();
        sticky.set(None, session).expect("a client without one gets one").put(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn sets_what_is_configured() {
        assert_eq!(
            line(&config(), 0x0123_4567_89ab_cdef),
            "Set-Cookie: EVENKEEL=0123456789abcdef; Path=/; HttpOnly; SameSite=Lax\r\n"
        );
        let other = Config {
            ttl: Some(Duration::from_secs(3600)),
            path: "/shop".to_owned(),
            secure: true,
            http_only: false,
            same_site: SameSite::None,
            ..config()
        };
        assert_eq!(
            line(&other, 1),
            "Set-Cookie: EVENKEEL=0000000000000001; Path=/shop; Max-Age=3600; Secure; SameSite=None\r\n"
        );
        let short = Config { ttl: Some(Duration::from_millis(10)), same_site: SameSite::Strict, ..config() };
        assert!(line(&short, 1).ends_with("; Max-Age=1; HttpOnly; SameSite=Strict\r\n"));
    }

    #[test]
    fn sets_only_what_the_client_lacks_or_would_lose() {
        let lasting = Sticky::new(&config());
        let ending = Sticky::new(&Config { ttl: Some(Duration::from_secs(9)), ..config() });
        for (old, is_set) in [(None, true), (Some(7), false), (Some(8), true)] {
            assert_eq!(lasting.set(old, 7).is_some(), is_set, "{old:?}");
            assert!(ending.set(old, 7).is_some(), "{old:?}");
        }
    }

    #[test]
    fn reads_back_what_it_sets_and_nothing_else() {
        let session = |values: &[&str]| Sticky::session(values.iter().map(|value| value.as_bytes()));
        for value in [0, 1, 0xfedc_ba98_7654_3210, u64::MAX] {
            let digits = String::from_utf8(digits(value).to_vec()).unwrap();
            assert_eq!(session(&[&digits]), Some(value));
        }
        for bad in [
            "",
            "0123456789abcde",
            "0123456789abcdef0",
            "0123456789ABCDEF",
            "0123456789abcdeg",
            "\"0123456789abcdef\"",
            "+123456789abcdef",
        ] {
            assert_eq!(session(&[bad]), None, "{bad}");
        }
        assert_eq!(session(&["old-thing", "00000000000000ff", "00000000000000fe"]), Some(255));
    }
}
