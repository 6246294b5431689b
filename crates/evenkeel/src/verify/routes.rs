//! `evenkeel verify --routes`.

use std::fmt::Write as _;

use evenkeel_config::Config;
use evenkeel_traffic::client::Dial;
use evenkeel_traffic::verify::{
    PoolNames, RouteCheck, RouteOutcome, RouteReport, RoutesReport, verify_routes,
};

use super::{VerifyArgs, block_on, expected};
use crate::lines::{clip, wrap};
use crate::output::{self, Answer, Refusal};

/// Columns of what was asked for.
const ASKED_MAX: usize = 48;

/// Asks for what each `[[test.route]]` says.
pub(super) fn verify(arguments: &VerifyArgs, dial: &Dial) -> Result<Answer, Refusal> {
    let Some(file) = &arguments.config else {
        return Err(Refusal::misused("--routes needs --config FILE", ""));
    };
    let config = expected::load(file)?;
    let checks = checks(&config, arguments.url.port);
    if checks.is_empty() {
        let hint = "write [[test.route]] with host, path and pool";
        return Err(Refusal::no(format!("{} has no [[test.route]] for this port", file.display()), hint));
    }
    let pools: Vec<PoolNames> = config
        .pools
        .iter()
        .map(|pool| PoolNames { pool: pool.id.as_str().to_owned(), names: expected::names(pool) })
        .collect();
    let report = block_on(verify_routes(&arguments.url, dial, arguments.by.as_ref(), &checks, &pools))?;
    let told = if arguments.json {
        serde_json::to_value(&report).map_or(Answer::No, |value| output::json(&value))
    } else {
        output::out(render(&report))
    };
    Ok(if report.ok { told } else { told.and(Answer::No) })
}

/// The tests of the file, but those that name a listener on another port.
fn checks(config: &Config, port: u16) -> Vec<RouteCheck> {
    let port_of = |name: &str| {
        config.listeners.iter().find(|listener| listener.name == name).map(|listener| listener.bind.port())
    };
    let ports: Vec<u16> = config.listeners.iter().map(|listener| listener.bind.port()).collect();
    let elsewhere = |name: &String| ports.contains(&port) && port_of(name) != Some(port);
    config
        .route_tests
        .iter()
        .filter(|test| !test.listener.as_ref().is_some_and(elsewhere))
        .map(|test| RouteCheck {
            host: test.host.clone(),
            path: test.path.clone(),
            pool: test.pool.as_str().to_owned(),
        })
        .collect()
}

fn render(report: &RoutesReport) -> String {
    let mut text = String::new();
    let wrong =
        report.routes.iter().filter(|route| !matches!(route.outcome, RouteOutcome::Right { .. })).count();
    let total = report.routes.len();
    match wrong {
        0 => writeln!(text, "As expected: {total} of {total} requests came to the pool that they should."),
        _ => {
            writeln!(text, "Refused: {wrong} of {total} requests did not come to the pool that they should.")
        }
    }
    .ok();
    let by = report.by.as_deref().unwrap_or("nothing");
    wrap(&mut text, "", &format!("{}: backends named by {by}", report.url));
    for route in &report.routes {
        let mark = if matches!(route.outcome, RouteOutcome::Right { .. }) { "ok   " } else { "WRONG" };
        let asked = clip(&format!("{}{}", route.host, route.path), ASKED_MAX);
        writeln!(text, "  {mark}  {asked:ASKED_MAX$}  {}", route.pool).ok();
        if let Some(why) = why(route) {
            wrap(&mut text, "         ", &why);
        }
    }
    text
}

/// What came instead.
fn why(route: &RouteReport) -> Option<String> {
    match &route.outcome {
        RouteOutcome::Right { .. } => None,
        RouteOutcome::Wrong { backend, pools } if pools.is_empty() => {
            Some(format!("{backend} answered, which is a backend of no pool in the file"))
        }
        RouteOutcome::Wrong { backend, pools } => Some(format!("{backend} of {} answered", pools.join(", "))),
        RouteOutcome::Unnamed { status } => {
            Some(format!("the answer, {status}, does not say who gave it; say what does with --by"))
        }
        RouteOutcome::Failed { why } => Some(why.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_is_told_in_100_columns() {
        let route = |outcome| RouteReport {
            host: "api.example".to_owned(),
            path: format!("/{}", "x".repeat(80)),
            pool: "api".to_owned(),
            outcome,
        };
        let backend = || "web1".to_owned();
        let report = RoutesReport {
            schema: 1,
            url: "http://127.0.0.1:8080/".to_owned(),
            ok: false,
            by: Some("header:x-backend".to_owned()),
            routes: vec![
                route(RouteOutcome::Right { backend: backend() }),
                route(RouteOutcome::Wrong { backend: backend(), pools: vec!["web".to_owned()] }),
                route(RouteOutcome::Wrong { backend: backend(), pools: Vec::new() }),
                route(RouteOutcome::Unnamed { status: 404 }),
                route(RouteOutcome::Failed { why: "no answer in time".to_owned() }),
            ],
        };
        let text = render(&report);
        for part in ["Refused: 4 of 5", "web1 of web answered", "of no pool", "404", "no answer in time"] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }

    #[test]
    fn a_name_that_a_server_sends_drives_no_terminal() {
        let outcome = RouteOutcome::Wrong { backend: "w\u{1b}[2Jx\u{7}".to_owned(), pools: Vec::new() };
        let (host, path, pool) = ("a".to_owned(), "/".to_owned(), "api".to_owned());
        let routes = vec![RouteReport { host, path, pool, outcome }];
        let text = render(&RoutesReport { schema: 1, url: String::new(), ok: false, by: None, routes });
        assert!(text.contains("w?[2Jx? answered") && !text.contains('\u{1b}'), "{text}");
    }
}
