//! What a file promises: `expect` of its pools, and `[[test.route]]`. Tried on the configuration as it will run, once
//! nothing else is wrong with it.

mod combinations;
mod failures;
mod requests;
mod reserve;
mod shares;
mod trial;
mod words;

use std::ops::Range;

use crate::decode::{Cx, Draft, ExpectDraft, ListenerDraft, RouteTestDraft};
use crate::model::Config;
pub use reserve::{Reserve, reserve};
use trial::Trials;

/// What is promised, and the places of what it is about.
pub(crate) struct Promises {
    pools: Vec<Promise>,
    tests: Vec<RouteTestDraft>,
    /// Of the routes of the configuration, in their order; empty without tests.
    routes: Vec<Range<usize>>,
}

/// One pool's contract.
struct Promise {
    /// Which of the pools.
    pool: usize,
    expect: ExpectDraft,
    /// Where the names of its backends stand, in their order.
    backends: Vec<Range<usize>>,
}

impl Promises {
    /// Of a file without errors.
    pub(crate) fn of(draft: &Draft) -> Self {
        let pools = draft.pools.iter().enumerate().filter_map(|(pool, found)| {
            let backends = || found.backends.value.iter().map(|backend| backend.id.span.clone()).collect();
            Some(Promise { pool, expect: found.expect.clone()?, backends: backends() })
        });
        let routes = if draft.route_tests.is_empty() { Vec::new() } else { routes(draft) };
        Self { pools: pools.collect(), tests: draft.route_tests.clone(), routes }
    }

    /// Reports what does not hold.
    pub(crate) fn check(&self, cx: &Cx, config: &Config) {
        requests::check(cx, config, &self.tests, &self.routes);
        let budget = combinations::Budget::of(self.pools.len());
        for promise in &self.pools {
            let pool = &config.pools[promise.pool];
            let mut trials = Trials::of(pool);
            shares::check(cx, pool, promise, &trials);
            failures::check(cx, pool, promise, &mut trials, budget);
        }
    }
}

/// Where the routes stand, in the order in which they are put together: one for each host, then the short forms.
fn routes(draft: &Draft) -> Vec<Range<usize>> {
    let explicit = draft.routes.iter().flat_map(|route| route.hosts.iter().map(|_| route.span.clone()));
    let is_short = |listener: &&ListenerDraft| {
        listener.protocol.as_ref().is_some_and(|protocol| protocol.value.is_http())
    };
    let short = draft.listeners.iter().filter(is_short);
    let short = short.filter_map(|listener| Some(listener.pool.as_ref()?.span.clone()));
    explicit.chain(short).collect()
}
