//! Whether answers were split over backends as they should have been.

use evenkeel_core::Nanos;
use evenkeel_core::skew::{self, Count, Detector, Finding, Severity, Side, Tolerance};
use serde::Serialize;

use super::record::Record;
use crate::split::Expectation;

/// What the shares of a run are found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As they should be; a backend with twice its share, or none, would have been found.
    Even,
    /// Not as they should be.
    Skewed,
    /// There were too few answers to tell.
    Undecided,
    /// Nobody said who answered, or there is only one backend that is known.
    Unknown,
}

/// The verdict on a run, with the evidence.
#[derive(Clone, Debug, Serialize)]
pub struct Split {
    /// What it is.
    pub verdict: Verdict,
    /// In words.
    pub sentence: String,
    /// What was found, worst first.
    pub findings: Vec<Found>,
    /// How many requests count as one because they came over one connection, which had one backend.
    pub design_effect: f64,
    /// More answers that it takes to tell; 0 if there are enough.
    pub needed: u64,
}

/// A share that is not what it should be.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// Whose.
    pub backend: String,
    /// Its share since then.
    pub share: f64,
    /// What it should have been.
    pub expected: f64,
    /// Since when, in seconds after the start.
    pub since: f64,
    /// Whether it is critical, not a warning only.
    pub critical: bool,
}

/// One backend: what it should have, and whether it has answered at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Its name; `None` for one of whom only the number is known.
    pub backend: Option<String>,
    /// Of all answers, 0.0..=1.0.
    pub share: f64,
}

/// What every backend should have: those of the record first, in their order, then those that have not answered.
pub fn expected(record: &Record, expectation: &Expectation) -> Vec<Expected> {
    let seen = record.backends.len();
    let share_of = |name: &str| match expectation {
        Expectation::Shares(shares) => {
            shares.iter().find(|(named, _)| named == name).map_or(0.0, |(_, share)| *share)
        }
        Expectation::Equal(number) => 1.0 / (*number).max(1) as f64,
        Expectation::EqualSeen => 1.0 / seen.max(1) as f64,
    };
    let mut all: Vec<Expected> = record
        .backends
        .iter()
        .map(|backend| Expected { backend: Some(backend.name.clone()), share: share_of(&backend.name) })
        .collect();
    match expectation {
        Expectation::Shares(shares) => {
            let is_seen = |name: &String| record.backends.iter().any(|backend| backend.name == *name);
            let missing = shares.iter().filter(|(name, _)| !is_seen(name));
            all.extend(missing.map(|(name, share)| Expected { backend: Some(name.clone()), share: *share }));
        }
        Expectation::Equal(number) => {
            let share = 1.0 / (*number).max(1) as f64;
            // Whoever comes beyond that number should get nothing; the first ones met are taken for the expected ones.
            all.iter_mut().skip(*number).for_each(|extra| extra.share = 0.0);
            all.resize((*number).max(seen), Expected { backend: None, share });
        }
        Expectation::EqualSeen => {}
    }
    all
}

/// Tests the shares of a run, slice by slice.
pub fn judge(record: &Record, expectation: &Expectation, tolerance: Tolerance) -> Split {
    let expected = expected(record, expectation);
    let design_effect = record.clusters.design_effect();
    let findings = findings(record, &expected, tolerance, design_effect);
    let answers: u64 = record.backends.iter().map(|backend| backend.answers).sum();
    let missing = needed(record, &expected, tolerance).map(|needed| {
        let missing = needed as f64 - answers as f64 / design_effect;
        (missing.max(0.0) * design_effect).ceil() as u64
    });
    let verdict = match missing {
        _ if answers == 0 || expected.len() < 2 => Verdict::Unknown,
        _ if !findings.is_empty() => Verdict::Skewed,
        Some(0) => Verdict::Even,
        _ => Verdict::Undecided,
    };
    let needed = if verdict == Verdict::Undecided { missing.unwrap_or(0) } else { 0 };
    let mut split = Split { verdict, sentence: String::new(), findings, design_effect, needed };
    split.sentence = split.in_words(answers, expectation, tolerance);
    split
}

fn findings(record: &Record, expected: &[Expected], tolerance: Tolerance, design_effect: f64) -> Vec<Found> {
    let mut detector = Detector::new(tolerance);
    let mut worst: Vec<Option<Finding>> = vec![None; expected.len()];
    for (index, slice) in record.timeline.slices().iter().enumerate() {
        let end = (index as u64 + 1) * record.timeline.width();
        let observed =
            |number: usize| f64::from(slice.backends.get(number).copied().unwrap_or(0)) / design_effect;
        let counts = expected
            .iter()
            .enumerate()
            .map(|(number, one)| Count::new(number as u64, observed(number), one.share));
        for finding in detector.observe(Nanos(end), &counts.collect::<Vec<_>>()) {
            let place = &mut worst[finding.backend as usize];
            // The first one tells since when; a later one may tell that it is worse.
            let since = place.map_or(finding.since, |before| before.since);
            if place.is_none_or(|before| finding.worst_first(&before).is_lt()) {
                *place = Some(Finding { since, ..finding });
            }
        }
    }
    let mut found: Vec<Finding> = worst.into_iter().flatten().collect();
    found.sort_by(Finding::worst_first);
    found.iter().map(|finding| Found::new(finding, expected)).collect()
}

/// Answers by which a backend with twice its share, or none of it, would have been found; and each share that seems to be
/// outside its band, if it is.
fn needed(record: &Record, expected: &[Expected], tolerance: Tolerance) -> Option<u64> {
    let number = expected.len();
    let total: u64 = record.backends.iter().map(|backend| backend.answers).sum();
    let each = expected.iter().enumerate().filter(|(_, one)| one.share > 0.0).map(|(index, one)| {
        let answers = record.backends.get(index).map_or(0, |backend| backend.answers);
        let seems = skew::needed(one.share, answers as f64 / total.max(1) as f64, tolerance, number);
        let nothing = skew::needed(one.share, 0.0, tolerance, number)?;
        let twice = skew::needed(one.share, (one.share * 2.0).min(1.0), tolerance, number);
        // A share that has not been found by when it should have been, on average, may take that long again.
        let seems = seems.map_or(0, |seems| seems.max(total + total / 2));
        Some(nothing.max(twice.unwrap_or(0)).max(seems))
    });
    each.collect::<Option<Vec<u64>>>()?.into_iter().max()
}

impl Found {
    fn new(finding: &Finding, expected: &[Expected]) -> Self {
        let name = expected.get(finding.backend as usize).and_then(|one| one.backend.clone());
        Self {
            backend: name.unwrap_or_else(|| "a backend that never answered".to_owned()),
            share: finding.share,
            expected: finding.expected,
            since: finding.since.0 as f64 / 1e9,
            critical: finding.severity == Severity::Critical,
        }
    }

    /// On which side of what it should be.
    pub fn side(&self) -> Side {
        if self.share > self.expected { Side::Above } else { Side::Below }
    }
}

impl Split {
    fn in_words(&self, answers: u64, expectation: &Expectation, tolerance: Tolerance) -> String {
        match self.verdict {
            Verdict::Skewed => self.findings.first().map(|worst| {
                let (share, expected) = (worst.share * 100.0, worst.expected * 100.0);
                let Found { backend, since, .. } = worst;
                format!(
                    "since {since:.1} s {backend} got {share:.1} % of the answers, {expected:.1} % would be its share"
                )
            }),
            Verdict::Even => {
                let percent = tolerance.get() * 100.0;
                Some(format!("{answers} answers are split as they should be, to {percent:.0} % of each share"))
            }
            Verdict::Undecided => {
                let clings = if self.design_effect > 1.0 {
                    ": each connection has one backend, so it takes more connections (--connections, \
                     --requests-per-connection)"
                } else {
                    ""
                };
                Some(format!("undecided: about {} more answers are needed{clings}", self.needed))
            }
            Verdict::Unknown if answers == 0 => Some("no answer says which backend gave it (--by)".to_owned()),
            Verdict::Unknown => Some(match expectation {
                Expectation::EqualSeen => {
                    "all answers came from one backend; say how many there should be (--equal N or --expect)".to_owned()
                }
                _ => "there is one backend, and it has everything".to_owned(),
            }),
        }
        .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Clusters;
    use super::super::sample::Sample;
    use super::*;

    /// Answers in turn, as often as the weights say, 100 a second.
    fn record(weights: &[u32], answers: u64) -> Record {
        let order: Vec<usize> = (0..weights.len())
            .flat_map(|backend| std::iter::repeat_n(backend, weights[backend] as usize))
            .collect();
        let mut record = Record::new(1);
        for number in 0..answers {
            let name = format!("b{}", order[number as usize % order.len()]);
            let due = number * 10_000_000;
            let sample =
                Sample { due, sent: due, done: due + 1, backend: Some(&name), failure: None, bytes: 0 };
            record.add(&sample, 0);
        }
        record
    }

    fn judged(record: &Record, expectation: &Expectation) -> Split {
        judge(record, expectation, Tolerance::INTENT)
    }

    #[test]
    fn uneven_weights_are_found_and_even_ones_are_not() {
        let skewed = judged(&record(&[5, 1, 1], 700), &Expectation::EqualSeen);
        assert_eq!(skewed.verdict, Verdict::Skewed);
        assert!(
            skewed.sentence.contains("b0 got 72") && skewed.sentence.contains("33.3 %"),
            "{}",
            skewed.sentence
        );
        assert!(skewed.findings[0].critical && skewed.findings[0].side() == Side::Above);
        let even = judged(&record(&[1, 1, 1], 700), &Expectation::EqualSeen);
        assert_eq!((even.verdict, even.findings.len()), (Verdict::Even, 0), "{}", even.sentence);
        let meant =
            Expectation::of_parts(&[("b0", 5.0), ("b1", 1.0), ("b2", 1.0)].map(|(n, p)| (n.to_owned(), p)));
        assert_eq!(judged(&record(&[5, 1, 1], 7000), &meant.unwrap()).verdict, Verdict::Even);
    }

    #[test]
    fn who_never_answers_is_missed_where_it_is_expected() {
        let two = record(&[1, 1], 700);
        assert_eq!(judged(&two, &Expectation::EqualSeen).verdict, Verdict::Even);
        let three = judged(&two, &Expectation::Equal(3));
        assert_eq!(three.verdict, Verdict::Skewed, "{}", three.sentence);
        let names: Vec<&str> = three.findings.iter().map(|found| found.backend.as_str()).collect();
        assert!(names.contains(&"a backend that never answered"), "{names:?}");
        let one = judged(&record(&[1], 700), &Expectation::Equal(3));
        assert_eq!(one.verdict, Verdict::Skewed);
    }

    #[test]
    fn too_little_is_not_decided() {
        let few = judged(&record(&[1, 1, 1], 30), &Expectation::EqualSeen);
        assert_eq!(few.verdict, Verdict::Undecided);
        assert!(few.needed > 50 && few.sentence.contains("more answers"), "{}", few.sentence);
        let unknown = judged(&record(&[1], 30), &Expectation::EqualSeen);
        assert_eq!(unknown.verdict, Verdict::Unknown);
        assert!(unknown.sentence.contains("--equal"), "{}", unknown.sentence);
        assert!(judged(&Record::new(1), &Expectation::Equal(3)).sentence.contains("--by"));
    }

    /// 22 % where 30 % should be: outside of the band, but by so little that a thousand answers do not tell.
    #[test]
    fn what_looks_uneven_is_not_called_even() {
        let shares = [("b0", 30.0), ("b1", 70.0)].map(|(name, part)| (name.to_owned(), part));
        let expectation = Expectation::of_parts(&shares).unwrap();
        let doubtful = judged(&record(&[22, 78], 1000), &expectation);
        assert_eq!(doubtful.verdict, Verdict::Undecided, "{}", doubtful.sentence);
        assert!(doubtful.needed >= 500, "{}", doubtful.sentence);
        assert_eq!(judged(&record(&[26, 74], 1000), &expectation).verdict, Verdict::Even);
        assert_eq!(judged(&record(&[22, 78], 100_000), &expectation).verdict, Verdict::Skewed);
    }

    /// Behind a balancer of connections four connections over three backends cannot be even, whatever they carry.
    #[test]
    fn connections_that_cling_are_not_taken_for_skew() {
        let mut record = record(&[2, 1, 1], 4000);
        record.clusters = Clusters::default();
        (0..4).for_each(|_| record.clusters.close(1000, false));
        let split = judged(&record, &Expectation::Equal(3));
        assert_eq!(split.verdict, Verdict::Undecided, "{}", split.sentence);
        assert!(split.sentence.contains("--connections"), "{}", split.sentence);
        record.clusters.close(10, true);
        assert_eq!(judged(&record, &Expectation::Equal(3)).verdict, Verdict::Skewed);
    }
}
