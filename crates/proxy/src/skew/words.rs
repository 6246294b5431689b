//! What is wrong with a share, in words.

use evenkeel_core::skew::contract::{Breach, Clause};
use evenkeel_core::skew::{Blame, Cause, Dimension, Level, Side, Symptom, Term};
use evenkeel_core::{PoolId, PoolSnapshot};

use super::facts::Told;

/// The name in metrics, logs and reports.
pub(crate) fn dimension(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Requests => "requests",
        Dimension::Conformance => "conformance",
        Dimension::Groups => "groups",
        Dimension::Errors => "errors",
        Dimension::Slow => "slow",
        Dimension::InFlight => "in_flight",
        Dimension::Bytes => "bytes",
    }
}

/// Whom a symptom is about: a backend, a zone or a tier.
pub(crate) fn subject<'a>(snapshot: &'a PoolSnapshot, symptom: &'a Symptom) -> &'a str {
    symptom.group.as_deref().unwrap_or_else(|| name(snapshot, symptom.latched.finding.backend))
}

/// The name of a backend; empty when it is gone.
pub(super) fn name(snapshot: &PoolSnapshot, serial: u64) -> &str {
    let found = snapshot.members().iter().find(|view| view.member.serial == serial);
    found.map_or("", |view| view.member.id.as_str())
}

/// Tells the log.
pub(super) fn raised(pool: &PoolId, told: &Told<'_>, symptom: &Symptom) {
    let backend = subject(told.snapshot, symptom);
    let (dimension, cause) = (dimension(symptom.dimension), symptom.cause.as_str());
    let blame = symptom.cause.blame().as_str();
    let what = sentence(told, symptom);
    match symptom.level {
        Level::Critical => tracing::error!(%pool, backend, dimension, cause, blame, what, "SKEW"),
        Level::Warning => tracing::warn!(%pool, backend, dimension, cause, blame, what, "skew"),
        Level::Info => {
            tracing::info!(%pool, backend, dimension, cause, blame, what, "shares follow the backends")
        }
    }
}

/// What is seen, and why, in one sentence without a full stop.
pub(super) fn sentence(told: &Told<'_>, symptom: &Symptom) -> String {
    let finding = &symptom.latched.finding;
    let backend = subject(told.snapshot, symptom);
    let (share, expected) = (percent(finding.share), percent(finding.expected));
    let seen = match (symptom.dimension, finding.side) {
        (Dimension::Requests, Side::Below) if finding.share == 0.0 => {
            format!("{backend} gets no requests, {expected} would be its share")
        }
        (Dimension::Requests, _) => {
            format!("{backend} gets {share} of the requests, {expected} would be its share")
        }
        (Dimension::Conformance, _) => {
            format!("the strategy gives {backend} {share} of what it decides, {expected} by the plan")
        }
        (Dimension::Groups, _) => {
            format!("{backend} gets {share} of the requests, {expected} by the plan")
        }
        (Dimension::Slow, _) => {
            format!("{backend} gives {share} of the slow answers and {expected} of all")
        }
        (Dimension::Bytes, _) => {
            format!("{backend} moves {share} of the bytes with {expected} of the requests")
        }
        (Dimension::Errors, _) => {
            format!("{backend} makes {share} of the errors with {expected} of the requests")
        }
        (Dimension::InFlight, _) => {
            format!("{backend} has {share} of what is in flight, {expected} would be its share")
        }
    };
    let further: Vec<&str> = symptom.why.further.iter().map(|cause| cause.as_str()).collect();
    let also = if further.is_empty() { String::new() } else { format!("; also: {}", further.join(", ")) };
    format!("{seen}: {}{also}", told.because(symptom))
}

/// What is said where all that is found is as it should be.
pub(super) fn even(worth_knowing: &Symptom) -> &'static str {
    match worth_knowing.dimension {
        Dimension::Bytes => "no skew: requests are even, a few of them are far larger than the others",
        _ => "no skew: shares follow how fast the backends are",
    }
}

/// What would mend it.
pub(super) fn advice(backend: &str, cause: Cause) -> String {
    match cause {
        Cause::Weights => {
            "make the weights equal, or say `intent = \"weights\"` in the pool if they are meant".to_owned()
        }
        Cause::ConfigDrift => {
            "compare the pool's `backends` with what runs; see `evenkeel status`".to_owned()
        }
        Cause::Health => "see why in `evenkeel status`: the checks and ejections are named there".to_owned(),
        Cause::Alone => "enable the others again, or take out of the file those that are not used".to_owned(),
        Cause::Shaping => "`evenkeel status` shows weights in force, tiers and zones".to_owned(),
        Cause::HotKey => "set `hash.bound` in the pool, or hash by something that varies more".to_owned(),
        Cause::Ring => {
            "raise `hash.points`, or write `strategy = \"maglev\"`: its table is even within 1 %".to_owned()
        }
        Cause::ConstantKey => {
            "let `hash` go by what differs from user to user, or take another `strategy`".to_owned()
        }
        Cause::HashKeyMissing => {
            "hash by something that every request has, or set it before the balancer".to_owned()
        }
        Cause::Stickiness => "give `sticky` a `ttl`, or wait: new sessions are spread evenly".to_owned(),
        Cause::LongLivedConnections => {
            "have clients open anew now and then (for requests `connection_age` of the listener does, give or take a \
             tenth), or balance by `least_request`, which evens out what is open"
                .to_owned()
        }
        Cause::Retries => "mend the backend that fails; see its errors in `evenkeel status`".to_owned(),
        Cause::Capacity => "raise `max_in_flight`, or add backends where it is full".to_owned(),
        Cause::SlowBackend | Cause::FailingBackend | Cause::BlackHole => {
            format!("look at {backend} itself; `drain = true` on its entry takes it out")
        }
        Cause::FastBackend => {
            format!("nothing; or give {backend} more `capacity`, so that this is what is meant")
        }
        Cause::LargeTransfers => {
            "nothing, unless its line is full; `p2c` or `least_request` spread what lasts long".to_owned()
        }
        Cause::BalancerBug => "send the output of `evenkeel diagnose --json` with the report".to_owned(),
    }
}

/// Everybody is slower, or fails, alike.
pub(super) const SHARED: &str =
    "shared dependency suspected: all backends are slower or fail alike, shares are even";

/// Nobody serves.
pub(super) const DOWN: &str =
    "backends, not the balancer: none of them serves, see `evenkeel status` for why";

/// A clause of a contract that does not hold: `members 2, expected 3`.
pub(super) fn broken(breach: &Breach, backend: &str, beyond: Option<&str>) -> String {
    let Breach { clause, observed, expected, .. } = *breach;
    let term = clause.as_str();
    match clause {
        Clause::Members => format!("{term} {observed}, expected {expected}"),
        Clause::Survives => {
            let beyond = beyond.map_or_else(String::new, |beyond| format!("; with one more down: {beyond}"));
            format!("{term} {observed}, expected {expected}{beyond}")
        }
        Clause::ForbiddenZones => {
            format!("{term}: {backend} is in one, and they got {}, expected nothing", percent(observed))
        }
        Clause::MinShare => {
            format!("{term} {} ({backend}), expected at least {}", percent(observed), percent(expected))
        }
        Clause::MaxShare => {
            format!("{term} {} ({backend}), expected at most {}", percent(observed), percent(expected))
        }
        Clause::PeakToMean => format!("{term} {observed:.2} ({backend}), expected at most {expected}"),
    }
}

/// What would mend it.
pub(super) fn mend(clause: Clause) -> &'static str {
    match clause {
        Clause::Members => {
            "see in `evenkeel status` who does not serve, and why; `expect` says how many should"
        }
        Clause::Survives => "bring back who is down, or add backends, before another one fails",
        Clause::ForbiddenZones => {
            "take the backends of that zone out, or bring back those that they stand in for"
        }
        Clause::MinShare | Clause::MaxShare | Clause::PeakToMean => {
            "see above why shares are as they are; put that right, or change what `expect` says"
        }
    }
}

/// Whose doing it is, as an answer to "is it the balancer?".
pub(super) fn answer(blame: Blame, backend: &str) -> String {
    match blame {
        Blame::Balancer => "balancer: yes".to_owned(),
        Blame::Backend => format!("backend {backend}, not the balancer"),
        Blame::Clients => "clients, not the balancer".to_owned(),
    }
}

/// The name of a term of the ledger.
pub(crate) fn term(term: Term) -> &'static str {
    match term {
        Term::Weights => "weights",
        Term::Discovery => "discovery",
        Term::Health => "health",
        Term::Shaping => "shaping",
        Term::Table => "table",
        Term::Reason(reason) => reason.as_str(),
    }
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}
