//! Sending: one exchange after the other, on the connections that the pattern asks for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use evenkeel_core::Rng;
use http::HeaderValue;
use http::header::{COOKIE, SET_COOKIE};
use tokio::sync::mpsc::Sender;

use super::plan::{Pattern, Plan};
use super::sighting::Sighting;
use crate::client::{Answer, Connection, Dial, Failure, FailureClass, Request};
use crate::who::pair;

/// What all senders share.
#[derive(Debug)]
pub(super) struct Traffic {
    plan: Plan,
    next: AtomicU64,
    kept: Mutex<Kept>,
    stream: tokio::sync::Mutex<Option<Live>>,
    connections: AtomicU64,
}

/// Connections that are kept, those not in use.
#[derive(Debug)]
struct Kept {
    idle: Vec<Live>,
    busy: usize,
    rng: Rng,
}

#[derive(Debug)]
struct Live {
    connection: Connection,
    number: u64,
    used: u32,
}

/// Connections that are kept for each request under way. Requests take any of those that are idle: in a fixed order, each
/// connection would meet the same backend of a round robin again and again.
const KEPT_FOR_EACH: usize = 2;
/// Cookies of a session.
const COOKIES_MAX: usize = 50;
/// A connection may end between two requests so often before that counts as a failure.
const TRIES: usize = 4;

impl Traffic {
    pub(super) fn new(plan: Plan) -> Self {
        let rng = Rng::from_seed(plan.seed);
        Self {
            next: AtomicU64::new(0),
            kept: Mutex::new(Kept { idle: Vec::new(), busy: 0, rng }),
            stream: tokio::sync::Mutex::new(None),
            connections: AtomicU64::new(0),
            plan,
        }
    }

    /// Sends requests until there have been enough, or nobody listens any more.
    pub(super) async fn send(&self, to: &Sender<Sighting>) {
        if self.plan.sticky {
            while let Some(first) = self.claim(self.plan.each.into()) {
                if !self.session(first, to).await {
                    return;
                }
            }
            return;
        }
        while let Some(number) = self.claim(1) {
            let sighting = match self.plan.pattern {
                Pattern::Fresh => self.on_fresh(number).await,
                Pattern::Kept => self.on_kept(number).await,
                Pattern::Streams => self.on_stream(number).await,
            };
            if to.send(sighting).await.is_err() {
                return;
            }
        }
    }

    /// The number of the first of so many requests; `None` when there have been enough.
    fn claim(&self, requests: u64) -> Option<u64> {
        let first = self.next.fetch_add(requests, Ordering::Relaxed);
        (first < self.plan.requests).then_some(first)
    }

    /// A request with the key of this number.
    fn prepare(&self, number: u64) -> (Request, Dial) {
        let (mut request, mut dial) = (self.plan.request.clone(), self.plan.dial.clone());
        if let Some(vary) = &self.plan.vary {
            vary.apply(&mut request, &mut dial, self.plan.seed, number);
        }
        (request, dial)
    }

    async fn open(&self, dial: &Dial) -> Result<Live, Failure> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let connection = Connection::open(&self.plan.target, dial).await?;
        Ok(Live { connection, number, used: 0 })
    }

    async fn on_fresh(&self, number: u64) -> Sighting {
        let (request, dial) = self.prepare(number);
        Sighting { unit: number, first: true, outcome: self.once(&request, &dial).await }
    }

    async fn once(&self, request: &Request, dial: &Dial) -> Result<Answer, Failure> {
        self.open(dial).await?.connection.request(request).await
    }

    async fn on_kept(&self, number: u64) -> Sighting {
        let (request, dial) = self.prepare(number);
        loop {
            let mut live = match self.take_idle() {
                Some(live) => live,
                None => match self.open(&dial).await {
                    Ok(live) => live,
                    Err(failure) => {
                        self.put_back(None);
                        return Sighting { unit: u64::MAX, first: true, outcome: Err(failure) };
                    }
                },
            };
            let outcome = live.connection.request(&request).await;
            let (unit, first) = (live.number, live.used == 0);
            live.used += 1;
            let again = outcome.is_ok() && live.connection.is_open() && live.used < self.plan.each;
            self.put_back(again.then_some(live));
            // Servers may close a connection that is idle whenever they like.
            if first || !ended_between(&outcome) {
                return Sighting { unit, first, outcome };
            }
        }
    }

    /// An idle connection, if there are as many as there should be.
    fn take_idle(&self) -> Option<Live> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { idle, busy, rng } = &mut *kept;
        idle.retain(|live| live.connection.is_open());
        let enough = idle.len() + *busy >= self.plan.at_a_time * KEPT_FOR_EACH;
        *busy += 1;
        if !enough || idle.is_empty() {
            return None;
        }
        let any = rng.below(idle.len() as u32) as usize;
        Some(idle.swap_remove(any))
    }

    fn put_back(&self, live: Option<Live>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.busy -= 1;
        kept.idle.extend(live);
    }

    async fn on_stream(&self, number: u64) -> Sighting {
        let (request, dial) = self.prepare(number);
        let mut tries = 0;
        loop {
            tries += 1;
            let mut live = match self.stream(&dial).await {
                Ok(live) => live,
                Err(failure) => return Sighting { unit: u64::MAX, first: true, outcome: Err(failure) },
            };
            let outcome = live.connection.request(&request).await;
            if tries >= TRIES || !ended_between(&outcome) || live.connection.is_open() {
                return Sighting { unit: live.number, first: live.used == 0, outcome };
            }
        }
    }

    /// A handle of the one connection; another one is opened when it has ended.
    async fn stream(&self, dial: &Dial) -> Result<Live, Failure> {
        let mut stream = self.stream.lock().await;
        if stream.as_ref().is_none_or(|live| !live.connection.is_open()) {
            *stream = Some(self.open(dial).await?);
        }
        let no_handle = || Failure::Request("only HTTP/2 has streams".to_owned());
        let live = stream.as_mut().ok_or_else(no_handle)?;
        let connection = live.connection.again().ok_or_else(no_handle)?;
        live.used += 1;
        Ok(Live { connection, number: live.number, used: live.used - 1 })
    }

    /// The requests of one session, each on a connection of its own, with the cookies that were set before. Whether
    /// anybody listens.
    async fn session(&self, session: u64, to: &Sender<Sighting>) -> bool {
        let (mut request, dial) = self.prepare(session);
        let mut cookies: Vec<(String, String)> = Vec::new();
        let own = request.fields.get(COOKIE).cloned();
        for index in 0..self.plan.each {
            let outcome = self.once(&request, &dial).await;
            let answered = outcome.is_ok();
            if let Ok(answer) = &outcome {
                keep_cookies(&mut cookies, answer);
                if let Some(field) = cookie_field(own.as_ref(), &cookies) {
                    request.fields.insert(COOKIE, field);
                }
            }
            let sighting = Sighting { unit: session, first: index == 0, outcome };
            if to.send(sighting).await.is_err() {
                return false;
            }
            // A session that did not begin cannot be followed.
            if !answered && index == 0 {
                return true;
            }
        }
        true
    }
}

/// Whether the connection ended before the server could have seen the request, as far as can be known.
fn ended_between(outcome: &Result<Answer, Failure>) -> bool {
    let class = outcome.as_ref().err().map(Failure::class);
    matches!(class, Some(FailureClass::Closed | FailureClass::Reset))
}

fn keep_cookies(cookies: &mut Vec<(String, String)>, answer: &Answer) {
    for (name, value) in answer.headers.get_all(SET_COOKIE).iter().filter_map(|field| pair(field.as_bytes()))
    {
        if let Some((_, before)) = cookies.iter_mut().find(|(other, _)| *other == name) {
            *before = value;
        } else if cookies.len() < COOKIES_MAX {
            cookies.push((name, value));
        }
    }
}

fn cookie_field(own: Option<&HeaderValue>, cookies: &[(String, String)]) -> Option<HeaderValue> {
    let set = cookies.iter().map(|(name, value)| format!("{name}={value}"));
    let own = own.and_then(|own| own.to_str().ok()).map(str::to_owned);
    let all: Vec<String> = own.into_iter().chain(set).collect();
    if all.is_empty() { None } else { HeaderValue::try_from(all.join("; ")).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::sample;

    #[test]
    fn a_session_sends_back_what_it_was_given() {
        let mut cookies = Vec::new();
        keep_cookies(&mut cookies, &sample(&[("set-cookie", "a=1; Path=/"), ("set-cookie", "b=2")], ""));
        keep_cookies(&mut cookies, &sample(&[("set-cookie", "a=3; HttpOnly"), ("set-cookie", "junk")], ""));
        assert_eq!(cookie_field(None, &cookies).unwrap(), "a=3; b=2");
        let own = HeaderValue::from_static("k=v");
        assert_eq!(cookie_field(Some(&own), &cookies).unwrap(), "k=v; a=3; b=2");
        assert_eq!(cookie_field(None, &[]), None);
        for number in 0..100 {
            let field = format!("c{number}=x");
            keep_cookies(&mut cookies, &sample(&[("set-cookie", &field)], ""));
        }
        assert_eq!(cookies.len(), COOKIES_MAX);
    }
}
