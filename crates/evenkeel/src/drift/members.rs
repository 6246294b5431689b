//! The backends that are configured against those that serve.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use evenkeel_config::{BackendAddress, Config};
use evenkeel_diff::words::{list, percent};
use serde::Deserialize;

use super::Difference;
use super::names::Lookups;
use crate::lines::span;

/// What `GET /pools` says, as far as it is needed here.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pools: Vec<Pool>,
}

#[derive(Debug, Deserialize)]
struct Pool {
    name: String,
    requests: u64,
    backends: Vec<Backend>,
}

#[derive(Debug, Deserialize)]
struct Backend {
    name: String,
    address: Option<SocketAddr>,
    phase: String,
    since: f64,
    detail: Option<String>,
    intent: f64,
    plan: f64,
    attempts: u64,
}

/// Attempts that must be due before none is a sign: by chance that happens once in 10^8 times.
const DUE: f64 = 20.0;
/// Phases of backends that are not well.
const OUT: [&str; 3] = ["unhealthy", "ejected", "unresolved"];
/// Names and addresses in one sentence.
const NAMED: usize = 3;

/// Backends by address: the pool and the name of each.
type Holders<'a> = BTreeMap<SocketAddr, Vec<(&'a str, &'a str)>>;

/// Who should serve and does not, and whose address is not what the file seems to say.
pub(super) fn compare(config: &Config, status: &Status, lookups: &Lookups) -> Vec<Difference> {
    let mut holders = Holders::new();
    for pool in &status.pools {
        for backend in &pool.backends {
            if let Some(address) = backend.address {
                holders.entry(address).or_default().push((&pool.name, &backend.name));
            }
        }
    }
    let mut differences = Vec::new();
    for pool in &status.pools {
        let configured = config.pools.iter().find(|one| one.id.as_str() == pool.name);
        for backend in &pool.backends {
            differences.extend(service(pool, backend));
            let mut written = configured.iter().flat_map(|pool| &pool.backends);
            let written = written.find(|one| one.id.as_str() == backend.name).map(|one| &one.address);
            if let Some(name @ BackendAddress::Name { .. }) = written {
                let name = name.to_string();
                differences.extend(resolution(pool, backend, &name, lookups.get(&name)));
                differences.extend(company(pool, backend, &name, &holders));
            }
        }
    }
    differences
}

/// Whether it serves as it is meant to.
fn service(pool: &Pool, backend: &Backend) -> Option<Difference> {
    let about = format!("pool {}", pool.name);
    let name = &backend.name;
    // In panic those that are out get requests, too.
    let out = backend.plan == 0.0 || OUT.contains(&backend.phase.as_str());
    if backend.intent > 0.0 && out {
        let never = backend.attempts == 0;
        let kind = if never { "never-served" } else { "out-of-service" };
        let (phase, since) = (&backend.phase, span(backend.since));
        let text = match never {
            true => format!("{name} has never served: {phase} for {since}"),
            false => format!("{name} does not serve: {phase} for {since}"),
        };
        let difference = Difference::new(kind, about, text);
        let difference = difference.more(format!("its {} go to others", percent(backend.intent)));
        return Some(backend.detail.iter().fold(difference, |difference, why| difference.more(why.clone())));
    }
    let due = pool.requests as f64 * backend.plan;
    (backend.attempts == 0 && due >= DUE).then(|| {
        let text = format!("{name} has got nothing: {due:.0} of {} requests were due", pool.requests);
        Difference::new("no-traffic", about, text)
            .more("its share is in the plan, and no request comes there")
    })
}

/// A name stands for one address here. With several of one family only one of the servers gets anything.
fn resolution(
    pool: &Pool,
    backend: &Backend,
    name: &str,
    found: Option<&Vec<SocketAddr>>,
) -> Option<Difference> {
    let (about, found) = (format!("pool {}", pool.name), found?);
    let used = backend.address.map_or_else(|| "none".to_owned(), |address| address.to_string());
    let same_family: Vec<String> = found
        .iter()
        .filter(|one| backend.address.is_none_or(|used| used.is_ipv4() == one.is_ipv4()))
        .map(ToString::to_string)
        .collect();
    if backend.address.is_some_and(|used| !found.is_empty() && !found.contains(&used)) {
        let text =
            format!("{name} resolves to {} here, and the balancer uses {used}", list(&same_or(found), NAMED));
        let difference = Difference::new("other-address", about, text);
        return Some(
            difference.more("it looks names up again from time to time, with the resolver of its machine"),
        );
    }
    (same_family.len() > 1 && backend.address.is_some()).then(|| {
        let text =
            format!("{name} resolves to {} addresses: {}", same_family.len(), list(&same_family, NAMED));
        let difference = Difference::new("several-addresses", about, text);
        difference.more(format!("the balancer uses one of them, {used}: write each as a backend of its own"))
    })
}

fn same_or(found: &[SocketAddr]) -> Vec<String> {
    found.iter().map(ToString::to_string).collect()
}

/// Others at the address that a name resolves to.
fn company(pool: &Pool, backend: &Backend, name: &str, holders: &Holders<'_>) -> Option<Difference> {
    let address = backend.address?;
    let others = holders.get(&address)?.iter();
    let others =
        others.filter(|(in_pool, one)| (*in_pool, *one) != (pool.name.as_str(), backend.name.as_str()));
    let others: Vec<String> = others.map(|(pool, one)| format!("{one} of pool {pool}")).collect();
    (!others.is_empty()).then(|| {
        let text = format!("{name} resolves to {address}, where {} is, too", list(&others, NAMED));
        let difference = Difference::new("same-address", format!("pool {}", pool.name), text);
        difference.more("one server gets the requests of both")
    })
}

#[cfg(test)]
mod tests {
    use evenkeel_config::{Source, load};
    use serde_json::{Value, json};

    use super::*;

    fn backend(name: &str, address: &str, phase: &str, plan: f64, attempts: u64) -> Value {
        json!({
            "name": name, "address": address, "phase": phase, "since": 7_300.0, "detail": null,
            "intent": 0.5, "plan": plan, "attempts": attempts,
        })
    }

    fn kinds(
        backends: &str,
        requests: u64,
        status: [Value; 2],
        lookups: &[(&str, &[&str])],
    ) -> Vec<(&'static str, String)> {
        let file = format!(
            "[listener.web]\nbind = \":80\"\npool = \"web\"\n[pool.web]\nhealth = false\nbackends = [{backends}]\n\
             [pool.db]\nhealth = false\nbackends = [\"10.0.0.8:80\", \"10.0.0.9:80\"]\n\
             [listener.db]\nbind = \":81\"\nprotocol = \"tcp\"\npool = \"db\"\n"
        );
        let loaded = load(&Source::new("f", file));
        let config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
        let db = backend("10.0.0.8:80", "10.0.0.8:80", "serving", 0.5, 9);
        let status = json!({"pools": [
            {"name": "web", "requests": requests, "backends": status},
            {"name": "db", "requests": 18, "backends": [db]},
        ]});
        let status: Status = serde_json::from_value(status).unwrap();
        let addresses = |all: &[&str]| all.iter().map(|one| one.parse().unwrap()).collect();
        let lookups = lookups.iter().map(|(name, all)| ((*name).to_owned(), addresses(all))).collect();
        compare(&config, &status, &lookups).into_iter().map(|one| (one.kind, one.text)).collect()
    }

    const TWO: &str = "\"10.0.0.1:80\", \"10.0.0.2:80\"";
    const NAMED_TWO: &str = "\"app.internal:80\", \"10.0.0.2:80\"";

    fn sound(name: &str, address: &str) -> Value {
        backend(name, address, "serving", 0.5, 50)
    }

    #[test]
    fn all_is_well() {
        let both = [sound("10.0.0.1:80", "10.0.0.1:80"), sound("10.0.0.2:80", "10.0.0.2:80")];
        assert!(kinds(TWO, 100, both, &[]).is_empty());
        // One address of each family is one machine.
        let named = [sound("app.internal:80", "10.0.0.1:80"), sound("10.0.0.2:80", "10.0.0.2:80")];
        assert!(
            kinds(NAMED_TWO, 100, named, &[("app.internal:80", &["10.0.0.1:80", "[fd00::1]:80"])]).is_empty()
        );
    }

    #[test]
    fn who_does_not_serve() {
        let first = || sound("10.0.0.1:80", "10.0.0.1:80");
        let second = |phase, plan, attempts| backend("10.0.0.2:80", "10.0.0.2:80", phase, plan, attempts);
        let found = |second| kinds(TWO, 100, [first(), second], &[]);
        assert_eq!(
            found(second("unhealthy", 0.0, 0))[0].1,
            "10.0.0.2:80 has never served: unhealthy for 2 h"
        );
        assert_eq!(found(second("ejected", 0.0, 7))[0].0, "out-of-service");
        // In panic it has its part of the plan.
        assert_eq!(found(second("unhealthy", 0.5, 7))[0].0, "out-of-service");
        assert_eq!(found(second("serving", 0.5, 0))[0].0, "no-traffic");
        assert!(kinds(TWO, 39, [first(), second("serving", 0.5, 0)], &[]).is_empty(), "too few to tell");
    }

    #[test]
    fn names_that_mean_something_else() {
        let found = |address: &str, all: &[&str]| {
            let both = [sound("app.internal:80", address), sound("10.0.0.2:80", "10.0.0.2:80")];
            kinds(NAMED_TWO, 100, both, &[("app.internal:80", all)])
        };
        let several = found("10.0.0.1:80", &["10.0.0.1:80", "10.0.0.3:80"]);
        assert_eq!(several[0].1, "app.internal:80 resolves to 2 addresses: 10.0.0.1:80, 10.0.0.3:80");
        assert_eq!(found("10.0.0.1:80", &["10.0.0.3:80"])[0].0, "other-address");
        let same = found("10.0.0.8:80", &["10.0.0.8:80"]);
        assert_eq!(
            same[0].1,
            "app.internal:80 resolves to 10.0.0.8:80, where 10.0.0.8:80 of pool db is, too"
        );
        assert_eq!(found("10.0.0.2:80", &["10.0.0.2:80"])[0].0, "same-address");
    }
}
