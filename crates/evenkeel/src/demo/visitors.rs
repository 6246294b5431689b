//! Who asks: users who come, leave and come back, each with the cookie that its browser keeps.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Field of a request that says who asks.
pub(super) const USER_FIELD: &str = "x-user";
/// The one customer who may ask more than all others.
const LARGE: u32 = u32::MAX;

/// How many there are. Those who are there ask in turn; all the time some leave and others come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crowd {
    /// All together, 1 or more.
    pub(super) users: u32,
    /// There at a time, 1 or more.
    pub(super) present: u32,
    /// Who leave, and who come, within a second.
    pub(super) come: u32,
}

/// All users.
#[derive(Debug)]
pub(super) struct Visitors {
    crowd: Crowd,
    began: Instant,
    /// Requests in a hundred that the large customer makes.
    large: AtomicU32,
    cookies: Mutex<HashMap<u32, Cookie>>,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct User(u32);

#[derive(Debug)]
struct Cookie {
    /// `NAME=VALUE`
    pair: String,
    /// `None` until the browser is closed.
    until: Option<Instant>,
}

impl Crowd {
    /// So many, who never leave.
    pub(super) const fn steady(users: u32) -> Self {
        Self { users, present: users, come: 0 }
    }
}

impl Visitors {
    pub(super) fn new(crowd: Crowd) -> Self {
        Self { crowd, began: Instant::now(), large: AtomicU32::new(0), cookies: Mutex::default() }
    }

    /// From now on one customer makes so many requests in a hundred.
    pub(super) fn let_one_make(&self, percent: u32) {
        self.large.store(percent, Ordering::Relaxed);
    }

    /// Who makes the request of that number.
    pub(super) fn who(&self, number: u64, now: Instant) -> User {
        let large = u64::from(self.large.load(Ordering::Relaxed));
        if number * large % 100 < large {
            return User(LARGE);
        }
        let Crowd { users, present, come } = self.crowd;
        let seconds = now.duration_since(self.began).as_secs_f64();
        let first = (seconds * f64::from(come)) as u64;
        // Less than `users`, which is a u32.
        User(((first + number % u64::from(present)) % u64::from(users)) as u32)
    }

    /// The cookie that a user sends, if it has one that is still good.
    pub(super) fn cookie(&self, user: User, now: Instant) -> Option<String> {
        let cookies = self.cookies();
        let cookie = cookies.get(&user.0)?;
        cookie.until.is_none_or(|until| now < until).then(|| cookie.pair.clone())
    }

    /// Keeps what a response sets: `NAME=VALUE; Max-Age=...`.
    pub(super) fn keep(&self, user: User, set_cookie: &str, now: Instant) {
        let mut parts = set_cookie.split(';').map(str::trim);
        let Some(pair) = parts.next() else { return };
        let age = parts.find_map(|part| part.strip_prefix("Max-Age=")?.parse().ok());
        let until = age.map(|seconds| now + Duration::from_secs(seconds));
        self.cookies().insert(user.0, Cookie { pair: pair.to_owned(), until });
    }

    fn cookies(&self) -> MutexGuard<'_, HashMap<u32, Cookie>> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Display for User {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            LARGE => formatter.write_str("large-customer"),
            number => write!(formatter, "user-{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_come_and_leave_and_one_may_ask_most() {
        let visitors = Visitors::new(Crowd { users: 10, present: 4, come: 2 });
        let at = |seconds| visitors.began + Duration::from_secs(seconds);
        let names =
            |now| (0..5).map(|number| visitors.who(number, now).to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(names(at(0)), "user-0 user-1 user-2 user-3 user-0");
        assert_eq!(names(at(4)), "user-8 user-9 user-0 user-1 user-8");
        visitors.let_one_make(60);
        let large = (0..1000).filter(|number| visitors.who(*number, at(0)) == User(LARGE)).count();
        assert_eq!(large, 600);
    }

    #[test]
    fn a_cookie_is_kept_as_long_as_it_says() {
        let visitors = Visitors::new(Crowd::steady(2));
        let (user, now) = (visitors.who(1, Instant::now()), Instant::now());
        assert_eq!(visitors.cookie(user, now), None);
        visitors.keep(user, "EVENKEEL=12; Path=/; Max-Age=2; HttpOnly", now);
        assert_eq!(visitors.cookie(user, now + Duration::from_secs(1)).as_deref(), Some("EVENKEEL=12"));
        assert_eq!(visitors.cookie(user, now + Duration::from_secs(2)), None);
        visitors.keep(user, "EVENKEEL=13; Path=/", now);
        assert_eq!(visitors.cookie(user, now + Duration::from_secs(9_999)).as_deref(), Some("EVENKEEL=13"));
    }
}
