//! What backends should have, from flags or from a configuration file.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use evenkeel_config::{Backend, BackendAddress, Config, Pool};
use evenkeel_core::skew::Tolerance;
use evenkeel_core::{Nanos, PoolEvent, PoolId, PoolState, RouteTable};
use evenkeel_traffic::Names;
use evenkeel_traffic::client::Target;
use evenkeel_traffic::split::Expectation;
use evenkeel_traffic::verify::Bound;

use crate::check;
use crate::output::Refusal;

/// What backends should have, and what they are called.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) expectation: Expectation,
    pub(crate) names: Names,
    /// What the contract of the pool allows.
    pub(crate) bounds: Vec<Bound>,
    /// What is doubtful about it, one sentence each.
    pub(crate) notes: Vec<String>,
}

/// What flags say of it.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) url: &'a Target,
    pub(crate) config: Option<&'a Path>,
    pub(crate) pool: Option<&'a str>,
    pub(crate) equal: Option<u16>,
    pub(crate) expect: &'a [(String, f64)],
}

/// One backend as the balancing core sees it while all are healthy.
#[derive(Debug)]
struct Planned {
    name: String,
    plan: f64,
    intent: f64,
}

/// Stands for a name that is not looked up: nothing is sent there.
const SOMEWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 1);

/// What the flags say.
pub(crate) fn expected(asked: &Asked<'_>) -> Result<Expected, Refusal> {
    let without_names = |expectation| {
        Ok(Expected { expectation, names: Names::default(), bounds: Vec::new(), notes: Vec::new() })
    };
    if let Some(file) = asked.config {
        let config = load(file)?;
        let pool = pool(&config, asked.pool, asked.url)?;
        let refuse = |what: String| Refusal::no(format!("pool {}: {what}", pool.id), "");
        let planned = planned(pool);
        let parts: Vec<(String, f64)> = planned.iter().map(|one| (one.name.clone(), one.plan)).collect();
        let expectation = Expectation::of_parts(&parts).map_err(refuse)?;
        return Ok(Expected {
            expectation,
            names: names(pool),
            bounds: bounds(pool),
            notes: doubt(&planned).into_iter().collect(),
        });
    }
    match asked.equal {
        Some(number) => without_names(Expectation::Equal(number.into())),
        None if asked.expect.is_empty() => without_names(Expectation::EqualSeen),
        None => {
            let refuse =
                |what| Refusal::misused(format!("--expect: {what}"), "write it like --expect web1=2,web2=1");
            without_names(Expectation::of_parts(asked.expect).map_err(refuse)?)
        }
    }
}

/// Reads a configuration file, and shows what is wrong with it.
pub(super) fn load(file: &Path) -> Result<Config, Refusal> {
    let source =
        check::read(file).map_err(|error| Refusal::no(error, "give the path of a configuration file"))?;
    let loaded = evenkeel_config::load(&source);
    loaded.config.ok_or_else(|| {
        check::show(&source, &loaded.diagnostics);
        Refusal::no(format!("{} has errors", source.name()), "see `evenkeel check`")
    })
}

/// What the backends of a pool may be called in answers: by name, address, or host alone where that is one backend only.
pub(super) fn names(pool: &Pool) -> Names {
    let mut names = Names::default();
    for backend in &pool.backends {
        let id = backend.id.as_str();
        let (place, host) = place(backend);
        [id, &place, &host].into_iter().for_each(|alias| names.add(id, alias));
    }
    names
}

fn place(backend: &Backend) -> (String, String) {
    match &backend.address {
        BackendAddress::Socket(address) => (address.to_string(), address.ip().to_string()),
        BackendAddress::Name { host, port } => (format!("{host}:{port}"), host.clone()),
    }
}

/// The share of each backend as long as all that are enabled are healthy: what the balancing core itself comes to.
fn planned(pool: &Pool) -> Vec<Planned> {
    let mut state = PoolState::new(pool.spec(), 1, Nanos::ZERO);
    let found = |backend: &Backend| {
        matches!(backend.address, BackendAddress::Name { .. })
            .then(|| PoolEvent::Resolved { id: backend.id.clone(), result: Ok(SOMEWHERE) })
    };
    let healthy = |backend: &Backend| PoolEvent::Probed { id: backend.id.clone(), result: Ok(()) };
    state.apply_all(pool.backends.iter().filter_map(found), Nanos::ZERO);
    state.apply_all(pool.backends.iter().map(healthy), Nanos::ZERO);
    let snapshot = state.snapshot();
    let members = snapshot.members().iter();
    let planned = members.map(|view| Planned {
        name: view.member.id.as_str().to_owned(),
        plan: view.plan,
        intent: view.intent,
    });
    planned.collect()
}

/// What `expect` allows each backend that is in balancing while all are healthy; the least is one of the first tier.
fn bounds(pool: &Pool) -> Vec<Bound> {
    let Some(expect) = pool.expect.as_ref().filter(|one| one.min_share.or(one.max_share).is_some()) else {
        return Vec::new();
    };
    let open = pool.backends.iter().filter(|one| one.enabled && !one.placement.draining);
    let bound = |backend: &Backend| Bound {
        backend: backend.id.as_str().to_owned(),
        least: expect.min_share.filter(|_| backend.placement.tier == 0).unwrap_or(0.0),
        most: expect.max_share.unwrap_or(1.0),
    };
    open.map(bound).collect()
}

/// A balancer that follows a mistaken file to the letter is as expected; that is no comfort.
fn doubt(planned: &[Planned]) -> Option<String> {
    // Where somebody gets too little, another gets too much.
    let off = |one: &Planned| one.plan - one.intent;
    let worst = planned.iter().max_by(|one, other| off(one).total_cmp(&off(other)))?;
    (off(worst) > Tolerance::INTENT.get() * worst.intent).then(|| {
        let Planned { name, plan, intent } = worst;
        format!(
            "the file itself plans {:.1} % for {name}, but means {:.1} %; see `evenkeel check`",
            plan * 100.0,
            intent * 100.0
        )
    })
}

/// The pool that is asked for, the only one, or the one that the routes of the file name for the URL.
fn pool<'a>(config: &'a Config, name: Option<&str>, target: &Target) -> Result<&'a Pool, Refusal> {
    let known = || {
        let names: Vec<&str> = config.pools.iter().map(|pool| pool.id.as_str()).collect();
        format!("give --pool NAME; pools of the file: {}", names.join(", "))
    };
    let by_id = |id: &str| config.pools.iter().find(|pool| pool.id.as_str() == id);
    if let Some(name) = name {
        return by_id(name).ok_or_else(|| Refusal::misused(format!("the file has no pool {name}"), known()));
    }
    if let [only] = config.pools.as_slice() {
        return Ok(only);
    }
    let mut found = routed(config, target);
    found.dedup();
    match found.as_slice() {
        [one] => by_id(one.as_str()).ok_or_else(|| Refusal::misused("no route leads to a pool", known())),
        [] => Err(Refusal::misused(format!("no route of the file is for {target}"), known())),
        _ => Err(Refusal::misused(
            format!("several listeners of the file answer {target} by different pools"),
            known(),
        )),
    }
}

/// The pool of each listener that may be the one that is asked: those on the port of the URL, or else all.
fn routed(config: &Config, target: &Target) -> Vec<PoolId> {
    let on_port = |port: u16| config.listeners.iter().any(|listener| listener.bind.port() == port);
    let any = !on_port(target.port);
    let listeners = config.listeners.iter().filter(|listener| any || listener.bind.port() == target.port);
    let mut pools: Vec<PoolId> = listeners
        .filter_map(|listener| {
            let mut table = RouteTable::default();
            for route in config.routes_on(&listener.name) {
                table.insert(route.host.pattern(), &route.path, route.pool.clone());
            }
            let routed = table.find(target.authority().as_bytes(), target.path.as_bytes()).cloned();
            if listener.protocol.is_http() { routed } else { listener.pool.clone() }
        })
        .collect();
    pools.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    pools
}

#[cfg(test)]
mod tests {
    use evenkeel_config::Source;

    use super::*;

    fn config(text: &str) -> Config {
        let loaded = evenkeel_config::load(&Source::new("f", text));
        loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
    }

    const POOLS: &str = r#"
        [listener.web]
        bind = "127.0.0.1:8080"
        [listener.other]
        bind = "127.0.0.1:8081"
        pool = "web"
        [[route]]
        listener = "web"
        pool = "web"
        [[route]]
        listener = "web"
        host = "api.example"
        pool = "api"
        [pool.web]
        intent = "weights"
        backends = [
          { address = "10.0.0.1:80", name = "web1", weight = 2 },
          { address = "web2.internal:80", name = "web2" },
          { address = "10.0.0.3:80", enabled = false },
        ]
        [pool.api]
        backends = ["10.0.0.4:80", "10.0.0.4:81"]
    "#;

    #[test]
    fn the_plan_is_that_of_the_core() {
        let config = config(POOLS);
        let web = &config.pools[0];
        let plan = planned(web);
        let shares: Vec<(&str, f64)> = plan.iter().map(|one| (one.name.as_str(), one.plan)).collect();
        assert_eq!(doubt(&plan), None, "the weights are what is meant");
        let doubtful = self::config(&POOLS.replace("intent = \"weights\"", ""));
        let doubt = doubt(&planned(&doubtful.pools[0])).unwrap();
        assert!(doubt.contains("66.7 % for web1, but means 50.0 %"), "{doubt}");
        assert_eq!(shares.len(), 3);
        for ((name, share), (expected, part)) in
            shares.into_iter().zip([("web1", 2.0 / 3.0), ("web2", 1.0 / 3.0), ("10.0.0.3:80", 0.0)])
        {
            assert!(name == expected && (share - part).abs() < 0.01, "{name} {share}");
        }
    }

    #[test]
    fn the_contract_bounds_who_is_in_balancing() {
        let file = POOLS.replace(
            "intent = \"weights\"",
            "intent = \"weights\"\nexpect = { min_share = 0.2, max_share = 0.7 }",
        );
        let bounds = bounds(&config(&file).pools[0]);
        let told: Vec<_> = bounds.iter().map(|one| (one.backend.as_str(), one.least, one.most)).collect();
        assert_eq!(told, [("web1", 0.2, 0.7), ("web2", 0.2, 0.7)], "the third is not enabled");
        assert!(super::bounds(&config(POOLS).pools[0]).is_empty());
    }

    #[test]
    fn backends_are_known_by_name_address_and_host() {
        let config = config(POOLS);
        let web = names(&config.pools[0]);
        for alias in ["web1", "10.0.0.1:80", "10.0.0.1"] {
            assert_eq!(web.resolve(alias), "web1");
        }
        assert_eq!(web.resolve("WEB2.internal"), "web2");
        let api = names(&config.pools[1]);
        assert!(!api.knows("10.0.0.4") && api.knows("10.0.0.4:81"), "two on one host");
    }

    #[test]
    fn the_routes_say_which_pool() {
        let config = config(POOLS);
        let pool_of = |name: Option<&str>, url: &str| {
            pool(&config, name, &Target::parse(url).unwrap()).map(|pool| pool.id.as_str().to_owned())
        };
        assert_eq!(pool_of(None, "http://127.0.0.1:8080/").unwrap(), "web");
        assert_eq!(pool_of(None, "http://api.example:8080/").unwrap(), "api");
        assert_eq!(pool_of(None, "http://api.example:8081/").unwrap(), "web", "the other listener");
        assert_eq!(pool_of(Some("api"), "http://127.0.0.1:8080/").unwrap(), "api");
        assert!(pool_of(Some("nobody"), "http://a/").unwrap_err().hint.contains("web, api"));
        assert!(pool_of(None, "http://api.example/").unwrap_err().what.contains("different pools"));
    }
}
