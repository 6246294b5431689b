//! What is worth knowing of a log beside what is uneven.

use std::collections::BTreeMap;

use crate::causes::Pool;
use crate::explain::{percent, pinned};
use crate::read::Tally;
use crate::report::{Cause, Note};
use crate::series::{Counts, Slice};
use crate::utc;

/// Slices that a log is cut into, to see when something was otherwise.
const BUCKETS: i64 = 30;
/// Fewer requests in one say nothing about it.
const REQUESTS: u64 = 30;
/// Buckets that it takes to tell when something was otherwise.
const BUCKETS_MIN: usize = 6;
/// Durations that have risen less than this are no trouble: the factor, and milliseconds.
const SLOWER: (f64, f64) = (2.5, 5.0);
/// The same of the part of requests that fail: the factor, and the part.
const FAILING: (f64, f64) = (3.0, 0.02);
/// A backend shares a trouble when it has at least this part of what all have on average.
const ALIKE: f64 = 0.5;

/// Of one pool.
pub(crate) fn of_pool(pool: &Pool<'_>, causes: &[Cause]) -> Vec<Note> {
    let mut notes = Vec::new();
    if pool.names.len() == 1 && pool.options.expected.is_empty() {
        let sentence = format!(
            "only {} occurs here: if the pool has more, name them all with --expect, since a log does not show who gets \
             nothing",
            pool.names[0]
        );
        notes.push(Note::new("one_backend", sentence));
    }
    notes.extend(retries(pool));
    notes.extend(heavy(pool, causes));
    let has = |dimension: &str| causes.iter().any(|cause| cause.dimension == dimension && cause.above);
    let buckets = Buckets::of(pool);
    notes.extend((!has("slow")).then(|| buckets.shared_slow()).flatten());
    notes.extend((!has("errors")).then(|| buckets.shared_errors()).flatten());
    notes
}

/// Of the log as a whole.
pub(crate) fn of_log(tally: &Tally) -> Vec<Note> {
    let mut notes = Vec::new();
    if let Some(cut) = &tally.cut {
        notes.push(Note::new(
            "cut",
            format!("the log could not be read to its end ({cut}): this is what was before that"),
        ));
    }
    let lines = tally.read + tally.unread;
    if tally.unread * 10 >= lines && tally.unread >= 10 {
        let part = percent(tally.unread as f64 / lines as f64);
        notes.push(Note::new(
            "mixed",
            format!("{part} of the lines are in another format, and count for nothing here"),
        ));
    }
    if tally.back.0 > 0 {
        let (times, most) = tally.back;
        let sentence = format!(
            "time goes back {times} times, by {most} seconds at most: logs that were put together, or a clock that was set"
        );
        notes.push(Note::new("clock", sentence));
    }
    notes
}

fn retries(pool: &Pool<'_>) -> Option<Note> {
    let survey = pool.survey;
    if survey.retries < 10 || survey.retries * 100 < survey.requests {
        return None;
    }
    let part = survey.retries as f64 / survey.requests as f64;
    let mut text = format!(
        "{} retries, for {} requests of a hundred",
        survey.retries,
        format_args!("{:.0}", part * 100.0)
    );
    let passed_on: u64 = survey.backends.iter().map(|backend| backend.passed_on).sum();
    let most = survey.backends.iter().enumerate().max_by_key(|(_, backend)| backend.passed_on);
    if let Some((index, backend)) = most
        && backend.passed_on > 0
    {
        let part = percent(backend.passed_on as f64 / passed_on as f64);
        text.push_str(&format!(": {part} of them because {} failed first", pool.names[index]));
    }
    Some(Note::new("retries", text))
}

/// A backend that carries too much in connections that are too few to blame anything but chance.
fn heavy(pool: &Pool<'_>, causes: &[Cause]) -> Option<Note> {
    let total = pool.survey.heavy.bytes();
    if total <= 0.0 || !causes.is_empty() {
        return None;
    }
    let shares = pool.survey.backends.iter().map(|backend| backend.bytes as f64 / total);
    let (index, share) = shares.enumerate().max_by(|one, other| one.1.total_cmp(&other.1))?;
    let uneven = share > 1.5 * pool.expected[index] && share > pool.expected[index] + 0.1;
    uneven.then(|| Note::new("pinned", pinned(pool, index, share)))
}

/// A pool over time, in a few dozen pieces or by the minute.
struct Buckets {
    /// Seconds of one.
    step: i64,
    /// By the first second; only those with enough requests.
    all: BTreeMap<i64, Slice>,
}

/// When all were in trouble.
struct Trouble {
    bad: Vec<i64>,
    from: i64,
    until: i64,
    /// The sums of each backend then, and at other times.
    then: Slice,
    otherwise: Slice,
}

impl Buckets {
    fn of(pool: &Pool<'_>) -> Self {
        let series = &pool.survey.series;
        let mut seconds = series.slices().map(|(second, _)| second);
        let first = seconds.next().unwrap_or(0);
        let span = seconds.last().unwrap_or(first) - first + series.width();
        let step = if span >= 60 * BUCKETS { 60 } else { (span / BUCKETS).max(1) };
        let step = step.max(series.width());
        let mut all: BTreeMap<i64, Slice> = BTreeMap::new();
        for (second, slice) in series.slices() {
            let bucket = all.entry(second - second.rem_euclid(step)).or_default();
            slice.iter().for_each(|(&backend, counts)| *bucket.entry(backend).or_default() += *counts);
        }
        all.retain(|_, slice| sum(slice).attempts >= REQUESTS);
        Self { step, all }
    }

    fn shared_slow(&self) -> Option<Note> {
        let typical = |slice: &Slice| sum(slice).typical_ms();
        let usual = self.usual(typical)?;
        let is_bad = |slice: &Slice| {
            typical(slice).is_some_and(|now| now >= usual * SLOWER.0 && now - usual >= SLOWER.1)
        };
        let trouble = self.trouble(is_bad)?;
        let now = sum(&trouble.then).typical_ms()?;
        let alike = |index: &usize, counts: &Counts| {
            let before = trouble.otherwise.get(index).and_then(Counts::typical_ms).unwrap_or(usual);
            counts.typical_ms().is_none_or(|own| own / before >= ALIKE * now / usual)
        };
        let what = format!(
            "requests took {:.1} times as long (typically {now:.0} ms instead of {usual:.0} ms)",
            now / usual
        );
        trouble.shared("shared_slow", &what, alike, self)
    }

    fn shared_errors(&self) -> Option<Note> {
        let rate = |slice: &Slice| {
            let sum = sum(slice);
            Some(sum.errors as f64 / sum.attempts.max(1) as f64)
        };
        let usual = self.usual(rate)?;
        let is_bad = |slice: &Slice| rate(slice).is_some_and(|now| now >= usual * FAILING.0 + FAILING.1);
        let trouble = self.trouble(is_bad)?;
        let now = rate(&trouble.then)?;
        let alike = |_: &usize, counts: &Counts| counts.errors as f64 >= ALIKE * now * counts.attempts as f64;
        let what = format!("{} of the requests failed instead of {}", percent(now), percent(usual));
        trouble.shared("shared_errors", &what, alike, self)
    }

    /// What is usual: a quarter of the time is better.
    fn usual(&self, value: impl Fn(&Slice) -> Option<f64>) -> Option<f64> {
        let mut values: Vec<f64> = self.all.values().filter_map(value).collect();
        values.sort_by(f64::total_cmp);
        (values.len() >= BUCKETS_MIN).then(|| values[values.len() / 4])
    }

    /// The time from the first to the last of those that are bad, if most in between are.
    fn trouble(&self, is_bad: impl Fn(&Slice) -> bool) -> Option<Trouble> {
        let bad: Vec<i64> = self.all.iter().filter(|(_, slice)| is_bad(slice)).map(|(&at, _)| at).collect();
        let (&first, &last) = (bad.first()?, bad.last()?);
        let between = self.all.range(first..=last).count();
        if bad.len() < 2 || bad.len() * 2 < between {
            return None;
        }
        let mut trouble = Trouble {
            bad,
            from: first,
            until: last + self.step,
            then: Slice::new(),
            otherwise: Slice::new(),
        };
        for (at, slice) in &self.all {
            let sums = if trouble.bad.contains(at) { &mut trouble.then } else { &mut trouble.otherwise };
            slice.iter().for_each(|(&backend, counts)| *sums.entry(backend).or_default() += *counts);
        }
        Some(trouble)
    }
}

impl Trouble {
    /// The note, if all backends are in it.
    fn shared(
        &self,
        kind: &'static str,
        what: &str,
        alike: impl Fn(&usize, &Counts) -> bool,
        buckets: &Buckets,
    ) -> Option<Note> {
        let busy: Vec<_> = self.then.iter().filter(|(_, counts)| counts.attempts >= REQUESTS).collect();
        if busy.len() < 2 || !busy.iter().all(|(index, counts)| alike(index, counts)) {
            return None;
        }
        let rate = |sums: &Slice, count: usize| sum(sums).attempts as f64 / count.max(1) as f64;
        let more =
            rate(&self.then, self.bad.len()) / rate(&self.otherwise, buckets.all.len() - self.bad.len());
        let load = match more {
            more if more.is_finite() && more >= 1.5 => {
                format!(", when {more:.1} times as many requests came: more than they can do together, or")
            }
            _ => ": it is".to_owned(),
        };
        let (from, until) = (&utc(self.from)[11..19], &utc(self.until)[11..19]);
        let sentence = format!(
            "from {from} to {until} {what}, at all {} backends alike{load} something that they share, such as a database or \
             the network",
            busy.len()
        );
        Some(Note { kind, sentence, from: Some(self.from), until: Some(self.until) })
    }
}

fn sum(slice: &Slice) -> Counts {
    slice.values().fold(Counts::default(), |mut sum, counts| {
        sum += *counts;
        sum
    })
}
