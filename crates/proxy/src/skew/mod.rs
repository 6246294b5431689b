//! Watches every pool for skew, once a second, on the control thread: the data path knows nothing of it.

mod diagnosis;
mod words;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use evenkeel_core::skew::{Cause, Dimension, Level, Symptom, Watch};
use evenkeel_core::{PoolId, PoolSnapshot};

use crate::pool::PoolCell;
use crate::proxy::{Inner, lock};

pub use diagnosis::{Diagnosis, PoolDiagnosis, SymptomReport};
pub(crate) use words::dimension;

/// Between two looks.
const TICK: Duration = Duration::from_secs(1);

/// How often something has been raised, by respect and cause.
pub(crate) type Alarms = HashMap<(Dimension, Cause), u64>;

/// The watches of all pools, by name: a reload changes what is in a pool, not who watches it.
#[derive(Debug, Default)]
pub(crate) struct Watches(HashMap<PoolId, Watched>);

#[derive(Debug)]
struct Watched {
    watch: Watch,
    /// What has been said to the log and not taken back.
    raised: Vec<Raised>,
    /// Raised since start, by respect and cause.
    alarms: Alarms,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Raised {
    dimension: Dimension,
    backend: u64,
    cause: Cause,
    level: Level,
}

/// Looks once a second for as long as the proxy is there.
pub(crate) async fn watch(inner: Weak<Inner>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        let view = inner.view.load_full();
        let mut watches = lock(&inner.watches);
        let now = inner.clock.now();
        watches.0.retain(|id, _| view.pools.iter().any(|pool| pool.id == *id));
        for pool in &view.pools {
            let snapshot = pool.snapshot.load_full();
            let watched = watches.0.entry(pool.id.clone()).or_insert_with(|| Watched {
                watch: Watch::new(&snapshot, now),
                raised: Vec::new(),
                alarms: HashMap::new(),
            });
            let keys_missing = pool.told_apart.keys_missing.load(Ordering::Relaxed);
            watched.watch.tick(&snapshot, keys_missing, now);
            watched.announce(pool, &snapshot);
        }
    }
}

impl Watches {
    /// The watch of a pool, and what it has raised since start.
    pub(crate) fn of(&self, pool: &PoolId) -> Option<(&Watch, &Alarms)> {
        self.0.get(pool).map(|watched| (&watched.watch, &watched.alarms))
    }
}

impl Watched {
    /// Tells the log what has come and what is over.
    fn announce(&mut self, pool: &Arc<PoolCell>, snapshot: &PoolSnapshot) {
        let symptoms = self.watch.symptoms();
        let now: Vec<Raised> = symptoms.iter().map(Raised::of).collect();
        for (symptom, raised) in symptoms.iter().zip(&now) {
            if !self.raised.contains(raised) {
                *self.alarms.entry((raised.dimension, raised.cause)).or_default() += 1;
                words::raised(&pool.id, snapshot, symptom);
            }
        }
        for over in self.raised.iter().filter(|before| !now.contains(before)) {
            let backend = words::name(snapshot, over.backend);
            let (dimension, cause) = (dimension(over.dimension), over.cause.as_str());
            tracing::info!(pool = %pool.id, backend, dimension, cause, "skew is over");
        }
        self.raised = now;
    }
}

impl Raised {
    fn of(symptom: &Symptom) -> Self {
        Self {
            dimension: symptom.dimension,
            backend: symptom.latched.finding.backend,
            cause: symptom.cause,
            level: symptom.level,
        }
    }
}
