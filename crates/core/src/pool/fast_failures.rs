//! Black holes: backends that fail so fast that they look idle.

use std::time::Duration;

use super::snapshot::{MemberView, PoolSnapshot};
use crate::load::BackendLoad;
use crate::units::Nanos;

impl PoolSnapshot {
    /// The members that would draw traffic by failing, if picks went by requests in flight or latency alone: at least
    /// half of their recent attempts failed, or several in a row, in less time than an attempt that does not fail takes in
    /// this pool.
    pub fn fast_failing(&self, now: Nanos) -> impl Iterator<Item = &MemberView> {
        let usual = self.usual_time(now);
        self.members().iter().filter(move |view| {
            let load = &view.member.load;
            let share = load.recent_failures(now);
            // One that gets next to nothing, because it fails, must not be nameless for want of attempts.
            let failing = share >= FAILING || share > 0.0 && load.consecutive_failures() >= IN_A_ROW;
            failing && usual.is_some_and(|usual| load.failure_time() < usual)
        })
    }

    /// What an attempt that did not fail has taken on average, since the members began. `None` before there was one.
    fn usual_time(&self, now: Nanos) -> Option<Duration> {
        let mut usual = (Duration::ZERO, 0_u64);
        for view in self.members() {
            let load: &BackendLoad = &view.member.load;
            usual.0 += load.busy(now).saturating_sub(load.failed_time());
            usual.1 += load.attempts_total().saturating_sub(load.failures());
        }
        (usual.1 > 0).then(|| Duration::from_nanos((usual.0.as_nanos() / u128::from(usual.1)) as u64))
    }
}

const FAILING: f64 = 0.5;
const IN_A_ROW: u32 = 5;
