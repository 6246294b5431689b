//! How long a backend takes, as the strategy `peak_ewma` estimates it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::lease::Outcome;
use crate::units::Nanos;

/// A moving average that jumps to peaks at once and forgets them slowly (Finagle's `PeakEwma`): an answer that took
/// longer than the estimate becomes the estimate; any other moves it, by 1 − e^(−t/decay) of the way, t being the time
/// since the last.
///
/// Only leases of pools whose strategy asks for it write this. Two words, each written as a whole but not together:
/// when two answers end in one instant, the time of one may be kept with the estimate of the other. They are the same
/// but for that instant.
///
/// Aligned, so that both are on one line.
#[derive(Debug, Default)]
#[repr(align(16))]
pub struct Latency {
    /// Nanoseconds as the bits of an `f64`; 0 while nothing is known.
    estimate: AtomicU64,
    /// When it was made.
    at: AtomicU64,
}

impl Latency {
    /// The estimate in nanoseconds, e times less for each `decay` (in nanoseconds, above 0) since the last answer, so
    /// that a backend that is left alone for its latency is tried again. 0.0 when nothing is known, or it is forgotten.
    #[inline]
    pub(crate) fn nanos(&self, now: Nanos, decay: f64) -> f64 {
        let estimate = f64::from_bits(self.estimate.load(Ordering::Relaxed));
        if estimate == 0.0 { 0.0 } else { estimate * self.kept(now, decay) }
    }

    /// The estimate: see [`Latency`]. `None` while nothing is known.
    pub fn estimate(&self, now: Nanos, decay: Duration) -> Option<Duration> {
        let nanos = self.nanos(now, decay.as_nanos().max(1) as f64);
        (nanos >= 1.0).then(|| Duration::from_nanos(nanos as u64))
    }

    /// An attempt has ended at `now`.
    ///
    /// What is not an answer never lowers the estimate, or failing would be a way to look fast: a failure counts as the
    /// estimate if it was faster. An attempt that was given up says that an answer would have taken longer, and a
    /// connection that turned out to be closed says nothing. From a failure alone nothing can be estimated.
    #[inline]
    pub(crate) fn observe(&self, outcome: Outcome, took: Duration, now: Nanos, decay: Duration) {
        let took = took.as_nanos() as f64;
        let estimate = f64::from_bits(self.estimate.load(Ordering::Relaxed));
        let next = match outcome {
            Outcome::Ok if took >= estimate => took,
            Outcome::Ok => {
                let kept = self.kept(now, decay.as_nanos() as f64);
                estimate * kept + took * (1.0 - kept)
            }
            Outcome::StaleConnection => return,
            Outcome::Cancelled if took <= estimate => return,
            _ if estimate == 0.0 => return,
            _ => took.max(estimate),
        };
        self.estimate.store(next.to_bits(), Ordering::Relaxed);
        self.at.store(now.0, Ordering::Relaxed);
    }

    /// Nothing is known any more.
    pub(crate) fn forget(&self) {
        self.estimate.store(0, Ordering::Relaxed);
    }

    #[inline]
    fn kept(&self, now: Nanos, decay: f64) -> f64 {
        let passed = now.0.saturating_sub(self.at.load(Ordering::Relaxed));
        (-(passed as f64) / decay).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    const DECAY: Duration = Duration::from_secs(10);

    fn estimate(latency: &Latency, at: u64) -> f64 {
        latency.nanos(Nanos::from_millis(at), DECAY.as_nanos() as f64) / 1e6
    }

    fn observe(latency: &Latency, outcome: Outcome, took: u64, at: u64) {
        latency.observe(outcome, Duration::from_millis(took), Nanos::from_millis(at), DECAY);
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6 * b.abs().max(1e-9)
    }

    /// Worked out by hand: e^-0.1 = 0.904837418, e^-1 = 0.367879441.
    #[test]
    fn jumps_to_peaks_and_forgets_them_slowly() {
        let latency = Latency::default();
        assert_eq!((estimate(&latency, 5), latency.estimate(Nanos(5), DECAY)), (0.0, None));
        observe(&latency, Outcome::Ok, 100, 1_000);
        assert!(near(estimate(&latency, 1_000), 100.0));
        observe(&latency, Outcome::Ok, 20, 2_000);
        assert!(near(estimate(&latency, 2_000), 100.0 * 0.904_837_418 + 20.0 * 0.095_162_582));
        observe(&latency, Outcome::Ok, 300, 2_001);
        assert!(near(estimate(&latency, 2_001), 300.0));
        assert!(near(estimate(&latency, 12_001), 300.0 * 0.367_879_441), "read a decay later");
        observe(&latency, Outcome::Ok, 10, 12_001);
        assert!(near(estimate(&latency, 12_001), 300.0 * 0.367_879_441 + 10.0 * 0.632_120_559));
    }

    #[test]
    fn is_forgotten_in_the_end_and_never_negative() {
        let latency = Latency::default();
        observe(&latency, Outcome::Ok, 100, 1_000);
        assert_eq!(latency.estimate(Nanos::from_secs(1_000_000), DECAY), None);
        assert!(near(estimate(&latency, 0), 100.0), "a clock of another worker that is behind");
    }

    #[test]
    fn failing_does_not_look_fast() {
        use Outcome::*;
        let latency = Latency::default();
        for outcome in [ServerError, ConnectFailed, StaleConnection, Cancelled] {
            observe(&latency, outcome, 1, 1_000);
        }
        assert_eq!(estimate(&latency, 1_000), 0.0, "nothing was answered");
        observe(&latency, Ok, 100, 1_000);
        for outcome in [ServerError, ConnectFailed, ConnectTimeout, ResponseTimeout, ResponseBroken] {
            observe(&latency, outcome, 1, 11_000);
            assert!(near(estimate(&latency, 11_000), 100.0), "{outcome:?}");
        }
        observe(&latency, Cancelled, 1, 11_000);
        observe(&latency, StaleConnection, 500, 11_000);
        assert!(near(estimate(&latency, 11_000), 100.0));
        observe(&latency, Cancelled, 150, 11_000);
        observe(&latency, ResponseTimeout, 200, 11_000);
        assert!(near(estimate(&latency, 11_000), 200.0));
    }

    /// Against the recurrence with everything kept in seconds, read between the answers too.
    #[test]
    fn follows_a_reference_over_random_traces() {
        let mut rng = Rng::from_seed(9);
        for _ in 0..200 {
            let (latency, mut expected, mut last, mut now) = (Latency::default(), 0.0_f64, 0.0_f64, 0.0_f64);
            let decay = Duration::from_millis(1 + u64::from(rng.below(20_000)));
            for _ in 0..100 {
                now += f64::from(rng.below(3_000)) / 1e3;
                let took = f64::from(1 + rng.below(2_000)) / 1e3;
                let at = Nanos::from_millis((now * 1e3).round() as u64);
                latency.observe(Outcome::Ok, Duration::from_secs_f64(took), at, decay);
                let weight = 1.0 - ((last - now) / decay.as_secs_f64()).exp();
                expected = if took > expected { took } else { expected + weight * (took - expected) };
                last = now;
                let (later, read_at) = (0.25, at.saturating_add(Duration::from_millis(250)));
                let decayed = expected * (-later / decay.as_secs_f64()).exp();
                let read = latency.nanos(read_at, decay.as_nanos() as f64) / 1e9;
                assert!((read - decayed).abs() <= 1e-9 + 1e-6 * decayed, "{read} {decayed}");
            }
        }
    }
}
