//! How many requests a second are due, over the time of a run.

use std::fmt;
use std::time::Duration;

/// One stretch of a profile: the rate goes in a straight line from one to the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// Requests a second when it begins, above 0.
    pub from: f64,
    /// Requests a second when it ends, above 0.
    pub to: f64,
    /// How long it takes.
    pub lasts: Duration,
}

/// What is due when: stages one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    stages: Vec<Stage>,
    /// When each stage ends, in nanoseconds after the start.
    ends: Vec<u128>,
}

/// Why a profile makes no sense, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {instead}")]
pub struct BadProfile {
    what: String,
    instead: &'static str,
}

/// Rates as they are written: `500` or `100..2000`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Requests a second at first.
    pub from: f64,
    /// Requests a second in the end; the same where there is one rate.
    pub to: f64,
}

/// A run of more stages is a mistake in the step.
const STAGES_MAX: usize = 1_000;
/// More than any one machine sends.
const RATE_MAX: f64 = 10_000_000.0;
/// Less is no load: one request in 1,000 seconds.
const RATE_MIN: f64 = 0.001;

impl Rates {
    /// Reads `500`, `0.5` or `100..2000`, in requests a second.
    ///
    /// # Errors
    /// When it is something else, or outside 0.001 to 10,000,000.
    pub fn parse(text: &str) -> Result<Self, BadProfile> {
        let instead = "write it like 500 or 100..2000, in requests a second, from 0.001 to 10000000";
        let bad = || BadProfile { what: format!("{text:?} is not a rate"), instead };
        let number = |text: &str| {
            let plain = text.starts_with(|c: char| c.is_ascii_digit());
            let rate: f64 = text.parse().ok().filter(|_| plain).ok_or_else(bad)?;
            if (RATE_MIN..=RATE_MAX).contains(&rate) { Ok(rate) } else { Err(bad()) }
        };
        match text.split_once("..") {
            Some((from, to)) => Ok(Self { from: number(from)?, to: number(to)? }),
            None => number(text).map(|rate| Self { from: rate, to: rate }),
        }
    }

    /// Whether it is one rate.
    pub fn is_constant(self) -> bool {
        self.from == self.to
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_constant() { write!(f, "{}", self.from) } else { write!(f, "{}..{}", self.from, self.to) }
    }
}

impl Stage {
    /// Requests due within the first `time` of it, as a real number.
    fn due_by(&self, time: f64) -> f64 {
        let lasts = self.lasts.as_secs_f64();
        self.from * time + (self.to - self.from) * time * time / (2.0 * lasts)
    }

    /// The moment by which `requests` are due, in seconds after its beginning: the inverse of the integral of the rate, in
    /// the form of the quadratic formula that does not cancel.
    pub(super) fn moment(&self, requests: f64) -> f64 {
        let slope = (self.to - self.from) / self.lasts.as_secs_f64();
        let root = (self.from * self.from + 2.0 * slope * requests).max(0.0).sqrt();
        2.0 * requests / (self.from + root)
    }

    /// Requests due in it, as a real number.
    pub fn requests(&self) -> f64 {
        self.due_by(self.lasts.as_secs_f64())
    }
}

impl Profile {
    /// The same rate all the time.
    pub fn constant(rate: f64, lasts: Duration) -> Self {
        Self::of(vec![Stage { from: rate, to: rate, lasts }])
    }

    /// These stages; at least one.
    pub fn of(stages: Vec<Stage>) -> Self {
        let mut end = 0;
        let ends = stages.iter().map(|stage| {
            end += stage.lasts.as_nanos();
            end
        });
        Self { ends: ends.collect(), stages }
    }

    /// From one rate to the other, in a straight line.
    pub fn ramp(rates: Rates, lasts: Duration) -> Self {
        Self::of(vec![Stage { from: rates.from, to: rates.to, lasts }])
    }

    /// From one rate to the other, in steps, each as long. The last step is the last rate, even if it is a smaller one.
    ///
    /// # Errors
    /// When the step is not above 0, or so small that there would be more than 1,000.
    pub fn steps(rates: Rates, step: f64, each: Duration) -> Result<Self, BadProfile> {
        let distance = (rates.to - rates.from).abs();
        if !step.is_finite() || step <= 0.0 {
            return Err(BadProfile {
                what: format!("a step of {step} leads nowhere"),
                instead: "give the difference between two rates, such as --step 100",
            });
        }
        // What rounding leaves of a whole number of steps is no step.
        let steps = (distance / step - 1e-9).ceil();
        if steps >= STAGES_MAX as f64 {
            return Err(BadProfile {
                what: format!("from {} to {} in steps of {step} is {steps} steps", rates.from, rates.to),
                instead: "give a step that makes at most 999",
            });
        }
        let toward = step.copysign(rates.to - rates.from);
        let mut stages: Vec<Stage> = Vec::new();
        for index in 0..=steps as u32 {
            let rate = rates.from + toward * f64::from(index);
            let rate = if f64::from(index) >= steps { rates.to } else { rate };
            stages.push(Stage { from: rate, to: rate, lasts: each });
        }
        Ok(Self::of(stages))
    }

    /// All of them, in order; never none.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// How long all take together.
    pub fn lasts(&self) -> Duration {
        self.stages.iter().map(|stage| stage.lasts).sum()
    }

    /// How many requests are due in all.
    pub fn requests(&self) -> f64 {
        self.stages.iter().map(Stage::requests).sum()
    }

    /// In which stage a moment is, in nanoseconds after the start; the last one after the end.
    pub fn stage_at(&self, moment: u64) -> usize {
        let ended = self.ends.partition_point(|end| *end <= u128::from(moment));
        ended.min(self.stages.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn rates_are_read() {
        assert_eq!(Rates::parse("500"), Ok(Rates { from: 500.0, to: 500.0 }));
        assert_eq!(Rates::parse("100..2000"), Ok(Rates { from: 100.0, to: 2000.0 }));
        assert_eq!(Rates::parse("2.5..0.5"), Ok(Rates { from: 2.5, to: 0.5 }));
        for bad in ["", "0", "-1", "nan", "inf", "1..", "..1", "1...2", "1e9", "100-200", "0.0001", "5/s"] {
            let error = Rates::parse(bad).unwrap_err().to_string();
            assert!(error.contains("write it like"), "{bad}: {error}");
        }
    }

    #[test]
    fn steps_end_at_the_last_rate() {
        let rates = |from: f64, to: f64, step| {
            let profile = Profile::steps(Rates { from, to }, step, SECOND)?;
            Ok::<Vec<f64>, BadProfile>(profile.stages().iter().map(|stage| stage.from).collect())
        };
        assert_eq!(rates(100.0, 400.0, 100.0), Ok(vec![100.0, 200.0, 300.0, 400.0]));
        assert_eq!(rates(100.0, 350.0, 100.0), Ok(vec![100.0, 200.0, 300.0, 350.0]));
        assert_eq!(rates(300.0, 100.0, 100.0), Ok(vec![300.0, 200.0, 100.0]));
        assert_eq!(rates(5.0, 5.0, 1.0), Ok(vec![5.0]));
        assert_eq!(rates(0.1, 0.3, 0.1).unwrap().len(), 3, "rounding is no step");
        assert!(rates(1.0, 2.0, 0.0).is_err() && rates(1.0, 2.0, f64::NAN).is_err());
        assert!(rates(1.0, 2.0, 0.000_1).is_err());
    }

    #[test]
    fn moments_are_the_inverse_of_what_is_due() {
        for (from, to) in [(100.0, 100.0), (10.0, 1000.0), (1000.0, 10.0)] {
            let stage = Stage { from, to, lasts: Duration::from_secs(20) };
            for part in [0.0, 0.1, 0.5, 0.999] {
                let requests = stage.requests() * part;
                let back = stage.due_by(stage.moment(requests));
                assert!((back - requests).abs() < 1e-6, "{from}..{to}: {requests} {back}");
            }
            assert!((stage.moment(stage.requests()) - 20.0).abs() < 1e-9);
        }
    }

    #[test]
    fn moments_lie_in_stages() {
        let profile = Profile::steps(Rates { from: 1.0, to: 3.0 }, 1.0, SECOND).unwrap();
        let stages =
            [0, 999_999_999, 1_000_000_000, 2_999_999_999, 9_000_000_000].map(|at| profile.stage_at(at));
        assert_eq!(stages, [0, 0, 1, 2, 2]);
        assert_eq!(profile.requests(), 6.0);
    }
}
