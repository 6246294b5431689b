//! Why a share is what it is, with the names and figures that somebody needs to mend it.

use evenkeel_core::skew::{Cause, HotKey, Side, Spread, Symptom};
use evenkeel_core::{MemberView, Mode, PoolSnapshot};

use super::words::{name, percent};

/// What a pool is known by when something is said of it.
pub(super) struct Told<'a> {
    pub(super) snapshot: &'a PoolSnapshot,
    /// A key as it is, where that may be shown and is known, by its hash.
    pub(super) text: &'a dyn Fn(u64) -> Option<String>,
}

/// More backends than these are counted, not named.
const NAMED_MAX: usize = 3;
/// Weights of more backends than these are not listed.
const WEIGHTS_MAX: usize = 6;

impl Told<'_> {
    /// In a few words, without a full stop.
    pub(super) fn because(&self, symptom: &Symptom) -> String {
        let side = symptom.latched.finding.side;
        if symptom.group.is_some() {
            return of_group(symptom.cause).to_owned();
        }
        match symptom.cause {
            Cause::Weights => self.weights(symptom.latched.finding.backend),
            Cause::ConfigDrift => with(
                "configured backends cannot be found",
                self.out(|view| view.phase.as_str() == "unresolved"),
            ),
            Cause::Health => self.health(symptom.latched.finding.backend, side),
            Cause::Shaping if self.snapshot.mode() == Mode::Panic => {
                "too few are healthy, so all are used (panic mode)".to_owned()
            }
            Cause::HotKey => self.hot_keys(&symptom.why.keys),
            Cause::Ring => self.table(symptom.why.owned),
            Cause::HashKeyMissing => missing(symptom.why.keys_missing),
            Cause::Stickiness => with("sessions stay where they are", clusters(symptom.why.spread, "client")),
            Cause::LongLivedConnections => with(
                "new connections are spread as they should be, those that are open stay where they are",
                clusters(symptom.why.spread, "connection"),
            ),
            Cause::Retries => self.retries(symptom),
            Cause::Capacity => self.capacity(&symptom.why.full, side),
            cause => plain(cause).to_owned(),
        }
    }

    /// `5:1:1 makes 71 %, 14 %, 14 %`
    fn weights(&self, serial: u64) -> String {
        let what = "the configured weights are not what is intended";
        let meant: Vec<&MemberView> =
            self.snapshot.members().iter().filter(|view| view.intent > 0.0).collect();
        let weight = |view: &&MemberView| view.member.weight.get();
        let total: u64 = meant.iter().map(|view| u64::from(weight(view))).sum();
        let share = |view: &&MemberView| percent(f64::from(weight(view)) / total.max(1) as f64);
        if meant.len() <= WEIGHTS_MAX {
            let weights: Vec<String> = meant.iter().map(|view| weight(view).to_string()).collect();
            let shares: Vec<String> = meant.iter().map(share).collect();
            return format!("{what}: {} makes {}", weights.join(":"), shares.join(", "));
        }
        let own = meant.iter().find(|view| view.member.serial == serial);
        own.map_or(what.to_owned(), |view| {
            format!("{what}: {} of {total} makes {}", weight(view), share(view))
        })
    }

    fn health(&self, serial: u64, side: Side) -> String {
        let members = self.snapshot.members();
        let own = members.iter().find(|view| view.member.serial == serial && !view.phase.is_eligible());
        match (own, side) {
            (Some(view), _) => format!("it is out of balancing ({})", state(view)),
            (None, Side::Below) => "it was out of balancing (unhealthy, ejected or draining)".to_owned(),
            (None, Side::Above) => {
                let out = self.out(|view| !view.phase.is_eligible());
                with("it does the work of others that are out of balancing", out)
            }
        }
    }

    /// Those that are meant to have something and are not there, with the reason.
    fn out(&self, is_out: impl Fn(&MemberView) -> bool) -> Option<String> {
        let members = self.snapshot.members().iter();
        let out: Vec<&MemberView> = members.filter(|view| view.intent > 0.0 && is_out(view)).collect();
        let named: Vec<String> =
            out.iter().take(NAMED_MAX).map(|view| format!("{} ({})", view.member.id, state(view))).collect();
        match out.len().saturating_sub(NAMED_MAX) {
            _ if out.is_empty() => None,
            0 => Some(named.join(", ")),
            more => Some(format!("{} and {more} more", named.join(", "))),
        }
    }

    fn hot_keys(&self, keys: &[HotKey]) -> String {
        let stays = "and a key stays at its backend";
        match keys {
            [] => "its keys are asked for more often than others', though no few of them alone".to_owned(),
            [only] => {
                format!("key {} alone makes {} of the requests, {stays}", self.key(only), percent(only.share))
            }
            several => {
                let named: Vec<String> =
                    several.iter().map(|key| format!("{} {}", self.key(key), percent(key.share))).collect();
                let share = percent(several.iter().map(|key| key.share).sum());
                let count = several.len();
                format!("{count} keys make {share} of the requests ({}), {stays}", named.join(", "))
            }
        }
    }

    /// Its hash, or what it is where that may be told.
    pub(super) fn key(&self, key: &HotKey) -> String {
        (self.text)(key.key).map_or_else(|| format!("#{:016x}", key.key), |text| format!("\"{text}\""))
    }

    fn table(&self, owned: Option<f64>) -> String {
        let strategy = self.snapshot.strategy();
        match owned {
            Some(owned) => format!("the table of `{strategy}` gives it {} of the keys", percent(owned)),
            None => format!("the table of `{strategy}` is uneven"),
        }
    }

    fn retries(&self, symptom: &Symptom) -> String {
        let what = match symptom.why.failing.map(|serial| name(self.snapshot, serial)) {
            Some(failing) if !failing.is_empty() => format!("attempts that failed at {failing} come here"),
            _ => "attempts that failed elsewhere come here".to_owned(),
        };
        let times = symptom.why.amplification.filter(|times| *times >= 1.005);
        times.map_or(what.clone(), |times| format!("{what}: {times:.2} attempts for each request"))
    }

    fn capacity(&self, full: &[u64], side: Side) -> String {
        let limited = |serial: &u64| {
            let view = self.snapshot.members().iter().find(|view| view.member.serial == *serial)?;
            Some((view.member.id.as_str(), view.member.placement.max_in_flight?))
        };
        let full: Vec<_> = full.iter().filter_map(limited).collect();
        let more = match full.len().saturating_sub(1) {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        match (full.first(), side) {
            (Some((name, limit)), Side::Above) => {
                format!(
                    "{name}{more} is at its `max_in_flight` of {limit}, and what it cannot take comes here"
                )
            }
            (Some((name, limit)), Side::Below) => {
                format!("{name}{more} is at its `max_in_flight` of {limit}, and requests go past it")
            }
            (None, _) => plain(Cause::Capacity).to_owned(),
        }
    }
}

/// `unhealthy: GET /healthz: connection refused`
fn state(view: &MemberView) -> String {
    let detail = view.detail.as_deref().filter(|detail| !detail.is_empty());
    detail.map_or(view.phase.as_str().to_owned(), |detail| format!("{}: {detail}", view.phase.as_str()))
}

fn with(what: &str, more: Option<String>) -> String {
    more.map_or(what.to_owned(), |more| format!("{what}: {more}"))
}

/// `as uneven as 12 clients of one size (design effect 255), the largest makes 9 %`
fn clusters(spread: Option<Spread>, what: &str) -> Option<String> {
    let Spread { design_effect, effective, top_share } = spread?;
    let few = effective.round().max(1.0);
    let plural = if few > 1.0 { "s" } else { "" };
    let top = percent(top_share);
    Some(format!(
        "as uneven as {few:.0} {what}{plural} of one size (design effect {design_effect:.0}), the largest makes {top}"
    ))
}

fn missing(part: Option<f64>) -> String {
    let rest = "lack the hash key, and go to whoever has least to do";
    part.map_or_else(
        || format!("many requests {rest}"),
        |part| format!("{} of the requests {rest}", percent(part)),
    )
}

/// The same of a zone or tier, which has no weight, keys or state of its own.
fn of_group(cause: Cause) -> &'static str {
    match cause {
        Cause::Weights => "the configured weights are not what is intended",
        Cause::ConfigDrift => "configured backends cannot be found",
        Cause::Health => "backends are out of balancing (unhealthy, ejected or draining)",
        Cause::Stickiness => "sessions stay where they are",
        Cause::LongLivedConnections => "connections stay where they are",
        Cause::Retries => "attempts that failed elsewhere come here",
        cause => plain(cause),
    }
}

fn plain(cause: Cause) -> &'static str {
    match cause {
        Cause::Alone => "all others are disabled or draining in the configuration",
        Cause::ConstantKey => "requests are told apart by what nearly all of them have in common",
        Cause::Shaping => "slow start, tiers or zones shift requests",
        Cause::Capacity => "others are full, and theirs comes here",
        Cause::SlowBackend => "it takes longer than the others, who have the same to do",
        Cause::FailingBackend => "it is this backend, not what all of them share",
        Cause::BlackHole => "it fails fast, looks idle, and so gets more",
        Cause::LargeTransfers => "few requests or connections move far more than the others",
        Cause::FastBackend => "it is faster than the others, and the strategy goes by that",
        Cause::BalancerBug => "the strategy does not do what it should; please report this",
        cause => cause.as_str(),
    }
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
