//! Events as they happen. Nothing is queued for anybody: who follows has a place in the journal, and reads on from there when
//! what was sent before has gone out.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_proxy::journal::{Journal, Page, Query};
use hyper::body::Bytes;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::asked::Asked;
use super::frame;

/// Events that are written at once.
const AT_ONCE: usize = 256;
/// Nothing has happened for so long: something is sent nevertheless.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Whoever takes nothing for so long is cut off.
const STALL_MAX: Duration = Duration::from_secs(30);

/// One who follows.
pub(super) struct Follower {
    journal: Journal,
    asked: Asked,
    parts: mpsc::Sender<Bytes>,
    pub(super) stall_max: Duration,
}

/// It has left, or was too slow.
struct Gone;

impl Follower {
    pub(super) fn new(journal: Journal, asked: Asked, parts: mpsc::Sender<Bytes>) -> Self {
        Self { journal, asked, parts, stall_max: STALL_MAX }
    }

    /// Until it leaves, or is too slow.
    pub(super) async fn run(self) {
        self.tell().await.err();
    }

    async fn tell(&self) -> Result<(), Gone> {
        let news = Arc::new(Notify::new());
        let told = Arc::clone(&news);
        let _watching = self.journal.watch(move || told.notify_one());
        // At once, so that the head of the answer goes out, too.
        self.send(frame::heartbeat(self.asked.form).to_owned()).await?;
        let mut through = self.begin().await?;
        // However much comes that was not asked for: who has left is noticed by what is sent alone.
        let mut sent = Instant::now();
        loop {
            let page =
                self.read(Query { after: Some(through), limit: AT_ONCE, ..self.asked.query.clone() }).await?;
            if page.missed {
                // It has fallen behind all that is kept.
                return self.send(frame::lagging(self.asked.form)).await;
            }
            let went_on = page.through > through;
            through = page.through;
            if !page.events.is_empty() {
                self.send(self.text(&page)).await?;
                sent = Instant::now();
            } else if sent.elapsed() >= HEARTBEAT {
                self.send(frame::heartbeat(self.asked.form).to_owned()).await?;
                sent = Instant::now();
            } else if !went_on {
                self.wait(&news, sent + HEARTBEAT).await?;
            }
        }
    }

    /// Tells what was asked for of the past. The number to go on from.
    async fn begin(&self) -> Result<u64, Gone> {
        let limit = if self.asked.past { self.asked.query.limit } else { 1 };
        let page = self.read(Query { limit, ..self.asked.query.clone() }).await?;
        if !self.asked.past {
            return Ok(page.through);
        }
        let mut text = if page.missed { frame::lagging(self.asked.form) } else { String::new() };
        text.push_str(&self.text(&page));
        if !text.is_empty() {
            self.send(text).await?;
        }
        Ok(page.through)
    }

    async fn wait(&self, news: &Notify, until: Instant) -> Result<(), Gone> {
        tokio::select! {
            () = news.notified() => Ok(()),
            () = tokio::time::sleep_until(until) => Ok(()),
            () = self.parts.closed() => Err(Gone),
        }
    }

    async fn read(&self, query: Query) -> Result<Page, Gone> {
        let journal = self.journal.clone();
        match tokio::task::spawn_blocking(move || journal.read(&query)).await {
            Ok(Ok(page)) => Ok(page),
            _ => Err(Gone),
        }
    }

    fn text(&self, page: &Page) -> String {
        page.events.iter().map(|event| frame::event(self.asked.form, event)).collect()
    }

    async fn send(&self, text: String) -> Result<(), Gone> {
        let sent = tokio::time::timeout(self.stall_max, self.parts.send(Bytes::from(text))).await;
        match sent {
            Ok(Ok(())) => Ok(()),
            _ => Err(Gone),
        }
    }
}
