//! What a pool promises, `expect` in its configuration, watched while it runs.

use std::sync::Arc;

use evenkeel_config::{Pool, Reserve, reserve};
use evenkeel_core::skew::contract::{Breach, Clause, Contract, Terms};
use evenkeel_core::{BackendId, Phase, PoolSnapshot};

use super::words;

/// A pool's contract, and what has been said of it.
#[derive(Debug)]
pub(crate) struct Promised {
    pool: Pool,
    contract: Contract,
    /// The backends that were down when `reserve` was found.
    down: Vec<BackendId>,
    reserve: Reserve,
    /// What has been said to the log and not taken back.
    told: Vec<Clause>,
}

/// A clause that does not hold, with its words.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) breach: Breach,
    /// Empty where it is about the pool, or the backend is gone.
    pub(crate) backend: Arc<str>,
    /// `members 2, expected 3`
    pub(crate) sentence: String,
}

impl Promised {
    /// The contract of a pool that has one. One whose terms are as they were goes on.
    pub(super) fn of(pool: &Pool, snapshot: &PoolSnapshot, before: Option<Self>) -> Option<Self> {
        let terms = terms(pool)?;
        if let Some(before) = before.filter(|before| *before.contract.terms() == terms) {
            let same = before.pool == *pool;
            let (down, reserve) =
                if same { (before.down, before.reserve) } else { (Vec::new(), reserve(pool, &[])) };
            return Some(Self { pool: pool.clone(), down, reserve, ..before });
        }
        let contract = Contract::new(terms, snapshot);
        let reserve = reserve(pool, &[]);
        Some(Self { pool: pool.clone(), contract, down: Vec::new(), reserve, told: Vec::new() })
    }

    /// Whether it is the contract of this pool, as configured now.
    pub(super) fn is_of(&self, pool: &Pool) -> bool {
        self.pool == *pool
    }

    /// Looks once a second, and tells the log what has come and what is over.
    pub(super) fn tick(&mut self, snapshot: &PoolSnapshot, now: evenkeel_core::Nanos) {
        let down = down(snapshot);
        if down != self.down && self.contract.terms().survives > 0 {
            self.reserve = reserve(&self.pool, &down);
            self.down = down;
        }
        self.contract.tick(snapshot, self.reserve.left, now);
        self.announce(snapshot);
    }

    fn announce(&mut self, snapshot: &PoolSnapshot) {
        let pool = &self.pool.id;
        let broken = self.broken(snapshot);
        for Broken { breach, backend, sentence } in &broken {
            if !self.told.contains(&breach.clause) {
                let term = breach.clause.as_str();
                tracing::warn!(%pool, term, %backend, what = sentence, "contract broken");
            }
        }
        let now: Vec<Clause> = broken.iter().map(|broken| broken.breach.clause).collect();
        for over in self.told.iter().filter(|clause| !now.contains(clause)) {
            tracing::info!(%pool, term = over.as_str(), "contract holds again");
        }
        self.told = now;
    }

    /// What does not hold now.
    pub(crate) fn broken(&self, snapshot: &PoolSnapshot) -> Vec<Broken> {
        let broken = |breach: Breach| {
            let backend = breach.backend.map_or("", |serial| words::name(snapshot, serial));
            let sentence = words::broken(&breach, backend, self.reserve.beyond.as_deref());
            Broken { backend: Arc::from(backend), breach, sentence }
        };
        self.contract.breaches().into_iter().map(broken).collect()
    }

    /// Each clause that it has, and whether it is broken.
    pub(crate) fn clauses(&self) -> impl Iterator<Item = (Clause, bool)> {
        let breaches = self.contract.breaches();
        let has = |clause: &Clause| self.contract.terms().has(*clause);
        let is_broken = move |clause| breaches.iter().any(|breach: &Breach| breach.clause == clause);
        Clause::ALL.into_iter().filter(has).map(move |clause| (clause, is_broken(clause)))
    }
}

/// `None` where nothing is expected that can be seen from here.
fn terms(pool: &Pool) -> Option<Terms> {
    let expect = pool.expect.as_ref()?;
    // Its shares are those over all instances; this one sees its own.
    let alone = pool.shaping.zone.is_none() && pool.shaping.subset.is_none();
    let terms = Terms {
        members: expect.members,
        min_share: expect.min_share.filter(|_| alone),
        max_share: expect.max_share.filter(|_| alone),
        peak_to_mean: expect.peak_to_mean.filter(|_| alone),
        survives: expect.survives,
        forbidden_zones: expect.forbidden_zones.clone(),
        settle: pool.shaping.slow_start.map_or_else(Default::default, |slow_start| slow_start.window),
    };
    Clause::ALL.into_iter().any(|clause| terms.has(clause)).then_some(terms)
}

fn down(snapshot: &PoolSnapshot) -> Vec<BackendId> {
    let is_down =
        |phase| matches!(phase, Phase::Joining | Phase::Unhealthy | Phase::Ejected | Phase::Unresolved);
    let down = snapshot.members().iter().filter(|view| is_down(view.phase));
    down.map(|view| view.member.id.clone()).collect()
}
