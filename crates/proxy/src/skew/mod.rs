//! Watches every pool for skew, once a second, on the control thread: the data path knows nothing of it.

mod contract;
mod diagnosis;
mod facts;
mod standing;
mod tell;
mod words;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use evenkeel_config::Pool;
use evenkeel_core::skew::{Cause, Dimension, Drained, Level, Samples, Symptom, Watch};
use evenkeel_core::{Nanos, PoolId, PoolSnapshot};

use crate::pool::PoolCell;
use crate::proxy::{Inner, lock};

pub(crate) use contract::{Broken, Promised};
pub use diagnosis::{BreachReport, Diagnosis, PoolDiagnosis, SymptomReport};
use facts::Told;
pub(crate) use words::{dimension, term};

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
    /// All backends are slower or fail alike, and the journal has been told.
    shared: bool,
    /// What the pool promises, if it promises anything.
    promised: Option<Promised>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Raised {
    dimension: Dimension,
    backend: u64,
    cause: Cause,
    level: Level,
}

/// What is new about something that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    /// It has been told.
    Known,
    /// It matters more than it ever did.
    Worse,
    Begun,
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
        let pools: HashSet<&PoolId> = view.pools.iter().map(|pool| &pool.id).collect();
        watches.0.retain(|id, _| pools.contains(id));
        for (pool, configured) in view.pools.iter().zip(&view.config.pools) {
            let snapshot = pool.snapshot.load_full();
            let watched = watches.0.entry(pool.id.clone()).or_insert_with(|| Watched {
                watch: Watch::new(&snapshot, now),
                raised: Vec::new(),
                alarms: HashMap::new(),
                shared: false,
                promised: None,
            });
            watched.look(pool, &snapshot, now);
            watched.announce(pool, &snapshot);
            watched.tell_shared(pool);
            watched.hold_to(configured, &snapshot, now);
        }
        if !inner.notifier.is_silent() {
            let standing = standing::standing(&view, &watches);
            drop(watches);
            let describe = |one: &_| inner.describe(one);
            inner.notifier.look(now, &inner.sender(&view), &standing, describe);
        }
    }
}

impl Watches {
    /// The watch of a pool, and what it has raised since start.
    pub(crate) fn of(&self, pool: &PoolId) -> Option<(&Watch, &Alarms)> {
        self.0.get(pool).map(|watched| (&watched.watch, &watched.alarms))
    }

    /// What a pool promises, if it promises anything.
    pub(crate) fn promised(&self, pool: &PoolId) -> Option<&Promised> {
        self.0.get(pool)?.promised.as_ref()
    }
}

impl Watched {
    /// Reads what the data path has counted and told.
    fn look(&mut self, pool: &PoolCell, snapshot: &PoolSnapshot, now: Nanos) {
        let told = &pool.told_apart;
        let staying = told.staying.load(Ordering::Relaxed);
        let in_flight: u64 =
            snapshot.members().iter().map(|view| u64::from(view.member.load.in_flight())).sum();
        if in_flight > 0 {
            self.watch.set_connections(2 * staying > in_flight);
        }
        let settings = pool.settings.load();
        let drain = |wanted: bool, samples: &OnceLock<Samples>| {
            if wanted { samples.get_or_init(Samples::default).drain() } else { Drained::default() }
        };
        let keys = drain(settings.hash.is_some(), &told.keys);
        let stays = drain(settings.sticky.is_some() || staying > 0, &told.stays);
        self.watch.sampled(&keys, &stays);
        self.watch.tick(snapshot, told.keys_missing.load(Ordering::Relaxed), now);
        if settings.show_keys {
            let symptoms = self.watch.symptoms();
            told.texts.ask(symptoms.iter().flat_map(|symptom| &symptom.why.keys).map(|key| key.key));
        }
    }

    /// Holds the pool to its contract, as configured now.
    fn hold_to(&mut self, configured: &Pool, snapshot: &PoolSnapshot, now: Nanos) {
        if !self.promised.as_ref().is_some_and(|promised| promised.is_of(configured)) {
            self.promised = Promised::of(configured, snapshot, self.promised.take());
        }
        if let Some(promised) = &mut self.promised {
            promised.tick(snapshot, now);
        }
    }

    /// Tells the log what has come and what is over.
    fn announce(&mut self, pool: &Arc<PoolCell>, snapshot: &PoolSnapshot) {
        let symptoms = self.watch.symptoms();
        let mut now: Vec<Raised> = symptoms.iter().map(Raised::of).collect();
        for (symptom, raised) in symptoms.iter().zip(&mut now) {
            let news = raised.after(&self.raised);
            if news == News::Begun {
                *self.alarms.entry((raised.dimension, raised.cause)).or_default() += 1;
            }
            if news != News::Known {
                let text = |key| pool.told_apart.texts.text(key);
                let told = Told { snapshot, text: &text };
                words::raised(&pool.id, &told, symptom);
                tell::raised(pool, &told, symptom, raised.before(&self.raised));
            }
        }
        for over in self.raised.iter().filter(|before| !now.iter().any(|now| now.is_about(before))) {
            // Groups have numbers of their own, which are no backends'.
            let backend = match over.dimension {
                Dimension::Groups => self.watch.group(over.backend).unwrap_or_default(),
                _ => words::name(snapshot, over.backend),
            };
            let (dimension, cause) = (dimension(over.dimension), over.cause.as_str());
            tracing::info!(pool = %pool.id, backend, dimension, cause, "skew is over");
            // What has another cause now was told as that.
            if !now.iter().any(|now| now.is_where(over)) {
                tell::over(pool, backend, dimension, cause);
            }
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

    /// What it adds to what was raised before. It keeps the worst level that it has had, so that one which goes up and down
    /// is told once.
    fn after(&mut self, before: &[Self]) -> News {
        match before.iter().find(|before| before.is_about(self)) {
            None => News::Begun,
            Some(known) if known.level < self.level => News::Worse,
            Some(known) => {
                self.level = known.level;
                News::Known
            }
        }
    }

    /// The cause that the same backend had before, in the same respect.
    fn before(&self, before: &[Self]) -> Option<Cause> {
        before.iter().find(|before| before.is_where(self)).map(|before| before.cause)
    }

    /// Whether both are seen at the same backend in the same respect.
    fn is_where(&self, other: &Self) -> bool {
        (self.dimension, self.backend) == (other.dimension, other.backend)
    }

    /// Whether both are the same thing, however much either matters.
    fn is_about(&self, other: &Self) -> bool {
        (self.dimension, self.backend, self.cause) == (other.dimension, other.backend, other.cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_to_matter_more_or_less_has_not_begun_again() {
        let raised =
            |level| Raised { dimension: Dimension::Requests, backend: 1, cause: Cause::Weights, level };
        let mut before = Vec::new();
        let mut tell = |mut now: Raised| {
            let news = now.after(&before);
            before = vec![now];
            news
        };
        assert_eq!(tell(raised(Level::Warning)), News::Begun);
        assert_eq!(tell(raised(Level::Critical)), News::Worse);
        assert_eq!(tell(raised(Level::Warning)), News::Known);
        assert_eq!(tell(raised(Level::Critical)), News::Known);
        assert_eq!(tell(Raised { backend: 2, ..raised(Level::Critical) }), News::Begun);
        assert_eq!(tell(Raised { backend: 2, cause: Cause::Health, ..raised(Level::Critical) }), News::Begun);
    }
}
