//! What a recorded access log says of a pool.

use std::collections::HashSet;
use std::time::Duration;

use evenkeel_config::{Backend, BackendAddress, Config, Pool, percent};

use crate::causes::{finding, listed};
use crate::report::Finding;
use crate::stage::Stage;

/// What was recorded of one pool, whoever's log it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// As the log calls it; empty where it names none.
    pub pool: String,
    /// Requests a second.
    pub rate: Option<f64>,
    /// Mean time that a backend took for a request.
    pub latency: Option<Duration>,
    /// The part of the requests that came from the client with most of them, as far as it stands out.
    pub top_client: Option<f64>,
    /// As the log calls them, by name or address, and how many attempts each had.
    pub backends: Vec<(String, u64)>,
}

/// Backends with a smaller part of the attempts are remnants, of a test or of a deploy.
const REMNANT: f64 = 0.001;

/// What was recorded of `pool`: under its name, or else under another one with some of its backends.
pub(crate) fn of<'a>(pool: &Pool, recorded: &'a [Recorded]) -> Option<&'a Recorded> {
    let common = |one: &Recorded| {
        let known = names(&pool.backends);
        one.backends.iter().filter(|(name, _)| known.contains(name.as_str())).count()
    };
    let named = recorded.iter().find(|one| one.pool == pool.id.as_str());
    named.or_else(|| recorded.iter().filter(|one| common(one) > 0).max_by_key(|one| common(one)))
}

/// Servers that got requests and are in no pool would get none: the file does not match what is there.
///
/// Where the log calls none of them as the file does, nothing follows.
pub(crate) fn missing(stage: &Stage<'_>, config: &Config, recorded: &Recorded) -> Option<Finding> {
    let in_pool = names(&stage.pool.backends);
    if !recorded.backends.iter().any(|(name, _)| in_pool.contains(name.as_str())) {
        return None;
    }
    let anywhere: HashSet<String> = config.pools.iter().flat_map(|pool| names(&pool.backends)).collect();
    let all: u64 = recorded.backends.iter().map(|(_, attempts)| attempts).sum();
    let counts = |(name, attempts): &&(String, u64)| {
        !anywhere.contains(name) && *attempts as f64 > REMNANT * all as f64
    };
    let gone: Vec<&(String, u64)> = recorded.backends.iter().filter(counts).collect();
    if gone.is_empty() {
        return None;
    }
    let part = gone.iter().map(|(_, attempts)| attempts).sum::<u64>() as f64 / all as f64;
    let names: Vec<&str> = gone.iter().map(|(name, _)| name.as_str()).collect();
    let message = format!(
        "{} of the requests in the log went to servers that the file does not name: {}",
        percent(part),
        listed(&names)
    );
    let help = "write entries for the servers that there are";
    Some(finding(stage, "missing_servers", message, Some(help.into()), part))
}

/// Backends that take requests by configuration and got none.
pub(crate) fn unheard_of(stage: &Stage<'_>, recorded: &Recorded) -> Option<Finding> {
    let seen: HashSet<&str> = recorded.backends.iter().map(|(name, _)| name.as_str()).collect();
    let heard =
        |at: &usize| names(&stage.pool.backends[*at..=*at]).iter().any(|name| seen.contains(name.as_str()));
    let counting = stage.counting();
    let unheard: Vec<&str> = counting.iter().filter(|at| !heard(at)).map(|at| stage.name(*at)).collect();
    if unheard.is_empty() || unheard.len() == counting.len() {
        return None;
    }
    let message = format!(
        "{} of {} backends got nothing in the log: {}",
        unheard.len(),
        counting.len(),
        listed(&unheard)
    );
    let help = "make sure that these servers are there: check that they answer";
    let harm = unheard.len() as f64 / counting.len() as f64;
    Some(finding(stage, "unheard_of", message, Some(help.into()), harm))
}

/// What logs may call them: their names and their addresses.
fn names(backends: &[Backend]) -> HashSet<String> {
    let address = |backend: &Backend| match &backend.address {
        BackendAddress::Socket(address) => address.to_string(),
        BackendAddress::Name { host, port } => format!("{host}:{port}"),
    };
    backends.iter().flat_map(|one| [one.id.as_str().to_owned(), address(one)]).collect()
}
