//! The sessions of one worker: found by flow, and in the order in which they were last used.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// What datagrams of one session have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Flow {
    /// Where they come from.
    pub(super) client: SocketAddr,
    /// Which of the listener's addresses they are sent to, where it has several: replies have to come from there.
    pub(super) local: Option<IpAddr>,
}

/// What a client has shown of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has sent something. The address may be somebody else's.
    Heard,
    /// It has sent something after it was sent a reply, as whoever makes up addresses rarely does.
    Answering,
}

/// A place in the table, valid until it is given up.
pub(super) type Place = u32;

/// Sessions `S` by flow and by age. Everything but [`Table::insert`] into a full table takes constant time and does not
/// allocate.
#[derive(Debug)]
pub(super) struct Table<S> {
    slots: Vec<Slot<S>>,
    free: Vec<Place>,
    by_flow: HashMap<Flow, Place>,
    /// By [`Standing`], least recently used first.
    queues: [Queue; 2],
}

#[derive(Debug)]
struct Slot<S> {
    session: Option<S>,
    flow: Flow,
    used: Instant,
    standing: Standing,
    earlier: Place,
    later: Place,
}

/// A list through the slots.
#[derive(Clone, Copy, Debug)]
struct Queue {
    first: Place,
    last: Place,
}

const NOBODY: Place = Place::MAX;

impl<S> Table<S> {
    pub(super) fn new() -> Self {
        let empty = Queue { first: NOBODY, last: NOBODY };
        Self { slots: Vec::new(), free: Vec::new(), by_flow: HashMap::new(), queues: [empty; 2] }
    }

    pub(super) fn len(&self) -> usize {
        self.by_flow.len()
    }

    pub(super) fn find(&self, flow: &Flow) -> Option<Place> {
        self.by_flow.get(flow).copied()
    }

    /// Adds a session to a flow that has none.
    pub(super) fn insert(&mut self, flow: Flow, session: S, now: Instant) -> Place {
        let slot = Slot {
            session: Some(session),
            flow,
            used: now,
            standing: Standing::Heard,
            earlier: NOBODY,
            later: NOBODY,
        };
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place as usize] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                (self.slots.len() - 1) as Place
            }
        };
        let before = self.by_flow.insert(flow, place);
        debug_assert!(before.is_none(), "a flow has one session");
        self.append(place);
        place
    }

    /// The session at a place, if there still is one.
    pub(super) fn get(&mut self, place: Place) -> Option<(&Flow, &mut S)> {
        let slot = self.slots.get_mut(place as usize)?;
        slot.session.as_mut().map(|session| (&slot.flow, session))
    }

    /// It has just been used.
    pub(super) fn touch(&mut self, place: Place, now: Instant) {
        self.unlink(place);
        self.slots[place as usize].used = now;
        self.append(place);
    }

    /// It has just been used, and by somebody who gets what is sent there.
    pub(super) fn vouch(&mut self, place: Place, now: Instant) {
        self.unlink(place);
        let slot = &mut self.slots[place as usize];
        (slot.used, slot.standing) = (now, Standing::Answering);
        self.append(place);
    }

    /// Takes a session out.
    pub(super) fn remove(&mut self, place: Place) -> Option<(Flow, S)> {
        let slot = self.slots.get_mut(place as usize)?;
        let session = slot.session.take()?;
        let flow = slot.flow;
        self.unlink(place);
        self.by_flow.remove(&flow);
        self.free.push(place);
        Some((flow, session))
    }

    /// Of those of one standing, the one that was used longest ago, and when that was.
    pub(super) fn oldest(&self, standing: Standing) -> Option<(Place, Instant)> {
        let place = self.queues[standing as usize].first;
        self.slots.get(place as usize).map(|slot| (place, slot.used))
    }

    /// The one that was used longest ago of all, and when that was.
    pub(super) fn oldest_of_all(&self) -> Option<(Place, Instant)> {
        let both = [Standing::Heard, Standing::Answering].into_iter();
        both.filter_map(|standing| self.oldest(standing)).min_by_key(|&(_, used)| used)
    }

    fn append(&mut self, place: Place) {
        let standing = self.slots[place as usize].standing;
        let last = std::mem::replace(&mut self.queues[standing as usize].last, place);
        let slot = &mut self.slots[place as usize];
        (slot.earlier, slot.later) = (last, NOBODY);
        match last {
            NOBODY => self.queues[standing as usize].first = place,
            last => self.slots[last as usize].later = place,
        }
    }

    fn unlink(&mut self, place: Place) {
        let Slot { earlier, later, standing, .. } = self.slots[place as usize];
        match earlier {
            NOBODY => self.queues[standing as usize].first = later,
            earlier => self.slots[earlier as usize].later = later,
        }
        match later {
            NOBODY => self.queues[standing as usize].last = earlier,
            later => self.slots[later as usize].earlier = earlier,
        }
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
