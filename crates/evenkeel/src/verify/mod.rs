//! `evenkeel verify`.

mod args;
pub(crate) mod expected;
mod progress;
mod routes;
mod text;

use std::future::Future;
use std::net::IpAddr;

use evenkeel_core::skew::Tolerance;
use evenkeel_traffic::Vary;
use evenkeel_traffic::client::{Dial, Request, Tls, TlsSettings, Version};
use evenkeel_traffic::verify::{Pattern, Plan, Report, Verdict, verify as run};

use crate::output::{self, Answer, Refusal};
pub(crate) use args::VerifyArgs;
use expected::{Asked, Expected};
use progress::Progress;

/// Requests on a connection that is kept, unless said.
const EACH_CONNECTION: u32 = 10;
/// Requests in a session, unless said.
const EACH_SESSION: u32 = 5;

/// Sends requests and says whether what answers is what should.
pub(crate) fn verify(arguments: &VerifyArgs) -> Answer {
    let done = dial(arguments).and_then(|dial| match arguments.routes {
        true => routes::verify(arguments, &dial),
        false => split(arguments, dial),
    });
    done.unwrap_or_else(|refusal| refusal.tell(arguments.json))
}

fn split(arguments: &VerifyArgs, dial: Dial) -> Result<Answer, Refusal> {
    let plan = plan(arguments, dial)?;
    let mut progress = Progress::new();
    let report = block_on(async {
        let interrupted = async {
            // Without it, Ctrl-C ends the process at once: no report, but no harm.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        run(&plan, interrupted, |step| progress.show(&step)).await
    })?;
    progress.clear();
    let told = if arguments.json {
        serde_json::to_value(&report).map_or(Answer::No, |value| output::json(&value))
    } else {
        output::out(text::render(&report))
    };
    Ok(if is_yes(&report, arguments.strict) { told } else { told.and(Answer::No) })
}

fn is_yes(report: &Report, strict: bool) -> bool {
    match report.verdict {
        Verdict::AsExpected => true,
        Verdict::Undecided => !strict,
        Verdict::Refused | Verdict::Impossible => false,
    }
}

fn plan(arguments: &VerifyArgs, dial: Dial) -> Result<Plan, Refusal> {
    let Expected { expectation, names, bounds, notes } = expected::expected(&Asked {
        url: &arguments.url,
        config: arguments.config.as_deref(),
        pool: arguments.pool.as_deref(),
        equal: arguments.equal,
        expect: &arguments.expect,
    })?;
    let vary = arguments.vary.clone();
    if vary == Some(Vary::Source) && !is_loopback(&arguments.connect_to, &arguments.url.host) {
        let hint = "let a header, a query parameter or a cookie differ, or verify where the balancer runs";
        return Err(Refusal::misused("--vary source works towards 127.0.0.0/8 only", hint));
    }
    let tolerance = match (&arguments.tolerance, &vary) {
        (Some(tolerance), _) => *tolerance,
        // Tables that keys are looked up in are not exact.
        (None, Some(_)) => Tolerance::INTENT,
        (None, None) => Tolerance::PLAN,
    };
    if arguments.factor <= 1.0 + tolerance.get() {
        let hint = format!("give a --factor above {:.2}, or a smaller --tolerance", 1.0 + tolerance.get());
        return Err(Refusal::misused("--factor is within --tolerance", hint));
    }
    let mut request = Request::get(arguments.url.path.as_str());
    for (name, value) in &arguments.header {
        match *name {
            http::header::HOST => request.host = Some(value.clone()),
            _ => {
                request.fields.append(name.clone(), value.clone());
            }
        }
    }
    let each = if arguments.sticky { EACH_SESSION } else { EACH_CONNECTION };
    Ok(Plan {
        target: arguments.url.clone(),
        dial,
        request,
        pattern: arguments.pattern,
        vary,
        sticky: arguments.sticky,
        by: arguments.by.clone(),
        names,
        expectation,
        bounds,
        tolerance,
        factor: arguments.factor,
        failures_max: arguments.max_failures,
        requests: arguments.requests,
        at_a_time: arguments.at_a_time.into(),
        each: arguments.each.unwrap_or(each),
        notes,
        seed: arguments.seed,
    })
}

fn dial(arguments: &VerifyArgs) -> Result<Dial, Refusal> {
    let settings = TlsSettings {
        ca: arguments.ca.clone(),
        insecure: arguments.insecure,
        server_name: arguments.server_name.clone(),
    };
    let tls = Tls::new(settings);
    if arguments.url.secure {
        tls.load().map_err(|error| Refusal::no(error.to_string(), "give --ca FILE or --insecure"))?;
    } else if arguments.ca.is_some() || arguments.insecure || arguments.server_name.is_some() {
        return Err(Refusal::misused(
            "there is no TLS with http://",
            "write https://, or leave the TLS flags out",
        ));
    }
    let two = arguments.http2 || arguments.pattern == Pattern::Streams;
    Ok(Dial {
        version: if two { Version::Http2 } else { Version::Http1 },
        timeout: arguments.timeout,
        connect_to: arguments.connect_to.clone(),
        ..Dial::new(tls)
    })
}

pub(crate) fn is_loopback(connect_to: &Option<String>, host: &str) -> bool {
    let host = connect_to.as_deref().and_then(|place| place.rsplit_once(':')).map_or(host, |(host, _)| host);
    host == "localhost"
        || host.parse().is_ok_and(|address: IpAddr| address.is_ipv4() && address.is_loopback())
}

/// Runs it on a runtime of its own.
fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Refusal> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Refusal::no(format!("cannot start: {error}"), ""))?;
    Ok(runtime.block_on(future))
}
