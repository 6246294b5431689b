//! Whether the shares are those that are meant while all is well, and why not.

use std::collections::HashMap;
use std::net::SocketAddr;

use evenkeel_config::{BackendAddress, percent};
use evenkeel_core::skew::Tolerance;
use evenkeel_core::{Intent, Mode, Reason};

use crate::harm::tolerance;
use crate::options::Addresses;
use crate::play::{Played, adapts};
use crate::report::Finding;
use crate::stage::Stage;

/// Who would have a share that nobody means: worth refusing the file.
pub(crate) fn problems(stage: &Stage<'_>, well: &Played, addresses: &Addresses) -> Vec<Finding> {
    let mut found: Vec<Finding> = unresolved(stage, addresses).into_iter().collect();
    found.extend(same_address(stage, addresses));
    found.extend(nobody(stage, well));
    found.extend(all_to_one(stage, well));
    found.extend(weights(stage, well));
    found.extend(overload(stage, well));
    found
}

/// What makes shares differ from the plan although nothing is wrong with the configuration as such.
pub(crate) fn risks(stage: &Stage<'_>, well: &Played) -> Vec<Finding> {
    let mut found: Vec<Finding> = hot_key(stage).into_iter().collect();
    if found.is_empty() {
        found.extend(off_plan(stage, well));
    }
    found
}

/// The weights give somebody what the intent does not.
fn weights(stage: &Stage<'_>, well: &Played) -> Option<Finding> {
    let meant = |allow: &evenkeel_config::Allow| WEIGHT_RULES.contains(&allow.rule);
    if stage.allowed().any(meant) {
        return None;
    }
    let meant: Vec<f64> = well.members.iter().map(|member| member.intent).collect();
    let weight =
        |at: usize| if meant[at] > 0.0 { f64::from(stage.pool.backends[at].weight.get()) } else { 0.0 };
    let sum: f64 = (0..meant.len()).map(weight).sum();
    let given = |at: usize| weight(at) / sum;
    let off = |at: &usize| (given(*at) - meant[*at]).abs();
    let beyond = |at: &usize| off(at) > meant[*at] * Tolerance::INTENT.get();
    let all = || (0..meant.len()).filter(|at| meant[*at] > 0.0);
    all().find(|at| beyond(at))?;
    let worst =
        all().filter(|at| given(*at) > meant[*at]).max_by(|one, other| off(one).total_cmp(&off(other)))?;
    let pool = stage.pool.id.as_str();
    let by = match stage.pool.intent {
        Intent::Capacity => "its part by capacity",
        _ => "equal",
    };
    let message = format!(
        "the weights are {}: {} would get {} of the requests, {by} would be {}",
        told_weights(stage),
        stage.name(worst),
        percent(given(worst)),
        percent(meant[worst]),
    );
    let otherwise = match stage.pool.intent {
        Intent::Capacity => "else weights that follow the capacities",
        _ => "else equal weights",
    };
    let help = format!("write `intent = \"weights\"` in [pool.{pool}] if that is meant, {otherwise}");
    Some(finding(stage, "weights", message, Some(help), off(&worst)))
}

/// `5, 1, 1`, as far as there is room.
fn told_weights(stage: &Stage<'_>) -> String {
    let weights = stage.pool.backends.iter().map(|backend| backend.weight.get().to_string());
    let mut told: Vec<String> = weights.take(TOLD).collect();
    if stage.pool.backends.len() > TOLD {
        told.push("...".into());
    }
    told.join(", ")
}

/// There is no one to send a request to.
fn nobody(stage: &Stage<'_>, well: &Played) -> Option<Finding> {
    if well.mode != Mode::Empty {
        return None;
    }
    let message = "no backend takes new requests: each would be refused";
    let help = "leave at least one that is enabled, not draining, and has an address";
    Some(finding(stage, "nobody", message.into(), Some(help.into()), 1.0))
}

/// One backend of many is all that is used.
fn all_to_one(stage: &Stage<'_>, well: &Played) -> Option<Finding> {
    let backends = &stage.pool.backends;
    let planned = (0..backends.len()).filter(|at| well.members[*at].plan > 0.0);
    let used: Vec<usize> = planned.take(2).collect();
    let [only] = used.as_slice() else { return None };
    if backends.len() < MANY || stage.spec.shaping.subset.is_some() {
        return None;
    }
    let count = |what: &str, of: &dyn Fn(usize) -> bool| {
        let number = (0..backends.len()).filter(|at| at != only && of(*at)).count();
        (number > 0).then(|| format!("{number} {what}"))
    };
    let disabled = |at: usize| !backends[at].enabled;
    let draining = |at: usize| backends[at].enabled && backends[at].placement.draining;
    let unresolved = |at: usize| !disabled(at) && !draining(at) && !stage.counts(at);
    let others = |at: usize| stage.counts(at);
    let why: Vec<String> = [
        count("disabled", &disabled),
        count("draining", &draining),
        count("without an address", &unresolved),
        count("in later tiers or other zones", &others),
    ]
    .into_iter()
    .flatten()
    .collect();
    let message = format!(
        "{} would get every request: of the {} others, {}",
        stage.name(*only),
        backends.len() - 1,
        why.join(", ")
    );
    let help = "give at least one other backend its part of the traffic, or take those out that are not used";
    Some(finding(stage, "all_to_one", message, Some(help.into()), 1.0))
}

/// Names that came to nothing.
fn unresolved(stage: &Stage<'_>, addresses: &Addresses) -> Option<Finding> {
    let missing = |backend: &&evenkeel_config::Backend| match &backend.address {
        BackendAddress::Name { host, port } => {
            addresses.get(&(host.clone(), *port)).is_some_and(Result::is_err)
        }
        BackendAddress::Socket(_) => false,
    };
    let missing: Vec<&str> =
        stage.pool.backends.iter().filter(missing).map(|backend| backend.id.as_str()).collect();
    if missing.is_empty() {
        return None;
    }
    let all = stage.pool.backends.len();
    let message = format!(
        "{} of {all} backends do not resolve: {}; the others would get their part",
        missing.len(),
        listed(&missing)
    );
    let help = "write the names of the servers that there are, or take the entries out";
    Some(finding(stage, "unresolved", message, Some(help.into()), missing.len() as f64 / all as f64))
}

/// Names that came to the address of another backend.
fn same_address(stage: &Stage<'_>, addresses: &Addresses) -> Option<Finding> {
    let looked_up = |at: usize| match &stage.pool.backends[at].address {
        BackendAddress::Name { host, port } => addresses.contains_key(&(host.clone(), *port)),
        BackendAddress::Socket(_) => false,
    };
    let is_name = |at: usize| matches!(stage.pool.backends[at].address, BackendAddress::Name { .. });
    let mut known: HashMap<SocketAddr, usize> = HashMap::new();
    for at in stage.counting().into_iter().filter(|at| looked_up(*at) || !is_name(*at)) {
        let Some(address) = stage.spec.members[at].address else { continue };
        let Some(first) = known.insert(address, at) else { continue };
        // Of addresses that are written twice, `check` speaks.
        if !looked_up(first) && !looked_up(at) {
            continue;
        }
        let message = format!(
            "{} and {} are both {address}: that server would get both of their parts",
            stage.name(first),
            stage.name(at)
        );
        let help = "take one of them out, or write the name that was meant";
        return Some(finding(stage, "same_address", message, Some(help.into()), 0.5));
    }
    None
}

/// More comes than somebody can do, with nothing wrong.
fn overload(stage: &Stage<'_>, well: &Played) -> Option<Finding> {
    if !stage.knows_capacity() {
        return None;
    }
    let load = |at: &usize| stage.rate_of(well.shares[*at]) / stage.capacity[*at];
    let worst = (0..well.shares.len()).max_by(|one, other| load(one).total_cmp(&load(other)))?;
    if load(&worst) <= 1.0 {
        return None;
    }
    let message = format!(
        "{} would get {} requests/s and can do {}, while all is well",
        stage.name(worst),
        rounded(stage.rate_of(well.shares[worst])),
        rounded(stage.capacity[worst])
    );
    let harm = well.shares[worst] - stage.capacity[worst] / stage.pace.rate;
    Some(finding(stage, "overload", message, Some("add backends, or spread the load".into()), harm))
}

/// A key that is so popular that no placement can be even.
fn hot_key(stage: &Stage<'_>) -> Option<Finding> {
    let top = stage.keys.as_ref()?.top();
    let fair = 1.0 / stage.counting().len().max(1) as f64;
    if stage.counting().len() < 2 || top <= HOT * fair {
        return None;
    }
    let message = format!(
        "the most popular key is {} of the requests, and all of them go to one backend: {} would be an equal share",
        percent(top),
        percent(fair)
    );
    let help = "let `hash` go by what more requests differ in, or bound it: `bound = 1.25`";
    Some(finding(stage, "hot_key", message, Some(help.into()), top - fair))
}

/// The strategy does not follow the plan.
fn off_plan(stage: &Stage<'_>, well: &Played) -> Option<Finding> {
    let chance = |plan: f64| match well.requests {
        0 => 0.0,
        requests => 4.0 * (plan * (1.0 - plan) / requests as f64).sqrt(),
    };
    let plan = |at: &usize| well.members[*at].plan;
    let off = |at: &usize| (well.shares[*at] - plan(at)).abs();
    let beyond = |at: &usize| off(at) > plan(at) * tolerance(stage).get() + chance(plan(at));
    let worst = (0..well.shares.len()).filter(beyond).max_by(|one, other| off(one).total_cmp(&off(other)))?;
    let (kind, why) = why(stage, well, worst);
    let message = format!(
        "{} would get {} of the requests instead of the {} that is planned: {why}",
        stage.name(worst),
        percent(well.shares[worst]),
        percent(plan(&worst)),
    );
    Some(finding(stage, kind, message, None, off(&worst)))
}

fn why(stage: &Stage<'_>, well: &Played, worst: usize) -> (&'static str, String) {
    let spilled: u64 = well.reasons.iter().map(|reasons| reasons[Reason::Spill as usize]).sum();
    let all: u64 = well.reasons.iter().flatten().sum();
    let strategy = stage.pool.strategy.as_str();
    if spilled * 20 > all {
        return ("limits", "`max_in_flight` or a bound turns requests away from others".into());
    }
    if stage.keys.is_some() {
        return ("placement", format!("that is where {strategy} places the keys"));
    }
    let load = stage.rate_of(well.members[worst].plan) / stage.capacity[worst];
    match adapts(stage.pool.strategy) {
        true if load > 1.0 => ("adaptive", format!("{strategy} spares who gets more than it can do")),
        true => ("adaptive", format!("{strategy} goes by what is in flight, and little is")),
        false => ("chance", "by chance".into()),
    }
}

pub(crate) fn finding(
    stage: &Stage<'_>,
    kind: &'static str,
    message: String,
    help: Option<String>,
    harm: f64,
) -> Finding {
    Finding { pool: stage.pool.id.as_str().to_owned(), kind, message, help, harm: harm.clamp(0.0, 1.0) }
}

/// `1234`, or with a decimal where it is small.
pub(crate) fn rounded(number: f64) -> String {
    if number >= 10.0 { format!("{number:.0}") } else { format!("{number:.1}") }
}

/// `a, b, c and 4 more`.
pub(crate) fn listed(names: &[&str]) -> String {
    match names.len().checked_sub(TOLD) {
        Some(more) if more > 0 => format!("{} and {more} more", names[..TOLD].join(", ")),
        _ => names.join(", "),
    }
}

/// Rules of `check` that say the same.
const WEIGHT_RULES: [&str; 2] = ["weights-without-intent", "weights-against-capacity"];
/// Names and weights that are told one by one.
const TOLD: usize = 8;
/// From so many backends on, one that gets all of it is a mistake and not a spare.
const MANY: usize = 3;
/// A key with so many times an equal share.
const HOT: f64 = 0.5;
