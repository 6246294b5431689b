//! Whether requests come to the pool that their routes name.

use serde::Serialize;

use crate::client::{Answer, Connection, Dial, Failure, Request, Target};
use crate::{By, Names, guess};

/// A request and the pool that must answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteCheck {
    /// The host that is asked for; empty for that of the URL.
    pub host: String,
    /// Path and query.
    pub path: String,
    /// The pool.
    pub pool: String,
}

/// What the backends of a pool are called.
#[derive(Clone, Debug)]
pub struct PoolNames {
    /// The pool.
    pub pool: String,
    /// Its backends.
    pub names: Names,
}

/// How one check went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum RouteOutcome {
    /// The pool answered.
    Right {
        /// Which backend of it.
        backend: String,
    },
    /// Somebody else did.
    Wrong {
        /// Who.
        backend: String,
        /// Of which pools; empty when it is in none of the file.
        pools: Vec<String>,
    },
    /// The answer does not say who gave it.
    Unnamed {
        /// Its status.
        status: u16,
    },
    /// No answer.
    Failed {
        /// Why.
        why: String,
    },
}

/// One check.
#[derive(Clone, Debug, Serialize)]
pub struct RouteReport {
    /// The host that was asked for.
    pub host: String,
    /// Path and query.
    pub path: String,
    /// Which pool should have answered.
    pub pool: String,
    /// What came.
    #[serde(flatten)]
    pub outcome: RouteOutcome,
}

/// All checks.
#[derive(Clone, Debug, Serialize)]
pub struct RoutesReport {
    /// 1; rises when a field changes its meaning.
    pub schema: u32,
    /// Where requests went.
    pub url: String,
    /// Whether every check went right.
    pub ok: bool,
    /// What named the backends.
    pub by: Option<String>,
    /// In the order of the file.
    pub routes: Vec<RouteReport>,
}

/// Sends each request on a connection of its own, one after the other, to the address of `target`.
pub async fn verify_routes(
    target: &Target,
    dial: &Dial,
    by: Option<&By>,
    checks: &[RouteCheck],
    pools: &[PoolNames],
) -> RoutesReport {
    let mut outcomes = Vec::new();
    for check in checks {
        outcomes.push(ask(target, dial, check).await);
    }
    let guessed = match by {
        Some(_) => None,
        None => {
            let answers: Vec<Answer> =
                outcomes.iter().filter_map(|outcome| outcome.as_ref().ok().cloned()).collect();
            guess(&answers)
        }
    };
    let by = by.or(guessed.as_ref());
    let routes: Vec<RouteReport> = checks
        .iter()
        .zip(&outcomes)
        .map(|(check, outcome)| RouteReport {
            host: if check.host.is_empty() { target.host.clone() } else { check.host.clone() },
            path: check.path.clone(),
            pool: check.pool.clone(),
            outcome: judge(check, outcome, by, pools),
        })
        .collect();
    let ok = routes.iter().all(|route| matches!(route.outcome, RouteOutcome::Right { .. }));
    RoutesReport { schema: 1, url: target.to_string(), ok, by: by.map(By::to_string), routes }
}

async fn ask(target: &Target, dial: &Dial, check: &RouteCheck) -> Result<Answer, Failure> {
    if check.host.is_empty() {
        let request = Request::get(check.path.as_str());
        return Connection::open(target, dial).await?.request(&request).await;
    }
    // The name goes into the handshake and the request; the connection goes where the URL says.
    let connect_to = dial.connect_to.clone().unwrap_or_else(|| target.place());
    let dial = Dial { connect_to: Some(connect_to), ..dial.clone() };
    let asked = Target { host: check.host.clone(), ..target.clone() };
    let request = Request::get(check.path.as_str());
    Connection::open(&asked, &dial).await?.request(&request).await
}

fn judge(
    check: &RouteCheck,
    outcome: &Result<Answer, Failure>,
    by: Option<&By>,
    pools: &[PoolNames],
) -> RouteOutcome {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(failure) => return RouteOutcome::Failed { why: failure.to_string() },
    };
    let Some(backend) = by.and_then(|by| by.name_in(answer)) else {
        return RouteOutcome::Unnamed { status: answer.status };
    };
    let knowing: Vec<&PoolNames> = pools.iter().filter(|pool| pool.names.knows(&backend)).collect();
    match knowing.iter().find(|pool| pool.pool == check.pool) {
        Some(pool) => RouteOutcome::Right { backend: pool.names.resolve(&backend).to_owned() },
        None => {
            let pools = knowing.iter().map(|pool| pool.pool.clone()).collect();
            RouteOutcome::Wrong { backend, pools }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::sample;

    #[test]
    fn who_answered_decides() {
        let pool = |pool: &str, backends: &[&str]| {
            let mut names = Names::default();
            backends.iter().for_each(|name| names.add(name, name));
            PoolNames { pool: pool.to_owned(), names }
        };
        let pools = [pool("web", &["a", "b"]), pool("api", &["b", "c"])];
        let check = RouteCheck { host: String::new(), path: "/".to_owned(), pool: "web".to_owned() };
        let by = By::parse("header:x-backend").unwrap();
        let outcome = |name: &str| judge(&check, &Ok(sample(&[("x-backend", name)], "")), Some(&by), &pools);
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(outcome("a"), RouteOutcome::Right { backend: "a".to_owned() });
        assert_eq!(outcome("b"), RouteOutcome::Right { backend: "b".to_owned() }, "it may be either's");
        assert_eq!(outcome("c"), RouteOutcome::Wrong { backend: "c".to_owned(), pools: owned(&["api"]) });
        assert_eq!(outcome("d"), RouteOutcome::Wrong { backend: "d".to_owned(), pools: Vec::new() });
        assert_eq!(
            judge(&check, &Ok(sample(&[], "")), Some(&by), &pools),
            RouteOutcome::Unnamed { status: 200 }
        );
        let failed = judge(&check, &Err(Failure::Reset), Some(&by), &pools);
        assert!(matches!(failed, RouteOutcome::Failed { .. }));
    }
}
