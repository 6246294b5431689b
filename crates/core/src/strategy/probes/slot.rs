//! Room for one probe, read and written without a lock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::time::Duration;

use crate::units::Nanos;

/// Several words that must be seen together: whoever writes makes the version odd meanwhile, and whoever reads looks at
/// it before and after (a sequence lock; for the fences see Boehm, "Can seqlocks get along with programming language
/// memory models?", 2012). Nobody ever waits: a probe that is being written is left out, and one that cannot be written
/// is dropped.
///
/// On a line of its own: picks write to it.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Slot {
    version: AtomicU64,
    /// 0 when free.
    serial: AtomicU64,
    in_flight: AtomicU32,
    /// Picks that have gone by it.
    picked: AtomicU32,
    /// Picks that still may.
    uses: AtomicU32,
    latency: AtomicU64,
    at: AtomicU64,
}

/// What a backend said.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Probe {
    pub(crate) serial: u64,
    /// What it had in flight, and what has been picked since.
    pub(crate) in_flight: u32,
    /// In nanoseconds.
    pub(crate) latency: f64,
    pub(crate) at: Nanos,
    version: u64,
}

/// What decides whether a slot may be taken.
pub(super) struct Entry {
    pub(super) serial: u64,
    pub(super) at: u64,
}

impl Probe {
    pub(super) fn new(serial: u64, in_flight: u32, latency: Duration, at: Nanos) -> Self {
        Self { serial, in_flight, latency: latency.as_nanos() as f64, at, version: 0 }
    }
}

impl Slot {
    /// Not more than a hint.
    #[inline]
    pub(super) fn peek(&self) -> Entry {
        Entry { serial: self.serial.load(Ordering::Relaxed), at: self.at.load(Ordering::Relaxed) }
    }

    /// `None` when it is free, or just being written.
    #[inline]
    pub(super) fn read(&self) -> Option<Probe> {
        let version = self.version.load(Ordering::Acquire);
        let picked = self.picked.load(Ordering::Relaxed);
        let probe = Probe {
            serial: self.serial.load(Ordering::Relaxed),
            in_flight: self.in_flight.load(Ordering::Relaxed).saturating_add(picked),
            latency: f64::from_bits(self.latency.load(Ordering::Relaxed)),
            at: Nanos(self.at.load(Ordering::Relaxed)),
            version,
        };
        fence(Ordering::Acquire);
        let stood_still = self.version.load(Ordering::Relaxed) == version && version.is_multiple_of(2);
        (stood_still && probe.serial != 0).then_some(probe)
    }

    /// Writes a probe that may be used so often, unless somebody else is writing.
    pub(super) fn put(&self, probe: &Probe, uses: u32) {
        let version = self.version.load(Ordering::Relaxed);
        self.write(version, |slot| {
            slot.serial.store(probe.serial, Ordering::Relaxed);
            slot.in_flight.store(probe.in_flight, Ordering::Relaxed);
            slot.picked.store(0, Ordering::Relaxed);
            slot.uses.store(uses, Ordering::Relaxed);
            slot.latency.store(probe.latency.to_bits(), Ordering::Relaxed);
            slot.at.store(probe.at.0, Ordering::Relaxed);
        });
    }

    /// Forgets the probe, unless it is not there any more.
    #[inline]
    pub(super) fn clear(&self, probe: &Probe) {
        self.write(probe.version, |slot| slot.serial.store(0, Ordering::Relaxed));
    }

    /// One that takes its place at this instant may be charged instead: it is one pick off, as if it had come earlier.
    #[inline]
    pub(super) fn spend(&self, probe: &Probe) {
        self.picked.fetch_add(1, Ordering::Relaxed);
        if self.uses.fetch_sub(1, Ordering::Relaxed) <= 1 {
            self.clear(probe);
        }
    }

    #[inline]
    fn write(&self, version: u64, store: impl FnOnce(&Self)) {
        let odd = version.wrapping_add(1);
        if version.is_multiple_of(2)
            && self.version.compare_exchange(version, odd, Ordering::Acquire, Ordering::Relaxed).is_ok()
        {
            fence(Ordering::Release);
            store(self);
            self.version.store(version.wrapping_add(2), Ordering::Release);
        }
    }
}
