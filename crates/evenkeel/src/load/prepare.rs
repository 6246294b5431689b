//! From flags to a plan: everything that can be wrong is found before the first request of the load.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_traffic::client::{Answer, Connection, Dial, Request, Target, Tls, TlsSettings, Version};
use evenkeel_traffic::load::{Plan, Profile};
use evenkeel_traffic::{By, Names, Vary, guess};

use super::arguments::LoadArgs;
use crate::app;
use crate::output::Refusal;
use crate::verify::expected::{self, Asked, Expected};
use crate::verify::is_loopback;

/// Asked before the load begins, to find out what names backends.
const SAMPLES: usize = 8;
/// Descriptors for everything that is no connection.
const RESERVED_FILES: u64 = 64;
/// Requests that may be under way at a time.
const SEATS_MAX: u64 = 100_000;
/// Requests with more content are not what a load is made of.
const BODY_MAX: u64 = 64 * 1024 * 1024;
/// Where a step lasts.
const STEP_TIME: Duration = Duration::from_secs(10);
/// A run ends by then, whatever is asked for.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Reads the flags, looks the target up, and asks it a few times.
pub(super) async fn plan(arguments: &LoadArgs, names: Names) -> Result<Plan, Refusal> {
    let target = arguments.url.clone();
    let profile = profile(arguments)?;
    check_seats(arguments)?;
    check_source(arguments)?;
    let request = request(arguments)?;
    let mut dial = Dial::new(tls(arguments)?);
    dial.version = if arguments.http2 { Version::Http2 } else { Version::Http1 };
    dial.timeout = arguments.timeout;
    dial.connect_to = arguments.connect_to.clone();
    let found = dial.resolve(&target).await.map_err(|error| Refusal::no(error.to_string(), ""))?;
    check_permission(&found, arguments)?;
    let samples = if arguments.by.is_some() { 1 } else { SAMPLES };
    let (addresses, samples) = ask(&target, &dial, &request, (found, samples)).await?;
    let by = arguments.by.clone().or_else(|| guess(&samples));
    Ok(Plan {
        request: Request { keep: keep(by.as_ref()), ..request },
        target,
        addresses,
        dial,
        vary: arguments.vary.clone(),
        keys: arguments.keys,
        by,
        names,
        profile: Arc::new(profile),
        arrivals: arguments.arrivals,
        seed: arguments.seed,
        connections: arguments.connections as usize,
        streams: if arguments.http2 { arguments.streams as usize } else { 1 },
        requests_per_connection: arguments.requests_per_connection,
        threads: threads(arguments.threads),
    })
}

/// What each backend should have, and what else they are called.
pub(super) fn expected(arguments: &LoadArgs) -> Result<Expected, Refusal> {
    expected::expected(&Asked {
        url: &arguments.url,
        config: arguments.config.as_deref(),
        pool: arguments.pool.as_deref(),
        equal: arguments.equal,
        expect: &arguments.expect,
    })
}

fn profile(arguments: &LoadArgs) -> Result<Profile, Refusal> {
    let profile = match arguments.step {
        Some(step) => Profile::steps(arguments.rate, step, arguments.step_time.unwrap_or(STEP_TIME))
            .map_err(|error| Refusal::misused(error.to_string(), ""))?,
        None => Profile::ramp(arguments.rate, arguments.duration),
    };
    if profile.lasts() > LONGEST {
        return Err(Refusal::misused(
            "more than a week of load".to_owned(),
            "give a shorter --duration or --step-time",
        ));
    }
    if arguments.find_capacity && !arguments.rate.is_constant() {
        let hint = "give one rate, from which the search goes up or down, such as --rate 100";
        return Err(Refusal::misused("a search begins at one rate".to_owned(), hint));
    }
    if arguments.find_capacity && !(1.0..=1e7).contains(&arguments.max_rate) {
        return Err(Refusal::misused("--max-rate is out of range".to_owned(), "give 1 to 10000000"));
    }
    Ok(profile)
}

fn check_seats(arguments: &LoadArgs) -> Result<(), Refusal> {
    let streams = if arguments.http2 { arguments.streams } else { 1 };
    if u64::from(arguments.connections) * u64::from(streams) > SEATS_MAX {
        let what = format!("{} connections with {streams} streams are too many", arguments.connections);
        return Err(Refusal::misused(what, "at most 100,000 requests may be under way at a time"));
    }
    let limit = app::raise_open_files().unwrap_or(u64::MAX);
    let room = limit.saturating_sub(RESERVED_FILES);
    if u64::from(arguments.connections) > room {
        let what = format!(
            "{} connections do not fit: this process may have {limit} files open, which leaves {room}",
            arguments.connections
        );
        return Err(Refusal::no(what, "give fewer --connections, or raise the limit (ulimit -n)"));
    }
    Ok(())
}

fn check_source(arguments: &LoadArgs) -> Result<(), Refusal> {
    if arguments.vary == Some(Vary::Source) && !is_loopback(&arguments.connect_to, &arguments.url.host) {
        let hint = "let a header, a query parameter or a cookie differ, or send load where the balancer runs";
        return Err(Refusal::misused("--vary source works towards 127.0.0.0/8 only", hint));
    }
    Ok(())
}

fn request(arguments: &LoadArgs) -> Result<Request, Refusal> {
    let mut request = Request::get(arguments.url.path.clone());
    request.method = arguments.method.parse().map_err(|_| {
        Refusal::misused(
            format!("{:?} is not a method of HTTP", arguments.method),
            "write it like GET or POST",
        )
    })?;
    for (name, value) in &arguments.header {
        if *name == http::header::HOST {
            request.host = Some(value.clone());
        } else {
            request.fields.append(name.clone(), value.clone());
        }
    }
    request.body = match (&arguments.body, &arguments.body_file) {
        (Some(text), _) => text.clone().into(),
        (None, Some(file)) => read(file)?.into(),
        (None, None) => Default::default(),
    };
    Ok(request)
}

fn read(file: &Path) -> Result<Vec<u8>, Refusal> {
    let unreadable = |error| Refusal::misused(format!("cannot read {}: {error}", file.display()), "");
    let length = std::fs::metadata(file).map_err(unreadable)?.len();
    if length > BODY_MAX {
        return Err(Refusal::misused(format!("{} is longer than 64 MiB", file.display()), ""));
    }
    std::fs::read(file).map_err(unreadable)
}

fn tls(arguments: &LoadArgs) -> Result<Tls, Refusal> {
    let settings = TlsSettings {
        ca: arguments.ca.clone(),
        insecure: arguments.insecure,
        server_name: arguments.server_name.clone(),
    };
    let tls = Tls::new(settings);
    if arguments.url.secure {
        tls.load().map_err(|error| Refusal::no(error.to_string(), "give --ca FILE or --insecure"))?;
    } else if arguments.ca.is_some() || arguments.insecure || arguments.server_name.is_some() {
        let hint = "write https://, or leave the TLS flags out";
        return Err(Refusal::misused("there is no TLS with http://", hint));
    }
    Ok(tls)
}

/// A load is an attack on whoever has not asked for it.
fn check_permission(addresses: &[SocketAddr], arguments: &LoadArgs) -> Result<(), Refusal> {
    let public = addresses.iter().find(|address| !is_near(address.ip()));
    let Some(public) = public.filter(|_| !arguments.with_permission) else { return Ok(()) };
    let what = format!("{} is neither of this machine nor private", public.ip());
    Err(Refusal::misused(
        what,
        "load is an attack unless it is agreed on; if whoever runs it has agreed: --with-permission",
    ))
}

/// Whether an address is of this machine or of a private network (RFC 1918, 3927, 4193, 4291, 6598).
fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let is_shared = first == 100 && (64..128).contains(&second);
            address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_unspecified()
                || is_shared
        }
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unicast_link_local()
                || address.is_unique_local()
                || address.is_unspecified()
        }
    }
}

/// Asks each address until enough answers are there; gives the addresses that take connections, and the answers.
async fn ask(
    target: &Target,
    dial: &Dial,
    request: &Request,
    (found, samples): (Vec<SocketAddr>, usize),
) -> Result<(Vec<SocketAddr>, Vec<Answer>), Refusal> {
    let (mut good, mut answers, mut trouble) = (Vec::new(), Vec::new(), None);
    let each = samples.div_ceil(found.len().max(1));
    for address in found {
        let dial = Dial { connect_to: Some(address.to_string()), ..dial.clone() };
        match ask_one(target, &dial, request, each).await {
            Ok(some) => {
                good.push(address);
                answers.extend(some);
            }
            Err(error) => trouble = Some(error),
        }
    }
    match trouble {
        Some(error) if good.is_empty() => {
            Err(Refusal::no(format!("{target}: {error}"), "is it running, and is the URL right?"))
        }
        _ => Ok((good, answers)),
    }
}

async fn ask_one(
    target: &Target,
    dial: &Dial,
    request: &Request,
    times: usize,
) -> Result<Vec<Answer>, evenkeel_traffic::client::Failure> {
    let mut answers = Vec::new();
    for _ in 0..times {
        // A new connection each time: behind a balancer of connections, each may lead to another backend.
        let mut connection = Connection::open(target, dial).await?;
        // A slow answer is for the load to count.
        match connection.request(request).await {
            Ok(answer) => answers.push(answer),
            Err(_) => break,
        }
    }
    Ok(answers)
}

/// How much of an answer is kept: none where nothing looks at it.
fn keep(by: Option<&By>) -> usize {
    match by {
        None | Some(By::Header(_) | By::Cookie(_)) => 0,
        _ => 16 * 1024,
    }
}

fn threads(asked: Option<u32>) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    asked.map_or((cores / 2).clamp(1, 4), |threads| threads as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_addresses_go_without_permission() {
        for near in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "0.0.0.0",
            "::",
        ] {
            assert!(is_near(near.parse().unwrap()), "{near}");
        }
        for far in [
            "192.0.2.1",
            "172.32.0.1",
            "172.15.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "11.0.0.1",
            "2001:db8::1",
            "::ffff:192.0.2.1",
            "193.168.1.1",
            "169.253.1.1",
            "128.0.0.1",
        ] {
            assert!(!is_near(far.parse().unwrap()), "{far}");
        }
    }
}
