//! One receiver: what it has been told, what it is still to get, and the task that delivers it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use evenkeel_core::{Nanos, Rng};
use tokio::sync::Notify as Wake;

use super::desk::{Answer, Desk, Fate, Next};
use super::message::{Details, Message, Parcel, Sender};
use super::post;
use super::settings::Settings;
use super::told::{Alarm, Told};
use crate::clock::Clock;
use crate::proxy::lock;

/// Things that can become of a message.
pub(super) const RESULTS: usize = 5;

#[derive(Debug)]
pub(super) struct Receiver {
    settings: Mutex<Arc<Settings>>,
    state: Mutex<State>,
    wake: Wake,
    gone: AtomicBool,
    counts: Counts,
}

#[derive(Debug)]
struct State {
    told: Told,
    desk: Desk,
    sender: Arc<Sender>,
    /// Messages ever made.
    made: u64,
}

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    retried: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    dropped: AtomicU64,
}

impl Receiver {
    pub(super) fn new(settings: Settings, rng: Rng) -> Self {
        let state = State { told: Told::default(), desk: Desk::new(rng), sender: Arc::default(), made: 0 };
        Self {
            settings: Mutex::new(Arc::new(settings)),
            state: Mutex::new(state),
            wake: Wake::new(),
            gone: AtomicBool::new(false),
            counts: Counts::default(),
        }
    }

    pub(super) fn is_for(&self, settings: &Settings) -> bool {
        lock(&self.settings).is_like(settings)
    }

    /// Takes what files say now.
    pub(super) fn renew(&self, settings: Settings) {
        *lock(&self.settings) = Arc::new(settings);
    }

    /// Nothing more is delivered.
    pub(super) fn leave(&self) {
        self.gone.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    pub(super) fn name(&self) -> String {
        lock(&self.settings).config.name.clone()
    }

    pub(super) fn counts(&self) -> [(&'static str, u64); RESULTS] {
        let Counts { sent, retried, failed, refused, dropped } = &self.counts;
        [("sent", sent), ("retried", retried), ("failed", failed), ("refused", refused), ("dropped", dropped)]
            .map(|(result, count)| (result, count.load(Ordering::Relaxed)))
    }

    /// Puts what is new about what stands into the queue.
    pub(super) fn look<A: Alarm>(
        &self,
        now: Nanos,
        sender: &Sender,
        standing: &[A],
        describe: &impl Fn(&A) -> Details,
    ) {
        let settings = Arc::clone(&lock(&self.settings));
        let config = &settings.config;
        let of_its_pools =
            |alarm: &&A| config.pools.is_empty() || config.pools.contains(&alarm.subject().pool);
        let standing: Vec<&A> = standing.iter().filter(of_its_pools).collect();
        let mut state = lock(&self.state);
        let news = state.told.look(now, &standing, config.min_level, config.resend, describe);
        if news.is_empty() {
            return;
        }
        state.sender = Arc::new(sender.clone());
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        for (event, details) in news {
            state.made += 1;
            let id = format!("{}-{}", at.as_millis(), state.made);
            if state.desk.push(Message { id, event, details, at: at.as_secs() }) {
                self.counts.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Delivers, for as long as the receiver is configured.
    pub(super) async fn run(self: Arc<Self>, clock: Clock) {
        while !self.gone.load(Ordering::Acquire) {
            let next = lock(&self.state).desk.next(clock.now());
            match next {
                Next::Nothing => self.wake.notified().await,
                Next::At(at) => {
                    let due = clock.instant(at).into();
                    // Who leaves is not waited for.
                    tokio::time::timeout_at(due, self.wake.notified()).await.ok();
                }
                Next::Send(parcel) => {
                    let (settings, sender) =
                        (Arc::clone(&lock(&self.settings)), Arc::clone(&lock(&self.state).sender));
                    let body = parcel.body(settings.config.format, &sender);
                    let answer = post::deliver(&settings, &body).await;
                    let fate = lock(&self.state).desk.ended(clock.now(), &answer);
                    self.note(&settings, &parcel, &answer, fate);
                }
            }
        }
    }

    /// Counts what has become of a parcel, and says it where somebody should know.
    fn note(&self, settings: &Settings, parcel: &Parcel, answer: &Answer, fate: Fate) {
        let (receiver, place) = (&settings.config.name, &settings.url);
        let why = match answer {
            Answer::Taken => "",
            Answer::Again { why, .. } | Answer::Refused(why) => why,
        };
        let messages = parcel.messages.len() as u64;
        let count = match fate {
            Fate::Sent => &self.counts.sent,
            Fate::Later(_) => &self.counts.retried,
            Fate::GivenUp => &self.counts.failed,
            Fate::Refused => &self.counts.refused,
        };
        count.fetch_add(messages, Ordering::Relaxed);
        match fate {
            Fate::Sent => tracing::debug!(receiver, messages, "told"),
            Fate::Later(_) => tracing::info!(receiver, %place, why, "cannot be told now; tried again"),
            Fate::GivenUp | Fate::Refused => {
                tracing::warn!(receiver, %place, why, messages, "could not be told of an alarm");
            }
        }
    }
}
