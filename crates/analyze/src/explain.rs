//! What a finding looks like: the likely reason, in words.

use std::fmt::Write as _;

use evenkeel_core::skew::{Finding, Side};

use crate::causes::{Dimension, Pool};
use crate::popular::Popular;
use crate::report::client;

/// One backend has nearly everything from here on.
const NEARLY_ALL: f64 = 0.9;
/// And nearly nothing up to here, as part of what it should have.
const NEARLY_NOTHING: f64 = 0.1;
/// A client or a path sticks to a backend when at least this part of its requests goes there.
const STICKS: f64 = 0.75;
/// So many clients or paths are a reason by themselves, not more.
const FEW: usize = 10;
/// Backends whose shares are told as a proportion.
const TOLD: usize = 6;
/// A proportion of fewer requests says little.
const COUNTED: u64 = 30;

/// All findings of a pool: one explains another.
pub(crate) struct Explainer<'a> {
    pub(crate) pool: &'a Pool<'a>,
    pub(crate) requests: &'a [Finding],
    pub(crate) errors: &'a [Finding],
    pub(crate) slow: &'a [Finding],
}

type Explained = (&'static str, String);

impl Explainer<'_> {
    /// What it looks like when a backend has too many requests, or too few.
    pub(crate) fn uneven(&self, finding: &Finding) -> Explained {
        let name = self.name(finding);
        let should = percent(finding.expected);
        let part = match finding.share {
            share if share > 0.0 => format!("{} of the requests", percent(share)),
            _ => "nothing".to_owned(),
        };
        let got = format!("{name} gets {part}, {should} would be its share");
        let (kind, why) =
            if finding.side == Side::Above { self.too_much(finding) } else { self.too_little(finding) };
        (kind, format!("{got}{why}"))
    }

    fn too_much(&self, finding: &Finding) -> Explained {
        if let Some(others) = self.does_the_work_of(finding) {
            return ("failover", format!(": it does the work of {others}, down or drained"));
        }
        let (kind, mut why) = if finding.share >= NEARLY_ALL {
            ("one_backend", self.nearly_all())
        } else if self.fails_fast(finding) {
            let why =
                ", and its errors are more than its requests explain: it fails fast, and so gets even more";
            return ("black_hole", why.to_owned());
        } else if let Some(why) = self.hot(finding, &self.pool.survey.clients, "client") {
            ("hot_client", why)
        } else if let Some(why) = self.hot(finding, &self.pool.survey.paths, "path") {
            ("hot_path", why)
        } else {
            ("weights", self.proportion(finding))
        };
        match (self.is_above(self.errors, finding), self.is_above(self.slow, finding)) {
            (false, false) => {}
            (true, _) => why.push_str("; it fails more than its requests explain, so it has too much to do"),
            (false, true) => why.push_str("; it is slower than the others, so it has too much to do"),
        }
        (kind, why)
    }

    fn too_little(&self, finding: &Finding) -> Explained {
        let above = self.requests.iter().filter(|other| other.side == Side::Above);
        let mut taker =
            above.filter(|other| self.does_the_work_of(other).is_none()).map(|other| self.name(other));
        if let Some(taker) = taker.next() {
            return ("displaced", format!("; what it lacks goes to {taker}"));
        }
        if is_gone(finding) {
            return ("missing", ": it is down, drained, or not configured".to_owned());
        }
        ("weights", self.proportion(finding))
    }

    /// What may lead to one backend for everybody.
    fn nearly_all(&self) -> String {
        let clients = &self.pool.survey.clients;
        let one_client = clients
            .top(1)
            .first()
            .is_some_and(|often| often.count as f64 >= NEARLY_ALL * clients.total() as f64);
        let reasons = "; the others idle: they are down or drained, or requests stick to one backend by something that all \
                       of them have, or the strategy fills one first";
        let address = "; all come from one address, so a hash of the address would do it";
        if one_client { format!("{reasons}{address}") } else { reasons.to_owned() }
    }

    /// Names of those that get nothing, if that is why this one has too much, and another one is left beside it.
    fn does_the_work_of(&self, finding: &Finding) -> Option<String> {
        let gone: Vec<&Finding> = self.requests.iter().filter(|other| is_gone(other)).collect();
        let lost: f64 = gone.iter().map(|other| other.expected).sum();
        let fair = finding.expected / (1.0 - lost).max(f64::EPSILON);
        let explained = finding.share <= fair * (1.0 + Dimension::Requests.tolerance().get());
        let names: Vec<&str> = gone.iter().map(|other| self.name(other)).collect();
        (!gone.is_empty() && explained && finding.share < NEARLY_ALL).then(|| listed(&names))
    }

    /// Whether it fails more than its requests explain, and in less than half the time that an answer takes.
    fn fails_fast(&self, finding: &Finding) -> bool {
        let own = &self.pool.survey.backends[finding.backend as usize];
        let (mut millis, mut timed) = (0.0, 0);
        for backend in &self.pool.survey.backends {
            millis += backend.duration_ms - backend.error_ms;
            timed += backend.timed - backend.timed_errors;
        }
        let fast = own.timed_errors > 0
            && timed > 0
            && own.error_ms / own.timed_errors as f64 * 2.0 < millis / timed as f64;
        fast && self.is_above(self.errors, finding)
    }

    /// Clients or paths that stick to a backend and without which it would be inside its band.
    fn hot(&self, finding: &Finding, popular: &Popular, what: &str) -> Option<String> {
        let index = finding.backend as usize;
        let all: u64 = self.pool.survey.backends.iter().map(|backend| backend.attempts).sum();
        let own = self.pool.survey.backends[index].attempts;
        let upper = finding.expected * (1.0 + Dimension::Requests.tolerance().get());
        let is_inside =
            |less: u64| own.saturating_sub(less) as f64 <= upper * all.saturating_sub(less).max(1) as f64;
        // Over the whole log it may have its share; who came in a part of it is not known.
        if is_inside(0) {
            return None;
        }
        let sticks = |count: u64, there: u64| there as f64 >= STICKS * count as f64;
        let here = popular
            .top(usize::MAX)
            .into_iter()
            .filter(|often| often.place.0 == index && sticks(often.count, often.place.1));
        let (mut hot, mut requests) = (Vec::new(), 0);
        for often in here.take(FEW) {
            hot.push(often);
            requests += often.place.1;
            if is_inside(requests) {
                let share = percent(requests as f64 / all.max(1) as f64);
                let why = "so stickiness or a hash is the reason";
                let (who, makes) = match (hot.len(), what) {
                    (1, "client") => (client(hot[0].name, self.pool.options), "alone makes"),
                    (1, _) => (format!("{what} {}", shortened(hot[0].name)), "alone makes"),
                    (count, _) => (format!("{count} {what}s"), "together make"),
                };
                return Some(format!("; {who} {makes} {share} of all, {why}"));
            }
        }
        None
    }

    /// Shares since then as weights would give them.
    fn proportion(&self, finding: &Finding) -> String {
        let counts = self.since(self.pool.second(finding));
        let least = counts.iter().copied().min().unwrap_or(0);
        let first = "no single client explains it";
        let look = "look at the weights, the strategy, and who is up";
        if least < COUNTED || counts.len() > TOLD {
            return format!("; {first}: {look}");
        }
        let mut named: Vec<(&str, u64)> = self.pool.names.iter().map(String::as_str).zip(counts).collect();
        named.sort_unstable();
        let parts: Vec<String> =
            named.iter().map(|(_, count)| proportional(*count as f64 / least as f64)).collect();
        let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
        let (parts, names) = (parts.join(" : "), names.join(", "));
        format!("; {first}; shares are about {parts} ({names}): {look}")
    }

    /// Attempts of each backend since then.
    fn since(&self, second: i64) -> Vec<u64> {
        let mut counts = vec![0; self.pool.names.len()];
        for (_, slice) in self.pool.survey.series.slices().filter(|(at, _)| *at >= second) {
            slice.iter().for_each(|(&backend, more)| counts[backend] += more.attempts);
        }
        counts
    }

    /// What it looks like when a backend fails, or is slow, more than its requests explain.
    pub(crate) fn trouble(&self, dimension: Dimension, finding: &Finding) -> Explained {
        let (what, kind) = match dimension {
            Dimension::Errors => ("errors", "bad_backend"),
            _ => ("slow responses", "slow_backend"),
        };
        let (kind, why) = if self.is_above(self.requests, finding) {
            ("overload", "it has more than its share to do, which comes first")
        } else {
            (kind, "it is this backend, not what all of them share")
        };
        let (share, expected) = (percent(finding.share), percent(finding.expected));
        let name = self.name(finding);
        (kind, format!("{name} makes {share} of the {what} with {expected} of the requests: {why}"))
    }

    /// What it looks like when connections are even, and what they carry is not.
    pub(crate) fn pinned(&self, finding: &Finding) -> Explained {
        let sentence = pinned(self.pool, finding.backend as usize, finding.share);
        ("pinned", sentence)
    }

    fn is_above(&self, findings: &[Finding], finding: &Finding) -> bool {
        findings.iter().any(|other| other.backend == finding.backend && other.side == Side::Above)
    }

    fn name(&self, finding: &Finding) -> &str {
        &self.pool.names[finding.backend as usize]
    }
}

/// That a backend carries more than its connections let expect, and why.
pub(crate) fn pinned(pool: &Pool<'_>, index: usize, share: f64) -> String {
    let survey = pool.survey;
    let connections: u64 = survey.backends.iter().map(|backend| backend.attempts).sum();
    let own = &survey.backends[index];
    let (carries, has) = (percent(share), percent(own.attempts as f64 / connections.max(1) as f64));
    let mut text =
        format!("{} carries {carries} of the bytes with {has} of the connections", pool.names[index]);
    match survey.heavy.half_of(index, own.bytes) {
        Some((1, part)) => write!(text, ": one of them carries {} of all", percent(part)).ok(),
        Some((count, part)) => write!(text, ": {count} of them carry {} of all", percent(part)).ok(),
        None => write!(text, ": those it has carry more than others").ok(),
    };
    let effective = survey.heavy.effective();
    write!(
        text,
        "; {connections} connections spread like {effective:.0} of one size. Who balances connections cannot part what is \
         in one: balance requests, or bound how long a connection lives"
    )
    .ok();
    text
}

fn is_gone(finding: &Finding) -> bool {
    finding.side == Side::Below && finding.share <= NEARLY_NOTHING * finding.expected
}

/// `5`, or `1.4` where that says more.
fn proportional(ratio: f64) -> String {
    if ratio < 3.0 && (ratio - ratio.round()).abs() > 0.15 {
        format!("{ratio:.1}")
    } else {
        format!("{ratio:.0}")
    }
}

/// `a`, `a and b`, or `a, b and 3 others`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, other] => format!("{one} and {other}"),
        [one, other, rest @ ..] => format!("{one}, {other} and {} more", rest.len()),
    }
}

fn shortened(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().take(60).flat_map(char::escape_debug).collect()
}

/// `83 %`: a share in a sentence.
pub fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proportions_as_people_write_weights() {
        let all = [1.0, 1.04, 1.4, 1.95, 2.5, 4.8, 71.3].map(proportional);
        assert_eq!(all, ["1", "1", "1.4", "2", "2.5", "5", "71"]);
    }

    #[test]
    fn lists_are_short() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b"]), "a and b");
        assert_eq!(listed(&["a", "b", "c", "d"]), "a, b and 2 more");
    }
}
