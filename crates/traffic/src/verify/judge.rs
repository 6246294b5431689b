//! From what was counted to an answer with its reasons.

use super::course::Course;
use super::report::{BackendReport, ExcludedReport, Report, StickyReport, Unit, Verdict};
use super::{Pattern, sessions};
use crate::split::{BACKENDS_MAX, Expectation, Share, State};
use crate::{By, Vary};
use evenkeel_core::skew::{Severity, Side};

/// Sentences about backends or sessions; the others are like them.
const TOLD: usize = 4;
/// So many answers and nearly as many names: those are not names of backends.
const NAMES_DOUBTED_FROM: u64 = 200;
/// Fewer failures than this are chance.
const FAILURES_MIN: u64 = 3;

/// Reasons so far, and what they come to.
struct Case {
    verdict: Verdict,
    reasons: Vec<String>,
}

impl Course<'_> {
    /// The result.
    pub(super) fn report(mut self) -> Report {
        self.end();
        let case = self.judge();
        let (unit, trial) = (self.unit(), self.trial());
        let excluded = trial.excluded();
        Report {
            schema: 1,
            url: self.plan.target.to_string(),
            verdict: case.verdict,
            reasons: case.reasons,
            notes: self.notes(),
            by: self.by.as_ref().map(By::to_string),
            by_guessed: self.plan.by.is_none() && self.by.is_some(),
            pattern: self.plan.pattern.as_str(),
            vary: self.plan.vary.as_ref().map(Vary::to_string),
            unit,
            requests: self.tally.sent,
            failures: self.tally.failures.clone(),
            statuses: self.tally.statuses.clone(),
            unnamed: self.tally.unnamed,
            backends: match self.tally.named {
                0 => Vec::new(),
                _ => self.in_order(trial.shares()).iter().map(|share| self.backend(share)).collect(),
            },
            tolerance: self.plan.tolerance.get(),
            excluded: ExcludedReport { above: excluded.above, below: excluded.below },
            needed: self.needed(case.verdict),
            sticky: self.plan.sticky.then(|| StickyReport {
                sessions: self.sessions.number(),
                followed: self.sessions.followed(),
                moved: self.sessions.moved(),
                cookies: self.tally.cookies,
            }),
            interrupted: self.tally.interrupted,
        }
    }

    fn judge(&self) -> Case {
        if let Some(reason) = self.unreadable() {
            // Whoever fails does not say a name either; that is the better reason.
            let reasons = match self.failing() {
                Some(failing) if self.tally.failed() == self.tally.sent => vec![failing],
                failing => failing.into_iter().chain([reason]).collect(),
            };
            return Case { verdict: Verdict::Impossible, reasons };
        }
        let reasons: Vec<String> =
            self.sessions_that_move().into_iter().chain(self.split()).chain(self.failing()).collect();
        if !reasons.is_empty() {
            return Case { verdict: Verdict::Refused, reasons };
        }
        match self.trial().state() {
            State::Shown if self.bounds().needed == 0 => Case { verdict: Verdict::AsExpected, reasons },
            _ => match self.alone() {
                Some(reason) => Case { verdict: Verdict::Impossible, reasons: vec![reason] },
                None => Case { verdict: Verdict::Undecided, reasons },
            },
        }
    }

    /// Why answers do not say who gave them.
    fn unreadable(&self) -> Option<String> {
        let tally = &self.tally;
        let answered = tally.sent - tally.failed();
        if tally.named == 0 {
            return Some(match &self.by {
                _ if tally.sent == 0 => "no request was sent".to_owned(),
                _ if answered == 0 => format!("none of {} requests was answered", tally.sent),
                Some(by) => format!("none of {answered} answers has a name by {by}"),
                None => self.unnamed(),
            });
        }
        let names = self.requests.backends_seen() as u64;
        let doubtful = tally.named >= NAMES_DOUBTED_FROM && names * 2 > tally.named;
        (doubtful || self.requests.beyond() > 0).then(|| {
            let many = if self.requests.beyond() > 0 { "more than " } else { "" };
            format!(
                "{many}{} different names in {} answers: that does not name backends; say what does with --by",
                names.min(BACKENDS_MAX as u64),
                tally.named
            )
        })
    }

    fn unnamed(&self) -> String {
        let seen: Vec<String> = self.suggested.iter().map(|by| format!("--by {by}")).collect();
        let advice = match seen.as_slice() {
            [] => "say what does: --by header:NAME, cookie:NAME, body, body:PATTERN or json:FIELD".to_owned(),
            _ => format!("by what was seen, {} may do", seen.join(" or ")),
        };
        format!("no usual field of the answers tells backends apart; {advice}")
    }

    /// One backend, and nothing that says that there should be others.
    fn alone(&self) -> Option<String> {
        let trial = self.trial();
        if self.plan.expectation != Expectation::EqualSeen || trial.backends_seen() != 1 {
            return None;
        }
        let name = trial.shares().first()?.backend.clone()?;
        let unit = self.unit().count(trial.answers());
        Some(format!(
            "all of {unit} came from {name}, so there is nothing to compare; say how many backends there are: --equal N"
        ))
    }

    fn failing(&self) -> Option<String> {
        let tally = &self.tally;
        // Nobody knows whose they would have been.
        let lost = tally.failed() + if self.by.is_some() { tally.unnamed } else { 0 };
        let part = lost as f64 / tally.sent.max(1) as f64;
        if lost < FAILURES_MIN || part <= self.plan.failures_max {
            return None;
        }
        let classes: Vec<String> =
            tally.failures.iter().map(|(class, count)| format!("{count} {class}")).collect();
        let unnamed = (tally.unnamed > 0).then(|| {
            let statuses = tally.statuses.iter().filter(|(status, _)| **status >= 400);
            let statuses: Vec<String> =
                statuses.map(|(status, count)| format!("{count} with {status}")).collect();
            let more =
                if statuses.is_empty() { String::new() } else { format!(" ({})", statuses.join(", ")) };
            format!("{} answers without a name{more}", tally.unnamed)
        });
        let what: Vec<String> = classes.into_iter().chain(unnamed).collect();
        let said = tally.said.values().next().map_or_else(String::new, |said| format!("; {said}"));
        Some(format!(
            "{lost} of {} requests ({:.1} %) were not answered by a backend that has a name: {}{said}",
            tally.sent,
            part * 100.0,
            what.join(", ")
        ))
    }

    fn sessions_that_move(&self) -> Vec<String> {
        if self.sessions.moved() == 0 {
            return Vec::new();
        }
        let total = format!(
            "{} of {} sessions moved to another backend",
            self.sessions.moved(),
            self.sessions.number()
        );
        let cookie = match self.tally.cookies {
            0 if self.plan.vary.is_none() => "; no answer sets a cookie, so nothing tells sessions apart",
            _ => "",
        };
        let example =
            |one: sessions::Move| format!("session {} moved from {} to {}", one.session, one.from, one.to);
        let examples = self.sessions.examples(2).into_iter().map(example);
        [format!("{total}{cookie}")].into_iter().chain(examples).collect()
    }

    /// What is wrong with the split, or what the contract of the pool says of it.
    fn split(&self) -> Vec<String> {
        let uneven = self.uneven();
        if uneven.is_empty() { self.bounds().broken.into_iter().take(TOLD).collect() } else { uneven }
    }

    /// What is wrong with the split.
    fn uneven(&self) -> Vec<String> {
        let trial = self.trial();
        let (unit, total) = (self.unit(), trial.answers());
        let shares = trial.shares();
        let seen = trial.backends_seen();
        if let Expectation::Equal(number) = self.plan.expectation
            && seen > number
        {
            return vec![format!("{seen} backends answer where {number} should")];
        }
        let stranger = |share: &&Share| share.expected == 0.0 && share.answers > 0;
        let mut wrong: Vec<&Share> =
            shares.iter().filter(|share| share.finding.is_some() || stranger(share)).collect();
        if wrong.is_empty() {
            return Vec::new();
        }
        // Once it is refused, who has had nothing belongs to the picture, too.
        wrong.extend(shares.iter().filter(|share| {
            share.finding.is_none() && share.expected * total as f64 >= 5.0 && share.answers == 0
        }));
        wrong.sort_by(|one, other| {
            let off = |share: &Share| (share.share - share.expected).abs();
            off(other).total_cmp(&off(one))
        });
        let more = wrong.len().saturating_sub(TOLD);
        let sentences = wrong.iter().take(TOLD).map(|share| sentence(share, unit, total));
        let more = (more > 0).then(|| format!("and {more} more backends like these"));
        sentences.chain(more).collect()
    }

    fn needed(&self, verdict: Verdict) -> Option<u64> {
        if verdict != Verdict::Undecided {
            return (verdict != Verdict::Impossible).then_some(0);
        }
        let each = match self.unit() {
            Unit::Request => 1,
            Unit::Connection | Unit::Session => u64::from(self.plan.each),
        };
        self.trial().needed().map(|needed| needed.max(self.bounds().needed) * each)
    }

    /// As they are expected, or by name where nobody says who is.
    fn in_order(&self, mut shares: Vec<Share>) -> Vec<Share> {
        if !matches!(self.plan.expectation, Expectation::Shares(_)) {
            shares.sort_by(|one, other| {
                let key = |share: &Share| (share.backend.is_none(), share.backend.clone());
                key(one).cmp(&key(other))
            });
        }
        shares
    }

    fn backend(&self, share: &Share) -> BackendReport {
        let finding = share.finding.as_ref();
        BackendReport {
            backend: share.backend.clone(),
            answers: share.answers,
            share: share.share,
            expected: share.expected,
            ratio: (share.expected > 0.0).then(|| share.share / share.expected),
            found: finding.map(|finding| match finding.side {
                Side::Above => "above",
                Side::Below => "below",
            }),
            critical: finding.is_some_and(|finding| finding.severity == Severity::Critical),
            since: finding.map(|finding| finding.since.0),
            mean_ms: share.backend.as_deref().and_then(|name| self.tally.mean_ms(name)),
        }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.plan.notes.clone();
        let trial = self.trial();
        let one = trial.backends_seen() == 1 && trial.answers() > 1;
        if self.plan.pattern == Pattern::Kept && self.mixing.is_pinned() && !one {
            notes.push(
                "each connection stays with one backend: connections are balanced, not requests".to_owned(),
            );
        }
        if one && self.plan.pattern == Pattern::Streams {
            notes.push(
                "all streams of the connection go to one backend: they are not balanced one by one"
                    .to_owned(),
            );
        } else if one && self.plan.vary.is_none() && !self.plan.sticky {
            notes.push(
                "if the balancer goes by a key or the client's address, this client is one key; let it differ: --vary"
                    .to_owned(),
            );
        }
        if let Some(like) = self.like() {
            notes.push(format!("that is what weights of {like} would give"));
        }
        if self.plan.sticky
            && self.tally.cookies == 0
            && self.plan.vary.is_none()
            && self.sessions.moved() == 0
        {
            notes.push(
                "no answer sets a cookie: sessions stay for another reason, such as the client's address"
                    .to_owned(),
            );
        }
        notes
    }

    /// Small whole numbers that make the shares of a refused split.
    fn like(&self) -> Option<String> {
        let trial = self.trial();
        if trial.state() != State::Refused {
            return None;
        }
        let shares = trial.shares();
        let answers: Vec<f64> = shares.iter().map(|share| share.answers as f64).collect();
        let least = answers.iter().copied().filter(|answers| *answers > 0.0).fold(f64::INFINITY, f64::min);
        let others = answers.iter().filter(|answers| **answers > 0.0).count();
        if others < 2 || shares.len() > 8 || shares.iter().any(|share| share.expected == 0.0) {
            return None;
        }
        let mean_of_least: Vec<f64> =
            answers.iter().copied().filter(|a| *a > 0.0 && *a < least * 1.5).collect();
        let unit = mean_of_least.iter().sum::<f64>() / mean_of_least.len() as f64;
        let weights: Vec<String> = answers.iter().map(|answers| format!("{:.0}", answers / unit)).collect();
        Some(weights.join(":"))
    }
}

fn sentence(share: &Share, unit: Unit, total: u64) -> String {
    let name = share.backend.as_deref().unwrap_or("a backend that never answered");
    let (part, expected) = (share.share * 100.0, share.expected * 100.0);
    let all = unit.count(total);
    let since = share.finding.map(|finding| finding.since.0).filter(|since| *since > 0);
    let since = since.map_or_else(String::new, |since| format!(", since {} {}", noun(unit), since + 1));
    match share {
        Share { expected: 0.0, answers, .. } => {
            format!("{name} gave {answers} of {all} and is not expected at all")
        }
        Share { answers: 0, backend: Some(_), .. } => {
            format!("{name} never answered in {all}; {expected:.1} % would be its share")
        }
        Share { answers: 0, .. } => format!("{name} is missing in {all}; {expected:.1} % would be its share"),
        Share { answers, .. } => {
            format!("{name} gets {part:.1} % ({answers} of {all}){since}; {expected:.1} % would be its share")
        }
    }
}

fn noun(unit: Unit) -> &'static str {
    match unit {
        Unit::Request => "answer",
        Unit::Connection => "connection",
        Unit::Session => "session",
    }
}
