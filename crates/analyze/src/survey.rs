//! What has been read so far.

use std::collections::HashMap;

use crate::entry::Entry;
use crate::heavy::Heavy;
use crate::popular::Popular;
use crate::series::Series;

/// Backends of one pool that are told apart. A log that names more is not one of backends.
const BACKENDS_MAX: usize = 4096;
/// Backends of all pools together.
const ALL_BACKENDS_MAX: usize = 65_536;
/// Pools that are told apart.
const POOLS_MAX: usize = 4096;
/// A longer name is none.
const NAME_MAX: usize = 512;
/// What is kept at most, of all pools together.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Counts over time.
    cells: usize,
    /// Names of clients and paths that are remembered.
    remembered: usize,
    /// Requests between two looks at how many those are.
    look_every: u64,
}

impl Default for Limits {
    /// About 200 MiB of each.
    fn default() -> Self {
        Self { cells: 2_000_000, remembered: 1_000_000, look_every: 65_536 }
    }
}

/// Everything that was counted.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pools: HashMap<Box<[u8]>, PoolSurvey>,
    /// Requests that reached no backend.
    pub(crate) nowhere: u64,
    /// Attempts that were not counted because there were too many names.
    pub(crate) beyond: u64,
    latest: i64,
    backends: usize,
    cells: usize,
    counted: u64,
    limits: Limits,
}

/// Everything that was counted of one pool.
#[derive(Debug, Default)]
pub(crate) struct PoolSurvey {
    pub(crate) backends: Vec<BackendSurvey>,
    index: HashMap<Box<[u8]>, usize>,
    pub(crate) series: Series,
    pub(crate) clients: Popular,
    pub(crate) paths: Popular,
    pub(crate) requests: u64,
    /// Of them connections, not requests.
    pub(crate) connections: u64,
    /// Attempts after the first of a request.
    pub(crate) retries: u64,
    /// What connections carried.
    pub(crate) heavy: Heavy,
    threshold: SlowThreshold,
}

/// Totals of one backend.
#[derive(Debug, Default)]
pub(crate) struct BackendSurvey {
    pub(crate) name: Box<[u8]>,
    pub(crate) attempts: u64,
    pub(crate) errors: u64,
    /// Attempts after which another backend was asked.
    pub(crate) passed_on: u64,
    pub(crate) slow: u64,
    pub(crate) bytes: u64,
    pub(crate) duration_ms: f64,
    pub(crate) timed: u64,
    /// Of errors.
    pub(crate) error_ms: f64,
    pub(crate) timed_errors: u64,
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
        if entry.tried().next().is_none() {
            self.nowhere += 1;
            return;
        }
        if !self.pools.contains_key(entry.pool) {
            if self.pools.len() >= POOLS_MAX || entry.pool.len() > NAME_MAX {
                self.beyond += 1;
                return;
            }
            self.pools.insert(entry.pool.into(), PoolSurvey::default());
        }
        let Some(pool) = self.pools.get_mut(entry.pool) else { return };
        let before = (pool.backends.len(), pool.series.cells());
        self.beyond += pool.request(entry, self.latest, self.backends);
        self.backends += pool.backends.len() - before.0;
        // Slices may have become fewer.
        self.cells = (self.cells + pool.series.cells()).saturating_sub(before.1);
        self.keep_small();
    }

    /// Keeps less of the past, of all pools alike, when it is too much.
    fn keep_small(&mut self) {
        let Limits { cells, remembered, look_every } = self.limits;
        self.counted += 1;
        let can_halve = |pool: &PoolSurvey| pool.series.can_halve();
        while self.cells > cells && self.pools.values().any(can_halve) {
            let wide = self.pools.values_mut().filter(|pool| can_halve(pool));
            wide.for_each(|pool| pool.series.halve());
            self.cells = self.pools.values().map(|pool| pool.series.cells()).sum();
        }
        let names = |pool: &PoolSurvey| pool.clients.len() + pool.paths.len();
        if self.counted.is_multiple_of(look_every)
            && self.pools.values().map(names).sum::<usize>() > remembered
        {
            let left = remembered / 4 / self.pools.len();
            for pool in self.pools.values_mut() {
                pool.clients.forget(left);
                pool.paths.forget(left);
            }
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
    /// Of a backend that is known, or may become so.
    pub(crate) fn index_of(&mut self, name: &[u8]) -> Option<usize> {
        if let Some(index) = self.index.get(name) {
            return Some(*index);
        }
        if self.backends.len() >= BACKENDS_MAX || name.len() > NAME_MAX {
            return None;
        }
        self.index.insert(name.into(), self.backends.len());
        self.backends.push(BackendSurvey { name: name.into(), ..BackendSurvey::default() });
        Some(self.backends.len() - 1)
    }

    /// Counts a request, and tells how many attempts of it could not be counted.
    fn request(&mut self, entry: &Entry<'_>, second: i64, all_backends: usize) -> u64 {
        let mut tried = entry.tried().peekable();
        let mut beyond = 0;
        self.requests += 1;
        self.connections += u64::from(entry.is_connection);
        self.retries += entry.retries;
        let mut first = true;
        while let Some(name) = tried.next() {
            let last = tried.peek().is_none();
            let known = self.index.get(name).copied();
            let may_grow = all_backends < ALL_BACKENDS_MAX;
            match known.or_else(|| may_grow.then(|| self.index_of(name)).flatten()) {
                Some(index) => self.attempt(index, second, entry, last),
                None => beyond += 1,
            }
            self.retries += u64::from(!first);
            first = false;
        }
        beyond
    }

    /// All but the last attempt of a request have failed. Of the last one the line tells how it went.
    fn attempt(&mut self, index: usize, second: i64, entry: &Entry<'_>, last: bool) {
        let error = !last || entry.is_error();
        // How long a connection lasts is the client's doing.
        let millis = entry.duration_ms.filter(|_| last && !entry.is_connection);
        let slow = millis.is_some_and(|millis| self.threshold.is_slow(millis));
        let counts = self.series.at(second, index);
        counts.attempts += 1;
        counts.errors += u64::from(error);
        counts.slow += u64::from(slow);
        let backend = &mut self.backends[index];
        backend.attempts += 1;
        backend.errors += u64::from(error);
        backend.slow += u64::from(slow);
        backend.passed_on += u64::from(!last);
        if !last {
            return;
        }
        counts.bytes = counts.bytes.saturating_add(entry.bytes);
        backend.bytes = backend.bytes.saturating_add(entry.bytes);
        self.clients.add(entry.client_address(), index);
        if !entry.path.is_empty() {
            self.paths.add(entry.path, index);
        }
        if entry.is_connection {
            self.heavy.add(entry.bytes, index);
        }
        if let Some(millis) = entry.duration_ms {
            backend.duration_ms += millis;
            backend.timed += 1;
            backend.error_ms += if error { millis } else { 0.0 };
            backend.timed_errors += u64::from(error);
        }
        if let Some(millis) = millis {
            counts.timed += 1;
            // Of less than a hundredth of a millisecond nobody measures more than noise.
            counts.log_ms += millis.max(0.01).ln();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry<'a>(pool: &'a str, backends: &'a str, client: &'a str, at: i64) -> Entry<'a> {
        Entry {
            at: Some(at),
            pool: pool.as_bytes(),
            backends: backends.as_bytes(),
            client: client.as_bytes(),
            path: client.as_bytes(),
            ..Entry::default()
        }
    }

    #[test]
    fn what_is_kept_of_many_pools_has_a_bound() {
        let limits = Limits { cells: 2_000, remembered: 1_000, look_every: 100 };
        let mut survey = Survey { limits, ..Survey::default() };
        for number in 0..20_000_u32 {
            let (pool, client) = (format!("p{}", number % 7), number.to_string());
            survey.add(&entry(&pool, "a:1", &client, i64::from(number) / 3));
            assert!(survey.cells <= limits.cells);
        }
        assert_eq!(survey.cells, survey.pools.values().map(|pool| pool.series.cells()).sum::<usize>());
        let remembered: usize = survey.pools.values().map(|pool| pool.clients.len() + pool.paths.len()).sum();
        assert!(remembered <= limits.remembered + 2 * limits.look_every as usize, "{remembered}");
        assert_eq!(survey.pools.values().map(|pool| pool.requests).sum::<u64>(), 20_000);
    }

    #[test]
    fn names_have_a_bound() {
        let mut survey = Survey::default();
        for number in 0..70_000_u32 {
            survey.add(&entry(&format!("p{}", number / 4000), &format!("b{number}"), "c", 0));
        }
        assert_eq!(survey.beyond, 70_000 - ALL_BACKENDS_MAX as u64);
        survey.add(&entry("p0", &"x".repeat(NAME_MAX + 1), "c", 0));
        survey.add(&entry(&"x".repeat(NAME_MAX + 1), "b0", "c", 0));
        survey.add(&entry("p0", "b0", "c", 0));
        assert_eq!(survey.beyond, 70_002 - ALL_BACKENDS_MAX as u64);
    }
}
