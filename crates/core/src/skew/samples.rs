//! From the data path to whoever watches: what some of its requests were told apart by.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::rng::mix;

/// Samples that fit between two drains.
const ROOM: usize = 512;
/// So many are aimed at: a burst of twice as much still fits.
const WANTED: usize = ROOM / 2;
/// One in 2^20 at most: even a hundred million requests a second give some.
const RARE: u64 = (1 << 20) - 1;
/// Every 16th until it is known how many there are.
const AT_FIRST: u64 = 15;
/// Odd, so that no two numbers come to the same (splitmix64).
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A key, or a session, or a connection, and which backend got its request.
///
/// Taking one costs a request two relaxed reads of what nobody writes, and every so many-th two writes: how many are
/// taken follows from how many there are. No lock, no allocation; what does not fit is not waited for, but dropped.
#[derive(Debug)]
pub struct Samples {
    slots: Box<[Slot]>,
    next: AtomicUsize,
    /// A request is taken if these bits of its draw are 0: 2^n - 1.
    mask: AtomicU64,
}

#[derive(Debug, Default)]
struct Slot {
    cluster: AtomicU64,
    /// 0 while empty: serials begin at 1, but one more is added to be safe.
    backend: AtomicU64,
}

/// What one drain gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drained {
    /// Clusters and serials of backends.
    pub samples: Vec<(u64, u64)>,
    /// How many requests each of them stands for, 1.0 and up.
    pub weight: f64,
}

impl Default for Samples {
    fn default() -> Self {
        let slots = std::iter::repeat_with(Slot::default).take(ROOM).collect();
        Self { slots, next: AtomicUsize::new(0), mask: AtomicU64::new(AT_FIRST) }
    }
}

impl Samples {
    /// Tells of a request of `cluster`, well-mixed bits, that `backend`, a serial, got. `draw`: bits that are random, or
    /// as good as; they must not follow from the cluster.
    #[inline]
    pub fn offer(&self, draw: u64, cluster: u64, backend: u64) {
        if draw & self.mask.load(Ordering::Relaxed) == 0 {
            self.take(cluster, backend);
        }
    }

    /// As [`Samples::offer`], of the `nth` request of the cluster where nobody draws.
    #[inline]
    pub fn offer_nth(&self, nth: u64, cluster: u64, backend: u64) {
        self.offer(mix(cluster ^ nth.wrapping_mul(STEP)), cluster, backend);
    }

    #[cold]
    fn take(&self, cluster: u64, backend: u64) {
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        let Some(slot) = self.slots.get(at) else { return };
        slot.cluster.store(cluster, Ordering::Relaxed);
        slot.backend.store(backend.wrapping_add(1), Ordering::Release);
    }

    /// What has come since the last call; one caller at a time, once a second. A sample that is written meanwhile may be
    /// lost, or come with the next call.
    pub fn drain(&self) -> Drained {
        let taken = self.next.load(Ordering::Relaxed);
        let slots = &self.slots[..taken.min(ROOM)];
        let full = |slot: &Slot| {
            let backend = slot.backend.swap(0, Ordering::Acquire).checked_sub(1)?;
            Some((slot.cluster.load(Ordering::Relaxed), backend))
        };
        let samples: Vec<(u64, u64)> = slots.iter().filter_map(full).collect();
        self.next.store(0, Ordering::Relaxed);
        let mask = self.mask.load(Ordering::Relaxed);
        let dropped = taken as f64 / samples.len().max(1) as f64;
        self.mask.store(mask_for(mask, taken), Ordering::Relaxed);
        Drained { samples, weight: (mask + 1) as f64 * dropped.max(1.0) }
    }
}

/// So that about as many are taken as are wanted.
fn mask_for(mask: u64, taken: usize) -> u64 {
    if taken > ROOM * 3 / 4 {
        let rarer = (taken / WANTED).ilog2() + 1;
        ((mask + 1) << rarer.min(20)).saturating_sub(1).min(RARE)
    } else if taken < WANTED / 2 {
        mask >> 1
    } else {
        mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn second(samples: &Samples, rng: &mut Rng, requests: u64) -> Drained {
        for number in 0..requests {
            samples.offer(rng.next_u64(), number % 10, number % 3);
        }
        samples.drain()
    }

    #[test]
    fn few_requests_are_all_taken_and_many_are_stood_for() {
        let (samples, mut rng) = (Samples::default(), Rng::from_seed(1));
        for requests in [20, 3_000, 200_000, 100] {
            for _ in 0..20 {
                second(&samples, &mut rng, requests);
            }
            let drained = second(&samples, &mut rng, requests);
            let told = drained.samples.len() as f64 * drained.weight;
            assert!((told / requests as f64 - 1.0).abs() < 0.35, "{told} of {requests}");
            assert!(drained.samples.len() <= ROOM);
            assert!(requests > 200 || drained.samples.len() as u64 == requests, "{requests}");
            assert!(requests < 200 || drained.samples.len() > 100, "{requests}");
        }
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_stood_for() {
        let (samples, mut rng) = (Samples::default(), Rng::from_seed(1));
        let drained = second(&samples, &mut rng, 1_000_000);
        assert_eq!(drained.samples.len(), ROOM);
        let told = ROOM as f64 * drained.weight;
        assert!((told / 1e6 - 1.0).abs() < 0.05, "{told}");
        assert!(drained.samples.iter().all(|(cluster, backend)| *cluster < 10 && *backend < 3));
        assert_eq!(samples.drain().samples, [], "each is told once");
    }

    #[test]
    fn threads_lose_nothing_that_fits() {
        let samples = Samples::default();
        (0..10).for_each(|_| drop(samples.drain()));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let samples = &samples;
                scope.spawn(move || (0..100).for_each(|_| samples.offer(0, thread, thread)));
            }
        });
        assert_eq!(samples.drain().samples.len(), 400);
    }
}
