//! What is good enough: `p99<50ms,errors<0.1%`.

use std::fmt;
use std::time::Duration;

use super::latencies::Latencies;

/// Conditions that must all hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    terms: Vec<Term>,
}

/// One condition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Term {
    /// This part of requests, above 0.0 to below 1.0, takes less than the limit.
    Quantile(f64, Duration),
    /// The mean is less than the limit.
    Mean(Duration),
    /// Every request takes less than the limit.
    Max(Duration),
    /// Less than this part of requests fails, above 0.0 to 1.0.
    Errors(f64),
}

/// A condition that did not hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Miss {
    /// Which.
    pub term: Term,
    /// What was measured: milliseconds, or a part of requests.
    pub was: f64,
}

/// Why a text is no objective.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no objective; write it like p99<50ms,errors<0.1%: p50 to p99.99, mean or max below a time, or errors"
)]
pub struct BadObjective(String);

/// Requests above a percentile that make it one: fewer, and it is the tale of one request.
const BEYOND: f64 = 10.0;
/// None in so many over the rate is evidence, with 95 %, that the rate is not reached (the rule of three).
const RULE_OF_THREE: f64 = 3.0;

impl Objective {
    /// Reads conditions with commas between them.
    ///
    /// # Errors
    /// When there is none, or one cannot be read.
    pub fn parse(text: &str) -> Result<Self, BadObjective> {
        let terms =
            text.split(',').map(|term| Term::parse(term.trim()).ok_or_else(|| BadObjective(term.to_owned())));
        Ok(Self { terms: terms.collect::<Result<_, _>>()? })
    }

    /// Those that do not hold, in the order in which they were given.
    pub fn misses(&self, latencies: &Latencies, requests: u64, failed: u64) -> Vec<Miss> {
        let missed = |term: &Term| {
            let (was, limit) = match *term {
                Term::Quantile(part, limit) => (latencies.quantile(part).as_secs_f64() * 1e3, limit),
                Term::Mean(limit) => (latencies.mean().as_secs_f64() * 1e3, limit),
                Term::Max(limit) => (latencies.quantile(1.0).as_secs_f64() * 1e3, limit),
                Term::Errors(limit) => {
                    let was = failed as f64 / requests.max(1) as f64;
                    return (was >= limit || requests == 0).then_some(Miss { term: *term, was });
                }
            };
            // Without a single latency nothing was fast.
            let is_missed = was >= limit.as_secs_f64() * 1e3 || latencies.count() == 0;
            is_missed.then_some(Miss { term: *term, was })
        };
        self.terms.iter().filter_map(missed).collect()
    }

    /// How many requests it takes to tell whether all hold: ten beyond each percentile, so 1,000 for p99.
    pub fn requests_needed(&self) -> u64 {
        let needed = self.terms.iter().map(|term| match term {
            Term::Quantile(part, _) => BEYOND / (1.0 - part),
            Term::Errors(limit) => RULE_OF_THREE / limit,
            Term::Mean(_) | Term::Max(_) => 100.0,
        });
        needed.fold(100.0, f64::max).ceil() as u64
    }
}

impl Miss {
    /// Whether it would hold if the generator had not been so late itself.
    pub(super) fn is_own(&self, lag: &Latencies) -> bool {
        let (lag, limit) = match self.term {
            Term::Quantile(part, limit) => (lag.quantile(part), limit),
            Term::Mean(limit) => (lag.mean(), limit),
            Term::Max(limit) => (lag.quantile(1.0), limit),
            Term::Errors(_) => return false,
        };
        self.was - lag.as_secs_f64() * 1e3 < limit.as_secs_f64() * 1e3
    }
}

impl Term {
    fn parse(text: &str) -> Option<Self> {
        let (what, limit) = text.split_once('<')?;
        let (what, limit) = (what.trim(), limit.trim());
        match what {
            "errors" => {
                let percent: f64 = limit.strip_suffix('%')?.trim().parse().ok()?;
                let part = percent / 100.0;
                (part > 1e-6 && part <= 1.0).then_some(Self::Errors(part))
            }
            "mean" => duration(limit).map(Self::Mean),
            "max" => duration(limit).map(Self::Max),
            _ => {
                let digits = what.strip_prefix('p')?;
                let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
                let percent: f64 = digits.parse().ok().filter(|_| plain)?;
                // 99.99 asks for 100,000 requests; beyond that no step is long enough.
                let is_sensible = (1.0..=99.99).contains(&percent);
                is_sensible.then_some(Self::Quantile(percent / 100.0, duration(limit)?))
            }
        }
    }
}

/// `50ms`, `1.5s`, `300us`.
fn duration(text: &str) -> Option<Duration> {
    let units = [("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let (number, unit) =
        units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, seconds)))?;
    let number: f64 = number.trim().parse().ok()?;
    let seconds = number * unit;
    (1e-6..=3600.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            write!(f, "{}{term}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |limit: &Duration| limit.as_secs_f64() * 1e3;
        match self {
            Self::Quantile(part, limit) => write!(f, "p{} < {} ms", percent(*part), millis(limit)),
            Self::Mean(limit) => write!(f, "mean < {} ms", millis(limit)),
            Self::Max(limit) => write!(f, "max < {} ms", millis(limit)),
            Self::Errors(limit) => write!(f, "errors < {} %", percent(*limit)),
        }
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let was = match self.term {
            Term::Errors(_) => format!("{:.3} %", self.was * 100.0),
            _ => format!("{:.1} ms", self.was),
        };
        let what = match self.term {
            Term::Quantile(part, _) => format!("p{}", percent(part)),
            Term::Mean(_) => "the mean".to_owned(),
            Term::Max(_) => "the longest".to_owned(),
            Term::Errors(_) => return write!(f, "{was} failed, of {}", self.term),
        };
        write!(f, "{what} was {was}, of {}", self.term)
    }
}

/// 0.999 as 99.9: without the digits that come of not being decimal.
fn percent(part: f64) -> f64 {
    (part * 1e8).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_read_and_written() {
        let written = |text| Objective::parse(text).map(|objective| objective.to_string());
        assert_eq!(written("p99<50ms,errors<0.1%").unwrap(), "p99 < 50 ms, errors < 0.1 %");
        assert_eq!(written(" p99.9 < 1.5s , max<300us").unwrap(), "p99.9 < 1500 ms, max < 0.3 ms");
        assert_eq!(written("mean<2ms").unwrap(), "mean < 2 ms");
        for bad in [
            "",
            ",",
            "p99",
            "p99<50",
            "p99>50ms",
            "p100<1ms",
            "p0<1ms",
            "p-1<1ms",
            "pe1<1ms",
            "p99<0ms",
            "p99<-1ms",
            "p99<nans",
            "errors<1",
            "errors<0%",
            "errors<101%",
            "p99<50ms,",
            "errors<0.1%%",
            "speed<1s",
        ] {
            let error = Objective::parse(bad).unwrap_err().to_string();
            assert!(error.contains("write it like"), "{bad}: {error}");
        }
    }

    #[test]
    fn what_is_missed_is_told_with_what_was_measured() {
        let objective = Objective::parse("p50<10ms,p99<50ms,max<1s,errors<1%").unwrap();
        let mut latencies = Latencies::new();
        (0..980).for_each(|_| latencies.record(5_000_000));
        (0..20).for_each(|_| latencies.record(80_000_000));
        let misses = |failed| {
            objective
                .misses(&latencies, 1000, failed)
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<String>>()
        };
        assert_eq!(misses(9), ["p99 was 80.1 ms, of p99 < 50 ms"]);
        assert_eq!(misses(10).len(), 2, "{:?}", misses(10));
        assert!(misses(10)[1].starts_with("1.000 % failed"), "{:?}", misses(10));
    }

    #[test]
    fn nothing_answered_is_nothing_met() {
        let objective = Objective::parse("p99<50ms,errors<0.1%").unwrap();
        assert_eq!(objective.misses(&Latencies::new(), 0, 0).len(), 2);
    }

    #[test]
    fn a_percentile_needs_requests_beyond_it() {
        let needed = |text| Objective::parse(text).unwrap().requests_needed();
        assert_eq!(needed("p99<50ms"), 1_000);
        assert_eq!(needed("p99.9<50ms").abs_diff(10_000) / 2, 0);
        assert_eq!(needed("p99<50ms,errors<0.1%"), 3_000);
        assert_eq!(needed("mean<1s"), 100);
    }
}
