//! When each request is due: fixed before the first one is sent, whatever answers do.

use std::sync::Arc;

use evenkeel_core::Rng;

use super::profile::Profile;

/// How requests follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Arrivals {
    /// At equal distances.
    Constant,
    /// As from very many clients that know nothing of each other: distances are exponentially distributed, so requests
    /// come in bursts, as they do in life.
    #[default]
    Poisson,
}

/// The moments of a profile at which requests are due, in nanoseconds after its beginning, never decreasing.
///
/// One of several schedules that together make the whole: each has its part of the requests.
#[derive(Clone, Debug)]
pub struct Schedule {
    profile: Arc<Profile>,
    arrivals: Arrivals,
    /// How many schedules there are.
    parts: f64,
    rng: Rng,
    /// Which request of the whole profile is next, as a real number.
    position: f64,
    /// The stage that it is in, how many requests are due before that, and when it begins, in seconds.
    stage: usize,
    before: f64,
    begins: f64,
}

impl Arrivals {
    /// Every way.
    pub const ALL: [Self; 2] = [Self::Constant, Self::Poisson];

    /// `constant` or `poisson`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Poisson => "poisson",
        }
    }

    /// The one of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

impl Schedule {
    /// The whole profile. The same seed gives the same moments.
    pub fn new(profile: Arc<Profile>, arrivals: Arrivals, seed: u64) -> Self {
        Self::part(profile, arrivals, seed, 0, 1)
    }

    /// The part with number `index`, from 0, of `parts`. Parts of constant arrivals interleave to the whole; independent
    /// Poisson processes add up to one.
    pub fn part(profile: Arc<Profile>, arrivals: Arrivals, seed: u64, index: usize, parts: usize) -> Self {
        let mut rng = Rng::from_seed(seed.wrapping_add(index as u64));
        let parts = parts.max(1) as f64;
        let position = match arrivals {
            Arrivals::Constant => index as f64,
            Arrivals::Poisson => exponential(&mut rng) * parts,
        };
        Self { profile, arrivals, parts, rng, position, stage: 0, before: 0.0, begins: 0.0 }
    }

    fn step(&mut self) -> f64 {
        match self.arrivals {
            Arrivals::Constant => self.parts,
            Arrivals::Poisson => exponential(&mut self.rng) * self.parts,
        }
    }
}

impl Iterator for Schedule {
    type Item = u64;

    /// A Poisson process of rate 1, or a count, is laid over the integral of the rate: exact for every profile, and no error
    /// adds up.
    fn next(&mut self) -> Option<u64> {
        let profile = Arc::clone(&self.profile);
        while let Some(stage) = profile.stages().get(self.stage) {
            let within = self.position - self.before;
            let requests = stage.requests();
            if within < requests {
                self.position += self.step();
                return Some(((self.begins + stage.moment(within)) * 1e9) as u64);
            }
            self.before += requests;
            self.begins += stage.lasts.as_secs_f64();
            self.stage += 1;
        }
        None
    }
}

/// Of mean 1.
fn exponential(rng: &mut Rng) -> f64 {
    -(1.0 - rng.unit()).ln()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::profile::Rates;
    use super::*;

    fn constant(rate: f64, seconds: u64) -> Arc<Profile> {
        Arc::new(Profile::constant(rate, Duration::from_secs(seconds)))
    }

    #[test]
    fn constant_arrivals_are_a_grid() {
        let due: Vec<u64> = Schedule::new(constant(4.0, 2), Arrivals::Constant, 1).collect();
        let grid: Vec<u64> = (0..8).map(|index| index * 250_000_000).collect();
        assert_eq!(due, grid);
    }

    #[test]
    fn parts_make_the_whole() {
        let profile = constant(1000.0, 3);
        let whole: Vec<u64> = Schedule::new(Arc::clone(&profile), Arrivals::Constant, 1).collect();
        let part = |index| Schedule::part(Arc::clone(&profile), Arrivals::Constant, 1, index, 3);
        let mut parts: Vec<u64> = (0..3).flat_map(part).collect();
        parts.sort_unstable();
        assert_eq!(parts, whole);
        let poisson = |index| Schedule::part(Arc::clone(&profile), Arrivals::Poisson, 1, index, 3).count();
        let all: usize = (0..3).map(poisson).sum();
        assert!(all.abs_diff(3000) < 220, "four standard deviations: {all}");
    }

    /// Distances of a Poisson process have mean 1/r and as large a standard deviation.
    #[test]
    fn poisson_arrivals_are_exponential() {
        let due: Vec<u64> = Schedule::new(constant(1000.0, 100), Arrivals::Poisson, 7).collect();
        let gaps: Vec<f64> = due.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        let long = gaps.iter().filter(|gap| **gap > 3.0).count() as f64 / gaps.len() as f64;
        assert!((mean - 1.0).abs() < 0.02 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
        assert!((long - (-3.0_f64).exp()).abs() < 0.003, "{long}");
        let again = Schedule::new(constant(1000.0, 100), Arrivals::Poisson, 7);
        assert!(again.eq(due), "the same seed, the same moments");
    }

    #[test]
    fn stages_follow_each_other_without_a_gap() {
        let rates = Rates { from: 10.0, to: 30.0 };
        let profile = Arc::new(Profile::steps(rates, 10.0, Duration::from_secs(10)).unwrap());
        let due: Vec<u64> = Schedule::new(Arc::clone(&profile), Arrivals::Constant, 0).collect();
        let mut in_stage = [0; 3];
        due.iter().for_each(|moment| in_stage[profile.stage_at(*moment)] += 1);
        assert_eq!(in_stage, [100, 200, 300]);
        assert!(due.is_sorted());
    }

    #[test]
    fn a_ramp_gets_denser() {
        let rates = Rates { from: 100.0, to: 300.0 };
        let profile = Arc::new(Profile::ramp(rates, Duration::from_secs(10)));
        let due: Vec<u64> = Schedule::new(profile, Arrivals::Constant, 0).collect();
        let first_half = due.iter().filter(|moment| **moment < 5_000_000_000).count();
        assert_eq!((due.len(), first_half), (2000, 750), "integral of 100 + 20 t");
    }
}
