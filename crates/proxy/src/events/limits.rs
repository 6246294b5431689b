//! Limits that are met. Requests count what happens to them; here the counts are looked at once a second.

use std::collections::HashMap;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use evenkeel_core::PoolId;
use evenkeel_journal::{Journal, What};

use crate::proxy::{Inner, View};

/// Between two looks.
const TICK: Duration = Duration::from_secs(1);
/// Looks without it, until it is over: what comes and goes is told at most once in that time.
const QUIET: u32 = 5;

/// Something that is so or not, told when it begins and when it has been over for a while.
#[derive(Debug, Default)]
struct Spell {
    on: bool,
    quiet: u32,
    /// Since it began.
    total: u64,
}

/// What a look makes of a spell.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Begun,
    /// With what came to it meanwhile.
    Over(u64),
}

#[derive(Debug, Default)]
struct Looks {
    /// Requests turned away before, and whether that goes on.
    pools: HashMap<PoolId, (u64, Spell)>,
    listeners: HashMap<String, Spell>,
}

/// Looks for as long as the proxy is there.
pub(crate) async fn watch(inner: Weak<Inner>) {
    let mut looks = Looks::default();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        let view = inner.view.load_full();
        looks.pools(&view, &inner.journal);
        looks.listeners(&view, &inner.journal);
    }
}

impl Looks {
    fn pools(&mut self, view: &View, journal: &Journal) {
        self.pools.retain(|id, _| view.pools.iter().any(|pool| pool.id == *id));
        for pool in &view.pools {
            let count = pool.queue.counts.overflows.load(Ordering::Relaxed);
            let (before, spell) =
                self.pools.entry(pool.id.clone()).or_insert_with(|| (count, Spell::default()));
            let refused = count.saturating_sub(*before);
            *before = count;
            let what = match spell.look(refused) {
                Some(News::Begun) => What::QueueFull { refused, waiting: pool.queue.len() },
                Some(News::Over(refused)) => What::QueueFullOver { refused },
                None => continue,
            };
            journal.record(Some(pool.id.as_str()), None, what);
        }
    }

    fn listeners(&mut self, view: &View, journal: &Journal) {
        self.listeners.retain(|name, _| view.listeners.iter().any(|(listener, _)| listener.name == *name));
        for (listener, _) in &view.listeners {
            let limit = listener.settings.load().limits.connections as u64;
            let full = listener.counts.open.load(Ordering::Relaxed) >= limit;
            let name = listener.name.clone();
            let what = match self.listeners.entry(name.clone()).or_default().look(u64::from(full)) {
                Some(News::Begun) => What::ConnectionsFull { listener: name, limit },
                Some(News::Over(_)) => What::ConnectionsFullOver { listener: name },
                None => continue,
            };
            journal.record(None, None, what);
        }
    }
}

impl Spell {
    /// Takes in how much of it there has been since the last look.
    fn look(&mut self, more: u64) -> Option<News> {
        self.total += more;
        self.quiet = if more > 0 { 0 } else { self.quiet + 1 };
        match (self.on, more > 0) {
            (false, true) => {
                self.on = true;
                Some(News::Begun)
            }
            (true, false) if self.quiet >= QUIET => {
                self.on = false;
                Some(News::Over(std::mem::take(&mut self.total)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_and_goes_is_told_once() {
        let mut spell = Spell::default();
        assert_eq!(spell.look(0), None);
        assert_eq!(spell.look(3), Some(News::Begun));
        for more in [4, 0, 0, 5, 0, 0, 0, 0] {
            assert_eq!(spell.look(more), None);
        }
        assert_eq!(spell.look(0), Some(News::Over(12)));
        assert_eq!(spell.look(0), None);
        assert_eq!(spell.look(1), Some(News::Begun), "it begins anew");
    }
}
