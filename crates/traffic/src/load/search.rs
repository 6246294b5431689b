//! The search for the highest rate that is still good enough: doubling, then halving the bracket.

/// Which rate to try next, by what came of those before. Pure: whoever runs it measures.
#[derive(Clone, Debug)]
pub struct Search {
    first: f64,
    most: f64,
    /// The highest rate that was good enough, and the lowest that was not.
    good: Option<f64>,
    bad: Option<f64>,
    /// A rate that was not good enough, or not measured, and how often each.
    doubted: Option<Doubt>,
    tried: usize,
    invalid: bool,
}

#[derive(Clone, Copy, Debug)]
struct Doubt {
    rate: f64,
    bad: u32,
    invalid: u32,
}

/// What came of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// The objective was met.
    Good,
    /// It was not.
    Bad,
    /// What was measured is not the target's doing: the generator was too slow.
    Invalid,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// Try this rate, in requests a second.
    Try(f64),
    /// It is known.
    Done(Bracket),
}

/// What is known in the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bracket {
    /// The highest rate that was good enough, if any was.
    pub good: Option<f64>,
    /// The lowest that was not, if any was not.
    pub bad: Option<f64>,
    /// Whether the search ended because the generator could not do more.
    pub invalid: bool,
}

/// The answer is known when good and bad are no more than this part of the good one apart.
const PRECISION: f64 = 0.05;
/// Below this rate nothing is good enough.
const LEAST: f64 = 1.0;
/// A rate is not good enough when it was not so often: one hiccup of the machine is not the capacity.
const BAD: u32 = 2;
/// The generator cannot do more when it could not so often: others may need this machine for a moment.
const INVALID: u32 = 3;
/// More never happen: from 1 to 10 million it is 24 doublings, and 5 halvings follow; each is tried four times at most.
const TRIES_MAX: usize = 120;

impl Search {
    /// From `first` up to `most`, in requests a second.
    pub fn new(first: f64, most: f64) -> Self {
        let first = first.clamp(LEAST, most.max(LEAST));
        Self { first, most: most.max(LEAST), good: None, bad: None, doubted: None, tried: 0, invalid: false }
    }

    /// What to do now.
    pub fn next(&self) -> Next {
        let done = Next::Done(self.bracket());
        if self.invalid || self.tried >= TRIES_MAX {
            return done;
        }
        if let Some(doubted) = self.doubted {
            return Next::Try(doubted.rate);
        }
        match (self.good, self.bad) {
            (None, None) => Next::Try(self.first),
            (Some(good), None) if good < self.most => Next::Try((good * 2.0).min(self.most)),
            (None, Some(bad)) if bad > LEAST => Next::Try((bad / 2.0).max(LEAST)),
            (Some(good), Some(bad)) if bad - good > good * PRECISION => Next::Try((good + bad) / 2.0),
            _ => done,
        }
    }

    /// What is known so far.
    pub fn bracket(&self) -> Bracket {
        Bracket { good: self.good, bad: self.bad, invalid: self.invalid }
    }

    /// Takes in what came of a rate.
    pub fn judge(&mut self, rate: f64, judged: Judged) {
        self.tried += 1;
        let mut doubt = self.doubted.take().unwrap_or(Doubt { rate, bad: 0, invalid: 0 });
        match judged {
            Judged::Good => {
                self.good = Some(rate);
                return;
            }
            Judged::Bad => doubt.bad += 1,
            Judged::Invalid => doubt.invalid += 1,
        }
        match doubt {
            Doubt { bad: BAD.., .. } => self.bad = Some(rate),
            Doubt { invalid: INVALID.., .. } => self.invalid = true,
            _ => self.doubted = Some(doubt),
        }
    }

    /// How far it is, 0.0..=1.0, as far as can be told: for a progress bar.
    pub fn progress(&self) -> f64 {
        match (self.good, self.bad) {
            (Some(good), Some(bad)) => {
                let apart = ((bad - good) / good).clamp(PRECISION, 1.0);
                0.5 + 0.5 * apart.ln() / PRECISION.ln()
            }
            _ => 0.5 * (1.0 - 1.0 / (1.0 + self.tried as f64 / 4.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn searched(first: f64, most: f64, judge: impl Fn(f64, usize) -> Judged) -> (Bracket, Vec<f64>) {
        let (mut search, mut rates) = (Search::new(first, most), Vec::new());
        loop {
            match search.next() {
                Next::Done(bracket) => return (bracket, rates),
                Next::Try(rate) => {
                    assert!((0.0..=1.0).contains(&search.progress()));
                    search.judge(rate, judge(rate, rates.len()));
                    rates.push(rate);
                }
            }
        }
    }

    fn below(knee: f64) -> impl Fn(f64, usize) -> Judged {
        move |rate, _| if rate < knee { Judged::Good } else { Judged::Bad }
    }

    #[test]
    fn the_knee_is_bracketed_to_five_percent() {
        for knee in [1.5, 37.0, 100.0, 1_234.0, 99_999.0, 3_000_000.0] {
            let (bracket, rates) = searched(100.0, 10_000_000.0, below(knee));
            let (good, bad) = (bracket.good.unwrap(), bracket.bad.unwrap());
            assert!(good < knee && bad >= knee && bad - good <= good * PRECISION, "{knee}: {bracket:?}");
            assert!(rates.len() < 60, "{knee}: {} steps", rates.len());
        }
    }

    #[test]
    fn it_ends_where_it_may_not_go_further() {
        let (bracket, rates) = searched(100.0, 1_000.0, below(1e9));
        assert_eq!(bracket, Bracket { good: Some(1_000.0), bad: None, invalid: false });
        assert_eq!(rates, [100.0, 200.0, 400.0, 800.0, 1_000.0]);
        let (bracket, _) = searched(100.0, 1_000.0, |_, _| Judged::Bad);
        assert_eq!(bracket, Bracket { good: None, bad: Some(1.0), invalid: false });
        let (bracket, _) =
            searched(100.0, 1e6, |rate, _| if rate < 500.0 { Judged::Good } else { Judged::Invalid });
        assert_eq!(bracket, Bracket { good: Some(400.0), bad: None, invalid: true });
    }

    #[test]
    fn one_hiccup_is_not_believed() {
        let hiccup = |rate: f64, tried: usize| match tried {
            1 => Judged::Bad,
            _ if rate < 1_000.0 => Judged::Good,
            _ => Judged::Bad,
        };
        let (bracket, rates) = searched(100.0, 1e6, hiccup);
        assert!(bracket.good.unwrap() > 950.0, "{bracket:?} {rates:?}");
        assert_eq!(rates[1], rates[2]);
        let busy = |rate: f64, tried: usize| match tried {
            1 | 2 => Judged::Invalid,
            _ if rate < 1_000.0 => Judged::Good,
            _ => Judged::Bad,
        };
        let (bracket, rates) = searched(100.0, 1e6, busy);
        assert!(bracket.good.unwrap() > 950.0 && !bracket.invalid, "{bracket:?} {rates:?}");
    }
}
