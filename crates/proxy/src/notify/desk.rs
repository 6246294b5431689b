//! What one receiver is still to get, and when: a bounded queue, a bounded rate, a bounded number of attempts.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::{Nanos, Rng};

use super::message::{Message, Parcel};

/// Of one receiver. It knows no clock.
#[derive(Debug)]
pub(super) struct Desk {
    queue: VecDeque<Message>,
    /// Messages that nobody will get; the next parcel says how many.
    lost: u64,
    /// Parcels that may be begun now.
    allowed: f64,
    /// When `allowed` was counted.
    counted: Nanos,
    under_way: Option<UnderWay>,
    rng: Rng,
}

/// A parcel that is being delivered.
#[derive(Debug)]
struct UnderWay {
    parcel: Arc<Parcel>,
    failed: u32,
    due: Nanos,
}

/// What is to be done now.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Next {
    /// Wait for a message.
    Nothing,
    /// Wait until then, or for a message.
    At(Nanos),
    /// Deliver this, then say how it went.
    Send(Arc<Parcel>),
}

/// How an attempt went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Taken,
    /// It may go better later: not before so long, if the receiver says so.
    Again {
        why: String,
        after: Option<Duration>,
    },
    /// It will not go better.
    Refused(String),
}

/// What has become of a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Sent,
    /// It is tried again, at that time.
    Later(Nanos),
    /// Too many attempts have failed.
    GivenUp,
    Refused,
}

/// Messages that wait. Further ones take the place of the oldest, and are told as a number.
const QUEUE_MAX: usize = 200;
/// Messages in a parcel; the rest is told as a number.
const LISTED_MAX: usize = 20;
/// Parcels at once, and how long it takes until another one is allowed: 10 a minute.
const PARCELS: f64 = 10.0;
const PARCEL_EVERY: Duration = Duration::from_secs(6);
/// Attempts at one parcel: some five minutes in all.
const ATTEMPTS_MAX: u32 = 10;
/// Before the second attempt; then twice as long each time, up to the maximum, give or take a quarter.
const WAIT_FIRST: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Receivers that want more time than this do not get it.
const WAIT_WANTED_MAX: Duration = Duration::from_secs(600);

impl Desk {
    pub(super) fn new(rng: Rng) -> Self {
        Self { queue: VecDeque::new(), lost: 0, allowed: PARCELS, counted: Nanos::ZERO, under_way: None, rng }
    }

    /// Adds a message. Whether another one was dropped for it.
    pub(super) fn push(&mut self, message: Message) -> bool {
        let full = self.queue.len() >= QUEUE_MAX;
        if full {
            self.queue.pop_front();
            self.lost += 1;
        }
        self.queue.push_back(message);
        full
    }

    /// What is to be done now.
    pub(super) fn next(&mut self, now: Nanos) -> Next {
        if let Some(UnderWay { parcel, due, .. }) = &self.under_way {
            return if now >= *due { Next::Send(Arc::clone(parcel)) } else { Next::At(*due) };
        }
        self.count(now);
        if self.queue.is_empty() {
            return Next::Nothing;
        }
        if self.allowed < 1.0 {
            return Next::At(now.saturating_add(PARCEL_EVERY.mul_f64(1.0 - self.allowed) + ABOUT));
        }
        let parcel = Arc::new(self.pack());
        self.allowed -= 1.0;
        self.under_way = Some(UnderWay { parcel: Arc::clone(&parcel), failed: 0, due: now });
        Next::Send(parcel)
    }

    /// How the attempt at the parcel that is under way went.
    pub(super) fn ended(&mut self, now: Nanos, answer: &Answer) -> Fate {
        let Some(mut under_way) = self.under_way.take() else { return Fate::Sent };
        let (fate, after) = match answer {
            Answer::Taken => return Fate::Sent,
            Answer::Refused(_) => (Fate::Refused, None),
            Answer::Again { after, .. } => (Fate::GivenUp, *after),
        };
        under_way.failed += 1;
        if fate == Fate::Refused || under_way.failed >= ATTEMPTS_MAX {
            self.lost += under_way.parcel.messages.len() as u64 + under_way.parcel.more;
            return fate;
        }
        let wanted = after.unwrap_or_default().min(WAIT_WANTED_MAX);
        under_way.due = now.saturating_add(self.wait(under_way.failed).max(wanted));
        let due = under_way.due;
        self.under_way = Some(under_way);
        Fate::Later(due)
    }

    /// One message, or all of them when only one more parcel is allowed.
    fn pack(&mut self) -> Parcel {
        let several = self.allowed < 2.0;
        let number = if several { LISTED_MAX.min(self.queue.len()) } else { 1 };
        let messages = self.queue.drain(..number).collect();
        let mut more = std::mem::take(&mut self.lost);
        if several {
            more += self.queue.len() as u64;
            self.queue.clear();
        }
        Parcel { messages, more }
    }

    fn count(&mut self, now: Nanos) {
        let passed = now.since(self.counted).as_secs_f64() / PARCEL_EVERY.as_secs_f64();
        self.allowed = (self.allowed + passed).min(PARCELS);
        self.counted = now;
    }

    fn wait(&mut self, failed: u32) -> Duration {
        let doubled = WAIT_FIRST * 2_u32.saturating_pow(failed.saturating_sub(1).min(16));
        doubled.min(WAIT_MAX).mul_f64(0.75 + 0.5 * self.rng.unit())
    }
}

/// More than rounding takes away.
const ABOUT: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::super::message::Event;
    use super::super::message::tests::details;
    use super::*;

    fn message(number: usize) -> Message {
        Message { id: number.to_string(), event: Event::Raised, details: details("x"), at: 0 }
    }

    fn desk(messages: usize) -> Desk {
        let mut desk = Desk::new(Rng::from_seed(1));
        let dropped = (0..messages).filter(|number| desk.push(message(*number))).count();
        assert_eq!(dropped, 0);
        desk
    }

    fn failing() -> Answer {
        Answer::Again { why: String::new(), after: None }
    }

    /// Delivers whatever there is, as soon as it may: when, and how many messages of how many.
    fn deliver(desk: &mut Desk, mut now: Nanos, until: Nanos) -> Vec<(u64, usize, u64)> {
        let mut sent = Vec::new();
        while now < until {
            match desk.next(now) {
                Next::Nothing => break,
                Next::At(at) => now = at,
                Next::Send(parcel) => {
                    sent.push((now.0 / 1_000_000_000, parcel.messages.len(), parcel.more));
                    assert_eq!(desk.ended(now, &Answer::Taken), Fate::Sent);
                }
            }
        }
        sent
    }

    #[test]
    fn ten_a_minute_are_told_and_the_surplus_in_one() {
        let mut desk = desk(50);
        let sent = deliver(&mut desk, Nanos::from_secs(100), Nanos::from_secs(1000));
        assert_eq!(sent.len(), 10, "{sent:?}");
        assert!(sent[..9].iter().all(|one| *one == (100, 1, 0)), "{sent:?}");
        assert_eq!(sent[9], (100, 20, 21), "the other 41 at once");
        // No more for now: the next one waits its turn.
        desk.push(message(51));
        let sent = deliver(&mut desk, Nanos::from_secs(101), Nanos::from_secs(1000));
        assert_eq!(sent, [(106, 1, 0)]);
    }

    #[test]
    fn a_full_queue_loses_the_oldest_and_says_how_many() {
        let mut desk = desk(QUEUE_MAX);
        assert!(desk.push(message(1000)) && desk.push(message(1001)));
        let Next::Send(parcel) = desk.next(Nanos::ZERO) else { panic!("nothing to send") };
        assert_eq!((parcel.messages[0].id.as_str(), parcel.more), ("2", 2));
    }

    #[test]
    fn what_fails_is_tried_again_later_and_later_and_then_given_up() {
        let mut desk = desk(1);
        let (mut now, mut waits) = (Nanos::from_secs(10), Vec::new());
        let fate = loop {
            let Next::Send(parcel) = desk.next(now) else { panic!("nothing to send") };
            assert_eq!(parcel.messages[0].id, "0");
            match desk.ended(now, &failing()) {
                Fate::Later(due) => {
                    assert_eq!(desk.next(now), Next::At(due));
                    waits.push(due.since(now).as_secs_f64());
                    now = due;
                }
                fate => break fate,
            }
        };
        assert_eq!((fate, waits.len() + 1), (Fate::GivenUp, 10));
        let wanted = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0];
        for (wait, wanted) in waits.iter().zip(wanted) {
            assert!((0.75..=1.25).contains(&(wait / wanted)), "{waits:?}");
        }
        assert!(
            waits.iter().zip(wanted).any(|(wait, wanted)| (wait / wanted - 1.0).abs() > 0.05),
            "no jitter"
        );
        // The next one says that there was another.
        desk.push(message(1));
        let Next::Send(parcel) = desk.next(now) else { panic!("nothing to send") };
        assert_eq!((parcel.messages.len(), parcel.more), (1, 1));
    }

    #[test]
    fn a_receiver_may_ask_for_time_but_not_for_ever() {
        let wait = |seconds| {
            let mut desk = desk(1);
            let now = Nanos::from_secs(10);
            assert!(matches!(desk.next(now), Next::Send(_)));
            let after = Some(Duration::from_secs(seconds));
            match desk.ended(now, &Answer::Again { why: String::new(), after }) {
                Fate::Later(due) => due.since(now).as_secs(),
                fate => panic!("{fate:?}"),
            }
        };
        assert_eq!([wait(30), wait(1_000_000)], [30, 600]);
        assert!(wait(0) <= 1);
    }

    #[test]
    fn what_is_refused_is_not_tried_again() {
        let mut desk = desk(2);
        let now = Nanos::ZERO;
        assert!(matches!(desk.next(now), Next::Send(_)));
        assert_eq!(desk.ended(now, &Answer::Refused(String::new())), Fate::Refused);
        let Next::Send(parcel) = desk.next(now) else { panic!("the other one") };
        assert_eq!((parcel.messages[0].id.as_str(), parcel.more), ("1", 1));
    }
}
