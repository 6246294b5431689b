//! What a replay showed, against what it must show.

use super::before::Before;
use super::course::Course;
use super::story::{Refusal, Story, Truth};
use super::users::{End, Record};
use super::watcher::{Said, Standing, Verdict};

/// Of one story.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) story: &'static Story,
    pub(crate) before: Before,
    pub(crate) course: Course,
    pub(crate) control: Course,
    pub(crate) seconds: f64,
}

/// The first right verdict after the fault.
#[derive(Clone, Debug)]
pub(crate) struct Alarm<'a> {
    pub(crate) after: f64,
    pub(crate) requests: u64,
    pub(crate) verdict: &'a Verdict,
}

/// Shares after the mend may differ by so much from equal: the last seconds have some hundred requests.
const EVEN: f64 = 0.08;
/// Shares are those of so many seconds.
pub(super) const WINDOW: f64 = 6.0;

impl Outcome {
    pub(crate) fn alarm(&self) -> Option<Alarm<'_>> {
        let said = self.during().find(|said| said.verdict.stands_to(self.story.truth) == Standing::Right)?;
        let after = said.at - self.course.fault;
        let begun = |record: &&Record| (self.course.fault..=said.at).contains(&record.due);
        let requests = self.course.records.iter().filter(begun).count() as u64;
        Some(Alarm { after, requests, verdict: &said.verdict })
    }

    /// What was said when half of the time to the alarm had passed.
    pub(crate) fn half(&self) -> Option<&Verdict> {
        let half = self.course.fault + self.alarm()?.after / 2.0;
        let before = self.course.said.iter().take_while(|said| said.at <= half);
        before.last().map(|said| &said.verdict)
    }

    /// What was said in between that is not true, each once, with when it was said first, in seconds after the fault.
    pub(crate) fn misleading(&self) -> Vec<(f64, String)> {
        let mut all: Vec<(f64, String)> = Vec::new();
        for said in
            self.during().filter(|said| said.verdict.stands_to(self.story.truth) == Standing::Misleading)
        {
            let short = said.verdict.short();
            if !all.iter().any(|(_, known)| *known == short) {
                all.push((said.at - self.course.fault, short));
            }
        }
        all
    }

    /// Requests that failed or took more than a second, of all, from the fault until the last of them.
    pub(crate) fn let_down(&self) -> (usize, usize) {
        let since = self.course.records.iter().filter(|record| record.due >= self.course.fault);
        let bad = since.clone().filter(|record| record.is_bad());
        let last = bad.clone().map(|record| record.due).fold(self.course.mended, f64::max);
        (bad.count(), since.filter(|record| record.due <= last).count())
    }

    /// Seconds from the fault to the first alert, and its name.
    pub(crate) fn alert(&self) -> Option<(&str, f64)> {
        let first = self.course.alerts.iter().find(|(_, _, at)| *at >= self.course.fault);
        first.map(|(name, _, at)| (name.as_str(), at - self.course.fault))
    }

    /// Requests that began after the mend was in force and no backend answered.
    pub(crate) fn dropped(&self) -> usize {
        self.after_mend().filter(|record| record.end == End::Dropped).count()
    }

    /// Requests that began after the mend and that a backend refused: its queue was full still.
    pub(crate) fn refused(&self) -> usize {
        self.after_mend().filter(|record| record.end == End::Refused).count()
    }

    /// Shares of the servers in the last seconds, when queues have run empty and ejections are over.
    pub(crate) fn shares(&self) -> Vec<f64> {
        shares(&self.course.records, self.story.servers, self.course.end - WINDOW)
    }

    /// Whatever the run without the fault should not have shown.
    pub(crate) fn false_alarms(&self) -> Vec<String> {
        let named = self
            .control
            .said
            .iter()
            .filter(|said| matches!(said.verdict.word.as_str(), "skewed" | "down" | "shared_dependency"));
        let mut all: Vec<String> = named.map(|said| said.verdict.short()).collect();
        all.dedup();
        all.extend(
            self.control.alerts.iter().map(|(name, about, _)| format!("{name} {about}").trim().to_owned()),
        );
        let failed = self.control.records.iter().filter(|record| record.end != End::Well).count();
        if failed > 0 {
            all.push(format!("{failed} failed requests"));
        }
        all
    }

    /// Which promises do not hold; none where nothing is promised.
    pub(crate) fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        let mut must = |holds: bool, what: String| {
            if !holds {
                missed.push(what);
            }
        };
        must(
            self.false_alarms().is_empty(),
            format!("without the fault: {}", self.false_alarms().join(", ")),
        );
        must(self.before.right_taken, "check refuses the right configuration".to_owned());
        must(self.before.refused(self.story), "check does not refuse the broken configuration".to_owned());
        let drift = self.course.drift.as_ref().is_some_and(|(found, _)| *found);
        must(self.story.refused_by != Refusal::Drift || drift, "drift finds nothing".to_owned());
        let Some(bar) = self.story.bar else { return missed };
        let after = self.alarm().map(|alarm| alarm.after);
        must(
            after.is_some_and(|after| after <= bar),
            match after {
                Some(after) => format!("the verdict came after {after:.1} s, not within {bar:.0} s"),
                None => "the right verdict never came".to_owned(),
            },
        );
        let misleading = self.misleading();
        let told: Vec<String> =
            misleading.iter().map(|(at, what)| format!("{what} after {at:.1} s")).collect();
        must(told.is_empty(), format!("misleading: {}", told.join(", ")));
        if matches!(self.story.truth, Truth::Skew(..)) {
            must(self.alert().is_some(), "no alert fired".to_owned());
            must(self.dropped() == 0, format!("{} requests dropped after the mend", self.dropped()));
            must(is_even(&self.shares()), "shares are not even after the mend".to_owned());
        }
        missed
    }

    fn during(&self) -> impl Iterator<Item = &Said> {
        let between = self.course.fault..self.course.mend;
        self.course.said.iter().filter(move |said| between.contains(&said.at))
    }

    fn after_mend(&self) -> impl Iterator<Item = &Record> {
        self.course.records.iter().filter(|record| record.due >= self.course.mended)
    }
}

/// Parts of the answers that each server gave to what was due since then.
pub(super) fn shares(records: &[Record], servers: usize, since: f64) -> Vec<f64> {
    let mut counts = vec![0.0; servers];
    for record in records.iter().filter(|record| record.due >= since) {
        if let Some(count) = record.backend.and_then(|backend| counts.get_mut(backend)) {
            *count += 1.0;
        }
    }
    let sum: f64 = counts.iter().sum();
    counts.iter().map(|count| if sum > 0.0 { count / sum } else { 0.0 }).collect()
}

/// Whether nobody has more or less than the others beyond chance.
pub(super) fn is_even(shares: &[f64]) -> bool {
    let equal = 1.0 / shares.len() as f64;
    shares.iter().all(|share| (share - equal).abs() <= EVEN)
}

#[cfg(test)]
mod tests {
    use super::super::story::STORIES;
    use super::super::watcher::tests::verdict;
    use super::*;

    fn said(at: f64, word: &str, cause: &str, backend: &str) -> Said {
        Said { at, verdict: verdict(word, cause, backend) }
    }

    /// R1 as it should be: a fault at 10 s, told at 14 s, mended at 40 s.
    fn good() -> Outcome {
        let record = |number: u32| {
            let due = f64::from(number) / 10.0;
            let bad = (20.0..30.0).contains(&due);
            let end = if bad { End::Refused } else { End::Well };
            Record { due, seconds: 0.1, end, backend: Some(number as usize % 3) }
        };
        let course = Course {
            fault: 10.0,
            mend: 39.9,
            mended: 40.0,
            end: 60.0,
            said: vec![
                said(9.0, "even", "", ""),
                said(11.0, "even", "", ""),
                said(14.0, "skewed", "weights", "web1"),
                said(41.0, "shared_dependency", "", ""),
            ],
            records: (0..600).map(record).collect(),
            alerts: vec![("EvenkeelSkewCritical".to_owned(), "web1 weights".to_owned(), 15.0)],
            ..Course::default()
        };
        let rules = Some(vec!["weights-without-intent".to_owned()]);
        let before = Before { right_taken: true, rules, rehearsed: None };
        Outcome { story: &STORIES[0], before, course, control: Course::default(), seconds: 60.0 }
    }

    #[test]
    fn what_is_as_promised_is_measured_from_the_fault() {
        let outcome = good();
        assert_eq!(outcome.missed(), [""; 0]);
        let alarm = outcome.alarm().unwrap();
        assert_eq!((alarm.after, alarm.requests), (4.0, 41));
        assert_eq!(outcome.half().unwrap().word, "even");
        assert_eq!(outcome.alert(), Some(("EvenkeelSkewCritical", 5.0)));
        assert_eq!(outcome.let_down(), (100, 301), "until the mend");
    }

    #[test]
    fn each_promise_can_be_broken() {
        let broken = |change: fn(&mut Outcome)| {
            let mut outcome = good();
            change(&mut outcome);
            let missed = outcome.missed();
            assert_eq!(missed.len(), 1, "{missed:?}");
            missed[0].clone()
        };
        let late = broken(|one| one.course.said[2].at = 20.1);
        assert!(late.contains("10.1 s, not within 10 s"), "{late}");
        let never = broken(|one| one.course.said.truncate(2));
        assert_eq!(never, "the right verdict never came");
        let other = broken(|one| one.course.said[1] = said(12.0, "shared_dependency", "", ""));
        assert_eq!(other, "misleading: shared dependency after 2.0 s");
        let dropped = broken(|one| one.course.records[450].end = End::Dropped);
        assert_eq!(dropped, "1 requests dropped after the mend");
        assert!(broken(|one| one.course.alerts.clear()).contains("no alert"));
        assert!(broken(|one| one.before.rules = Some(Vec::new())).contains("does not refuse"));
        assert!(broken(|one| one.before.right_taken = false).contains("refuses the right"));
        let uneven = broken(|one| one.course.records.iter_mut().for_each(|one| one.backend = Some(0)));
        assert_eq!(uneven, "shares are not even after the mend");
        let alarmed = broken(|one| one.control.said.push(said(3.0, "skewed", "health", "web2")));
        assert_eq!(alarmed, "without the fault: health (web2)");
        let failed = broken(|one| {
            let failed = Record { due: 1.0, seconds: 0.1, end: End::Refused, backend: Some(0) };
            one.control.records.push(failed);
        });
        assert_eq!(failed, "without the fault: 1 failed requests");
    }
}
