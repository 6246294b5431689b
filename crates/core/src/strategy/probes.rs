//! What backends said when they were asked how busy they are: the memory of the strategy `prequal`.

mod carry;
mod slot;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::settings::PrequalSettings;
use crate::units::Nanos;
use carry::Carry;
pub(crate) use slot::Probe;
use slot::Slot;

/// The latest answers to probes, a few at a time, shared by every worker and kept across snapshots and reloads.
/// Lock-free: whoever sends probes adds what comes back, and picks use it up.
#[derive(Debug)]
pub struct ProbePool {
    slots: [Slot; Self::CAPACITY],
    /// As many of the slots are used.
    size: AtomicU32,
    /// Probes to send for each request.
    due: Carry,
    /// Picks that a probe is good for.
    reuse: Carry,
    /// Probes to forget for each request.
    removal: Carry,
    removals: AtomicU32,
}

/// Which probe to forget.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Removal {
    Oldest,
    Worst,
}

impl ProbePool {
    /// Probes that it can hold, whatever the settings.
    pub const CAPACITY: usize = 32;

    /// Enters an answer: the backend's [serial](crate::Member::serial), the requests that it had in flight (all of
    /// them, whoever sent them), how long a request takes there at present, and when the answer came. It takes the
    /// place of an older one of the same backend, else of the oldest if there is no room. One of several that come in
    /// the same instant may be lost.
    pub fn add(&self, serial: u64, in_flight: u32, latency: Duration, now: Nanos) {
        let uses = self.reuse.next().max(1);
        let probe = Probe::new(serial, in_flight, latency, now);
        let mut place = &self.slots[0];
        let mut oldest = None;
        for slot in self.used() {
            let entry = slot.peek();
            if entry.serial == serial {
                place = slot;
                break;
            }
            // A free slot is older than any probe.
            let at = if entry.serial == 0 { None } else { Some(entry.at) };
            if oldest.is_none_or(|oldest| at < oldest) {
                (oldest, place) = (Some(at), slot);
            }
        }
        place.put(&probe, uses);
    }

    /// How many probes to send now that one more request has come.
    pub(crate) fn due(&self) -> u32 {
        self.due.next()
    }

    /// Takes over what the settings say, for a pool of so many members.
    pub(crate) fn tune(&self, settings: &PrequalSettings, members: usize) {
        let size = settings.pool_size.clamp(2, Self::CAPACITY as u32);
        self.size.store(size, Ordering::Relaxed);
        self.due.set(settings.probes_per_request);
        let remove = removals_per_request(settings.probes_per_request);
        self.removal.set(remove);
        self.reuse.set(reuse_budget(settings.probes_per_request, remove, size, members));
    }

    /// Every probe, with its slot.
    #[inline]
    pub(crate) fn read(&self) -> impl Iterator<Item = (usize, Probe)> {
        self.used().iter().enumerate().filter_map(|(position, slot)| Some((position, slot.read()?)))
    }

    /// A pick has gone by the probe: one more is in flight there, and it is good for one less.
    #[inline]
    pub(crate) fn spend(&self, position: usize, probe: &Probe) {
        self.slots[position].spend(probe);
    }

    /// Forgets a probe, unless another has taken its place.
    #[inline]
    pub(crate) fn remove(&self, position: usize, probe: &Probe) {
        self.slots[position].clear(probe);
    }

    /// What to forget now that one more request has come, the oldest and the worst by turns.
    #[inline]
    pub(crate) fn removal(&self) -> Option<Removal> {
        if self.removal.next() == 0 {
            return None;
        }
        let turn = self.removals.fetch_add(1, Ordering::Relaxed);
        Some(if turn.is_multiple_of(2) { Removal::Oldest } else { Removal::Worst })
    }

    #[inline]
    fn used(&self) -> &[Slot] {
        let size = self.size.load(Ordering::Relaxed) as usize;
        &self.slots[..size.min(Self::CAPACITY)]
    }
}

impl Default for ProbePool {
    fn default() -> Self {
        let pool = Self {
            slots: std::array::from_fn(|_| Slot::default()),
            size: 0.into(),
            due: Carry::default(),
            reuse: Carry::default(),
            removal: Carry::default(),
            removals: 0.into(),
        };
        pool.tune(&PrequalSettings::default(), 0);
        pool
    }
}

/// The paper forgets one for each request that brings three; with fewer, that would leave nothing.
fn removals_per_request(probes_per_request: f64) -> f64 {
    (probes_per_request / 3.0).min(1.0)
}

/// How often a probe may be used, b_reuse of the paper: as many requests come while it is kept that all of the probes,
/// used so often, are enough for them, and a margin: max(1, (1 + δ) / ((1 − m/n)·r_probe − r_remove)). In a pool that
/// is not much larger than the probes that are kept, the next probe of a backend takes the place of the last one, and
/// the formula has no answer: then the budget is [`REUSE_MAX`].
fn reuse_budget(probes: f64, removals: f64, kept: u32, members: usize) -> f64 {
    let spare = (1.0 - f64::from(kept) / members.max(1) as f64) * probes - removals;
    if spare <= 0.0 { REUSE_MAX } else { ((1.0 + MARGIN) / spare).clamp(1.0, REUSE_MAX) }
}

/// δ of the paper.
const MARGIN: f64 = 1.0;
const REUSE_MAX: f64 = 16.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(size: u32, probes_per_request: f64, members: usize) -> ProbePool {
        let pool = ProbePool::default();
        let settings = PrequalSettings { pool_size: size, probes_per_request, ..PrequalSettings::default() };
        pool.tune(&settings, members);
        pool
    }

    fn add(pool: &ProbePool, serial: u64, in_flight: u32, at: u64) {
        pool.add(serial, in_flight, Duration::from_millis(10), Nanos(at));
    }

    fn kept(pool: &ProbePool) -> Vec<(u64, u32)> {
        let mut kept: Vec<_> = pool.read().map(|(_, probe)| (probe.serial, probe.in_flight)).collect();
        kept.sort_unstable();
        kept
    }

    #[test]
    fn the_newest_of_each_backend_is_kept_and_the_oldest_gives_way() {
        let pool = pool(3, 3.0, 100);
        for (serial, in_flight, at) in [(7, 1, 10), (8, 2, 11), (9, 3, 12), (9, 4, 13)] {
            add(&pool, serial, in_flight, at);
        }
        assert_eq!(kept(&pool), [(7, 1), (8, 2), (9, 4)]);
        add(&pool, 10, 5, 14);
        assert_eq!(kept(&pool), [(8, 2), (9, 4), (10, 5)]);
    }

    #[test]
    fn a_probe_counts_the_picks_since_and_ends_with_its_budget() {
        // b_reuse = 2 / ((1 - 16/100) · 3 - 1) = 1.316: one probe in three may be used twice.
        let pool = pool(16, 3.0, 100);
        let mut uses = 0;
        for serial in 1..=100 {
            add(&pool, serial, 5, serial);
            let before = uses;
            while let Some((position, probe)) = pool.read().next() {
                assert_eq!(probe.in_flight, 5 + uses - before, "own picks are in flight there, too");
                pool.spend(position, &probe);
                uses += 1;
            }
        }
        assert!((131..=132).contains(&uses), "{uses}");
    }

    #[test]
    fn what_has_been_replaced_is_not_removed() {
        let pool = pool(16, 3.0, 100);
        add(&pool, 1, 5, 10);
        let (position, old) = pool.read().next().expect("one");
        add(&pool, 1, 6, 11);
        pool.remove(position, &old);
        assert_eq!(kept(&pool), [(1, 6)]);
        let (position, new) = pool.read().next().expect("one");
        pool.remove(position, &new);
        assert_eq!(kept(&pool), []);
    }

    #[test]
    fn budgets_are_those_of_the_paper() {
        assert!((reuse_budget(3.0, 1.0, 16, 100) - 1.3158).abs() < 1e-4);
        assert!((reuse_budget(5.0, 1.0, 16, 1_000_000) - 1.0).abs() < 1e-9, "at least once");
        assert_eq!(reuse_budget(3.0, 1.0, 16, 20), REUSE_MAX);
        assert_eq!(reuse_budget(3.0, 1.0, 16, 0), REUSE_MAX);
    }

    #[test]
    fn fractions_are_carried_over() {
        let few = pool(16, 0.25, 100);
        assert_eq!((0..8).map(|_| few.due()).sum::<u32>(), 2);
        let removals = (0..1_200).filter_map(|_| few.removal()).collect::<Vec<_>>();
        assert!((99..=100).contains(&removals.len()), "a third of the probes: {}", removals.len());
        assert_eq!(removals[..3], [Removal::Oldest, Removal::Worst, Removal::Oldest]);
        let many = pool(16, 3.0, 100);
        assert!((0..100).all(|_| many.due() == 3 && many.removal().is_some()));
    }

    /// What is read is one probe, never parts of two.
    #[test]
    fn readers_see_whole_probes() {
        let pool = &pool(2, 3.0, 100);
        let add = |serial: u64, step| {
            pool.add(serial, serial as u32 * 10, Duration::from_nanos(serial * 1_000), Nanos(step));
        };
        std::thread::scope(|scope| {
            let adder = scope.spawn(|| (0..200_000).for_each(|step| add(1 + step % 5, step)));
            while !adder.is_finished() {
                for (_, probe) in pool.read() {
                    let serial = probe.serial;
                    assert_eq!(probe.latency, serial as f64 * 1_000.0, "{probe:?}");
                    assert_eq!(u64::from(probe.in_flight), serial * 10, "{probe:?}");
                }
            }
        });
    }
}
