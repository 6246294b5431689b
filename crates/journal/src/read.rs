//! Looking events up: in memory first, on disk where memory does not reach.

use std::sync::Arc;

use crate::event::Event;
use crate::filter::Filter;
use crate::inbox::lock;
use crate::journal::Journal;
use crate::store::{Reader, Trouble};

/// Times are nearly in order: a clock may have been set back by so much.
const SLACK_MS: u64 = 60_000;

/// What somebody wants to see.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The first ones with a higher number; the latest ones if it is not given.
    pub after: Option<u64>,
    /// None from before this time, in milliseconds since 1970.
    pub since_ms: Option<u64>,
    /// None from after this time.
    pub until_ms: Option<u64>,
    /// These only.
    pub filter: Filter,
    /// So many at most.
    pub limit: usize,
}

/// What there is.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// In order.
    pub events: Vec<Arc<Event>>,
    /// Everything up to this number has been looked at: what to ask for next.
    pub through: u64,
    /// Some of what was asked for is not kept any more.
    pub missed: bool,
}

impl Query {
    fn takes(&self, event: &Event) -> bool {
        self.since_ms.is_none_or(|since| event.at_ms >= since)
            && self.until_ms.is_none_or(|until| event.at_ms <= until)
            && self.filter.takes(event)
    }
}

impl Journal {
    /// Looks events up. May read from disk.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn read(&self, query: &Query) -> Result<Page, Trouble> {
        match query.after {
            Some(after) => self.forwards(query, after),
            None => self.latest(query),
        }
    }

    /// Everything in memory of a time, both ends included, in milliseconds since 1970. Never reads from disk.
    pub fn remembered(&self, since_ms: u64, until_ms: u64) -> Vec<Arc<Event>> {
        let ring = lock(&self.shared.ring);
        let recent = ring.backwards().take_while(|event| event.at_ms.saturating_add(SLACK_MS) >= since_ms);
        let mut events: Vec<_> =
            recent.filter(|event| (since_ms..=until_ms).contains(&event.at_ms)).cloned().collect();
        events.reverse();
        events
    }

    fn forwards(&self, query: &Query, after: u64) -> Result<Page, Trouble> {
        let mut page = Page { through: after, ..Page::default() };
        let reader = lock(&self.shared.reader).clone();
        let gone = lock(&self.shared.ring).gone();
        // Nobody who asks for all there is has missed anything.
        if after > 0 && after < gone {
            page.missed = match &reader {
                Some(reader) => after < reader.gone()?,
                None => true,
            };
        }
        if let Some(reader) = &reader {
            reader.scan(after, gone, false, |event| page.take(query, &Arc::new(event)))?;
        }
        if page.events.len() < query.limit {
            let ring = lock(&self.shared.ring);
            for event in ring.after(page.through.max(gone)) {
                if !page.take(query, event) {
                    break;
                }
            }
        }
        Ok(page)
    }

    fn latest(&self, query: &Query) -> Result<Page, Trouble> {
        let reader = lock(&self.shared.reader).clone();
        let (mut page, oldest, reaches) = {
            let ring = lock(&self.shared.ring);
            let mut page = Page { through: ring.last(), ..Page::default() };
            let reaches = ring.backwards().all(|event| page.take_late(query, event));
            (page, ring.gone(), reaches)
        };
        if let (Some(reader), true) = (reader, reaches) {
            latest_of(&reader, query, oldest, &mut page)?;
        }
        page.events.reverse();
        Ok(page)
    }
}

/// Adds events up to number `to`, the last one first.
pub(crate) fn latest_of(reader: &Reader, query: &Query, to: u64, page: &mut Page) -> Result<(), Trouble> {
    reader.scan(0, to, true, |event| page.take_late(query, &Arc::new(event)))
}

impl Page {
    /// Whether more are wanted.
    fn take(&mut self, query: &Query, event: &Arc<Event>) -> bool {
        if self.events.len() >= query.limit {
            return false;
        }
        self.through = event.seq;
        if query.takes(event) {
            self.events.push(Arc::clone(event));
        }
        true
    }

    /// The same where the last ones come first.
    fn take_late(&mut self, query: &Query, event: &Arc<Event>) -> bool {
        if query.takes(event) {
            self.events.push(Arc::clone(event));
        }
        let too_old = query.since_ms.is_some_and(|since| event.at_ms.saturating_add(SLACK_MS) < since);
        self.events.len() < query.limit && !too_old
    }
}
