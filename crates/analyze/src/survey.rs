//! What has been read so far.

use std::collections::HashMap;

use crate::entry::Entry;
use crate::popular::Popular;
use crate::series::Series;

/// Backends of one pool that are told apart. A log that names more is not one of backends.
const BACKENDS_MAX: usize = 4096;
/// Pools that are told apart.
const POOLS_MAX: usize = 4096;

/// Everything that was counted.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pools: HashMap<Box<[u8]>, PoolSurvey>,
    /// Requests that reached no backend.
    pub(crate) nowhere: u64,
    /// Attempts that were not counted because there were too many names.
    pub(crate) beyond: u64,
    latest: i64,
}

/// Everything that was counted of one pool.
#[derive(Debug, Default)]
pub(crate) struct PoolSurvey {
    pub(crate) backends: Vec<BackendSurvey>,
    index: HashMap<Box<[u8]>, usize>,
    pub(crate) series: Series,
    pub(crate) clients: Popular,
    pub(crate) requests: u64,
    /// Attempts after the first of a request.
    pub(crate) retries: u64,
    threshold: SlowThreshold,
}

/// Totals of one backend.
#[derive(Debug, Default)]
pub(crate) struct BackendSurvey {
    pub(crate) name: Box<[u8]>,
    pub(crate) attempts: u64,
    pub(crate) errors: u64,
    pub(crate) slow: u64,
    pub(crate) bytes: u64,
    pub(crate) duration_ms: f64,
    pub(crate) timed: u64,
    /// Who asks it most.
    pub(crate) clients: Popular,
}

/// What counts as slow: above the pool's 90th percentile of the slice before, so that it is known beforehand.
#[derive(Debug, Default)]
struct SlowThreshold {
    millis: Option<f64>,
    seen: Vec<f64>,
}

/// Durations from which a threshold is taken.
const DURATIONS: usize = 1000;

impl SlowThreshold {
    fn is_slow(&mut self, millis: f64) -> bool {
        self.seen.push(millis);
        let slow = self.millis.is_some_and(|threshold| millis > threshold);
        if self.seen.len() >= DURATIONS {
            let (_, percentile, _) = self.seen.select_nth_unstable_by(DURATIONS * 9 / 10, f64::total_cmp);
            self.millis = Some(*percentile);
            self.seen.clear();
        }
        slow
    }
}

impl Survey {
    /// Counts a line. Lines without a time belong to the latest one that was told.
    pub(crate) fn add(&mut self, entry: &Entry<'_>) {
        self.latest = entry.at.unwrap_or(self.latest);
        let mut tried = entry.tried().peekable();
        if tried.peek().is_none() {
            self.nowhere += 1;
            return;
        }
        if !self.pools.contains_key(entry.pool) {
            if self.pools.len() >= POOLS_MAX {
                self.beyond += 1;
                return;
            }
            self.pools.insert(entry.pool.into(), PoolSurvey::default());
        }
        let Some(pool) = self.pools.get_mut(entry.pool) else { return };
        pool.requests += 1;
        pool.clients.add(entry.client_address());
        let mut first = true;
        while let Some(name) = tried.next() {
            let last = tried.peek().is_none();
            match pool.index_of(name) {
                Some(index) => pool.attempt(index, self.latest, entry, last),
                None => self.beyond += 1,
            }
            pool.retries += u64::from(!first);
            first = false;
        }
    }

    /// By name.
    pub(crate) fn into_pools(self) -> Vec<(String, PoolSurvey)> {
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let mut pools: Vec<_> = self.pools.into_iter().map(|(name, pool)| (text(&name), pool)).collect();
        pools.sort_by(|one, other| one.0.cmp(&other.0));
        pools
    }
}

impl PoolSurvey {
    pub(crate) fn index_of(&mut self, name: &[u8]) -> Option<usize> {
        if let Some(index) = self.index.get(name) {
            return Some(*index);
        }
        if self.backends.len() >= BACKENDS_MAX {
            return None;
        }
        self.index.insert(name.into(), self.backends.len());
        self.backends.push(BackendSurvey { name: name.into(), ..BackendSurvey::default() });
        Some(self.backends.len() - 1)
    }

    /// All but the last attempt of a request have failed. Of the last one the line tells how it went.
    fn attempt(&mut self, index: usize, second: i64, entry: &Entry<'_>, last: bool) {
        let error = !last || entry.status >= 500;
        let slow = last && entry.duration_ms.is_some_and(|millis| self.threshold.is_slow(millis));
        let counts = self.series.at(second, index);
        counts.attempts += 1;
        counts.errors += u64::from(error);
        counts.slow += u64::from(slow);
        let backend = &mut self.backends[index];
        backend.attempts += 1;
        backend.errors += u64::from(error);
        backend.slow += u64::from(slow);
        backend.clients.add(entry.client_address());
        if last {
            backend.bytes += entry.bytes;
            if let Some(millis) = entry.duration_ms {
                backend.duration_ms += millis;
                backend.timed += 1;
            }
        }
    }
}
