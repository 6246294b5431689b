//! What is wrong with a share, in words.

use evenkeel_core::skew::{Blame, Cause, Dimension, Level, Side, Symptom, Term};
use evenkeel_core::{PoolId, PoolSnapshot};

/// The name in metrics, logs and reports.
pub(crate) fn dimension(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Requests => "requests",
        Dimension::Errors => "errors",
        Dimension::InFlight => "in_flight",
    }
}

/// The name of a backend; empty when it is gone.
pub(super) fn name(snapshot: &PoolSnapshot, serial: u64) -> &str {
    let found = snapshot.members().iter().find(|view| view.member.serial == serial);
    found.map_or("", |view| view.member.id.as_str())
}

/// Tells the log.
pub(super) fn raised(pool: &PoolId, snapshot: &PoolSnapshot, symptom: &Symptom) {
    let backend = name(snapshot, symptom.latched.finding.backend);
    let (dimension, cause) = (dimension(symptom.dimension), symptom.cause.as_str());
    let blame = symptom.cause.blame().as_str();
    let what = sentence(backend, symptom);
    match symptom.level {
        Level::Critical => tracing::error!(%pool, backend, dimension, cause, blame, what, "SKEW"),
        Level::Warning => tracing::warn!(%pool, backend, dimension, cause, blame, what, "skew"),
        Level::Info => {
            tracing::info!(%pool, backend, dimension, cause, blame, what, "shares follow the backends")
        }
    }
}

/// What is seen, and why, in one sentence without a full stop.
pub(super) fn sentence(backend: &str, symptom: &Symptom) -> String {
    let finding = &symptom.latched.finding;
    let (share, expected) = (percent(finding.share), percent(finding.expected));
    let seen = match (symptom.dimension, finding.side) {
        (Dimension::Requests, Side::Below) if finding.share == 0.0 => {
            format!("{backend} gets no requests, {expected} would be its share")
        }
        (Dimension::Requests, _) => {
            format!("{backend} gets {share} of the requests, {expected} would be its share")
        }
        (Dimension::Errors, _) => {
            format!("{backend} makes {share} of the errors with {expected} of the requests")
        }
        (Dimension::InFlight, _) => {
            format!("{backend} has {share} of what is in flight, {expected} would be its share")
        }
    };
    format!("{seen}: {}", reason(symptom.cause, finding.side))
}

fn reason(cause: Cause, side: Side) -> &'static str {
    match (cause, side) {
        (Cause::Weights, _) => "the configured weights are not what is intended",
        (Cause::ConfigDrift, _) => "configured backends cannot be found",
        (Cause::Health, Side::Below) => "it is out of balancing (unhealthy, ejected or draining)",
        (Cause::Health, Side::Above) => "it does the work of others that are out of balancing",
        (Cause::Alone, _) => "all others are disabled or draining in the configuration",
        (Cause::Shaping, _) => "slow start, tiers or zones shift requests",
        (Cause::HotKey, _) => "few keys make most of the requests, and a key stays at its backend",
        (Cause::ConstantKey, _) => "requests are told apart by what nearly all of them have in common",
        (Cause::HashKeyMissing, _) => "many requests lack the hash key",
        (Cause::Stickiness, _) => "sessions stay where they are",
        (Cause::LongLivedConnections, _) => "connections stay where they are",
        (Cause::Retries, _) => "attempts that failed elsewhere come here",
        (Cause::Capacity, _) => "others are full, and theirs comes here",
        (Cause::SlowBackend, _) => "it takes longer than the others, who have the same to do",
        (Cause::FailingBackend, _) => "it is this backend, not what all of them share",
        (Cause::BlackHole, _) => "it fails fast, looks idle, and so gets more",
        (Cause::FastBackend, _) => "it is faster than the others, and the strategy goes by that",
        (Cause::BalancerBug, _) => "the strategy does not do what it should; please report this",
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
        Cause::ConstantKey => {
            "let `hash` go by what differs from user to user, or take another `strategy`".to_owned()
        }
        Cause::HashKeyMissing => {
            "hash by something that every request has, or set it before the balancer".to_owned()
        }
        Cause::Stickiness => "give `sticky` a `ttl`, or wait: new sessions are spread evenly".to_owned(),
        Cause::LongLivedConnections => "set `connection_age` on the listener, or balance requests".to_owned(),
        Cause::Retries => "mend the backend that fails; see its errors in `evenkeel status`".to_owned(),
        Cause::Capacity => "raise `max_in_flight`, or add backends where it is full".to_owned(),
        Cause::SlowBackend | Cause::FailingBackend | Cause::BlackHole => {
            format!("look at {backend} itself; `drain = true` on its entry takes it out")
        }
        Cause::FastBackend => {
            format!("nothing; or give {backend} more `capacity`, so that this is what is meant")
        }
        Cause::BalancerBug => "send the output of `evenkeel diagnose --json` with the report".to_owned(),
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
pub(super) fn term(term: Term) -> &'static str {
    match term {
        Term::Weights => "weights",
        Term::Discovery => "discovery",
        Term::Health => "health",
        Term::Shaping => "shaping",
        Term::Reason(reason) => reason.as_str(),
    }
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}
