//! What `survives` promises: combinations of backends that may be down are tried one by one.

use std::collections::HashMap;

use evenkeel_core::Mode;

use super::combinations::{Budget, combinations};
use super::shares::{ROUNDING, broken, forbidden, in_zone};
use super::trial::{Notices, Split, Trials, capacity};
use super::{Promise, words};
use crate::decode::Cx;
use crate::diagnostic::Diagnostic;
use crate::model::Pool;
use crate::span::At;
use crate::values::percent;

/// What goes wrong, the worst first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Harm {
    Nobody,
    Unnoticed,
    Panic,
    Overload,
    Zone,
}

/// What goes wrong with some of them down.
struct Found {
    harm: Harm,
    /// How far it goes; larger is worse.
    extent: f64,
    down: Vec<usize>,
    effect: String,
    help: String,
    /// A backend that it is about.
    at: Option<usize>,
}

/// A pool, and who gets what with some of its backends down.
struct Case<'a> {
    pool: &'a Pool,
    promise: &'a Promise,
    down: &'a [usize],
    notices: Notices,
    /// Of the requests that come to this process.
    local: &'a Split,
    /// Of those that come to all instances.
    fleet: &'a Split,
}

pub(super) fn check(cx: &Cx, pool: &Pool, promise: &Promise, trials: &mut Trials, budget: Budget) {
    let Some(survives) = promise.expect.survives.as_ref().filter(|survives| survives.value > 0) else {
        return;
    };
    let kinds = kinds(pool, &trials.local.whole());
    let notices = trials.local.notices();
    let mut found = Vec::new();
    let most = budget.trials(pool.backends.len(), survives.value);
    let all_tried = combinations(&kinds, survives.value, most, |down| {
        let (local, fleet) = trials.without(down);
        let fleet = fleet.as_ref().unwrap_or(&local);
        Case { pool, promise, down, notices, local: &local, fleet }.harm(&mut found);
    });
    for harm in [Harm::Nobody, Harm::Unnoticed, Harm::Panic, Harm::Overload, Harm::Zone] {
        if let Some(worst) = found.iter().find(|found| found.harm == harm) {
            cx.report(report(pool, promise, survives, worst, all_tried));
            // With nobody left, or nothing noticed, the rest only follows.
            if matches!(harm, Harm::Nobody | Harm::Unnoticed) {
                return;
            }
        }
    }
}

/// What goes wrong when one to so many backends fail beside those that are down already: the fewest of them, and what
/// becomes of it then. `None` if nothing does.
pub(super) fn fewest(
    pool: &Pool,
    promise: &Promise,
    trials: &mut Trials,
    down: &[usize],
    budget: Budget,
) -> Option<(usize, String)> {
    let survives = promise.expect.survives.as_ref().map_or(0, |survives| survives.value);
    let mut kinds = kinds(pool, &trials.local.whole());
    kinds.iter_mut().for_each(|kind| kind.retain(|backend| !down.contains(backend)));
    let notices = trials.local.notices();
    let mut found = Vec::new();
    let mut fail = |more: &[usize]| {
        let all: Vec<usize> = down.iter().chain(more).copied().collect();
        let (local, fleet) = trials.without(&all);
        let fleet = fleet.as_ref().unwrap_or(&local);
        Case { pool, promise, down: &all, notices, local: &local, fleet }.harm(&mut found);
    };
    fail(&[]);
    combinations(&kinds, survives, budget.trials(pool.backends.len(), survives), fail);
    let fewest = found.into_iter().min_by_key(|found| found.down.len())?;
    Some((fewest.down.len() - down.len(), fewest.effect))
}

/// The backends that may fail, those together that are alike: which of them is down makes no difference. Those with most
/// requests first.
fn kinds(pool: &Pool, whole: &Split) -> Vec<Vec<usize>> {
    let mut kinds: HashMap<_, Vec<usize>> = HashMap::new();
    for (index, backend) in pool.backends.iter().enumerate() {
        let place = &backend.placement;
        if backend.enabled && !place.draining {
            let shares = (whole.shares[index].to_bits(), whole.meant[index].to_bits());
            let alike = (
                backend.weight,
                backend.capacity.map(f64::to_bits),
                place.tier,
                place.zone.as_deref(),
                shares,
            );
            kinds.entry(alike).or_default().push(index);
        }
    }
    let mut kinds: Vec<_> = kinds.into_values().collect();
    let share = |kind: &[usize]| whole.shares[kind[0]];
    kinds.sort_by(|a, b| share(b).total_cmp(&share(a)).then(a[0].cmp(&b[0])));
    kinds
}

impl Case<'_> {
    /// Notes what is worse than what is known of its kind. Fewer backends that are down are the better example.
    fn harm(&self, known: &mut Vec<Found>) {
        for found in self.all() {
            let before = known.iter_mut().find(|other| other.harm == found.harm);
            match before {
                None => known.push(found),
                Some(other) if other.down.len() == found.down.len() && other.extent < found.extent => {
                    *other = found;
                }
                Some(_) => {}
            }
        }
    }

    fn all(&self) -> Vec<Found> {
        let up = |backend: &usize| !self.down.contains(backend);
        let takes = |backend: &usize| {
            let found = &self.pool.backends[*backend];
            found.enabled && !found.placement.draining
        };
        if !(0..self.pool.backends.len()).filter(takes).any(|backend| up(&backend))
            || self.local.mode == Mode::Empty
        {
            return vec![self.nobody()];
        }
        let lost: f64 = self.down.iter().map(|backend| self.local.shares[*backend]).sum();
        if self.local.mode == Mode::Panic {
            return vec![self.panic(lost)];
        }
        if lost > 0.0 {
            return vec![self.unnoticed(lost)];
        }
        self.overload().into_iter().chain(self.zone()).collect()
    }

    fn nobody(&self) -> Found {
        let effect = "nobody would be left: every request to this pool would fail";
        let help =
            "add backends, or promise less: a pool outlives the loss of all but one of its backends at most";
        self.found(Harm::Nobody, 1.0, None, effect.into(), help.into())
    }

    fn unnoticed(&self, lost: f64) -> Found {
        let (names, are) = (self.names(), words::are(self.down.len()));
        let (why, help) = match self.notices {
            Notices::Requests(_) => (
                "no more may be ejected at once",
                "add `health = { path = \"/healthz\" }`: checks take out whoever fails; or raise `passive.max_ejected`",
            ),
            _ => (
                "nothing notices it",
                "add `health = { path = \"/healthz\" }`, or take `passive = false` out",
            ),
        };
        let effect =
            format!("{} of requests would still go to {names}, which {are} down: {why}", percent(lost));
        self.found(Harm::Unnoticed, lost, None, effect, help.into())
    }

    fn panic(&self, lost: f64) -> Found {
        let effect = format!(
            "too few would be healthy, so requests would go to all backends again: {} of them to {}, which {} down",
            percent(lost),
            self.names(),
            words::are(self.down.len())
        );
        let help =
            format!("add backends, or lower `panic_threshold`, which is {}", self.pool.panic_threshold.get());
        self.found(Harm::Panic, lost, None, effect, help)
    }

    fn overload(&self) -> Option<Found> {
        let expect = &self.promise.expect;
        let (peak, each) = (expect.peak_rate.as_ref()?.value, expect.backend_rate.as_ref()?.value);
        let takes = |backend: usize| capacity(&self.pool.backends[backend]) * each;
        let over = self.fleet.shares.iter().enumerate();
        let (backend, over) = over
            .map(|(backend, share)| (backend, share * peak / takes(backend)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .filter(|(_, over)| *over > 1.0 + ROUNDING)?;
        let share = self.fleet.shares[backend];
        let effect = format!(
            "with {} down, `{}` would get {} of requests, {} a second at the peak; it can take {}",
            self.names(),
            self.pool.backends[backend].id,
            percent(share),
            words::rate(share * peak),
            words::rate(takes(backend))
        );
        let help = "add backends, or put the weights, the capacities or the rates right";
        Some(self.found(Harm::Overload, over, Some(backend), effect, help.into()))
    }

    fn zone(&self) -> Option<Found> {
        let (backend, zone) = forbidden(self.pool, self.promise, self.local)?;
        let share: f64 = in_zone(self.pool, self.local, &zone.value).sum();
        let effect = format!(
            "with {} down, {} of requests would go to zone `{}`, which `forbidden_zones` names",
            self.names(),
            percent(share),
            zone.value
        );
        let help = "add backends in other zones, or take those of this zone out";
        Some(self.found(Harm::Zone, share, Some(backend), effect, help.into()))
    }

    fn found(&self, harm: Harm, extent: f64, at: Option<usize>, effect: String, help: String) -> Found {
        Found { harm, extent, down: self.down.to_vec(), effect, help, at }
    }

    fn names(&self) -> String {
        words::names(self.pool, self.down)
    }
}

fn report(pool: &Pool, promise: &Promise, survives: &At<u32>, found: &Found, all_tried: bool) -> Diagnostic {
    let names = words::names(pool, &found.down);
    let at_once = if found.down.len() == 1 { "" } else { " at once" };
    let message = format!("pool `{}` would not survive the loss of {names}{at_once}", pool.id);
    let help = match all_tried {
        true => found.help.clone(),
        false => {
            format!("{}; not all combinations were tried, those of the heaviest backends were", found.help)
        }
    };
    let wrong =
        broken(survives.span.clone(), message).label("is promised").effect(found.effect.clone()).help(help);
    match found.at {
        Some(backend) if found.harm == Harm::Zone => {
            wrong.related(promise.backends[backend].clone(), "there")
        }
        Some(backend) => wrong.related(promise.backends[backend].clone(), "too much for this one"),
        None => wrong,
    }
}
