//! The distribution lint: what can be read, would run, and would spread traffic in a way that hardly anybody means.
//!
//! A rule looks at one pool, listener or route with what is known of its surroundings. What belongs to several of them
//! is put into a table first, so the cost of every rule grows with the file, not with its square.
//!
//! A rule that speaks up for a sound file is worse than none: each asks for a value that somebody wrote, or for a
//! combination that can have no good reading, and says how to say that it is meant.

mod addresses;
mod checks;
mod ejection;
mod entrances;
mod hash_keys;
mod hash_tables;
mod limits;
mod occupancy;
mod reserves;
mod routes;
mod sessions;
mod sources;
mod timeouts;
mod ways;
mod weights;

use std::ops::Range;

use super::reach::Reach;
use super::reach::Reaches;
use super::shares::{Tier, tiers};
use crate::decode::{Cx, Draft, PoolDraft};
use crate::diagnostic::Diagnostic;
use ways::{Ways, Web};

/// A pool, and what is known around it.
struct Subject<'a> {
    draft: &'a Draft,
    pool: &'a PoolDraft,
    /// The tiers that requests without a session may go to, the first first. Not empty.
    tiers: Vec<Tier<'a>>,
    reach: Reach<'a>,
    ways: &'a Ways<'a>,
    web: &'a Web<'a>,
}

/// What a rule has to say of a pool.
type PoolRule = fn(&Subject<'_>) -> Option<Diagnostic>;

const POOL_RULES: [&[PoolRule]; 11] = [
    &weights::RULES,
    &reserves::RULES,
    &addresses::RULES,
    &checks::RULES,
    &ejection::RULES,
    &hash_keys::RULES,
    &hash_tables::RULES,
    &sessions::RULES,
    &limits::RULES,
    &occupancy::RULES,
    &timeouts::RULES,
];

pub(super) fn check(cx: &Cx, draft: &Draft, reaches: &Reaches<'_>) {
    let web = Web::of(draft);
    let nothing = Ways::default();
    for pool in draft.pools.iter().filter(|pool| pool.whole) {
        let name = pool.name.value.as_str();
        let tiers = tiers(pool);
        // A pool that nobody is left in has been reported, and nothing else matters there.
        if tiers.is_empty() {
            continue;
        }
        let ways = web.to(name).unwrap_or(&nothing);
        let subject = Subject { draft, pool, tiers, reach: reaches.to(name), ways, web: &web };
        let found = POOL_RULES.into_iter().flatten().filter_map(|rule| rule(&subject));
        found.for_each(|found| cx.report(found));
    }
    addresses::across(cx, draft);
    sources::across(cx, draft, &web);
    // What is said of routes as a whole is said of those that hold.
    if cx.errors() == 0 {
        routes::across(cx, draft);
    }
    entrances::across(cx, draft);
}

impl Subject<'_> {
    fn name(&self) -> &str {
        &self.pool.name.value
    }

    /// Where a key of the pool stands, if the file has it.
    fn at(&self, key: &str) -> Option<Range<usize>> {
        self.pool.written.at(key)
    }

    /// Backends that requests without a session may go to.
    fn open(&self) -> usize {
        self.tiers.iter().map(|tier| tier.shares.len()).sum()
    }

    /// The share of each backend of the first tier, where all are equal.
    fn even(&self) -> f64 {
        1.0 / self.tiers.first().map_or(1, |tier| tier.shares.len()) as f64
    }

    /// The only tier, of a pool that has one.
    fn alone(&self) -> Option<&Tier<'_>> {
        match self.tiers.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }
}

/// `one backend`, `3 backends`.
fn several(number: usize, noun: &str) -> String {
    if number == 1 { format!("one {noun}") } else { format!("{number} {noun}s") }
}
