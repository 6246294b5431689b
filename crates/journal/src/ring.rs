//! The latest events, in memory.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::event::Event;
use crate::kinds::What;

/// Events in memory at most.
pub(crate) const EVENTS_MAX: usize = 10_000;
/// Bytes of them at most, about: long change lists are the only large ones.
const BYTES_MAX: usize = 8 << 20;

/// Bounded in number and in bytes; the oldest go first.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    /// The number of the last event that is not here any more, or never was: all later ones are.
    gone: u64,
}

impl Ring {
    /// Events with numbers up to this one are not here.
    pub(crate) fn begin_after(&mut self, seq: u64) {
        self.gone = seq;
    }

    pub(crate) fn push(&mut self, event: Arc<Event>) {
        self.bytes += size(&event);
        self.events.push_back(event);
        while self.events.len() > EVENTS_MAX || self.bytes > BYTES_MAX {
            let Some(gone) = self.events.pop_front() else { break };
            self.bytes -= size(&gone);
            self.gone = gone.seq;
        }
    }

    /// The number of the last event that is not here any more.
    pub(crate) fn gone(&self) -> u64 {
        self.gone
    }

    /// The number of the last one; 0 if there is none.
    pub(crate) fn last(&self) -> u64 {
        self.events.back().map_or(0, |event| event.seq)
    }

    /// Those with a higher number, in order.
    pub(crate) fn after(&self, seq: u64) -> impl Iterator<Item = &Arc<Event>> {
        let first = self.events.partition_point(|event| event.seq <= seq);
        self.events.range(first..)
    }

    /// All of them, the latest first.
    pub(crate) fn backwards(&self) -> impl Iterator<Item = &Arc<Event>> {
        self.events.iter().rev()
    }
}

/// About what it takes.
fn size(event: &Event) -> usize {
    let texts = [&event.pool, &event.backend].into_iter().flatten().map(String::len).sum::<usize>();
    let list = match &event.what {
        What::ReloadApplied { changes, .. } => changes.iter().map(|line| line.len() + 24).sum(),
        // The others are short; their texts are bounded.
        _ => 200,
    };
    size_of::<Event>() + texts + list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::VERSION;

    fn event(seq: u64, what: What) -> Arc<Event> {
        Arc::new(Event { v: VERSION, seq, at_ms: 0, generation: 1, pool: None, backend: None, what })
    }

    #[test]
    fn the_oldest_go_first_by_number_and_by_bytes() {
        let mut ring = Ring::default();
        (1..=10_005).for_each(|seq| ring.push(event(2 * seq, What::Stopping)));
        assert_eq!((ring.gone(), ring.last(), ring.events.len()), (10, 20_010, EVENTS_MAX));
        let after: Vec<u64> = ring.after(20_007).map(|event| event.seq).collect();
        assert_eq!(after, [20_008, 20_010], "a number that was never given will do");
        let large = |seq| {
            event(seq, What::ReloadApplied { changes: vec!["x".repeat(400); 100], more: 0, took_ms: 0 })
        };
        (30_000..30_500).for_each(|seq| ring.push(large(seq)));
        assert!(ring.bytes <= BYTES_MAX && ring.events.len() < 250, "{}", ring.events.len());
        assert_eq!(ring.bytes, ring.events.iter().map(|event| size(event)).sum::<usize>());
    }
}
