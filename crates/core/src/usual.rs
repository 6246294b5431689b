//! How long the answers of a backend usually take, and which ones took far longer than is usual in its pool.

use std::sync::atomic::{AtomicU32, Ordering};

/// Written by every answer whose time says something of the backend. Two words, on the line that the end of a request
/// writes anyway, and neither needs a read-modify-write: where two answers end at once one of them may be forgotten.
#[derive(Debug, Default)]
pub(crate) struct Usual {
    /// An estimate of the time that one answer in ten exceeds, in nanoseconds, as the bits of an `f32`; 0 while nothing
    /// is known.
    p90: AtomicU32,
    /// What takes longer is slow, in the same way; 0 while nobody has said so.
    slow_above: AtomicU32,
}

/// By which factor the estimate rises with an answer that took longer, and falls with any other. In balance, when
/// ln(UP) · p = −ln(DOWN) · (1 − p), the part p of the answers is above it: 0.102 (Ma, Muthukrishnan, Sandler: "Frugal
/// Streaming", 2013, with steps that are parts of the estimate). With exponential times it is right within a tenth.
const UP: f32 = 1.045;
const DOWN: f32 = 0.995;

impl Usual {
    /// An answer took so long. Whether that is slow.
    #[inline]
    pub(crate) fn observe(&self, nanos: u64) -> bool {
        let took = (nanos as f32).max(1.0);
        let p90 = self.p90();
        let next = if p90 == 0.0 { took } else { p90 * if took > p90 { UP } else { DOWN } };
        self.p90.store(next.to_bits(), Ordering::Relaxed);
        let slow_above = f32::from_bits(self.slow_above.load(Ordering::Relaxed));
        slow_above > 0.0 && took > slow_above
    }

    /// The time that one answer in ten exceeds, in nanoseconds; 0.0 while nothing is known.
    pub(crate) fn p90(&self) -> f32 {
        f32::from_bits(self.p90.load(Ordering::Relaxed))
    }

    /// From now on what takes more nanoseconds than this is slow.
    pub(crate) fn call_slow_above(&self, nanos: f32) {
        self.slow_above.store(nanos.to_bits(), Ordering::Relaxed);
    }

    /// How long answers take is not known any more.
    pub(crate) fn forget(&self) {
        self.p90.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// Exponential times of mean 20 ms: one in ten takes more than 46 ms.
    fn exponential(rng: &mut Rng, mean: f64) -> u64 {
        (-(1.0 - rng.unit()).ln() * mean) as u64
    }

    #[test]
    fn one_answer_in_ten_takes_longer_than_the_estimate() {
        let (usual, mut rng) = (Usual::default(), Rng::from_seed(1));
        for round in 0..20 {
            let mean = if round < 10 { 20e6 } else { 2e6 };
            (0..2_000).for_each(|_| {
                usual.observe(exponential(&mut rng, mean));
            });
            let ratio = f64::from(usual.p90()) / (mean * 10_f64.ln());
            assert!((0.7..1.4).contains(&ratio), "round {round}: {ratio}");
        }
        usual.forget();
        assert_eq!(usual.p90(), 0.0);
    }

    #[test]
    fn what_is_slow_is_what_was_said() {
        let usual = Usual::default();
        assert!(!usual.observe(u64::MAX), "nobody has said so");
        usual.call_slow_above(30e6);
        assert!(usual.observe(31_000_000) && !usual.observe(29_000_000) && !usual.observe(0));
    }
}
